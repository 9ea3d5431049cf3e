import IPAddressing

extension UpdateDecoder {
    /// Reads the attribute block and collects what goes into the canonical set; returns the number of attributes.
    mutating func readAttributes(_ body: RawSpan, _ block: Range<Int>, _ context: UpdateContext)
        throws(Notification) -> Int
    {
        var offset = block.lowerBound
        let end = block.upperBound
        var count = 0
        while end &- offset >= 3 {
            let flags = body.octet(offset)
            let type = body.octet(offset &+ 1)
            let isExtended = flags & PathAttributeFlags.extendedLength.rawValue != 0
            if isExtended && end &- offset < 4 { break }
            let length = isExtended ? Int(body.uint16(offset &+ 2)) : Int(body.octet(offset &+ 2))
            let start = offset &+ (isExtended ? 4 : 3)
            count &+= 1
            guard length <= end &- start else {
                let isMultiprotocol =
                    type == PathAttributeType.mpReachNLRI.rawValue || type == PathAttributeType.mpUnreachNLRI.rawValue
                if isMultiprotocol && flags & PathAttributeFlags.optional.rawValue != 0 {
                    // Its prefixes are not known, so they cannot be treated as withdrawn (RFC 7606 §5.3).
                    throw Self.multiprotocolError(body, offset..<end)
                }
                self.withdraw(PathAttributeType(rawValue: type), .overrun, offset..<end)
                return count
            }
            try self.readAttribute(body, flags, type, start: offset, start..<start &+ length, context)
            offset = start &+ length
        }
        if offset != end { self.withdraw(PathAttributeType(rawValue: 0), .strayOctets, offset..<end) }
        return count
    }

    /// Judges one attribute (RFC 7606 §7).
    @inline(__always)
    private mutating func readAttribute(
        _ body: RawSpan,
        _ flags: UInt8,
        _ rawType: UInt8,
        start: Int,
        _ value: Range<Int>,
        _ context: UpdateContext
    ) throws(Notification) {
        let type = PathAttributeType(rawValue: rawType)
        let extent = start..<value.upperBound
        guard self.seen.insert(rawType) else {
            guard type != .mpReachNLRI && type != .mpUnreachNLRI else { throw .update(.malformedAttributeList) }
            self.discard(type, .duplicate, extent)
            return
        }
        let expected = type.specifiedFlags
        if expected == 0 {
            self.keepUnknown(flags, rawType, start: start, value)
            return
        }
        if !context.isInternal && (type == .localPreference || type == .originatorID || type == .clusterList) {
            let isTaken =
                type == .localPreference && (context.isConfederationMember || context.acceptsLocalPreference)
            if !isTaken {
                if (flags ^ expected) & 0xC0 != 0 {
                    // Of two errors the one with the stronger answer counts.
                    self.withdraw(type, .flags, extent)
                } else {
                    self.discard(type, .fromExternalPeer, extent)
                }
                return
            }
        }
        // Partial is allowed on optional transitive attributes alone.
        let compared: UInt8 = expected == 0xC0 ? 0xC0 : 0xE0
        if flags & compared != expected {
            if type.isDiscardedForFlags(fromFourOctetSpeaker: context.hasFourOctetAS) {
                self.discard(type, .flags, extent)
            } else {
                self.withdraw(type, .flags, extent)
            }
            // Prefixes are read even so: they are to be withdrawn.
            guard type == .mpReachNLRI || type == .mpUnreachNLRI else { return }
        }
        let length = value.count
        var cause: AttributeError.Cause?
        switch type {
        case .origin:
            if length != 1 {
                cause = .length
            } else if body.octet(value.lowerBound) > 2 {
                cause = .originValue
            }
        case .asPath:
            cause = self.checkPath(body, value, width: context.hasFourOctetAS ? 4 : 2, context)
            if cause == nil && !context.hasFourOctetAS {
                self.expandPath(body, value)
                return
            }
        case .nextHop:
            if length == 4 {
                self.nextHop = BGPNextHop(.v4(IPv4Address(rawValue: body.uint32(value.lowerBound))))
                return
            }
            cause = .length
        case .multiExitDiscriminator, .localPreference, .originatorID, .onlyToCustomer:
            if length != 4 { cause = .length }
        case .atomicAggregate:
            if length != 0 { cause = .length }
        case .aggregator:
            cause = self.readAggregator(body, flags, value, context)
            if cause == nil && !context.hasFourOctetAS { return }
        case .communities:
            if length == 0 || length & 3 != 0 {
                cause = .length
            } else if length >> 2 > Int(context.limits.communities) {
                cause = .excess
            }
        case .clusterList:
            if length == 0 || length & 3 != 0 { cause = .length }
        case .mpReachNLRI, .mpUnreachNLRI:
            if flags & PathAttributeFlags.optional.rawValue == 0 {
                self.readDoubtful(body, value, extent, context, isReach: type == .mpReachNLRI)
            } else {
                try self.readMultiprotocol(body, value, extent, context, isReach: type == .mpReachNLRI)
            }
            return
        case .extendedCommunities:
            if length == 0 || length & 7 != 0 {
                cause = .length
            } else if length >> 3 > Int(context.limits.communities) {
                cause = .excess
            }
        case .largeCommunities:
            if length == 0 || length % 12 != 0 {
                cause = .length
            } else if length / 12 > Int(context.limits.communities) {
                cause = .excess
            }
        case .ipv6ExtendedCommunities:
            if length == 0 || length % 20 != 0 {
                cause = .length
            } else if length / 20 > Int(context.limits.communities) {
                cause = .excess
            }
        case .as4Path:
            cause = context.hasFourOctetAS ? .fromFourOctetSpeaker : Self.checkAS4Path(body, value)
            if cause == nil {
                self.as4Path = value
                return
            }
        case .as4Aggregator:
            if context.hasFourOctetAS {
                cause = .fromFourOctetSpeaker
            } else if length != 8 {
                cause = .length
            } else if body.uint32(value.lowerBound) == 0 {
                cause = .zeroAS
            } else {
                self.as4Aggregator = value
                return
            }
        case .aigp:
            cause = context.acceptsAIGP ? Self.checkAIGP(body, value) : .notEnabled
        case .pmsiTunnel:
            if !Self.isPMSITunnelWellFormed(body, value) { cause = .length }
        case .tunnelEncapsulation:
            if !areTLVsComplete(body, value, typeOctets: 2) { cause = .innerLengths }
        case .trafficEngineering:
            // Read no further and not passed on: this speaker does not use it.
            guard length < 36 else { return }
            cause = .length
        case .linkState:
            guard !areTLVsComplete(body, value, typeOctets: 2) else { return }
            cause = .innerLengths
        case .prefixSID:
            if !areTLVsComplete(body, value, typeOctets: 1) { cause = .innerLengths }
        default:
            break
        }
        if let cause {
            if type.isDiscardedWhenMalformed {
                self.discard(type, cause, extent)
            } else {
                self.withdraw(type, cause, extent)
            }
            return
        }
        if type == .largeCommunities && length > 12 && self.keepDistinct(body, flags, value) { return }
        self.keep(flags, rawType, start: start, value)
    }

