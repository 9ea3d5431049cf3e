internal import CLinux
internal import Glibc
public import IPAddressing

/// An address, its scope and a port: one end of a TCP connection.
public struct SocketEndpoint: Hashable, Sendable {
    /// The address.
    public var address: IPAddress
    /// Interface index that scopes a link-local address, else 0.
    public var scope: UInt32
    /// The TCP port.
    public var port: UInt16

    /// Creates an endpoint.
    public init(address: IPAddress, scope: UInt32 = 0, port: UInt16) {
        self.address = address
        self.scope = scope
        self.port = port
    }

    /// Calls `body` with the endpoint as a socket address.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length: socklen_t
        switch self.address {
        case .v4(let address):
            length = withUnsafeBytes(of: address.rawValue.bigEndian) {
                clinux_make_address(&storage, 4, $0.baseAddress, self.port, 0)
            }
        case .v6(let address):
            length = withUnsafeBytes(of: (address.high.bigEndian, address.low.bigEndian)) {
                clinux_make_address(&storage, 6, $0.baseAddress, self.port, self.scope)
            }
        }
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Reads a socket address of either family; v4-mapped IPv6 addresses become IPv4.
    init?(_ storage: sockaddr_storage) {
        var octets: (UInt64, UInt64) = (0, 0)
        var port: UInt16 = 0
        var scope: UInt32 = 0
        let family = withUnsafePointer(to: storage) { storage in
            withUnsafeMutableBytes(of: &octets) { clinux_read_address(storage, $0.baseAddress, &port, &scope) }
        }
        let high = UInt64(bigEndian: octets.0)
        let address = IPv6Address(high: high, low: UInt64(bigEndian: octets.1))
        switch family {
        case 4:
            self.init(address: .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: high >> 32))), port: port)
        case 6 where address.isIPv4Mapped:
            self.init(address: .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: address.low))), port: port)
        case 6:
            self.init(address: .v6(address), scope: address.isLinkLocal ? scope : 0, port: port)
        default:
            return nil
        }
    }
}

extension SocketEndpoint: CustomStringConvertible {
    /// `192.0.2.1:179` or `[2001:db8::1]:179`, with `%index` on a scoped address.
    public var description: String {
        switch self.address {
        case .v4(let address): "\(address):\(self.port)"
        case .v6(let address): self.scope == 0 ? "[\(address)]:\(self.port)" : "[\(address)%\(self.scope)]:\(self.port)"
        }
    }
}
