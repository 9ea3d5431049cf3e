import Dispatch
import Glibc
import IPAddressing

/// Finds etcd's members by SRV records, asking name servers itself: the C library resolves only addresses.
struct ServiceResolver: Sendable {
    /// How long one server may take.
    private static let timeoutSeconds = 2
    /// Largest answer over a stream.
    private static let maximumAnswer = 65_535

    private let server: String?
    private let port: UInt16

    /// Creates a resolver that asks `server`, or those of `/etc/resolv.conf`.
    init(server: String? = nil, port: UInt16 = 53) {
        self.server = server
        self.port = port
    }

    /// Members that speak TLS first, then by priority; equal ones by weighted chance.
    func etcdEndpoints(domain: String) async throws(DNSMessage.Failure) -> [EtcdEndpoint] {
        var endpoints: [EtcdEndpoint] = []
        for (service, isSecure) in [("_etcd-client-ssl", true), ("_etcd-client", false)] {
            let records = try await self.services("\(service)._tcp.\(domain)")
            for record in Self.ordered(records) where !record.target.isEmpty && record.port > 0 {
                endpoints.append(EtcdEndpoint(isSecure: isSecure, host: record.target, port: record.port))
            }
        }
        guard !endpoints.isEmpty else { throw DNSMessage.Failure(description: "there are no SRV records") }
        return endpoints
    }

    /// RFC 2782: lowest priority first; within it drawn by weight.
    static func ordered(_ records: [DNSMessage.Service]) -> [DNSMessage.Service] {
        Dictionary(grouping: records) { $0.priority }.sorted { $0.key < $1.key }.flatMap { _, group in
            var rest = group.sorted { $0.weight < $1.weight }
            var drawn: [DNSMessage.Service] = []
            while !rest.isEmpty {
                var ticket = Int.random(in: 0...rest.reduce(0) { $0 + Int($1.weight) })
                let index =
                    rest.firstIndex { record in
                        ticket -= Int(record.weight)
                        return ticket <= 0
                    } ?? 0
                drawn.append(rest.remove(at: index))
            }
            return drawn
        }
    }

    private func services(_ name: String) async throws(DNSMessage.Failure) -> [DNSMessage.Service] {
        guard let question = DNSMessage.question(name, identifier: UInt16.random(in: .min ... .max)) else {
            throw DNSMessage.Failure(description: "\(name) is no domain name")
        }
        let servers = self.server.map { [$0] } ?? Self.systemServers()
        let port = self.port
        // Sockets block, so they get a thread of their own.
        let outcome = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(DNSMessage.Failure) in
                        try Self.ask(servers, port, question)
                    }
                )
            }
        }
        return try outcome.get()
    }

    /// Asks one server after the other, twice.
    fileprivate static func ask(_ servers: [String], _ port: UInt16, _ question: [UInt8]) throws(DNSMessage.Failure)
        -> [DNSMessage.Service]
    {
        var last = DNSMessage.Failure(description: "no name server is known")
        for _ in 0..<2 {
            for server in servers {
                do throws(DNSMessage.Failure) {
                    return try Self.ask(server, port, question)
                } catch {
                    last = error
                }
            }
        }
        throw last
    }

    /// The name servers of this host.
    static func systemServers(_ file: String = "/etc/resolv.conf") -> [String] {
        guard let stream = fopen(file, "re") else { return [] }
        defer { fclose(stream) }
        var servers: [String] = []
        var line = [CChar](repeating: 0, count: 512)
        while servers.count < 3, fgets(&line, 512, stream) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = text.split { $0 == " " || $0 == "\t" || $0 == "\n" }
            if words.count >= 2, words[0] == "nameserver" { servers.append(String(words[1])) }
        }
        return servers
    }

    private static func ask(_ server: String, _ port: UInt16, _ question: [UInt8]) throws(DNSMessage.Failure)
        -> [DNSMessage.Service]
    {
        let datagram = try DNSSocket(server, port, isStream: false, timeoutSeconds: self.timeoutSeconds)
        defer { datagram.close() }
        try datagram.send(question)
        // Datagrams that answer something else are skipped, a few of them.
        for _ in 0..<16 {
            let message = try datagram.receive(atMost: 4096)
            guard let answer = try DNSMessage.answer(message, to: question) else { continue }
            guard case .services(let services) = answer else { break }
            return services
        }
        let stream = try DNSSocket(server, port, isStream: true, timeoutSeconds: self.timeoutSeconds)
        defer { stream.close() }
        try stream.send([UInt8(question.count >> 8), UInt8(question.count & 0xFF)] + question)
        let head = try stream.receive(exactly: 2)
        let message = try stream.receive(exactly: Int(head[0]) << 8 | Int(head[1]))
        guard case .services(let services)? = try DNSMessage.answer(message, to: question) else {
            throw DNSMessage.Failure(description: "the name server answers something else")
        }
        return services
    }
}