    /// Reads what calls itself MP_REACH_NLRI or MP_UNREACH_NLRI, and well-known.
    ///
    /// If it cannot be read it is none, but octets of another attribute whose length is wrong, and no reason for a reset.
    private mutating func readDoubtful(
        _ body: RawSpan,
        _ value: Range<Int>,
        _ extent: Range<Int>,
        _ context: UpdateContext,
        isReach: Bool
    ) {
        let before = (self.announcedIPv4.count, self.announcedIPv6.count)
        let withdrawn = (self.withdrawnIPv4.count, self.withdrawnIPv6.count)
        do throws(Notification) {
            try self.readMultiprotocol(body, value, extent, context, isReach: isReach)
        } catch {
            self.announcedIPv4.removeLast(self.announcedIPv4.count - before.0)
            self.announcedIPv6.removeLast(self.announcedIPv6.count - before.1)
            self.withdrawnIPv4.removeLast(self.withdrawnIPv4.count - withdrawn.0)
            self.withdrawnIPv6.removeLast(self.withdrawnIPv6.count - withdrawn.1)
            self.hasMultiprotocolPrefixes = false
        }
    }

    /// Keeps large communities without repetitions (RFC 8092 §2); false when there are none and the value can stay.
    private mutating func keepDistinct(_ body: RawSpan, _ flags: UInt8, _ value: Range<Int>) -> Bool {
        guard hasRepeatedLargeCommunities(body, value) else { return false }
        let start = self.scratch.count
        var seen: Set<LargeCommunityOctets> = []
        var offset = value.lowerBound
        while offset < value.upperBound {
            if seen.insert(LargeCommunityOctets(body, offset)).inserted {
                self.scratch.append(octetsOf: body, offset..<offset &+ 12)
            }
            offset &+= 12
        }
        self.add(
            FoundAttribute(
                type: PathAttributeType.largeCommunities.rawValue,
                flags: flags & 0xE0,
                source: .scratch,
                start: 0,
                valueStart: start,
                end: self.scratch.count
            )
        )
        return true
    }

