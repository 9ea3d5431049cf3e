import IPAddressing

/// Reads fields off the octets of one record; every read is checked and names the field it is for.
struct OctetReader: ~Escapable {
    private let octets: RawSpan
    private(set) var offset = 0

    @_lifetime(copy octets)
    init(_ octets: RawSpan) {
        self.octets = octets
    }

    /// Octets not read yet.
    var remaining: Int { self.octets.byteCount &- self.offset }

    private mutating func take(_ count: Int, _ field: String) throws(MRTProblem) -> Int {
        guard count >= 0, count <= self.remaining else { throw .fieldPastEnd(field) }
        defer { self.offset &+= count }
        return self.offset
    }

    mutating func uint8(_ field: String) throws(MRTProblem) -> UInt8 {
        let at = try self.take(1, field)
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt8.
        return unsafe self.octets.unsafeLoad(fromByteOffset: at, as: UInt8.self)
    }

    mutating func uint16(_ field: String) throws(MRTProblem) -> UInt16 {
        let at = try self.take(2, field)
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt16.
        return UInt16(bigEndian: unsafe self.octets.unsafeLoadUnaligned(fromByteOffset: at, as: UInt16.self))
    }

    mutating func uint32(_ field: String) throws(MRTProblem) -> UInt32 {
        let at = try self.take(4, field)
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt32.
        return UInt32(bigEndian: unsafe self.octets.unsafeLoadUnaligned(fromByteOffset: at, as: UInt32.self))
    }

    mutating func uint64(_ field: String) throws(MRTProblem) -> UInt64 {
        let high = try self.uint32(field)
        return UInt64(high) << 32 | UInt64(try self.uint32(field))
    }

    /// A copy of the next `count` octets.
    mutating func octets(_ count: Int, _ field: String) throws(MRTProblem) -> [UInt8] {
        let at = try self.take(count, field)
        var result: [UInt8] = []
        result.reserveCapacity(count)
        // Safe: the pointer is used only inside the closure, for reading within its bounds.
        unsafe self.octets.extracting(at..<at &+ count).withUnsafeBytes { unsafe result.append(contentsOf: $0) }
        return result
    }

    mutating func address(isIPv4: Bool, _ field: String) throws(MRTProblem) -> IPAddress {
        if isIPv4 { return .v4(IPv4Address(rawValue: try self.uint32(field))) }
        let high = try self.uint64(field)
        return .v6(IPv6Address(high: high, low: try self.uint64(field)))
    }

    /// A length octet and as many octets as the length needs; host bits are cleared.
    mutating func prefix(isIPv4: Bool) throws(MRTProblem) -> IPPrefix {
        let length = try self.uint8("prefix length")
        guard length <= (isIPv4 ? 32 : 128) else { throw .prefixLength(length) }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<(Int(length) + 7) / 8 {
            let octet = UInt64(try self.uint8("prefix"))
            if index < 8 {
                high |= octet &<< UInt64(56 &- 8 &* index)
            } else {
                low |= octet &<< UInt64(120 &- 8 &* index)
            }
        }
        guard isIPv4 else { return .v6(IPv6Prefix(address: IPv6Address(high: high, low: low), length: length)) }
        let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: high >> 32))
        return .v4(IPv4Prefix(address: address, length: length))
    }
}

extension [UInt8] {
    mutating func append(bigEndian value: UInt16) {
        self.append(UInt8(truncatingIfNeeded: value >> 8))
        self.append(UInt8(truncatingIfNeeded: value))
    }

    mutating func append(bigEndian value: UInt32) {
        self.append(bigEndian: UInt16(truncatingIfNeeded: value >> 16))
        self.append(bigEndian: UInt16(truncatingIfNeeded: value))
    }

    mutating func append(_ address: IPAddress) {
        switch address {
        case .v4(let address): self.append(bigEndian: address.rawValue)
        case .v6(let address):
            for half in [address.high, address.low] {
                self.append(bigEndian: UInt32(truncatingIfNeeded: half >> 32))
                self.append(bigEndian: UInt32(truncatingIfNeeded: half))
            }
        }
    }

    mutating func append(_ prefix: IPPrefix) {
        self.append(prefix.length)
        for index in 0..<(Int(prefix.length) + 7) / 8 {
            switch prefix {
            case .v4(let prefix): self.append(prefix.octet(index))
            case .v6(let prefix): self.append(prefix.octet(index))
            }
        }
    }

    mutating func store(bigEndian value: UInt32, at offset: Int) {
        for index in 0..<4 { self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index)) }
    }
}
