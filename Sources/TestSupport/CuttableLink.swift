import Foundation
import Glibc
import Synchronization

/// A forwarder of connections on 127.0.0.1 that can go dark, as a cut network does: nothing arrives, nothing is refused.
public final class CuttableLink: Sendable {
    /// Where it listens.
    public let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let state = Mutex(State())

    private struct State {
        var isCut = false
        var isClosed = false
        var descriptors: Set<Int32> = []
    }

    /// Forwards to `target` on 127.0.0.1.
    public init(to target: UInt16) throws {
        (self.listener, self.port) = try LoopbackPort.listen()
        self.target = target
        let thread = Thread { [self] in self.acceptAll() }
        thread.stackSize = 1 << 18
        thread.start()
    }

    /// Cuts the link, or mends it: connections that were there during the cut then break.
    public func cut(_ isCut: Bool) {
        let broken = self.state.withLock { state -> Set<Int32> in
            state.isCut = isCut
            return isCut ? [] : state.descriptors
        }
        for descriptor in broken { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// Ends it.
    public func close() {
        let all = self.state.withLock { state -> Set<Int32> in
            guard !state.isClosed else { return [] }
            state.isClosed = true
            return state.descriptors.union([self.listener])
        }
        for descriptor in all { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// The two directions of a connection; whoever ends last closes it.
    private final class Directions: Sendable {
        private let count = Mutex(2)

        func isLast() -> Bool {
            self.count.withLock { count in
                count -= 1
                return count == 0
            }
        }
    }

    private func acceptAll() {
        while true {
            let client = accept(self.listener, nil, nil)
            guard client >= 0 else { break }
            let server = self.connect()
            guard server >= 0, self.add(client, server) else {
                Glibc.close(client)
                if server >= 0 { Glibc.close(server) }
                continue
            }
            let directions = Directions()
            let done: @Sendable () -> Void = { [self] in
                guard directions.isLast() else { return }
                self.state.withLock { $0.descriptors.subtract([client, server]) }
                Glibc.close(client)
                Glibc.close(server)
            }
            for (from, to) in [(client, server), (server, client)] {
                let thread = Thread { [self] in
                    self.forward(from, to)
                    done()
                }
                thread.stackSize = 1 << 18
                thread.start()
            }
        }
        Glibc.close(self.listener)
    }

    private func add(_ client: Int32, _ server: Int32) -> Bool {
        self.state.withLock { state in
            guard !state.isClosed else { return false }
            state.descriptors.formUnion([client, server])
            return true
        }
    }

    private func connect() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = self.target.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) == 0 }
        }
        guard isConnected else {
            Glibc.close(descriptor)
            return -1
        }
        return descriptor
    }

    private func forward(_ from: Int32, _ to: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        defer {
            shutdown(from, Int32(SHUT_RDWR))
            shutdown(to, Int32(SHUT_RDWR))
        }
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            // What arrives during a cut is lost, as are the connections it was on.
            var wasCut = false
            while self.state.withLock({ $0.isCut && !$0.isClosed }) {
                wasCut = true
                usleep(10_000)
            }
            guard !wasCut else { return }
            var sent = 0
            while sent < count {
                let part = buffer.withUnsafeBytes {
                    send(to, $0.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
                }
                guard part > 0 else { return }
                sent += part
            }
        }
    }
}
