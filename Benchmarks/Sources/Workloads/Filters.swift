import BGPWire
import ConfigLanguage
import IPAddressing
import Policy
import RouteModel
import SpeakerSettings

/// Filters in the configuration's language, as the speaker compiles them.
enum Filters {
    static func program(_ body: String) -> FilterProgram {
        let text = """
            router id 192.0.2.1;
            filter measured { \(body) }
            protocol bgp b {
                local 192.0.2.1 as 65001;
                neighbor 192.0.2.2 as 65002;
                ipv4 { import filter measured; export none; };
            }
            """
        let result = ConfigurationLoader.load(root: "b.conf", provider: InMemorySources(["b.conf": text]))
        for case .bgp(let settings) in result.settings?.protocols ?? [] {
            if let channel = settings.channels.first { return channel.channel.importPolicy }
        }
        preconditionFailure("a configuration that checks: \(result.errors.map(\.message))")
    }

    /// Twenty conditions with two statements each.
    static let communities =
        (0..<20).map { number in
            """
            if (65001, \(number)) ~ bgp_community then {
                bgp_local_pref = \(100 + number);
                bgp_community.add((65001, \(1000 + number)));
            }
            """
        }.joined() + "accept;"

    /// Twenty prefix sets with two statements each.
    static let prefixSets =
        (0..<20).map { number in
            """
            if net ~ [ \(number).0.0.0/8{16,24}, \(number + 100).16.0.0/12+, 192.168.\(number).0/24 ] then {
                bgp_local_pref = \(100 + number);
                bgp_med = \(number);
            }
            """
        }.joined() + "if net.len > 24 then reject; accept;"

    static func drafts(_ count: Int) -> [RouteDraft] {
        let origin = RouteOrigin(source: .bgp, protocolName: "b", from: .v4(IPv4Address(192, 0, 2, 2)))
        return (0..<count).map { number in
            var attributes = Updates.attributes(number)
            attributes.communities = (0..<5).map { Community(65_001, UInt16((number + $0 * 7) % 40)) }
            let prefix = IPv4Prefix(
                address: IPv4Address(UInt8(number % 200), UInt8(number / 200 % 256), 0, 0),
                length: UInt8(16 + number % 10)
            )
            return RouteDraft(
                prefix: .v4(prefix),
                origin: origin,
                attributes: attributes,
                target: .recursive(Updates.nextHop, interface: 0),
                local: LocalAttributes(preference: 100)
            )
        }
    }
}

extension Workload {
    static let filters: [Workload] = [
        filter("filter_constant", "accept;", accepted: 1_000),
        filter("filter_communities", Filters.communities, accepted: 1_000),
        filter("filter_prefix_sets", Filters.prefixSets, accepted: 900),
    ]

    private static func filter(_ name: String, _ body: String, accepted: Int) -> Workload {
        Workload(name) {
            let program = Filters.program(body)
            let drafts = Filters.drafts(1_000)
            return {
                var count = 0
                for draft in drafts {
                    var draft = draft
                    if program.evaluate(&draft) == .accept { count += 1 }
                }
                precondition(count == accepted, "\(name) accepted \(count)")
            }
        }
    }
}
