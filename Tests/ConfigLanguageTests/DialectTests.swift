import BGPWire
import IPAddressing
import SpeakerSettings
import Testing

@testable import ConfigLanguage
@testable import Policy

@Suite("Dialect of BIRD 1.6")
struct DialectTests {
    private static func load(_ text: String, _ dialect: Dialect = .bird1IPv4) -> LoadResult {
        ConfigurationLoader.load(root: "t.conf", provider: InMemorySources(["t.conf": text]), dialect: dialect)
    }

    private static func settings(_ text: String, _ dialect: Dialect = .bird1IPv4) throws -> SpeakerSettings {
        let result = Self.load(text, dialect)
        #expect(result.errors.map(\.description) == [])
        return try #require(result.settings)
    }

    private static func session(_ text: String, _ dialect: Dialect = .bird1IPv4) throws -> BGPSettings {
        for case .bgp(let session) in try Self.settings(text, dialect).protocols { return session }
        throw TestFailure()
    }

    @Test("Options of routes stand in the protocol and belong to the dialect's family")
    func protocolLevel() throws {
        let text = """
            table t;
            protocol bgp b { local as 1; neighbor 192.0.2.2 as 2; table t; import all; export none; preference 7;
              import limit 5 action block; next hop self; gateway recursive; multihop; }
            """
        let channel = try #require(try Self.session(text).channels.first)
        #expect(channel.channel.family == .ipv4Unicast)
        #expect(channel.channel.table == "t")
        #expect(channel.channel.preference == 7)
        #expect(channel.channel.importLimit == LimitSettings(count: 5, action: .block))
        #expect(channel.nextHopSelf == .always && channel.gateway == .recursive)
        #expect(try Self.session(text, .bird1IPv6).channels.map(\.channel.family) == [.ipv6Unicast])
    }

    @Test("Without policy a session imports everything and exports nothing, with another AS too")
    func defaults() throws {
        let channel = try #require(
            try Self.session("protocol bgp { local as 1; neighbor 192.0.2.2 as 2; }").channels.first?.channel
        )
        #expect(channel.importPolicy == .acceptAll && channel.exportPolicy == .rejectAll)
        #expect(channel.table == "master4")
    }

    @Test("The table master is the family's")
    func master() throws {
        for (dialect, name) in [(Dialect.bird1IPv4, "master4"), (.bird1IPv6, "master6")] {
            let all = try Self.settings("protocol direct { table master; }", dialect)
            #expect(all.protocols.first?.channels.map(\.table) == [name])
        }
    }

    @Test("'listen bgp' holds for every session, wherever it stands")
    func listen() throws {
        let session = try Self.session(
            "protocol bgp { local as 1; neighbor 192.0.2.2 as 2; } listen bgp address 192.0.2.1 port 1790;"
        )
        #expect(session.localPort == 1790)
        #expect(session.listenAddress == IPAddress("192.0.2.1"))
        #expect(
            Self.load("listen bgp address ::1; protocol device {}").errors.map(\.message)
                == ["::1 is of the other family"]
        )
    }

    @Test("A template's options are those of its instances, which may change them")
    func templates() throws {
        let session = try Self.session(
            """
            template bgp t { local as 1; import none; export all; passive on; }
            protocol bgp from t { neighbor 192.0.2.2 as 1; import all; }
            """
        )
        let channel = try #require(session.channels.first?.channel)
        #expect(channel.importPolicy == .acceptAll && channel.exportPolicy == .acceptAll && session.isPassive)
    }

    @Test("Graceful restart, which generated files always have, is read as in BIRD 2")
    func gracefulRestart() throws {
        let session = try Self.session(
            "protocol bgp { local as 1; neighbor 192.0.2.2 as 2; graceful restart; graceful restart time 10; }"
        )
        #expect(session.restart.mode == .on && session.restart.time == 10)
    }

    @Test(
        "Each language is told where it writes what the other writes elsewhere",
        arguments: [
            ("protocol static { ipv4; }", "BIRD 1.6 has no channels: write their options in the protocol itself"),
            ("ipv4 table t; protocol device {}", "BIRD 1.6 has one family: write 'table NAME;'"),
            (
                "lisen bgp port 5; protocol device {}",
                "'lisen' is not a statement of the configuration; did you mean 'listen'?"
            ),
        ]
    )
    func hints(text: String, message: String) {
        #expect(Self.load(text).errors.map(\.message) == [message])
    }

    @Test("Static routes have the old words")
    func staticRoutes() throws {
        let all = try Self.settings(
            """
            protocol static { route 10.0.0.0/8 drop; route 10.1.0.0/16 reject;
              route 10.2.0.0/16 multipath via 192.0.2.1 weight 2 via 192.0.2.3; }
            """
        )
        guard case .static(let routes) = all.protocols.first else { throw TestFailure() }
        #expect(routes.routes.map(\.target).prefix(2) == [.blackhole, .unreachable])
        guard case .via(let hops) = routes.routes.last?.target else { throw TestFailure() }
        #expect(hops.map(\.weight) == [2, 1])
    }

    @Test("'strict bind' needs an address and listens on it alone")
    func strictBind() throws {
        let own = "local 192.0.2.1 as 1; neighbor 192.0.2.2 as 1; ipv4;"
        #expect(try sessionOfBird2("protocol bgp { \(own) strict bind on; }").listenAddress == IPAddress("192.0.2.1"))
        #expect(try sessionOfBird2("protocol bgp { \(own) }").listenAddress == nil)
        #expect(
            errors("protocol bgp { local as 1; neighbor 192.0.2.2 as 1; strict bind on; ipv4; }")
                == ["1:53 'strict bind' needs the session's own address: 'local IP'"]
        )
    }
}

/// The one session of a text in BIRD 2's language.
private func sessionOfBird2(_ text: String) throws -> BGPSettings { try session(text) }
