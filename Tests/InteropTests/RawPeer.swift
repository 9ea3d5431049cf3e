import BGPWire
import CLinux
import Foundation
import Glibc
import IPAddressing
import Synchronization
import TestSupport

/// A BGP speaker of the test's own: it opens a session, says what it is told to and notes what it hears.
final class RawPeer: Sendable {
    /// The ends of a session: this one's address, number and router id, and the speaker's address.
    struct Ends: Sendable {
        var local: IPv4Address
        var asNumber: ASNumber
        var remote: IPv4Address
        var remoteAS: ASNumber
    }

    /// What was heard so far.
    struct Heard: Sendable {
        /// Whether the other end's OPEN and first KEEPALIVE are in.
        var isEstablished = false
        /// Prefixes announced, repetitions included.
        var announced = 0
        /// Whether the End-of-RIB of IPv4 is in.
        var hasEndOfRIB = false
        /// Routes announced and not withdrawn, with their communities; only of a peer that notes them.
        var held: [IPv4Prefix: [Community]] = [:]
        /// When a route with a community first came.
        var arrivals: [Community: ContinuousClock.Instant] = [:]
        /// Why reading ended.
        var end: String?
    }

    let ends: Ends
    private let descriptor: CInt
    private let notesRoutes: Bool
    private let heard = Mutex(Heard())
    private let silence = Mutex(false)
    // Answers of the reading thread and messages of the test must not run into each other.
    private let writing = Mutex(())

    private init(_ ends: Ends, _ descriptor: CInt, notesRoutes: Bool) {
        self.ends = ends
        self.notesRoutes = notesRoutes
        self.descriptor = descriptor
    }

    deinit {
        close(self.descriptor)
    }

    /// Whether KEEPALIVEs of the other end are left without an answer.
    var isSilent: Bool {
        get { self.silence.withLock { $0 } }
        set { self.silence.withLock { $0 = newValue } }
    }

    /// Everything heard so far.
    var state: Heard { self.heard.withLock { $0 } }

    /// Connects from a namespace to port 179 and exchanges OPEN and KEEPALIVE.
    static func connect(
        _ ends: Ends,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        capabilities: [Capability] = [],
        holdTime: UInt16 = 240,
        notesRoutes: Bool = false
    ) async throws -> RawPeer {
        let descriptor = try await blocking { try Self.socket(ends, namespace) }
        let peer = RawPeer(ends, descriptor, notesRoutes: notesRoutes)
        var message: [UInt8] = []
        Open(
            localAS: ends.asNumber,
            holdTime: holdTime,
            identifier: RouterID(rawValue: ends.local.rawValue),
            capabilities: [.multiprotocol(.ipv4Unicast), .fourOctetAS(ends.asNumber)] + capabilities
        ).encode(into: &message)
        try peer.send(message)
        // The thread keeps the peer, and with it the descriptor, until the connection ends; with the speaker it does.
        let thread = Thread { peer.read() }
        thread.start()
        try await lab.require("\(ends.local) is established") {
            if let end = peer.state.end { throw Command.Failure("\(ends.local): \(end)") }
            return peer.state.isEstablished
        }
        return peer
    }

    /// Ends the connection.
    func disconnect() {
        shutdown(self.descriptor, CInt(SHUT_RDWR))
    }

