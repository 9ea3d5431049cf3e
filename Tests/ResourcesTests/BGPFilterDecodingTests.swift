import IPAddressing
import Testing

@testable import Resources

@Suite("Decoding of BGPFilter")
struct BGPFilterDecodingTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var rule: ManifestValue.Content
        var path: String
        var list = "importV4"
        var testDescription: String { "\(self.path) \(self.rule)" }
    }

    private static let accept = ManifestValue.Content.string("Accept")

    @Test(
        "An invalid rule refuses the filter and is named",
        arguments: [
            Case(rule: map([:]), path: "action"),
            Case(rule: map(["action": .string("accept")]), path: "action"),
            Case(rule: map(["action": accept, "cidr": .string("10.0.0.0/8")]), path: "matchOperator"),
            Case(rule: map(["action": accept, "matchOperator": .string("In")]), path: "matchOperator"),
            Case(
                rule: map(["action": accept, "cidr": .string("fd00::/8"), "matchOperator": .string("In")]),
                path: "cidr"
            ),
            Case(
                rule: map(["action": accept, "cidr": .string("10.0.0.0/8"), "matchOperator": .string("In")]),
                path: "cidr",
                list: "exportV6"
            ),
            Case(
                rule: map(["action": accept, "prefixLength": map(["min": .integer(8)])]),
                path: "prefixLength"
            ),
            Case(
                rule: map([
                    "action": accept, "cidr": .string("10.0.0.0/8"), "matchOperator": .string("In"),
                    "prefixLength": map(["max": .integer(33)]),
                ]),
                path: "prefixLength.max"
            ),
            Case(
                rule: map([
                    "action": accept, "cidr": .string("10.0.0.0/8"), "matchOperator": .string("In"),
                    "prefixLength": map(["min": .integer(20), "max": .integer(19)]),
                ]),
                path: "prefixLength.min"
            ),
            Case(rule: map(["action": accept, "source": .string("Anyone")]), path: "source"),
            Case(rule: map(["action": accept, "interface": .string("eth0\"; accept")]), path: "interface"),
            Case(rule: map(["action": accept, "peerType": .string("ibgp")]), path: "peerType"),
            Case(
                rule: map([
                    "action": accept, "communities": map(["values": list(.string("1:1"), .string("1:2"))]),
                ]),
                path: "communities.values"
            ),
            Case(
                rule: map(["action": accept, "communities": map(["values": list(.string("65536:1"))])]),
                path: "communities.values[0]"
            ),
            Case(rule: map(["action": accept, "asPathPrefix": list()]), path: "asPathPrefix"),
            Case(rule: map(["action": accept, "asPathPrefix": list(.string("x"))]), path: "asPathPrefix[0]"),
            Case(rule: map(["action": accept, "priority": .integer(0)]), path: "priority"),
            Case(
                rule: map([
                    "action": .string("Reject"),
                    "operations": list(map(["setPriority": map(["value": .integer(1)])])),
                ]),
                path: "operations"
            ),
            Case(rule: map(["action": accept, "operations": list(map([:]))]), path: "operations[0]"),
            Case(
                rule: map([
                    "action": accept,
                    "operations": list(
                        map([
                            "setPriority": map(["value": .integer(1)]),
                            "addCommunity": map(["value": .string("1:1")]),
                        ])
                    ),
                ]),
                path: "operations[0]"
            ),
            Case(
                rule: map([
                    "action": accept, "operations": list(map(["prependASPath": map(["prefix": list()])])),
                ]),
                path: "operations[0].prependASPath.prefix"
            ),
            Case(
                rule: map([
                    "action": accept, "operations": list(map(["addCommunity": map(["value": .string("1")])])),
                ]),
                path: "operations[0].addCommunity.value"
            ),
        ]
    )
    func invalid(_ example: Case) {
        let outcome = decode("BGPFilter", map([example.list: list(example.rule)]))
        #expect(outcome.resources.isEmpty)
        let path = "spec.\(example.list)[0].\(example.path)"
        #expect(
            outcome.diagnostics.contains { $0.severity == .error && $0.path == path },
            "\(outcome.diagnostics)"
        )
    }

    @Test("Every field of a rule is read")
    func everyField() throws {
        let rule = map([
            "cidr": .string("10.0.0.0/8"), "matchOperator": .string("NotIn"),
            "prefixLength": map(["min": .integer(16), "max": .integer(24)]), "source": .string("RemotePeers"),
            "interface": .string("eth*"), "peerType": .string("iBGP"),
            "communities": map(["values": list(.string("1:2:3"))]),
            "asPathPrefix": list(.integer(65_000), .string("1.1")), "priority": .integer(512),
            "action": .string("Accept"),
            "operations": list(
                map(["addCommunity": map(["value": .string("1:2")])]),
                map(["prependASPath": map(["prefix": list(.integer(1), .integer(2))])]),
                map(["setPriority": map(["value": .integer(100)])])
            ),
        ])
        let outcome = decode("BGPFilter", map(["exportV4": list(rule)]))
        guard case .bgpFilter(let filter)? = outcome.resources.first?.resource else {
            Issue.record("refused: \(outcome.diagnostics)")
            return
        }
        let read = try #require(filter.exportV4.first)
        let prefix = try #require(IPPrefix("10.0.0.0/8"))
        #expect(read.prefix == .init(.notIn, prefix, lengths: .init(minimum: 16, maximum: 24)))
        #expect(read.isFromRemotePeers && read.interface == "eth*" && read.peerType == .internal)
        #expect(read.community == .large(1, 2, 3) && read.pathPrefix == [65_000, 65_537] && read.priority == 512)
        #expect(
            read.operations == [.addCommunity(.standard(1, 2)), .prependASPath([1, 2]), .setPriority(100)]
        )
    }
}
