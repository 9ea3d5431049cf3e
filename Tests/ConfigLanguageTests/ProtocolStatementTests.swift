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
              min long lived stale time 5; max long lived stale time 900;
              ipv4 { graceful restart off; }; ipv6 { long lived graceful restart off; long lived stale time 7; }; }
            """
        )
        #expect(full.restart.mode == .on && full.restart.longLivedMode == .on)
        #expect(full.restart.time == 30 && full.restart.timeLimits == 10...60)
        #expect(full.restart.staleTime == 600 && full.restart.staleTimeLimits == 5...900)
        #expect(full.channels.map(\.restarts) == [false, true])
        #expect(full.channels.map(\.restartsLongLived) == [true, false])
        #expect(full.channels.map(\.longLivedStaleTime) == [nil, 7])
        #expect(try settings("graceful restart wait 9; protocol direct { ipv4; }").restartWait == 9)
    }
}

struct TestFailure: Error {}