    /// Writes messages; waits while the other end does not read.
    func send(_ bytes: [UInt8]) throws {
        try self.writing.withLock { _ in
            var offset = 0
            while offset < bytes.count {
                let count = bytes[offset...].withUnsafeBytes {
                    Glibc.send(self.descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 || errno == EINTR else {
                    throw Command.Failure("send: \(String(cString: strerror(errno)))")
                }
                offset += max(0, count)
            }
        }
    }

    /// Announces prefixes with the attributes of this end.
    func announce(
        _ prefixes: some Sequence<IPv4Prefix>,
        communities: [Community] = [],
        edit: (inout PathAttributes) -> Void = { _ in }
    ) throws {
        var attributes = PathAttributes()
        attributes.origin = .igp
        attributes.asPath = self.ends.asNumber == self.ends.remoteAS ? ASPath() : ASPath(sequence: [self.ends.asNumber])
        if self.ends.asNumber == self.ends.remoteAS { attributes.localPreference = 100 }
        attributes.communities = communities
        edit(&attributes)
        var output: [UInt8] = []
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding())
        try encoder.announce(
            prefixes.lazy.map { NLRI($0) },
            attributes: attributes,
            nextHop: BGPNextHop(.v4(self.ends.local)),
            into: &output
        )
        try self.send(output)
    }

    /// Announces IPv6 prefixes with a next hop and attributes.
    func announce(
        _ prefixes: some Sequence<IPv6Prefix>,
        nextHop: IPv6Address,
        edit: (inout PathAttributes) -> Void = { _ in }
    ) throws {
        var attributes = PathAttributes()
        attributes.origin = .igp
        attributes.asPath = ASPath(sequence: [self.ends.asNumber])
        edit(&attributes)
        var output: [UInt8] = []
        var encoder = UpdateEncoder<IPv6Prefix>(UpdateEncoding())
        try encoder.announce(
            prefixes.lazy.map { NLRI($0) },
            attributes: attributes,
            nextHop: BGPNextHop(.v6(nextHop)),
            into: &output
        )
        try self.send(output)
    }

    /// Says that everything there is was announced.
    func sendEndOfRIB() throws {
        var output: [UInt8] = []
        EndOfRIB.encode(.ipv4Unicast, into: &output)
        try self.send(output)
    }

    // MARK: - Receiving

    /// A connected socket that belongs to the namespace; runs on a thread that ends afterwards.
    private static func socket(_ ends: Ends, _ namespace: Lab.Namespace) throws -> CInt {
        func failure(_ what: String) -> Command.Failure {
            Command.Failure("\(what): \(String(cString: strerror(errno)))")
        }
        let file = Glibc.open("/run/netns/\(namespace.name)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure(namespace.name) }
        defer { close(file) }
        guard clinux_setns(file, CLONE_NEWNET) == 0 else { throw failure("setns") }
        let descriptor = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket") }
        var one: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        func with(
            _ address: IPv4Address,
            _ port: UInt16,
            _ call: (UnsafePointer<sockaddr>, socklen_t) -> CInt
        ) -> CInt {
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = port.bigEndian
            value.sin_addr.s_addr = address.rawValue.bigEndian
            return withUnsafePointer(to: &value) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        guard with(ends.local, 0, { bind(descriptor, $0, $1) }) == 0,
            with(ends.remote, 179, { Glibc.connect(descriptor, $0, $1) }) == 0
        else {
            defer { close(descriptor) }
            throw failure("\(ends.local) to \(ends.remote)")
        }
        return descriptor
    }

    /// Reads until the connection ends.
    private func read() {
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = recv(self.descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return self.end(count == 0 ? "closed" : String(cString: strerror(errno))) }
            pending += buffer[..<count]
            var start = 0
            while pending.count - start >= MessageHeader.size {
                let length = Int(pending[start + 16]) << 8 | Int(pending[start + 17])
                guard length >= MessageHeader.size else { return self.end("a message of \(length) octets") }
                guard pending.count - start >= length else { break }
                guard self.take(Array(pending[start..<start + length])) else { return }
                start += length
            }
            pending.removeFirst(start)
        }
    }

    private func end(_ reason: String) {
        self.heard.withLock { $0.end = $0.end ?? reason }
    }

    /// Handles one message; false ends the session.
    private func take(_ message: [UInt8]) -> Bool {
        let now = ContinuousClock.now
        do {
            switch MessageType(rawValue: message[18]) {
            case .open, .routeRefresh: break
            case .keepalive:
                self.heard.withLock { $0.isEstablished = true }
            case .notification:
                self.end("NOTIFICATION \(message.dropFirst(19))")
                return false
            case .update: try self.take(update: message, now)
            case nil: throw Command.Failure("a message of type \(message[18])")
            }
            // One for one: the other end sends them by its timer alone.
            if message[18] == MessageType.open.rawValue
                || message[18] == MessageType.keepalive.rawValue && !self.isSilent
            {
                var answer: [UInt8] = []
                Keepalive.encode(into: &answer)
                try self.send(answer)
            }
            return true
        } catch {
            self.end("\(error)")
            return false
        }
    }

    private func take(update message: [UInt8], _ now: ContinuousClock.Instant) throws {
        let context = UpdateContext(
            ipv4: .init(isNegotiated: true),
            ipv6: .init(isNegotiated: false),
            hasFourOctetAS: true,
            isInternal: self.ends.asNumber == self.ends.remoteAS,
            peerAS: self.ends.remoteAS
        )
        var decoder = UpdateDecoder()
        try decoder.decode(message.span.bytes.extracting(MessageHeader.size..<message.count), context)
        if let failure = decoder.failure { throw Command.Failure("\(failure)") }
        let communities = PathAttributes(canonical: decoder.attributes).communities
        self.heard.withLock { heard in
            heard.announced += decoder.announcedIPv4.count
            if decoder.endOfRIB == .ipv4Unicast { heard.hasEndOfRIB = true }
            if self.notesRoutes {
                for nlri in decoder.withdrawnIPv4 { heard.held[nlri.prefix] = nil }
                for nlri in decoder.announcedIPv4 { heard.held[nlri.prefix] = communities }
            }
            guard decoder.isAnnouncing else { return }
            for community in communities where heard.arrivals[community] == nil { heard.arrivals[community] = now }
        }
    }
}
