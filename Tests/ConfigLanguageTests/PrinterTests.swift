import BGPWire
import SpeakerSettings
import Testing

@testable import ConfigLanguage

@Suite("The effective configuration")
struct PrinterTests {
    private static func text(_ text: String, secrets: Bool = true) throws -> String {
        let sources = InMemorySources(["t.conf": text])
        return try #require(
            ConfigurationPrinter(root: "t.conf", provider: sources, showsSecrets: secrets).effective
        )
    }

    @Test("A fixture's reads back to the same settings", arguments: RepositoryConfigurations.entries)
    func fixtures(_ entry: RepositoryConfigurations.Entry) throws {
        let sources = try entry.sources()
        let printer = ConfigurationPrinter(
            root: entry.path,
            provider: sources,
            dialect: entry.dialect,
            showsSecrets: true
        )
        let before = try #require(printer.result.settings)
        let result = load(try #require(printer.effective))
        #expect(result.errors.map(\.description) == [])
        #expect(result.settings == Self.sayable(before))
    }

    /// Settings as BIRD 2's language can say them: it has no word for listening at an address that is not the session's.
    private static func sayable(_ settings: SpeakerSettings) -> SpeakerSettings {
        var settings = settings
        settings.protocols = settings.protocols.map { instance in
            guard case .bgp(var session) = instance else { return instance }
            if session.listenAddress != session.localAddress { session.listenAddress = nil }
            return .bgp(session)
        }
        return settings
    }

    @Test("So does that of every text which tests use, and once more", arguments: RepositoryConfigurations.texts)
    func texts(_ text: String) throws {
        let before = try #require(load(text).settings)
        let once = try Self.text(text)
        let result = load(once)
        #expect(result.errors.map(\.description) == [])
        #expect(result.settings == before)
        #expect(try Self.text(once) == once)
    }

    @Test("Every option stands there with its value, also those that nobody gave")
    func defaults() throws {
        let text = try Self.text(
            "template bgp t { local as 65001; ipv4 { import all; export none; }; } protocol bgp from t { neighbor 192.0.2.1 as 2; }"
        )
        for line in [
            "protocol bgp bgp1 {", "  local port 179 as 65001;", "  direct;", "  hold time 240;", "  passive off;",
            "    table master4;", "    preference 100;", "    import limit off;", "    # gateway: direct",
            "  # keepalive time: a third of the negotiated hold time",
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)")
        }
    }

    @Test("Passwords are printed only when asked for")
    func secrets() throws {
        let text = "protocol bgp { local as 1; neighbor 192.0.2.1 as 1; password \"S3cret\"; ipv4; }"
        #expect(try Self.text(text).contains("password \"S3cret\";"))
        let hidden = try Self.text(text, secrets: false)
        #expect(!hidden.contains("S3cret") && hidden.contains("password \"hidden\";"))
    }

    @Test("Names that are no words are quoted")
    func names() throws {
        let text = try Self.text("ipv4 table 'a-b'; protocol direct 'x.y' { ipv4 { table 'a-b'; }; }")
        #expect(text.contains("ipv4 table 'a-b';") && text.contains("protocol direct 'x.y' {"))
        #expect(load(text).errors.isEmpty)
    }

    /// Fails when settings get a field: print it in ``ConfigurationPrinter`` and name it here.
    @Test("No setting is forgotten")
    func fields() throws {
        func names(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }
        let all = try settings(
            "protocol bgp { local as 1; neighbor 192.0.2.1 as 1; ipv4; } protocol kernel { ipv4; } protocol static { ipv4; } ipv4 table t; protocol pipe { table t; peer table master4; }"
        )
        #expect(names(all) == ["routerID", "routerIDPatterns", "tables", "protocols", "logs", "restartWait"])
        for instance in all.protocols {
            #expect(names(instance.common) == ["name", "isDisabled", "description", "debug", "routerID"])
            switch instance {
            case .bgp(let bgp):
                #expect(
                    names(bgp) == [
                        "common", "localAS", "localAddress", "localPort", "listenAddress", "neighborAddress",
                        "interfaceName", "neighborPort", "neighborAS", "isInternal", "multihopTTL", "ttlSecurity",
                        "isPassive", "password", "isRouteReflectorClient", "isRouteServerClient", "clusterID",
                        "allowedLocalAS", "interpretsCommunities", "enforcesFirstAS", "defaultLocalPreference",
                        "defaultMED", "deterministicMED", "comparesMEDAlways", "prefersOlder", "comparesPathLength",
                        "comparesIGPMetric", "routeRefresh", "extendedMessages", "attributeLimit", "disablesAfterError",
                        "disablingCeases", "timers", "restart", "rules", "channels",
                    ]
                )
                #expect(
                    names(bgp.restart) == [
                        "mode", "time", "timeLimits", "longLivedMode", "staleTime", "staleTimeLimits", "stalePathTime",
                    ]
                )
                #expect(
                    names(bgp.rules) == [
                        "role", "requiresRole", "confederation", "isConfederationMember", "allowsASSets",
                        "allowsLocalPreference", "overridesAS", "honorsGracefulShutdown", "limits", "maximumPaths",
                        "required", "enhancedRouteRefresh", "minimumHoldTime", "minimumKeepaliveTime", "sendsMED",
                    ]
                )
                #expect(names(bgp.rules.limits) == ["attributes", "pathLength", "communities"])
                #expect(
                    names(bgp.timers) == [
                        "hold", "startupHold", "keepalive", "connectDelay", "connectRetry", "errorWait", "errorForget",
                        "sendHold",
                    ]
                )
                let channel = try #require(bgp.channels.first)
                #expect(
                    names(channel) == [
                        "channel", "nextHopSelf", "nextHopKeep", "nextHopAddress", "gateway", "igpTable",
                        "preferredNextHop", "cost", "requiresExtendedNextHop", "requiresAddPaths", "extendedNextHop",
                        "aigp",
                        "isMandatory", "isSecondary", "addPathsReceive", "addPathsSend",
                        "addPathsCount", "restarts", "restartsLongLived", "longLivedStaleTime", "minimumStaleTime",
                        "maximumStaleTime",
                    ]
                )
                #expect(
                    names(channel.channel) == [
                        "family", "table", "importPolicy", "exportPolicy", "preference", "importLimit", "receiveLimit",
                        "exportLimit", "keepsFiltered",
                    ]
                )
            case .kernel(let kernel):
                #expect(
                    names(kernel) == [
                        "common", "channel", "learns", "learnsKernelRoutes", "persists", "scanTime", "mergePaths",
                        "kernelTable", "metric",
                    ]
                )
            case .static(let routes): #expect(names(routes) == ["common", "channel", "igpTable", "routes"])
            case .direct(let direct): #expect(names(direct) == ["common", "channels", "interfaces"])
            case .device(let device): #expect(names(device) == ["common", "scanTime"])
            case .pipe(let pipe): #expect(names(pipe) == ["common", "channel", "peerTable", "maximumGeneration"])
            }
        }
    }
}
