/// An address with its prefix length, host bits kept: what an interface or a node has (`192.0.2.1/24`).
public struct AddressWithLength: Hashable, Sendable, BitwiseCopyable {
    /// The host's own address.
    public var address: IPAddress
    /// Length of the network's prefix in bits.
    public var length: UInt8

    /// Creates a value; `length` is clamped to the family's maximum.
    public init(address: IPAddress, length: UInt8) {
        self.address = address
        self.length = min(length, address.isIPv4 ? 32 : 128)
    }

    /// Parses `address/length`; a bare address counts as a host prefix.
    public init?(_ text: some StringProtocol) {
        if let (address, length) = parseAddressAndLength(text) {
            self.init(address: address, length: length)
        } else if let address = IPAddress(text) {
            self.init(address: address, length: address.isIPv4 ? 32 : 128)
        } else {
            return nil
        }
    }

    /// The network around the address.
    public var network: IPPrefix { IPPrefix(address: self.address, length: self.length) }
}

extension AddressWithLength: CustomStringConvertible {
    /// `address/length` text.
    public var description: String { "\(self.address)/\(self.length)" }
}
