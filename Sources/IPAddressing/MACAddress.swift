/// A 48-bit Ethernet address.
public struct MACAddress: Hashable, Sendable, BitwiseCopyable {
    /// The address in the low 48 bits, first octet on top.
    public var rawValue: UInt64

    /// Creates an address from its low 48 bits.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue & 0xFFFF_FFFF_FFFF
    }

    /// Parses `aa:bb:cc:dd:ee:ff`, with `-` allowed as separator.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        guard parts.count == 6 else { return nil }
        var value: UInt64 = 0
        for part in parts {
            let digits = part.utf8.compactMap(hexadecimalValue)
            guard digits.count == 2, part.utf8.count == 2 else { return nil }
            value = value << 8 | UInt64(digits[0]) << 4 | UInt64(digits[1])
        }
        self.rawValue = value
    }

    /// The six octets.
    public var octets: [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: self.rawValue >> UInt64(40 - $0 * 8)) }
    }
}

extension MACAddress: CustomStringConvertible {
    /// Lower-case hexadecimal octets joined by colons.
    public var description: String {
        self.octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