    /// Puts an attribute on the list of those that go into the canonical set.
    @inline(__always)
    private mutating func keep(_ flags: UInt8, _ type: UInt8, start: Int, _ value: Range<Int>) {
        // Canonical as it stands: unused bits clear, and Extended Length used exactly when needed.
        let wanted = flags & 0xE0 | (value.count > 255 ? PathAttributeFlags.extendedLength.rawValue : 0)
        self.add(
            FoundAttribute(
                type: type,
                flags: flags & 0xE0,
                source: flags == wanted ? .verbatim : .body,
                start: start,
                valueStart: value.lowerBound,
                end: value.upperBound
            )
        )
    }

    /// Adds an attribute and notes whether the order is still ascending.
    @inline(__always)
    mutating func add(_ element: FoundAttribute) {
        if let last = self.elements.last, last.type > element.type { self.isAscending = false }
        self.elements.append(element)
    }

    /// Leaves AIGP out of routes of a family for which it is not enabled (RFC 7311 §3.2).
    mutating func dropRefusedAIGP(_ context: UpdateContext) {
        let isRefused =
            !self.announcedIPv4.isEmpty && context.ipv4.refusesAIGP
            || !self.announcedIPv6.isEmpty && context.ipv6.refusesAIGP
        guard isRefused else { return }
        self.elements.removeAll { $0.type == PathAttributeType.aigp.rawValue }
        self.discard(.aigp, .notEnabled, 0..<0)
    }

    /// Adds OTC with the peer's AS to routes that come down or sideways without it (RFC 9234 §5, ingress rule 3).
    mutating func markOnlyToCustomer(_ context: UpdateContext) {
        guard context.role?.isFacingUp == true, !self.seen.contains(.onlyToCustomer) else { return }
        let start = self.scratch.count
        self.scratch.append(bigEndian: context.peerAS.rawValue)
        self.add(
            FoundAttribute(
                type: PathAttributeType.onlyToCustomer.rawValue,
                flags: 0xC0,
                source: .scratch,
                start: 0,
                valueStart: start,
                end: self.scratch.count
            )
        )
    }

    /// Unknown types go by their flags: kept with Partial set, dropped, or an error (RFC 4271 §5, RFC 7606 §3).
    private mutating func keepUnknown(_ flags: UInt8, _ type: UInt8, start: Int, _ value: Range<Int>) {
        if flags & PathAttributeFlags.optional.rawValue == 0 {
            self.withdraw(PathAttributeType(rawValue: type), .unrecognizedWellKnown, start..<value.upperBound)
        } else if type == PathAttributeType.local.rawValue {
            self.discard(.local, .reservedType, start..<value.upperBound)
        } else if flags & PathAttributeFlags.transitive.rawValue != 0 {
            let partial = flags | PathAttributeFlags.partial.rawValue
            if partial == flags {
                self.keep(flags, type, start: start, value)
            } else {
                self.add(
                    FoundAttribute(
                        type: type,
                        flags: partial & 0xE0,
                        source: .body,
                        start: start,
                        valueStart: value.lowerBound,
                        end: value.upperBound
                    )
                )
            }
        }
    }

    /// Writes the collected attributes in canonical form.
    mutating func writeCanonical(_ body: RawSpan) {
        if !self.isAscending { self.sortElements() }
        var run = 0..<0
        for element in self.elements {
            if element.source == .verbatim {
                if element.start == run.upperBound {
                    run = run.lowerBound..<element.end
                    continue
                }
                if !run.isEmpty { self.attributes.append(octetsOf: body, run) }
                run = element.start..<element.end
                continue
            }
            if !run.isEmpty { self.attributes.append(octetsOf: body, run) }
            run = 0..<0
            let length = element.end &- element.valueStart
            if length > 255 {
                self.attributes.append(element.flags | PathAttributeFlags.extendedLength.rawValue)
                self.attributes.append(element.type)
                self.attributes.append(bigEndian: UInt16(truncatingIfNeeded: length))
            } else {
                self.attributes.append(element.flags)
                self.attributes.append(element.type)
                self.attributes.append(UInt8(truncatingIfNeeded: length))
            }
            if element.source == .body {
                self.attributes.append(octetsOf: body, element.valueStart..<element.end)
            } else {
                self.attributes.append(contentsOf: self.scratch[element.valueStart..<element.end])
            }
        }
        if !run.isEmpty { self.attributes.append(octetsOf: body, run) }
    }

