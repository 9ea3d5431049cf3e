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
        /// Where a socket is wanted that could not be opened, or not with all keys.
        var failed: Set<Local> = []
        var isStopped = false
        var isRunning = false

        /// Opens a socket unless it is open, and gives it the keys and the TTL of its neighbours.
        mutating func prepare(_ local: Local, _ expected: Expected) throws(SocketError) {
            self.failed.insert(local)
            let descriptor: CInt
            if let existing = self.sockets[local] {
                descriptor = existing
            } else {
                // A socket of all addresses and one of a single address are in each other's way, also while one takes the
                // other's place.
                let rivals = self.sockets.filter { $0.key.port == local.port }.map(\.value)
                descriptor = try Listeners.open(local, beside: rivals)
                self.sockets[local] = descriptor
            }
            if self.minimumTTLs[local, default: 0] != expected.minimumTTL {
                let ttl = SessionSocketOptions(minimumTTL: expected.minimumTTL)
                try BGPSocket.apply(ttl, to: descriptor, family: local.address)
                self.minimumTTLs[local] = expected.minimumTTL
            }
            // Each key is noted as soon as it is set, so that a failure at a later one leaves a true record.
            for (neighbor, key) in self.passwords[local] ?? [:] where expected.keys[neighbor] == nil {
                if !key.isEmpty { try BGPSocket.setPassword([], for: neighbor, on: descriptor) }
                self.passwords[local]?[neighbor] = nil
            }
            for (neighbor, key) in expected.keys where (self.passwords[local]?[neighbor] ?? []) != key {
                try BGPSocket.setPassword(key, for: neighbor, on: descriptor)
                self.passwords[local, default: [:]][neighbor] = key
            }
            self.failed.remove(local)
        }

        /// Closes what is not among `wanted`.
        mutating func closeUnwanted(_ wanted: [Local: Expected]) {
            for (local, descriptor) in self.sockets where wanted[local] == nil {
                close(descriptor)
                self.sockets[local] = nil
                self.passwords[local] = nil
                self.minimumTTLs[local] = nil
            }
            self.failed = self.failed.filter { wanted[$0] != nil }
        }

        /// Puts sockets and keys back to a former state, of which no socket was closed since.
        mutating func restore(_ before: State) {
            for (local, descriptor) in self.sockets where before.sockets[local] == nil { close(descriptor) }
            for (local, descriptor) in before.sockets {
                let ttl = before.minimumTTLs[local, default: 0]
                if self.minimumTTLs[local, default: 0] != ttl {
                    try? BGPSocket.apply(SessionSocketOptions(minimumTTL: ttl), to: descriptor, family: local.address)
                }
                let (old, new) = (before.passwords[local] ?? [:], self.passwords[local] ?? [:])
                for (neighbor, key) in new where old[neighbor] == nil && !key.isEmpty {
                    try? BGPSocket.setPassword([], for: neighbor, on: descriptor)
                }
                for (neighbor, key) in old where (new[neighbor] ?? []) != key {
                    try? BGPSocket.setPassword(key, for: neighbor, on: descriptor)
                }
            }
            self.sockets = before.sockets
            self.passwords = before.passwords
            self.minimumTTLs = before.minimumTTLs
            self.failed = before.failed
        }
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
    /// A connection inherits the socket's minimum TTL, so that it holds from the first packet on. A neighbour's own, if
    /// higher, holds once the connection was accepted; of what came before, the SYN is looked at then.
    ///
    /// Sockets that cannot be opened are returned with the reason; the others work.
    func update(_ wanted: [Local: Expected]) -> [(Local, SocketError)] {
        let failures = self.state.withLock { state -> [(Local, SocketError)] in
            guard !state.isStopped else { return [] }
            var failures: [(Local, SocketError)] = []
            for (local, expected) in wanted {
                do throws(SocketError) {
                    try state.prepare(local, expected)
                } catch {
                    failures.append((local, error))
                }
            }
            state.closeUnwanted(wanted)
            self.startIfNeeded(&state)
            return failures
        }
        self.wake()
        return failures
    }

    /// The same as one step: when something cannot be opened or set that was not broken before, everything is put back
    /// to what it was, and the error is thrown.
    ///
    /// What could not be opened before is tried again; that it still cannot is returned.
    func replace(with wanted: [Local: Expected]) throws(ListenFailure) -> [(Local, SocketError)] {
        let result = self.state.withLock { state -> Result<[(Local, SocketError)], ListenFailure> in
            guard !state.isStopped else { return .success([]) }
            let before = state
            var known: [(Local, SocketError)] = []
            for (local, expected) in wanted {
                do throws(SocketError) {
                    try state.prepare(local, expected)
                } catch {
                    guard !before.failed.contains(local) else {
                        known.append((local, error))
                        continue
                    }
                    state.restore(before)
                    return .failure(ListenFailure(local: local, error: error))
                }
            }
            state.closeUnwanted(wanted)
            self.startIfNeeded(&state)
            return .success(known)
        }
        self.wake()
        return try result.get()
    }

    private func startIfNeeded(_ state: inout State) {
        guard !state.isRunning else { return }
        state.isRunning = true
        self.startThread()
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

    /// Opens a socket that may listen beside `rivals` of the same port.
    private static func open(_ local: Local, beside rivals: [CInt]) throws(SocketError) -> CInt {
        let descriptor = try BGPSocket.make(for: local.address)
        // For this moment alone: nobody else shall be able to ask for a part of the port.
        func share(_ value: Int32) {
            for each in rivals + [descriptor] {
                try? BGPSocket.set(each, SOL_SOCKET, SO_REUSEPORT, value, "SO_REUSEPORT")
            }
        }
        if !rivals.isEmpty { share(1) }
        defer { if !rivals.isEmpty { share(0) } }
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
            // For neighbours with more TTL security than the socket; where the kernel cannot, the socket option holds alone.
            _ = clinux_save_syn(descriptor)
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

/// A listening socket that a configuration needs and that cannot be had.
struct ListenFailure: Error, CustomStringConvertible {
    var local: SocketEndpoint
    var error: SocketError

    var description: String { "cannot listen on \(self.local): \(self.error)" }
}
