internal import IPAddressing
internal import NIOCore

/// What a session asks of its TCP socket beside its two ends.
struct SessionSocketOptions: Hashable, Sendable {
    var password: [UInt8] = []
    var outgoingTTL: UInt8?
    var minimumTTL: UInt8?
}

/// Sockets of the virtual network.
enum BGPSocket {
    static func apply(_ options: SessionSocketOptions, to descriptor: CInt, family address: IPAddress)
        throws(SocketError)
    {}

    static func localEnd(of descriptor: CInt) -> SocketEndpoint? {
        VirtualNetwork.local(of: descriptor).flatMap(SocketEndpoint.init)
    }

    static func acceptEveryTTL(_ descriptor: CInt, family address: IPAddress) {}

    static func abort(_ descriptor: CInt) {}
}

/// Where the speaker wants to listen; the test asks, and may say that an address is taken.
final class Listeners: @unchecked Sendable {
    struct Expected: Sendable {
        var keys: [SocketEndpoint: [UInt8]] = [:]
        var minimumTTL: UInt8 = 255

        mutating func add(_ neighbor: SocketEndpoint, _ options: SessionSocketOptions) {
            self.keys[neighbor] = options.password
            self.minimumTTL = min(self.minimumTTL, options.minimumTTL ?? 0)
        }
    }

    private(set) var wanted: [SocketEndpoint: Expected] = [:]
    /// The next set of sockets cannot be had.
    nonisolated(unsafe) static var failsNext = false

    init(accept: @escaping @Sendable (CInt, SocketEndpoint, SocketEndpoint) -> Void) throws(SocketError) {}

    func update(_ wanted: [SocketEndpoint: Expected]) -> [(SocketEndpoint, SocketError)] {
        self.wanted = wanted
        return []
    }

    func replace(with wanted: [SocketEndpoint: Expected]) throws(ListenFailure) -> [(SocketEndpoint, SocketError)] {
        if Self.failsNext, let local = wanted.keys.first {
            Self.failsNext = false
            throw ListenFailure(local: local, error: SocketError("listen", code: 98))
        }
        self.wanted = wanted
        return []
    }

    func stop() {}
}

struct ListenFailure: Error, CustomStringConvertible {
    var local: SocketEndpoint
    var error: SocketError

    var description: String { "cannot listen on \(self.local): \(self.error)" }
}
