public import IPAddressing

/// The octets of an AS_PATH with four-octet numbers, read in place without allocation.
///
/// Reading stops at the first octets that are no segment, so that any octets may be looked at.
public struct ASPathView: ~Escapable {
    /// The value of the attribute.
    public let bytes: RawSpan

    /// Looks at a value.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// Calls `body` with the kind and the numbers of every segment, four octets a number.
    @inlinable
    public func forEachSegment(_ body: (ASPath.Segment.Kind, RawSpan) -> Void) {
        var offset = 0
        while self.bytes.byteCount &- offset >= 2,
            let kind = ASPath.Segment.Kind(rawValue: self.bytes.octet(offset))
        {
            let length = Int(self.bytes.octet(offset &+ 1)) &* 4
            guard length <= self.bytes.byteCount &- offset &- 2 else { return }
            body(kind, self.bytes.extracting(offset &+ 2..<offset &+ 2 &+ length))
            offset &+= 2 &+ length
        }
    }

    /// Length for the decision process: AS_SET counts 1, confederation segments 0 (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    @inlinable
    public var decisionLength: Int {
        var total = 0
        self.forEachSegment { kind, numbers in
            switch kind {
            case .sequence: total &+= numbers.byteCount >> 2
            case .set: total &+= 1
            case .confederationSequence, .confederationSet: break
            }
        }
        return total
    }

    /// The neighbouring AS: first number of the path if its first segment outside the confederation is an AS_SEQUENCE.
    @inlinable
    public var neighborAS: ASNumber? {
        var result: ASNumber?
        var isFound = false
        self.forEachSegment { kind, numbers in
            guard !isFound, kind == .set || kind == .sequence else { return }
            isFound = true
            if kind == .sequence, numbers.byteCount >= 4 { result = ASNumber(rawValue: numbers.uint32(0)) }
        }
        return result
    }

    /// The last number of the path if its last segment is an AS_SEQUENCE.
    @inlinable
    public var originAS: ASNumber? {
        var result: ASNumber?
        self.forEachSegment { kind, numbers in
            result =
                kind == .sequence && numbers.byteCount >= 4
                ? ASNumber(rawValue: numbers.uint32(numbers.byteCount &- 4)) : nil
        }
        return result
    }

    /// How often `number` occurs, for loop detection with an allowance (RFC 4271 §9.1.2).
    @inlinable
    public func count(of number: ASNumber) -> Int {
        var total = 0
        self.forEachSegment { _, numbers in
            var offset = 0
            while offset < numbers.byteCount {
                if numbers.uint32(offset) == number.rawValue { total &+= 1 }
                offset &+= 4
            }
        }
        return total
    }

    /// Whether `number` occurs anywhere.
    @inlinable
    public func contains(_ number: ASNumber) -> Bool { self.count(of: number) > 0 }

    /// Whether the path has an AS_SET or an AS_CONFED_SET.
    @inlinable
    public var hasSet: Bool {
        var result = false
        self.forEachSegment { kind, _ in
            if kind == .set || kind == .confederationSet { result = true }
        }
        return result
    }
}
