import Foundation
import Glibc
import Synchronization
import Testing

@testable import EtcdDatastore

@Suite("SRV discovery")
struct DNSTests {
    /// A record of `_etcd-client._tcp.example`, its owner compressed to the question.
    private static func record(_ priority: UInt8, _ port: UInt16, _ target: String) -> [UInt8] {
        let labels = target.split(separator: ".")
        let name: [UInt8] = labels.flatMap { label -> [UInt8] in [UInt8(label.utf8.count)] + Array(label.utf8) } + [0]
        let data: [UInt8] = [0, priority, 0, 10, UInt8(port >> 8), UInt8(port & 0xFF)] + name
        let head: [UInt8] = [0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60, UInt8(data.count >> 8), UInt8(data.count & 0xFF)]
        return head + data
    }

    private static func answer(_ question: [UInt8], _ records: [[UInt8]], code: UInt8 = 0, flags: UInt8 = 0x81)
        -> [UInt8]
    {
        let head: [UInt8] = [
            question[0], question[1], flags, 0x80 | code, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0,
        ]
        return head + question[12...] + records.flatMap { $0 }
    }

    @Test("A question asks for SRV records of the name")
    func question() throws {
        let question = try #require(DNSMessage.question("_a._tcp.b", identifier: 0x1234))
        #expect(
            question == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2] + Array("_a".utf8) + [4] + Array("_tcp".utf8)
                + [1] + Array("b".utf8) + [0, 0, 33, 0, 1]
        )
        #expect(DNSMessage.question("", identifier: 1) == nil)
        #expect(DNSMessage.question(String(repeating: "a", count: 64), identifier: 1) == nil)
    }

    @Test("Records are read, also with compressed names")
    func records() throws {
        let question = try #require(DNSMessage.question("x.example", identifier: 1))
        let message = Self.answer(question, [Self.record(1, 2379, "a.example"), Self.record(0, 2380, "b")])
        guard case .services(let services)? = try DNSMessage.answer(message, to: question) else {
            Issue.record("no services")
            return
        }
        #expect(services.map(\.target) == ["a.example", "b"])
        #expect(services.map(\.port) == [2379, 2380])
        #expect(ServiceResolver.ordered(services).map(\.target) == ["b", "a.example"])
    }

    @Test("Answers to other questions are passed over, an unknown name has no records, a failure is one")
    func others() throws {
        let question = try #require(DNSMessage.question("x.example", identifier: 1))
        let other = try #require(DNSMessage.question("y.example", identifier: 1))
        #expect(try DNSMessage.answer(Self.answer(other, []), to: question) == nil)
        #expect(try DNSMessage.answer([], to: question) == nil)
        #expect(try DNSMessage.answer(Self.answer(question, [], code: 3), to: question) == .services([]))
        #expect(try DNSMessage.answer(Self.answer(question, [], flags: 0x83), to: question) == .truncated)
        #expect(throws: DNSMessage.Failure.self) {
            try DNSMessage.answer(Self.answer(question, [], code: 2), to: question)
        }
    }

    @Test("Truncated, looping and mutated answers are refused or read, never more")
    func hostile() throws {
        let question = try #require(DNSMessage.question("x.example", identifier: 1))
        let good = Self.answer(question, [Self.record(1, 2379, "a.example")])
        for length in question.count..<good.count {
            #expect(throws: DNSMessage.Failure.self) { try DNSMessage.answer(Array(good[..<length]), to: question) }
        }
        var loop = good
        loop[question.count] = 0xC0 | UInt8(question.count >> 8)
        loop[question.count + 1] = UInt8(question.count & 0xFF)
        #expect(throws: DNSMessage.Failure.self) { try DNSMessage.answer(loop, to: question) }
        for _ in 0..<20_000 {
            var octets = good
            for _ in 0..<Int.random(in: 1...3) {
                octets[Int.random(in: 0..<octets.count)] = UInt8.random(in: .min ... .max)
            }
            _ = try? DNSMessage.answer(octets, to: question)
        }
    }

    @Test("Members are found by asking a name server, those with TLS first")
    func resolver() async throws {
        let server = try NameServer { question in
            let name = String(decoding: question[12...], as: UTF8.self)
            if name.contains("etcd-client-ssl") {
                return Self.answer(question, [Self.record(0, 2379, "secure.example")])
            }
            return Self.answer(question, [Self.record(5, 2, "second.example"), Self.record(1, 1, "first.example")])
        }
        defer { server.close() }
        let resolver = ServiceResolver(server: "127.0.0.1", port: server.port)
        let endpoints = try await resolver.etcdEndpoints(domain: "example")
        #expect(
            endpoints.map(\.description) == [
                "https://secure.example:2379", "http://first.example:1", "http://second.example:2",
            ]
        )
    }

    @Test("Anyone may look up records, which come by their target")
    func lookup() async throws {
        let server = try NameServer { question in
            Self.answer(question, [Self.record(1, 2, "b.example"), Self.record(3, 4, "a.example")])
        }
        defer { server.close() }
        let port = server.port
        let records = try await Task.detached {
            try ServiceLookup.records("_etcd-client._tcp.example", server: "127.0.0.1", port: port)
        }.value
        #expect(records.map(\.target) == ["a.example", "b.example"])
        #expect(
            records.map(\.port) == [4, 2] && records.map(\.priority) == [3, 1] && records.map(\.weight) == [10, 10]
        )
        #expect(throws: DNSMessage.Failure.self) { try ServiceLookup.records("", server: "127.0.0.1", port: port) }
    }

    @Test("A domain without records is an error")
    func noRecords() async throws {
        let server = try NameServer { Self.answer($0, [], code: 3) }
        defer { server.close() }
        let resolver = ServiceResolver(server: "127.0.0.1", port: server.port)
        await #expect(throws: DNSMessage.Failure.self) { try await resolver.etcdEndpoints(domain: "example") }
    }
}

/// A name server on 127.0.0.1 that answers datagrams.
final class NameServer: Sendable {
    let port: UInt16
    private let isClosed = Mutex(false)

    init(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8]) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isBound)
        var limit = timeval(tv_sec: 0, tv_usec: 50_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        self.port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while !self.isClosed.withLock({ $0 }) {
                var peer = sockaddr_in()
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                withUnsafeMutablePointer(to: &peer) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                        let count = recvfrom(descriptor, &buffer, buffer.count, 0, pointer, &size)
                        guard count > 12 else { return }
                        let message = answer(Array(buffer[..<count]))
                        _ = sendto(descriptor, message, message.count, 0, pointer, size)
                    }
                }
            }
            Glibc.close(descriptor)
        }.start()
    }

    /// Ends it.
    func close() { self.isClosed.withLock { $0 = true } }
}
