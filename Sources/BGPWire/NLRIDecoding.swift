import IPAddressing

/// Appends the IPv4 prefixes in `range`; false when they cannot be read to the end.
///
/// Prefixes of 127/8, class D and class E are counted in `skipped` instead (RFC 7606 §5.3, semantically wrong prefixes).
@inline(__always)
func readPrefixes(
    _ span: RawSpan,
    _ range: Range<Int>,
    pathIDs: Bool,
    into result: inout [NLRI<IPv4Prefix>],
    skipped: inout Int
) -> Bool {
    var offset = range.lowerBound
    let end = range.upperBound
    let total = span.byteCount
    while offset < end {
        var pathID: UInt32 = 0
        if pathIDs {
            guard end &- offset >= 5 else { return false }
            pathID = span.uint32(offset)
            offset &+= 4
        }
        let length = span.octet(offset)
        let octets = Int(length &+ 7) >> 3
        guard length <= 32, octets <= end &- offset &- 1 else { return false }
        offset &+= 1
        var bits: UInt32 = 0
        if total &- offset >= 4 {
            // The octets past the prefix are cleared with the host bits.
            bits = span.uint32(offset)
        } else {
            for index in 0..<octets { bits |= UInt32(span.octet(offset &+ index)) &<< UInt32(24 &- 8 &* index) }
        }
        offset &+= octets
        let prefix = IPv4Prefix(address: IPv4Address(rawValue: bits), length: length)
        if isUnroutable(prefix) {
            skipped &+= 1
        } else {
            result.append(NLRI(prefix, pathID: pathID))
        }
    }
    return true
}

/// Appends the IPv6 prefixes in `range`; false when they cannot be read to the end.
///
/// Prefixes of ff00::/8 and fe80::/10, and ::1, are counted in `skipped` instead.
@inline(__always)
func readPrefixes(
    _ span: RawSpan,
    _ range: Range<Int>,
    pathIDs: Bool,
    into result: inout [NLRI<IPv6Prefix>],
    skipped: inout Int
) -> Bool {
    var offset = range.lowerBound
    let end = range.upperBound
    let total = span.byteCount
    while offset < end {
        var pathID: UInt32 = 0
        if pathIDs {
            guard end &- offset >= 5 else { return false }
            pathID = span.uint32(offset)
            offset &+= 4
        }
        let length = span.octet(offset)
        let octets = Int(length &+ 7) >> 3
        guard length <= 128, octets <= end &- offset &- 1 else { return false }
        offset &+= 1
        var high: UInt64 = 0
        var low: UInt64 = 0
        if total &- offset >= 16 {
            // The octets past the prefix are cleared with the host bits.
            high = span.uint64(offset)
            low = span.uint64(offset &+ 8)
        } else {
            for index in 0..<octets {
                let octet = UInt64(span.octet(offset &+ index))
                if index < 8 {
                    high |= octet &<< UInt64(56 &- 8 &* index)
                } else {
                    low |= octet &<< UInt64(120 &- 8 &* index)
                }
            }
        }
        offset &+= octets
        let prefix = IPv6Prefix(address: IPv6Address(high: high, low: low), length: length)
        if isUnroutable(prefix) {
            skipped &+= 1
        } else {
            result.append(NLRI(prefix, pathID: pathID))
        }
    }
    return true
}

/// Whether a prefix is of 127/8, class D or class E.
@inline(__always)
private func isUnroutable(_ prefix: IPv4Prefix) -> Bool {
    let first = prefix.address.rawValue >> 24
    return first == 127 || first >= 224
}

/// Whether a prefix is of ff00::/8 or fe80::/10, or is ::1.
@inline(__always)
private func isUnroutable(_ prefix: IPv6Prefix) -> Bool {
    let (high, low) = (prefix.address.high, prefix.address.low)
    return high >> 56 == 0xFF || high >> 54 == 0x3FA || prefix.length == 128 && high == 0 && low == 1
}

