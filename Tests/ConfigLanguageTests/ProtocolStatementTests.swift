import BGPWire
import IPAddressing
import SpeakerSettings
import Testing

@testable import ConfigLanguage
@testable import Policy

@Suite("Statements of protocols")
struct ProtocolStatementTests {
    @Test("A route reflector's configuration gives its sessions")
    func routeReflector() throws {
        let all = try settings(
            """
            router id 10.0.0.1;
            log "/tmp/x.log" { warning, error, fatal, bug };
            protocol direct { ipv4; }
            protocol bgp p1 { local 10.0.0.1 as 65000; neighbor 10.0.1.1 as 65000; passive on; error wait time 1, 2;
              error forget time 1; hold time 180; rr client; ipv4 { import all; export where source = RTS_BGP; }; }
            """
        )
        #expect(all.routerID == RouterID("10.0.0.1"))
        #expect(
            all.logs == [
                LogSettings(destination: .file(path: "/tmp/x.log"), classes: [.warning, .error, .fatal, .bug])
            ]
        )
        guard case .bgp(let session) = all.protocols.last else { throw TestFailure() }
        #expect(session.common.name == "p1")
        #expect(session.isPassive && session.isRouteReflectorClient && session.isInternal)
        #expect(session.multihopTTL == 255)
        #expect(session.timers.errorWait == 1...2)
        #expect(session.timers.errorForget == 1)
        #expect(session.timers.hold == 180)
        #expect(session.channels.first?.channel.importPolicy == .acceptAll)
        #expect(session.channels.first?.channel.exportPolicy.constantVerdict == nil)
    }

    @Test("Rules of a session are those that were written down")
    func rules() throws {
        let plain = try session(externalSession())
        #expect(plain.rules == BGPRules())
        #expect(plain.channels.first?.aigp == nil)
        let rules = try session(
            externalSession(
                """
                local role rs_client; require roles; confederation 65000; allow as sets; allow bgp_local_pref;
                as override; honor graceful shutdown off; max attributes 20; max communities 30; max path length 40; max paths 50;
                require route refresh; require as4; require as4 off; require enhanced route refresh;
                enable extended messages; require extended messages; min hold time 9;
                """
            )
        ).rules
        #expect(rules.role == .routeServerClient && rules.requiresRole)
        #expect(rules.confederation == 65000 && !rules.isConfederationMember)
        #expect(rules.allowsASSets && rules.allowsLocalPreference && rules.overridesAS && !rules.honorsGracefulShutdown)
        #expect((rules.limits.attributes, rules.limits.communities, rules.limits.pathLength) == (20, 30, 40))
        #expect(rules.required == [.routeRefresh, .enhancedRouteRefresh, .extendedMessages])
        #expect(rules.maximumPaths == 50)
        #expect(rules.minimumHoldTime == 9)
        #expect(try session(externalSession("min hold time 0;")).rules.minimumHoldTime == 3)
        #expect(try !session(externalSession("enable enhanced route refresh off;")).rules.enhancedRouteRefresh)
        for (text, expected) in [("aigp", .on), ("aigp off", .off), ("aigp originate", .originate)]
            as [(String, BGPChannelSettings.AIGPUse)]
        {
            #expect(try session(externalSession(channel: text + ";")).channels.first?.aigp == expected)
        }
        for (name, role) in [
            ("provider", .provider), ("customer", .customer), ("peer", .peer), ("rs_server", .routeServer),
        ] as [(String, BGPRole)] {
            #expect(try session(externalSession("local role \(name);")).rules.role == role)
        }
    }

    @Test(
        "Rules that do not go together are errors",
        arguments: [
            "require roles;", "confederation member;", "confederation 65000; confederation member; local role peer;",
            "confederation 65000; confederation member; as override;",
            "confederation 65000; confederation member; rs client;", "rs client; as override;",
            "enable route refresh off; require route refresh;", "require extended messages;",
            "enable enhanced route refresh off; require enhanced route refresh;", "local role king;",
            "max attributes 7;", "max path length 0;", "confederation 0;",
        ]
    )
    func contradictions(options: String) {
        #expect(errors(externalSession(options)).count == 1)
    }

    @Test("Internal neighbours have no role and no AS to override")
    func internalRules() {
        for options in ["local role peer;", "as override;"] {
            let text = "protocol bgp b { local 192.0.2.1 as 65001; neighbor 192.0.2.2 as 65001; \(options) ipv4; }"
            #expect(errors(text).count == 1)
        }
    }

    @Test("A limit has a warning on the way, and a time after which a session comes back")
    func limits() throws {
        let channel = try #require(
            try session(
                externalSession(
                    channel: "import limit 9 warning 80 action restart after 30; receive limit 8 warning 1;"
                )
            ).channels.first?.channel
        )
        var expected = LimitSettings(count: 9, action: .restart)
        (expected.warningPercent, expected.restartAfter) = (80, 30)
        #expect(channel.importLimit == expected)
        expected = LimitSettings(count: 8, action: .disable)
        expected.warningPercent = 1
        #expect(channel.receiveLimit == expected)
        for text in ["9 warning 100", "9 action block after 3", "9 action restart after 0"] {
            #expect(errors(externalSession(channel: "import limit \(text);")).count == 1)
        }
    }

    @Test("An attribute limit is in MiB and bounded")
    func attributeLimit() throws {
        #expect(try session(externalSession("attribute limit 3;")).attributeLimit == 3 << 20)
        for limit in ["0", "1048577"] {
            #expect(
                errors(externalSession("attribute limit \(limit);"))
                    == ["1:89 attribute limit in MiB \(limit) is out of range (1 to 1048576)"]
            )
        }
    }

    @Test("add paths says which direction has identifiers, and best N how many paths are sent")
    func addPaths() throws {
        func channel(_ text: String) throws -> BGPChannelSettings {
            try #require(try session(externalSession(channel: text)).channels.first)
        }
        for (text, receive, send) in [
            ("", false, false), ("add paths;", true, true), ("add paths on;", true, true),
            ("add paths rx;", true, false), ("add paths tx;", false, true),
            ("add paths on; add paths off;", false, false),
        ] {
            let settings = try channel(text)
            #expect(settings.addPathsReceive == receive && settings.addPathsSend == send)
            #expect(settings.addPathsCount == nil)
        }
        #expect(try channel("add paths tx; add paths best 4;").addPathsCount == 4)
        #expect(try channel("add paths best 4; add paths on;").addPathsCount == 4)
        // A template may say how many; an instance that sends none need not know.
        #expect(try channel("add paths on; add paths best 4; add paths rx;").addPathsCount == nil)
    }

    @Test("secondary needs a sorted table, which may be declared behind the protocol")
    func secondary() throws {
        let text = externalSession("rs client;", channel: "secondary;")
        for table in ["ipv4 table master4 sorted;", "ipv4 table master4 { sorted; };"] {
            let settled = try session("\(text)\n\(table)")
            #expect(settled.isRouteServerClient)
            #expect(settled.channels.first?.isSecondary == true)
        }
        #expect(errors("\(text)\nipv4 table master4 sorted { sorted off; };").count == 1)
        #expect(try settings("ipv4 table t sorted;").tables.map(\.isSorted) == [false, false, true])
    }

    @Test("An unset option has BIRD's default")
    func defaults() throws {
        let session = try session(externalSession())
        var expected = BGPSettings(
            common: CommonSettings(name: "b"),
            localAS: 65001,
            neighborAddress: try #require(IPAddress("192.0.2.2")),
            neighborAS: 65002,
            isInternal: false
        )
        expected.localAddress = IPAddress("192.0.2.1")
        expected.channels = [
            BGPChannelSettings(
                channel: ChannelSettings(
                    family: .ipv4Unicast,
                    table: "master4",
                    importPolicy: .acceptAll,
                    exportPolicy: .rejectAll,
                    preference: 100
                )
            )
        ]
        #expect(session == expected)
    }

    @Test("Graceful restart: by default the neighbour may restart, and every time and family can be set")
    func gracefulRestart() throws {
        let plain = try session("protocol bgp { local as 5; neighbor 192.0.2.2 as 5; ipv4; }").restart
        #expect(plain.mode == .aware && plain.longLivedMode == .aware && plain.time == 120 && plain.staleTime == 3600)
        let full = try session(
            """
            protocol bgp { local as 5; neighbor 192.0.2.2 as 5; graceful restart; graceful restart time 30;
              min graceful restart time 10; max graceful restart time 60;
              long lived graceful restart on; long lived stale time 600;
              min long lived stale time 5; max long lived stale time 900; stale path time 20;
              ipv4 { graceful restart off; }; ipv6 { long lived graceful restart off; long lived stale time 7; }; }
            """
        )
        #expect(full.restart.mode == .on && full.restart.longLivedMode == .on)
        #expect(full.restart.time == 30 && full.restart.timeLimits == 10...60)
        #expect(full.restart.staleTime == 600 && full.restart.staleTimeLimits == 5...900)
        #expect(plain.stalePathTime == 360 && full.restart.stalePathTime == 20)
        #expect(full.channels.map(\.restarts) == [false, true])
        #expect(full.channels.map(\.restartsLongLived) == [true, false])
        #expect(full.channels.map(\.longLivedStaleTime) == [nil, 7])
        #expect(try settings("graceful restart wait 9; protocol direct { ipv4; }").restartWait == 9)
    }
}

struct TestFailure: Error {}
