import BGPWire
import ConfigLanguage
import IPAddressing
import RouteModel
import SpeakerSettings
import Testing

@testable import Confd
@testable import Policy

/// The compiled filters of rendered files.
enum RenderedPolicy {
    /// What the speaker's parser makes of the files of a bench.
    static func settings(_ bench: Bench) throws -> SpeakerSettings {
        let files = try bench.directory.files(below: "out")
        let result = ConfigurationLoader.load(root: "speaker.conf", provider: InMemorySources(files))
        return try Cluster.required(result.settings, "\(result.diagnostics)")
    }

    /// The export filter of the IPv4 kernel protocol.
    static func kernel(_ settings: SpeakerSettings) throws -> FilterProgram {
        for case .kernel(let kernel) in settings.protocols where kernel.channel.family == .ipv4Unicast {
            return kernel.channel.exportPolicy
        }
        throw Cluster.Malformed(text: "no kernel protocol")
    }

    /// The channel of the first session within the AS or out of it.
    static func session(_ settings: SpeakerSettings, isInternal: Bool) throws -> ChannelSettings {
        for case .bgp(let session) in settings.protocols where session.isInternal == isInternal {
            if let channel = session.channels.first { return channel.channel }
        }
        throw Cluster.Malformed(text: "no session")
    }

    /// A route through an interface, with a next hop that is on it.
    static func route(
        _ prefix: String,
        _ source: RouteSource,
        interface: String = "eth0",
        _ attributes: PathAttributes = PathAttributes()
    ) throws -> RouteDraft {
        let gateway = try Cluster.address("10.0.0.9")
        return RouteDraft(
            prefix: try Cluster.prefix(prefix),
            origin: RouteOrigin(source: source, protocolName: "x"),
            attributes: attributes,
            target: .gateways([Gateway(address: gateway, interface: 1)]),
            local: LocalAttributes(preference: 100, kernelMetric: nil),
            gateway: gateway,
            interfaceName: interface
        )
    }

    /// What a filter says about a route, which must not make it fail.
    static func verdict(_ program: FilterProgram, _ route: RouteDraft) -> PolicyVerdict {
        var route = route
        let outcome = program.run(&route)
        #expect(outcome.error == nil)
        return outcome.verdict
    }
}
