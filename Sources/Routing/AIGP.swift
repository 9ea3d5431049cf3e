internal import BGPWire

/// The accumulated IGP metric of a route (RFC 7311).
enum AIGP {
    /// Octets of the TLV that carries the metric.
    static let tlvLength = 11

    /// The metric in the first TLV of type 1 of an attribute's value.
    static func metric(_ bytes: Octets, _ value: Range<Int>) -> UInt64? {
        Self.place(bytes, value).map { UInt64(bytes.number($0)) << 32 | UInt64(bytes.number($0 + 4)) }
    }

    /// Where the eight octets of the metric are.
    static func place(_ bytes: Octets, _ value: Range<Int>) -> Int? {
        var offset = value.lowerBound
        while value.upperBound - offset >= 3 {
            let length = Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            guard length >= 3, length <= value.upperBound - offset else { return nil }
            if bytes[offset] == 1 { return length == Self.tlvLength ? offset + 3 : nil }
            offset += length
        }
        return nil
    }

    /// A metric with the distance to the next hop added; one that is not known makes it the largest (RFC 7311 §4.1).
    static func adding(_ distance: UInt32, to metric: UInt64) -> UInt64 {
        guard distance < 0x8000_0000 else { return .max }
        let (sum, isOverflown) = metric.addingReportingOverflow(UInt64(distance))
        return isOverflown ? .max : sum
    }
}

extension CoreState {
    /// The metric of a set that has one.
    func aigp(_ id: AttributeID) -> UInt64? {
        guard self.store[id].flags.contains(.aigp) else { return nil }
        let bytes = self.store.bytes(id)
        var cursor = AttributeCursor(bytes)
        while let attribute = cursor.next() {
            if attribute.type == PathAttributeType.aigp.rawValue { return AIGP.metric(bytes, attribute.value) }
        }
        return nil
    }
}