    /// Insertion sort: there are at most 256 attributes, nearly always in order already.
    private mutating func sortElements() {
        for index in self.elements.indices.dropFirst() {
            let element = self.elements[index]
            var position = index
            while position > 0, self.elements[position - 1].type > element.type {
                self.elements[position] = self.elements[position - 1]
                position -= 1
            }
            self.elements[position] = element
        }
    }
}

/// A large community as it stands in a message.
private struct LargeCommunityOctets: Hashable {
    var high: UInt64
    var low: UInt32

    init(_ body: RawSpan, _ offset: Int) {
        self.high = body.uint64(offset)
        self.low = body.uint32(offset &+ 8)
    }
}

/// Whether some large community stands in the value more than once.
private func hasRepeatedLargeCommunities(_ body: RawSpan, _ value: Range<Int>) -> Bool {
    // Few are the rule, and compared with each other without memory.
    let comparesPairs = value.count <= 12 * 16
    var seen: Set<LargeCommunityOctets> = []
    var offset = value.lowerBound
    while offset < value.upperBound {
        let element = LargeCommunityOctets(body, offset)
        if comparesPairs {
            var earlier = value.lowerBound
            while earlier < offset {
                if LargeCommunityOctets(body, earlier) == element { return true }
                earlier &+= 12
            }
        } else if !seen.insert(element).inserted {
            return true
        }
        offset &+= 12
    }
    return false
}

/// Whether the value is a sequence of TLVs with a two-octet length that ends where the value does.
private func areTLVsComplete(_ body: RawSpan, _ value: Range<Int>, typeOctets: Int) -> Bool {
    var offset = value.lowerBound
    while offset < value.upperBound {
        guard value.upperBound - offset >= typeOctets + 2 else { return false }
        let length = Int(body.uint16(offset + typeOctets))
        offset += typeOctets + 2
        guard length <= value.upperBound - offset else { return false }
        offset += length
    }
    return true
}

extension UpdateDecoder {
    /// TLVs whose length includes their three-octet head; type 1 is 11 octets long (RFC 7311 §3).
    private static func checkAIGP(_ body: RawSpan, _ value: Range<Int>) -> AttributeError.Cause? {
        var offset = value.lowerBound
        while offset < value.upperBound {
            guard value.upperBound - offset >= 3 else { return .innerLengths }
            let length = Int(body.uint16(offset + 1))
            guard length >= 3, length <= value.upperBound - offset else { return .innerLengths }
            if body.octet(offset) == 1 && length != 11 { return .innerLengths }
            offset += length
        }
        return nil
    }

    /// Lengths of the tunnel types of RFC 6514 §5; others are not looked into.
    private static func isPMSITunnelWellFormed(_ body: RawSpan, _ value: Range<Int>) -> Bool {
        guard value.count >= 5 else { return false }
        let identifier = value.count - 5
        return switch body.octet(value.lowerBound + 1) {
        case 0: identifier == 0
        case 1: identifier == 12 || identifier == 24
        case 3, 4, 5: identifier == 8 || identifier == 32
        case 6: identifier == 4 || identifier == 16
        default: true
        }
    }
}

extension PathAttributeType {
    /// Optional and Transitive as the type's specification has them; 0 for a type this speaker does not know.
    @inlinable
    public var specifiedFlags: UInt8 {
        switch self.rawValue {
        case 1, 2, 3, 5, 6: 0x40
        case 4, 9, 10, 14, 15, 24, 26, 29: 0x80
        case 7, 8, 16, 17, 18, 22, 23, 25, 32, 35, 40: 0xC0
        default: 0
        }
    }

    /// Whether an attribute with wrong flags is left out instead of its routes.
    ///
    /// RFC 7606 §3 c wants the routes withdrawn, also those of ATOMIC_AGGREGATE and AGGREGATOR, unless the attribute's own
    /// rules say otherwise: AS4_PATH and AS4_AGGREGATOR of a four-octet speaker are discarded whatever they are (RFC 6793
    /// §4.1), and so are AIGP, BGP-LS and Prefix-SID whatever is wrong with them.
    func isDiscardedForFlags(fromFourOctetSpeaker: Bool) -> Bool {
        switch self {
        case .as4Path, .as4Aggregator: fromFourOctetSpeaker
        case .aigp, .linkState, .prefixSID: true
        default: false
        }
    }

    /// Whether a malformed attribute of the type is left out instead of its routes (RFC 7606 §7).
    var isDiscardedWhenMalformed: Bool {
        switch self {
        case .atomicAggregate, .aggregator, .as4Path, .as4Aggregator, .aigp, .linkState, .prefixSID: true
        default: false
        }
    }
}
