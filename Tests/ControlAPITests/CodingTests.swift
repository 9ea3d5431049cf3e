import Foundation
import IPAddressing
import NIOCore
import TestSupport
import Testing

@testable import ControlAPI

@Suite("JSON of the control interface")
struct CodingTests {
    private func fields(_ value: some Encodable) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(value))
        return try #require(object as? [String: Any])
    }

    @Test("A neighbour has the documented fields")
    func neighborFields() async throws {
        let neighbors = try await SyntheticBackend().neighbors(name: nil)
        let first = try self.fields(neighbors[0])
        for key in ["name", "address", "localAS", "remoteAS", "state", "establishedAt", "uptimeSeconds", "routes"] {
            #expect(first[key] != nil, "\(key)")
        }
        #expect(first["state"] as? String == "Established")
        #expect(first["establishedAt"] as? String == "2026-01-02T03:04:05.000Z")
        let counts = try #require(first["routes"] as? [String: Int])
        #expect(counts == ["received": 10, "accepted": 9, "best": 8, "exported": 7])
        let second = try self.fields(neighbors[1])
        let error = try #require(second["lastError"] as? [String: String])
        #expect(Set(error.keys) == ["direction", "text", "at"])
        #expect(second["establishedAt"] == nil)
    }

    @Test("A route has the documented fields")
    func routeFields() throws {
        var route = SyntheticBackend.route(1)
        route.med = 5
        route.originatorID = RouterID(rawValue: 0x0A00_0001)
        let fields = try self.fields(route)
        let expected = [
            "prefix", "best", "source", "protocol", "from", "nextHop", "interface", "asPath", "localPref", "med",
            "origin", "communities", "largeCommunities", "originatorID", "clusterList",
        ]
        for key in expected { #expect(fields[key] != nil, "\(key)") }
        #expect(fields["prefix"] as? String == "10.0.0.1/32")
        #expect(fields["asPath"] as? [UInt32] == [4_200_000_000, 65_001])
        #expect(fields["originatorID"] as? String == "10.0.0.1")
    }

    @Test("A route reads back what it wrote, sets and confederation segments included")
    func routeRoundTrip() throws {
        for route in SyntheticBackend.sampleRoutes() {
            let data = try JSONEncoder().encode(route)
            #expect(try JSONDecoder().decode(Route.self, from: data) == route)
        }
    }

    @Test("A route with a malformed address is refused")
    func malformedRoute() throws {
        let text = """
            {"prefix":"10.0.0.0/8","table":"t","best":true,"source":"bgp","protocol":"p","preference":1,"from":"x"}
            """
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Route.self, from: Data(text.utf8)) }
    }

    @Test("Status, reload result and interface read back what they wrote")
    func roundTrips() async throws {
        func check<Value: Codable & Equatable>(_ value: Value) throws {
            #expect(try JSONDecoder().decode(Value.self, from: try JSONEncoder().encode(value)) == value)
        }
        let backend = SyntheticBackend()
        try check(try await backend.status())
        try check(try await backend.interfaces())
        try check(try await backend.neighbors(name: nil))
        try check(try await backend.reload(ReloadRequest()))
        try check(try await backend.reload(ReloadRequest(file: "bad.conf")))
        try check(ControlError(.notFound, "x"))
    }

    @Test(
        "A time prints as RFC 3339 and reads back",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_799_000, "2099-12-31T23:59:59.000Z"),
        ] as [(Int64, String)]
    )
    func timestamps(milliseconds: Int64, text: String) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(time.description == text)
        #expect(Timestamp(text) == time)
    }

    @Test(
        "Text that is no time is refused",
        arguments: ["", "2026-01-02", "2026-13-02T00:00:00Z", "2026-01-02T00:00:00+01:00", "2026-01-02T00:00:00.Z"]
    )
    func malformedTimestamps(text: String) {
        #expect(Timestamp(text) == nil)
    }
}
