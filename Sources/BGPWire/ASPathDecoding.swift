import IPAddressing

extension UpdateDecoder {
    /// Judges an AS_PATH of `width` octets a number (RFC 7606 §7.2, RFC 7607, RFC 9774).
    @inline(__always)
    mutating func checkPath(_ body: RawSpan, _ value: Range<Int>, width: Int, _ context: UpdateContext)
        -> AttributeError.Cause?
    {
        var offset = value.lowerBound
        let end = value.upperBound
        var total = 0
        while offset < end {
            guard end &- offset >= 2 else { return .segmentLength }
            let kind = body.octet(offset)
            let count = Int(body.octet(offset &+ 1))
            guard kind >= 1 && kind <= 4 else { return .segmentType }
            guard kind <= 2 || context.allowsConfederationSegments else { return .confederationSegment }
            offset &+= 2
            guard count > 0, count &* width <= end &- offset else { return .segmentLength }
            total &+= count
            if kind == ASPath.Segment.Kind.set.rawValue || kind == ASPath.Segment.Kind.confederationSet.rawValue {
                if context.rejectsASSets { return .asSet }
                self.pathHasSet = true
            }
            let segmentEnd = offset &+ count &* width
            while offset < segmentEnd {
                let number = width == 4 ? body.uint32(offset) : UInt32(body.uint16(offset))
                guard number != 0 else { return .zeroAS }
                offset &+= width
            }
        }
        guard total <= Int(context.limits.pathLength) else { return .excess }
        if context.isConfederationMember {
            let isConfederated =
                !value.isEmpty
                && body.octet(value.lowerBound) == ASPath.Segment.Kind.confederationSequence.rawValue
            return isConfederated ? nil : .confederationStart
        }
        guard !context.isInternal && context.enforcesFirstAS else { return nil }
        guard !value.isEmpty, body.octet(value.lowerBound) == ASPath.Segment.Kind.sequence.rawValue else {
            return .firstAS
        }
        let first = value.lowerBound &+ 2
        let number = width == 4 ? body.uint32(first) : UInt32(body.uint16(first))
        return number == context.peerAS.rawValue ? nil : .firstAS
    }

    /// Writes a two-octet AS_PATH that was judged sound with four-octet numbers.
    mutating func expandPath(_ body: RawSpan, _ value: Range<Int>) {
        let start = self.scratch.count
        var offset = value.lowerBound
        while offset < value.upperBound {
            let count = Int(body.octet(offset + 1))
            self.scratch.append(body.octet(offset))
            self.scratch.append(UInt8(truncatingIfNeeded: count))
            offset += 2
            for _ in 0..<count {
                self.scratch.append(bigEndian: UInt32(body.uint16(offset)))
                offset += 2
            }
        }
        guard self.scratch.count - start <= 0xFFFF else {
            self.withdraw(.asPath, .length, value)
            return
        }
        self.add(
            FoundAttribute(
                type: PathAttributeType.asPath.rawValue,
                flags: PathAttributeFlags.transitive.rawValue,
                source: .scratch,
                start: 0,
                valueStart: start,
                end: self.scratch.count
            )
        )
    }

    /// Judges an AS4_PATH (RFC 6793 §6); confederation segments are skipped later, not wrong.
    static func checkAS4Path(_ body: RawSpan, _ value: Range<Int>) -> AttributeError.Cause? {
        guard value.count >= 6 else { return .length }
        var offset = value.lowerBound
        while offset < value.upperBound {
            guard value.upperBound - offset >= 2 else { return .segmentLength }
            guard (1...4).contains(body.octet(offset)) else { return .segmentType }
            let count = Int(body.octet(offset + 1))
            offset += 2
            guard count > 0, count * 4 <= value.upperBound - offset else { return .segmentLength }
            for _ in 0..<count {
                guard body.uint32(offset) != 0 else { return .zeroAS }
                offset += 4
            }
        }
        return nil
    }