/// A connected socket that blocks, with a limit of time on each operation.
private struct DNSSocket {
    private let descriptor: Int32

    init(_ server: String, _ port: UInt16, isStream: Bool, timeoutSeconds: Int) throws(DNSMessage.Failure) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(server, String(port), &hints, &found) == 0, let address = found else {
            throw DNSMessage.Failure(description: "\(server) is no address of a name server")
        }
        defer { freeaddrinfo(found) }
        let flags = address.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
        self.descriptor = socket(address.pointee.ai_family, flags, 0)
        guard self.descriptor >= 0 else { throw Self.failure("socket") }
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard connect(self.descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
            let failure = Self.failure("name server \(server)")
            Glibc.close(self.descriptor)
            throw failure
        }
    }

    func close() { Glibc.close(self.descriptor) }

    func send(_ octets: [UInt8]) throws(DNSMessage.Failure) {
        guard Glibc.send(self.descriptor, octets, octets.count, Int32(MSG_NOSIGNAL)) == octets.count else {
            throw Self.failure("asking the name server")
        }
    }

    func receive(atMost count: Int) throws(DNSMessage.Failure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = recv(self.descriptor, &buffer, count, 0)
        guard received > 0 else {
            throw received == 0
                ? DNSMessage.Failure(description: "the name server closes the connection")
                : Self.failure("the name server's answer")
        }
        return Array(buffer.prefix(received))
    }

    func receive(exactly count: Int) throws(DNSMessage.Failure) -> [UInt8] {
        var octets: [UInt8] = []
        while octets.count < count { octets += try self.receive(atMost: count - octets.count) }
        return octets
    }

    private static func failure(_ action: String) -> DNSMessage.Failure {
        DNSMessage.Failure(description: "\(action): \(String(cString: strerror(errno)))")
    }
}

/// Asks name servers for SRV records (RFC 2782), for others than etcd.
public enum ServiceLookup {
    /// One record.
    public struct Record: Hashable, Sendable {
        /// Name of the host.
        public var target: String
        /// Its port.
        public var port: UInt16
        /// Hosts of the lowest are asked first.
        public var priority: UInt16
        /// Share among those of one priority.
        public var weight: UInt16
    }

    /// The records of a name, by target; blocks until they are there, some seconds at most.
    ///
    /// - Throws: what keeps them from being had, as text.
    public static func records(_ name: String, server: String? = nil, port: UInt16 = 53) throws -> [Record] {
        guard let question = DNSMessage.question(name, identifier: UInt16.random(in: .min ... .max)) else {
            throw DNSMessage.Failure(description: "\(name) is no domain name")
        }
        let servers = server.map { [$0] } ?? ServiceResolver.systemServers()
        return try ServiceResolver.ask(servers, port, question)
            .map { Record(target: $0.target, port: $0.port, priority: $0.priority, weight: $0.weight) }
            .sorted { ($0.target, $0.port) < ($1.target, $1.port) }
    }
}
