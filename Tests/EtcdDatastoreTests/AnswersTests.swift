import Resources
import Testing

@testable import EtcdDatastore

@Suite("Answers of etcd")
struct AnswersTests {
    /// Answers as etcd 3.4 gave them.
    static let watchLines = [
        #"{"result":{"header":{"cluster_id":"324952591200643719","member_id":"3319814642761637952","revision":"2","raft_term":"2"},"created":true}}"#,
        #"{"result":{"header":{"cluster_id":"324952591200643719","revision":"3"},"events":[{"kv":{"key":"L2NhbGljby9h","create_revision":"2","mod_revision":"3","version":"2","value":"dg=="}}]}}"#,
        #"{"result":{"header":{"cluster_id":"324952591200643719","revision":"4"},"events":[{"type":"DELETE","kv":{"key":"L2NhbGljby9h","mod_revision":"4"}}],"fragment":true}}"#,
        #"{"result":{"header":{"cluster_id":"324952591200643719","raft_term":"2"},"canceled":true,"compact_revision":"4"}}"#,
        #"{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader","http_status":"Service Unavailable"}}"#,
    ]
    static let transaction =
        #"{"header":{"cluster_id":"324952591200643719","revision":"5"},"responses":[{"response_range":{"header":{"revision":"5"},"kvs":[{"key":"L2NhbGljby9h","create_revision":"5","mod_revision":"5","version":"1","value":"dg=="}],"count":"1"}}]}"#

    private static func value(_ text: String) throws -> ManifestValue { try JSONReader.value(Array(text.utf8)) }

    @Test("Lines of a watch are read")
    func watchLines() throws {
        let created = try WatchAnswer(Self.value(Self.watchLines[0]))
        #expect(created.isCreated && created.events.isEmpty && created.header.revision == 2)
        #expect(created.header.cluster == 324_952_591_200_643_719)
        let put = try WatchAnswer(Self.value(Self.watchLines[1]))
        let item = KeyValue(key: "/calico/a", value: Array("v".utf8), revision: 3, version: 2)
        #expect(put.events == [WatchAnswer.Event(isDeletion: false, item: item)])
        let deletion = try WatchAnswer(Self.value(Self.watchLines[2]))
        #expect(deletion.isFragment && deletion.events.first?.isDeletion == true)
        let compacted = try WatchAnswer(Self.value(Self.watchLines[3]))
        #expect(compacted.isCanceled && compacted.compactRevision == 4)
        #expect(throws: EtcdError.refused(code: 14, message: "etcdserver: no leader")) {
            try WatchAnswer(try Self.value(Self.watchLines[4]))
        }
    }

    @Test("A transaction that was refused tells what stands there")
    func refusedTransaction() throws {
        let answer = try TransactionAnswer(Self.value(Self.transaction))
        #expect(!answer.succeeded)
        #expect(answer.ranges.first?.items.first?.revision == 5)
    }

    @Test(
        "What the protocol does not allow is an error",
        arguments: [
            "{}", "[]", "null", #"{"header":null}"#, #"{"header":{"cluster_id":"x"}}"#,
            #"{"header":{"revision":"-1"}}"#,
            #"{"header":{"revision":99999999999999999999}}"#, #"{"header":{"revision":"1"},"kvs":{}}"#,
            #"{"header":{"revision":"1"},"kvs":[{"key":"%"}]}"#, #"{"header":{"revision":"1"},"kvs":[{"key":1}]}"#,
            #"{"header":{"revision":"1"},"kvs":[{"key":"YQ==","mod_revision":"9223372036854775808"}]}"#,
            #"{"header":{"revision":"1"},"more":1}"#,
        ]
    )
    func malformed(_ text: String) throws {
        let value = try Self.value(text)
        #expect(throws: EtcdError.self) { try RangeAnswer(value) }
    }

    @Test("Every truncation of an answer is an error")
    func truncations() throws {
        for text in Self.watchLines + [Self.transaction] {
            let octets = Array(text.utf8)
            for length in 0..<octets.count {
                #expect(throws: JSONReader.Failure.self) { try JSONReader.value(Array(octets[..<length])) }
            }
        }
    }

    @Test("Mutated answers are read or refused, whatever they hold")
    func mutations() throws {
        var generator = SystemRandomNumberGenerator()
        let seeds = (Self.watchLines + [Self.transaction]).map { Array($0.utf8) }
        let pieces = ["\"", "{", "}", "[", "]", ",", ":", "\\u", "-", "e9", "null", "true", "\u{0}", "🦉"]
            .map { Array($0.utf8) }
        var readable = 0
        for round in 0..<20_000 {
            var octets = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<octets.count, using: &generator)
                switch UInt8.random(in: 0..<4, using: &generator) {
                case 0: octets[place] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: octets.remove(at: place)
                case 2: octets.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: place)
                default:
                    let end = min(octets.count, place + Int.random(in: 1...40, using: &generator))
                    octets.insert(contentsOf: octets[place..<end], at: place)
                }
                if octets.isEmpty { octets = [0] }
            }
            guard let value = try? JSONReader.value(octets) else { continue }
            readable += 1
            for event in (try? WatchAnswer(value))?.events ?? [] { Self.layOut(event.item) }
            for item in (try? TransactionAnswer(value))?.ranges.flatMap(\.items) ?? [] { Self.layOut(item) }
            _ = try? RangeAnswer(value)
        }
        #expect(readable > 100)
    }

    private static func layOut(_ item: KeyValue) {
        _ = EtcdStatuses.decode(item)
        if let key = EtcdLayout.resourceKey(item.key) { _ = EtcdLayout.decode(item, as: key) }
    }

    @Test("Parts of a response become lines wherever they were cut")
    func lines() throws {
        let text = Array("one\n\ntwo\nthree".utf8)
        for size in 1...text.count {
            var assembler = LineAssembler(limit: 5)
            var lines: [[UInt8]] = []
            for start in stride(from: 0, to: text.count, by: size) {
                lines += try assembler.take(text[start..<min(text.count, start + size)])
            }
            #expect(lines == [Array("one".utf8), Array("two".utf8)])
        }
    }

    @Test("A line longer than the limit is refused before it has ended")
    func longLine() throws {
        var assembler = LineAssembler(limit: 10)
        _ = try assembler.take(Array("0123456789".utf8))
        #expect(throws: EtcdError.oversized(limit: 10)) { try assembler.take([UInt8(ascii: "x")]) }
        var other = LineAssembler(limit: 10)
        #expect(throws: EtcdError.oversized(limit: 10)) { try other.take(Array("0123456789x\n".utf8)) }
    }
}

@Suite("Endpoints of etcd")
struct EndpointTests {
    @Test(
        "An address is read",
        arguments: [
            ("https://10.0.0.1:2379", "https://10.0.0.1:2379"), ("http://etcd-0.example:1", "http://etcd-0.example:1"),
            ("10.0.0.1:2379", "http://10.0.0.1:2379"), ("https://[fd00::1]:2379/", "https://[fd00::1]:2379"),
            ("etcd", "http://etcd:2379"),
        ]
    )
    func valid(_ text: String, _ expected: String) {
        #expect(EtcdEndpoint(text)?.description == expected)
    }

    @Test(
        "What is no address is refused",
        arguments: [
            "", "https://", "unix:///run/x", "http://a:0", "http://a:65536", "http://a b:1", "http://a:1/path",
            "http://[fd00::1", "http://[x]:1", "http://a@b:1", "http://[fd00::1]2379",
        ]
    )
    func invalid(_ text: String) {
        #expect(EtcdEndpoint(text) == nil)
    }
}
