import IPAddressing
import NIOCore
import Testing

@testable import ControlAPI

@Suite("Route queries and streams")
struct RouteQueryTests {
    @Test("Every query reads back from its own query string")
    func roundTrip() throws {
        let prefix = try #require(IPPrefix("2001:db8::/32"))
        let address = try #require(IPAddress("192.0.2.7"))
        let queries = [
            RouteQuery(),
            RouteQuery(selection: .prefix(prefix), table: "master6", bestOnly: true),
            RouteQuery(selection: .longestMatch(address), source: .kernel, family: .ipv4),
            RouteQuery(neighbor: RouteQuery.NeighborView(name: "a b&c=d/é", direction: .exported)),
        ]
        for query in queries {
            let text = query.queryString
            #expect(try RouteQuery(queryString: String(text.dropFirst())) == query)
        }
    }

    @Test("A host address stands for its host prefix")
    func hostPrefix() throws {
        let query = try RouteQuery(queryString: "prefix=10.0.0.1")
        #expect(query.selection == .prefix(try #require(IPPrefix("10.0.0.1/32"))))
    }

    @Test(
        "A query that makes no sense is refused and the culprit named",
        arguments: [
            ("prefix=10.0.0.0/33", "10.0.0.0/33"), ("for=x", "x"), ("colour=red", "colour"),
            ("table=a&table=b", "table"), ("neighbor=a", "direction"), ("direction=received", "neighbor"),
            ("neighbor=a&direction=up", "up"), ("source=ospf", "ospf"), ("family=ipx", "ipx"), ("best=yes", "yes"),
            ("prefix=10.0.0.0/8&for=10.0.0.1", "exclude"), ("table=%zz", "%zz"), ("table=%ff", "%ff"),
            ("table=", "table"),
        ]
    )
    func refused(text: String, culprit: String) throws {
        let error = #expect(throws: ControlError.self) { try RouteQuery(queryString: text) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains(culprit) == true)
    }

    @Test("Lines come out whole however the stream is cut", arguments: 1...9)
    func lineSplitting(chunk: Int) throws {
        let bytes = Array("first\n\nthird line\nlast\n".utf8)
        var splitter = LineSplitter()
        var lines: [String] = []
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            splitter.append(ByteBuffer(bytes: bytes[start..<min(start + chunk, bytes.count)]))
            while let line = try splitter.next() { lines.append(String(buffer: line)) }
        }
        #expect(lines == ["first", "", "third line", "last"])
        #expect(splitter.isEmpty)
    }

    @Test("A line without end is refused before it fills memory")
    func endlessLine() throws {
        var splitter = LineSplitter()
        let chunk = ByteBuffer(repeating: UInt8(ascii: "x"), count: 256 << 10)
        #expect(throws: ControlClientError.self) {
            for _ in 0..<100 {
                splitter.append(chunk)
                _ = try splitter.next()
            }
        }
    }
}
