internal import CLinux
internal import Glibc
internal import IPAddressing
internal import Synchronization

/// The listening sockets and the thread that accepts on them.
///
/// Accepting on a thread of its own instead of an event loop lets a connection be handed to the loop of its peer before
/// anything is read from it, and keeps a storm of strangers away from the sessions.
final class Listeners: Sendable {
    /// Where to listen: an address (`0.0.0.0` and `::` mean all) and a port.
    typealias Local = SocketEndpoint

    /// What the acceptor does with a connection: it owns the descriptor from then on.
    typealias Accept = @Sendable (_ descriptor: CInt, _ local: Local, _ remote: SocketEndpoint) -> Void

    /// What a socket must know of the neighbours that may connect to it.
    struct Expected: Sendable {
        /// MD5 keys of the neighbours, empty for those without.
        var keys: [SocketEndpoint: [UInt8]] = [:]
        /// The least TTL that packets of any of them may have; 0 when one has no TTL security.
        var minimumTTL: UInt8 = 255

        /// Adds a neighbour with its options.
        mutating func add(_ neighbor: SocketEndpoint, _ options: SessionSocketOptions) {
            self.keys[neighbor] = options.password
            self.minimumTTL = min(self.minimumTTL, options.minimumTTL ?? 0)
        }
    }

    private struct State {
        var sockets: [Local: CInt] = [:]
        var passwords: [Local: [SocketEndpoint: [UInt8]]] = [:]
        var minimumTTLs: [Local: UInt8] = [:]
        var isStopped = false
        var isRunning = false
    }

    private let state = Mutex(State())
    private let wakeup: CInt
    private let accept: Accept

    /// Creates a set without sockets.
    init(accept: @escaping Accept) throws(SocketError) {
        self.wakeup = clinux_event_counter(1)
        self.accept = accept
        guard self.wakeup >= 0 else { throw SocketError("create eventfd") }
    }

    deinit {
        close(self.wakeup)
    }

    /// Makes the set of sockets and keys exactly `wanted`; keys of sockets that stay are changed in place.
    ///
    /// A connection inherits the socket's minimum TTL, so that it holds from the first packet on; a neighbour's own, if
    /// higher, holds once the connection was accepted.
    ///
    /// Sockets that cannot be opened are returned with the reason; the others work.
    func update(_ wanted: [Local: Expected]) -> [(Local, SocketError)] {
        let failures = self.state.withLock { state -> [(Local, SocketError)] in
            guard !state.isStopped else { return [] }
            var failures: [(Local, SocketError)] = []
            for (local, descriptor) in state.sockets where wanted[local] == nil {
                close(descriptor)
                state.sockets[local] = nil
                state.passwords[local] = nil
                state.minimumTTLs[local] = nil
            }
            for (local, expected) in wanted {
                let keys = expected.keys
                do throws(SocketError) {
                    let descriptor: CInt
                    if let existing = state.sockets[local] {
                        descriptor = existing
                    } else {
                        descriptor = try Self.open(local)
                        state.sockets[local] = descriptor
                    }
                    if state.minimumTTLs[local, default: 0] != expected.minimumTTL {
                        let ttl = SessionSocketOptions(minimumTTL: expected.minimumTTL)
                        try BGPSocket.apply(ttl, to: descriptor, family: local.address)
                        state.minimumTTLs[local] = expected.minimumTTL
                    }
                    let present = state.passwords[local] ?? [:]
                    for (neighbor, key) in present where keys[neighbor] == nil && !key.isEmpty {
                        try BGPSocket.setPassword([], for: neighbor, on: descriptor)
                    }
                    for (neighbor, key) in keys where present[neighbor] != key {
                        try BGPSocket.setPassword(key, for: neighbor, on: descriptor)
                    }
                    state.passwords[local] = keys
                } catch {
                    failures.append((local, error))
                }
            }
            if !state.isRunning {
                state.isRunning = true
                self.startThread()
            }
            return failures
        }
        self.wake()
        return failures
    }

    /// Closes every socket and ends the thread.
    func stop() {
        self.state.withLock { state in
            state.isStopped = true
            for descriptor in state.sockets.values { close(descriptor) }
            state.sockets = [:]
        }
        self.wake()
    }

    private static func open(_ local: Local) throws(SocketError) -> CInt {
        let descriptor = try BGPSocket.make(for: local.address)
        do throws(SocketError) {
            try BGPSocket.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR")
            if !local.address.isIPv4 {
                try BGPSocket.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, "IPV6_V6ONLY")
            }
            // The SYN-ACK is sent before the peer is known, and a neighbour with TTL security drops less than 255.
            let ttl = SessionSocketOptions(outgoingTTL: 255)
            try BGPSocket.apply(ttl, to: descriptor, family: local.address)
            if !local.address.isUnspecified {
                // The address may appear later than the daemon; the session waits for it, the listener need not.
                try? BGPSocket.set(descriptor, Int32(IPPROTO_IP), Int32(IP_FREEBIND), 1, "IP_FREEBIND")
            }
            try BGPSocket.bind(descriptor, to: local)
            // Hundreds of peers may connect at once after a restart; a short backlog costs them SYN retries.
            guard listen(descriptor, 1024) == 0 else { throw SocketError("listen on \(local)") }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(self.wakeup, &one, 8)
    }

    private func startThread() {
        let context = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                clinux_name_thread("bgp-accept")
                Unmanaged<Listeners>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        if result == 0 { pthread_detach(thread) } else { context.release() }
    }

    private func run() {
        while true {
            let (sockets, stopped) = self.state.withLock { (Array($0.sockets), $0.isStopped) }
            if stopped { break }
            var polled = [pollfd(fd: self.wakeup, events: Int16(POLLIN), revents: 0)]
            for (_, descriptor) in sockets { polled.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
            guard poll(&polled, nfds_t(polled.count), -1) >= 0 || errno == EINTR else { break }
            if polled[0].revents != 0 {
                var value: UInt64 = 0
                _ = read(self.wakeup, &value, 8)
                continue
            }
            for (index, (local, descriptor)) in sockets.enumerated() where polled[index + 1].revents != 0 {
                self.acceptAll(on: descriptor, local: local)
            }
        }
    }

    /// Accepts what waits on one socket, at most a backlog's worth before the others get their turn.
    private func acceptAll(on descriptor: CInt, local: Local) {
        for _ in 0..<1024 {
            var storage = sockaddr_storage()
            // The lock keeps the descriptor from being closed and reused between poll and accept.
            let accepted = self.state.withLock { state in
                state.sockets[local] == descriptor ? clinux_accept(descriptor, &storage) : -1
            }
            guard accepted >= 0 else {
                // Out of descriptors: the connection waits in the backlog; do not spin on it.
                if errno == EMFILE || errno == ENFILE { usleep(50_000) }
                return
            }
            guard let remote = SocketEndpoint(storage) else {
                close(accepted)
                continue
            }
            self.accept(accepted, local, remote)
        }
    }
}