/// Removes from `withdrawn` what `announced` contains: such a prefix counts as announced (RFC 4271 §4.3).
func removeAnnounced<Prefix: IPPrefixProtocol>(
    from withdrawn: inout [NLRI<Prefix>],
    _ announced: [NLRI<Prefix>],
    scratch: inout [NLRI<Prefix>]
) {
    if withdrawn.count &* announced.count <= 1024 {
        withdrawn.removeAll { candidate in announced.contains { $0 == candidate } }
        return
    }
    // A message of 65,535 octets holds tens of thousands of prefixes: sort once, then search.
    scratch.removeAll(keepingCapacity: true)
    scratch.append(contentsOf: announced)
    func precedes(_ a: NLRI<Prefix>, _ b: NLRI<Prefix>) -> Bool {
        a.prefix != b.prefix ? a.prefix < b.prefix : a.pathID < b.pathID
    }
    scratch.sort(by: precedes)
    withdrawn.removeAll { candidate in
        var low = 0
        var high = scratch.count
        while low < high {
            let middle = (low &+ high) >> 1
            if precedes(scratch[middle], candidate) { low = middle &+ 1 } else { high = middle }
        }
        return low < scratch.count && scratch[low] == candidate
    }
}

extension UpdateDecoder {
    /// Reads the withdrawn routes or NLRI field.
    mutating func readIPv4Field(_ body: RawSpan, _ range: Range<Int>, _ context: UpdateContext, isWithdrawal: Bool)
        throws(Notification)
    {
        guard context.ipv4.isNegotiated else {
            self.ignoredFamilyCount += 1
            return
        }
        var skipped = 0
        let pathIDs = context.ipv4.receivesPathIDs
        let isComplete =
            isWithdrawal
            ? readPrefixes(body, range, pathIDs: pathIDs, into: &self.withdrawnIPv4, skipped: &skipped)
            : pathIDs
                ? readPrefixes(body, range, pathIDs: true, into: &self.announcedIPv4, skipped: &skipped)
                : readPrefixes(body, range, pathIDs: false, into: &self.announcedIPv4, skipped: &skipped)
        guard isComplete else { throw .update(.invalidNetworkField) }
        self.skippedPrefixCount += skipped
        if skipped > 0, !isWithdrawal { self.noteSkipped(body, range, pathIDs: pathIDs, isIPv4: true) }
    }

    /// Reads MP_REACH_NLRI or MP_UNREACH_NLRI (RFC 4760 §3, §4).
    mutating func readMultiprotocol(
        _ body: RawSpan,
        _ value: Range<Int>,
        _ extent: Range<Int>,
        _ context: UpdateContext,
        isReach: Bool
    ) throws(Notification) {
        guard value.count >= (isReach ? 5 : 3) else { throw Self.multiprotocolError(body, extent) }
        let family = AddressFamily(afi: body.uint16(value.lowerBound), safi: body.octet(value.lowerBound + 2))
        if isReach { self.hasMultiprotocolPrefixes = value.count > 5 + Int(body.octet(value.lowerBound + 3)) }
        let use: UpdateContext.FamilyUse
        switch family {
        case .ipv4Unicast: use = context.ipv4
        case .ipv6Unicast: use = context.ipv6
        default: use = UpdateContext.FamilyUse(isNegotiated: false)
        }
        guard use.isNegotiated else {
            self.ignoredFamilyCount += 1
            return
        }
        var start = value.lowerBound + 3
        if isReach {
            let length = Int(body.octet(start))
            // One octet is reserved between next hop and prefixes.
            guard start + 1 + length + 1 <= value.upperBound,
                let nextHop = Self.nextHop(body, start + 1, length: length, family, use)
            else { throw Self.multiprotocolError(body, extent) }
            self.multiprotocolNextHop = nextHop
            if !nextHop.address.isUsableNextHop { self.withdraw(.mpReachNLRI, .nextHopAddress, extent) }
            start += 2 + length
        } else if start == value.upperBound {
            // Stands if this turns out to be the only attribute of an otherwise empty message.
            self.endOfRIB = family
        }
        var skipped = 0
        let range = start..<value.upperBound
        let isComplete =
            switch (family == .ipv4Unicast, isReach) {
            case (true, true):
                readPrefixes(body, range, pathIDs: use.receivesPathIDs, into: &self.announcedIPv4, skipped: &skipped)
            case (true, false):
                readPrefixes(body, range, pathIDs: use.receivesPathIDs, into: &self.withdrawnIPv4, skipped: &skipped)
            case (false, true):
                readPrefixes(body, range, pathIDs: use.receivesPathIDs, into: &self.announcedIPv6, skipped: &skipped)
            case (false, false):
                readPrefixes(body, range, pathIDs: use.receivesPathIDs, into: &self.withdrawnIPv6, skipped: &skipped)
            }
        guard isComplete else { throw Self.multiprotocolError(body, extent) }
        self.skippedPrefixCount += skipped
        if skipped > 0, isReach {
            self.noteSkipped(body, range, pathIDs: use.receivesPathIDs, isIPv4: family == .ipv4Unicast)
        }
    }