    /// Judges an AGGREGATOR and, from a two-octet speaker, puts it on the list in its four-octet form.
    mutating func readAggregator(_ body: RawSpan, _ flags: UInt8, _ value: Range<Int>, _ context: UpdateContext)
        -> AttributeError.Cause?
    {
        guard value.count == (context.hasFourOctetAS ? 8 : 6) else { return .length }
        if context.hasFourOctetAS { return body.uint32(value.lowerBound) == 0 ? .zeroAS : nil }
        let number = body.uint16(value.lowerBound)
        guard number != 0 else { return .zeroAS }
        let start = self.scratch.count
        self.scratch.append(bigEndian: UInt32(number))
        self.scratch.append(bigEndian: body.uint32(value.lowerBound + 2))
        self.add(
            FoundAttribute(
                type: PathAttributeType.aggregator.rawValue,
                flags: flags & 0xE0,
                source: .scratch,
                start: 0,
                valueStart: start,
                end: self.scratch.count
            )
        )
        return nil
    }

    /// Replaces AS_TRANS by what AS4_PATH and AS4_AGGREGATOR say (RFC 6793 §4.2.3).
    mutating func mergeFourOctetAttributes(_ body: RawSpan, _ context: UpdateContext) {
        if let index = self.elements.firstIndex(where: { $0.type == PathAttributeType.aggregator.rawValue }),
            let range = self.as4Aggregator
        {
            let start = self.elements[index].valueStart
            let number = self.scratch.rawSpan.uint32(start)
            // An aggregator that is no AS_TRANS was made by a two-octet speaker: the AS4 attributes are older than it.
            guard number == ASNumber.transition.rawValue else { return }
            for position in 0..<8 {
                self.scratch[start + position] = body.octet(range.lowerBound + position)
            }
        }
        guard let range = self.as4Path,
            let index = self.elements.firstIndex(where: { $0.type == PathAttributeType.asPath.rawValue })
        else { return }
        let old = self.elements[index]
        let newPath = ASPathView(body.extracting(range))
        let surplus = self.scratchPathLength(old.valueStart..<old.end) - newPath.decisionLength
        guard surplus >= 0, newPath.decisionLength > 0 else { return }
        if context.rejectsASSets && newPath.hasSet {
            self.withdraw(.as4Path, .asSet, range)
            return
        }
        var merged = self.leadingSegments(old.valueStart..<old.end, count: surplus)
        newPath.forEachSegment { kind, numbers in
            guard kind == .sequence || kind == .set else { return }
            merged.append(kind, numbers)
        }
        guard merged.bytes.count <= 0xFFFF else {
            self.withdraw(.asPath, .length, range)
            return
        }
        let start = self.scratch.count
        self.scratch.append(contentsOf: merged.bytes)
        self.elements[index].valueStart = start
        self.elements[index].end = self.scratch.count
    }

    private func scratchPathLength(_ range: Range<Int>) -> Int {
        ASPathView(self.scratch.rawSpan.extracting(range)).decisionLength
    }

    /// The leading segments of a path in the scratch array that count `count` together, the last one cut to fit.
    private func leadingSegments(_ range: Range<Int>, count: Int) -> PathBuilder {
        var result = PathBuilder()
        var wanted = count
        var isLeading = true
        ASPathView(self.scratch.rawSpan.extracting(range)).forEachSegment { kind, numbers in
            // Confederation segments count nothing; those in front of what is taken stay (RFC 6793 §4.2.3).
            let isConfederated = kind == .confederationSequence || kind == .confederationSet
            if !isConfederated { isLeading = false }
            guard wanted > 0 || isConfederated && isLeading else { return }
            if isConfederated {
                result.append(kind, numbers)
            } else if kind == .set {
                result.append(kind, numbers)
                wanted -= 1
            } else {
                let taken = min(wanted, numbers.byteCount / 4)
                result.append(kind, numbers.extracting(0..<taken * 4))
                wanted -= taken
            }
        }
        return result
    }
}

/// A path under construction; adjoining AS_SEQUENCEs become one as far as 255 numbers allow.
private struct PathBuilder {
    var bytes: [UInt8] = []
    private var lastSegment = 0

    mutating func append(_ kind: ASPath.Segment.Kind, _ numbers: RawSpan) {
        let count = numbers.byteCount / 4
        guard count > 0, count <= 255 else { return }
        if kind == .sequence, !self.bytes.isEmpty, self.bytes[self.lastSegment] == kind.rawValue,
            Int(self.bytes[self.lastSegment + 1]) + count <= 255
        {
            self.bytes[self.lastSegment + 1] += UInt8(count)
        } else {
            self.lastSegment = self.bytes.count
            self.bytes += [kind.rawValue, UInt8(count)]
        }
        self.bytes.append(octetsOf: numbers, 0..<count * 4)
    }
}