    /// Reads prefixes once more to keep those that were left out.
    private mutating func noteSkipped(_ body: RawSpan, _ range: Range<Int>, pathIDs: Bool, isIPv4: Bool) {
        var offset = range.lowerBound
        while offset < range.upperBound, self.skipped.count < 16 {
            if pathIDs { offset += 4 }
            let length = body.octet(offset)
            offset += 1
            var high: UInt64 = 0
            var low: UInt64 = 0
            for index in 0..<Int(length &+ 7) >> 3 {
                let octet = UInt64(body.octet(offset + index))
                if index < 8 {
                    high |= octet << UInt64(56 - 8 * index)
                } else {
                    low |= octet << UInt64(120 - 8 * index)
                }
            }
            offset += Int(length &+ 7) >> 3
            if isIPv4 {
                let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: high >> 32))
                let prefix = IPv4Prefix(address: address, length: length)
                if isUnroutable(prefix) { self.skipped.append(.v4(prefix)) }
            } else {
                let prefix = IPv6Prefix(address: IPv6Address(high: high, low: low), length: length)
                if isUnroutable(prefix) { self.skipped.append(.v6(prefix)) }
            }
        }
    }

    /// 3/9 with the attribute as data.
    static func multiprotocolError(_ body: RawSpan, _ extent: Range<Int>) -> Notification {
        let end = min(extent.upperBound, body.byteCount, extent.lowerBound + Notification.maximumDataLength)
        return .update(.optionalAttributeError, data: body.octets(extent.lowerBound..<end))
    }

    /// The next hop of `length` octets at `offset`; nil when the length is not allowed for the family.
    private static func nextHop(
        _ body: RawSpan,
        _ offset: Int,
        length: Int,
        _ family: AddressFamily,
        _ use: UpdateContext.FamilyUse
    ) -> BGPNextHop? {
        if family == .ipv4Unicast {
            if length == 4 { return BGPNextHop(.v4(IPv4Address(rawValue: body.uint32(offset)))) }
            guard use.allowsExtendedNextHop else { return nil }
        }
        guard length == 16 || length == 32 else { return nil }
        let global = IPv6Address(high: body.uint64(offset), low: body.uint64(offset + 8))
        guard length == 32 else { return BGPNextHop(.v6(global)) }
        let second = IPv6Address(high: body.uint64(offset + 16), low: body.uint64(offset + 24))
        guard second.isLinkLocal else { return BGPNextHop(.v6(global)) }
        // Unnumbered practice: :: or the link-local address itself stands for "no global address".
        if global == .any || global.isLinkLocal { return BGPNextHop(.v6(second)) }
        return BGPNextHop(.v6(global), linkLocal: second)
    }
}
