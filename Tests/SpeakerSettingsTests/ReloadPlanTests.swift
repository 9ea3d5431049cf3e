import BGPWire
import IPAddressing
import Policy
import SpeakerSettings
import Testing

@Suite("Plan of a reload")
struct ReloadPlanTests {
    private static func session(_ change: (inout BGPSettings) -> Void = { _ in }) -> BGPSettings {
        var settings = BGPSettings(
            common: CommonSettings(name: "peer"),
            localAS: 65_001,
            neighborAddress: .v4(IPv4Address(192, 0, 2, 2)),
            neighborAS: 65_002,
            isInternal: false
        )
        settings.channels = [
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
        change(&settings)
        return settings
    }

    private static func speaker(_ session: BGPSettings) -> SpeakerSettings {
        SpeakerSettings(routerID: RouterID(rawValue: 1), protocols: [.bgp(session)])
    }

    /// The action when a session changes like this.
    private static func action(_ change: (inout BGPSettings) -> Void) -> ProtocolChange.Action? {
        ReloadPlan(from: speaker(session()), to: speaker(session(change))).protocols.first?.action
    }

    @Test("Equal settings need nothing")
    func equal() {
        let plan = ReloadPlan(from: Self.speaker(Self.session()), to: Self.speaker(Self.session()))
        #expect(plan.isEmpty)
        #expect(plan.protocols == [ProtocolChange(name: "peer", action: .keep)])
    }

    /// The change when a session changes like this in a soft reload, or in one after such.
    private static func change(
        isSoft: Bool,
        waiting: Set<String> = [],
        _ change: (inout BGPSettings) -> Void
    ) -> ProtocolChange? {
        ReloadPlan(from: speaker(session()), to: speaker(session(change)), isSoft: isSoft, waiting: waiting)
            .protocols.first
    }

    @Test("A soft reload lets changed filters and preferences wait, and applies everything else")
    func soft() throws {
        let change = try #require(
            Self.change(isSoft: true) {
                $0.channels[0].channel.importPolicy = .rejectAll
                $0.channels[0].channel.importLimit = LimitSettings(count: 5, action: .warn)
                $0.common.description = "x"
            }
        )
        #expect(
            change.action == .update([.importPolicy(.ipv4Unicast), .limits(.ipv4Unicast), .description])
        )
        // The limit belongs to the source that the filter belongs to.
        #expect(change.waiting == [.importPolicy(.ipv4Unicast), .limits(.ipv4Unicast)])
        #expect(Self.change(isSoft: true) { $0.channels[0].channel.importLimit = nil }?.waiting == [])
        #expect(
            Self.change(isSoft: true) { $0.localPort = 1790 }
                == ProtocolChange(name: "peer", action: .restart(reasons: ["local port changed"]))
        )
    }

    @Test("Filters that wait are applied by the next reload that is not soft, even if nothing else differs")
    func afterSoft() {
        let filters: Set<InPlaceChange> = [.importPolicy(.ipv4Unicast), .exportPolicy(.ipv4Unicast)]
        #expect(Self.change(isSoft: false, waiting: ["peer"]) { _ in }?.action == .update(filters))
        #expect(Self.change(isSoft: false, waiting: ["other"]) { _ in }?.action == .keep)
        #expect(Self.change(isSoft: true, waiting: ["peer"]) { _ in }?.action == .keep)
    }

    @Test("An instance that is new or gone is added or removed")
    func addedAndRemoved() {
        let other = Self.session { $0.common.name = "other" }
        let plan = ReloadPlan(from: Self.speaker(Self.session()), to: Self.speaker(other))
        #expect(
            plan.protocols == [
                ProtocolChange(name: "peer", action: .remove), ProtocolChange(name: "other", action: .add),
            ]
        )
    }

    @Test(
        "Policies, limits, preference, waits, description, debug and passive change in place",
        arguments: [
            Difference({ $0.channels[0].channel.importPolicy = .rejectAll }, .importPolicy(.ipv4Unicast)),
            Difference({ $0.channels[0].channel.exportPolicy = .acceptAll }, .exportPolicy(.ipv4Unicast)),
            Difference(
                { $0.channels[0].channel.importLimit = LimitSettings(count: 5, action: .warn) },
                .limits(.ipv4Unicast)
            ),
            Difference(
                { $0.channels[0].channel.receiveLimit = LimitSettings(count: 5, action: .warn) },
                .limits(.ipv4Unicast)
            ),
            Difference(
                { $0.channels[0].channel.exportLimit = LimitSettings(count: 5, action: .warn) },
                .limits(.ipv4Unicast)
            ),
            Difference({ $0.channels[0].channel.preference = 7 }, .preference(.ipv4Unicast)),
            Difference({ $0.channels[0].channel.keepsFiltered = true }, .keepsFiltered(.ipv4Unicast)),
            Difference({ $0.channels[0].addPathsCount = 3 }, .addPathsBest(.ipv4Unicast)),
            Difference({ $0.timers.connectRetry = 7 }, .timers),
            Difference({ $0.timers.errorWait = 1...2 }, .timers),
            Difference({ $0.isPassive = true }, .passive),
            Difference({ $0.attributeLimit = 1 << 20 }, .attributeLimit),
            Difference({ $0.common.description = "x" }, .description),
            Difference({ $0.common.debug = [.states] }, .debug),
        ] as [Difference<InPlaceChange>]
    )
    func inPlace(_ difference: Difference<InPlaceChange>) {
        #expect(Self.action(difference.change) == .update([difference.expected]))
    }

    @Test(
        "What the session was opened with needs a restart, and the plan says why",
        arguments: [
            Difference({ $0.neighborAS = 65_003 }, "neighbor AS changed"),
            Difference({ $0.localAS = 65_003 }, "local AS changed"),
            Difference({ $0.password = "x" }, "password changed"),
            Difference({ $0.timers.hold = 9 }, "hold time changed"),
            Difference({ $0.timers.keepalive = 3 }, "keepalive time changed"),
            Difference({ $0.neighborPort = 1_790 }, "neighbor port changed"),
            Difference({ $0.multihopTTL = 2 }, "multihop changed"),
            Difference({ $0.ttlSecurity = true }, "ttl security changed"),
            Difference({ $0.common.isDisabled = true }, "disabled changed"),
            Difference({ $0.common.routerID = RouterID(rawValue: 9) }, "router id changed"),
            Difference({ $0.channels = [] }, "set of channels changed"),
            Difference({ $0.channels[0].channel.table = "other" }, "ipv4 table changed"),
            Difference({ $0.channels[0].nextHopSelf = .always }, "ipv4 next hop self changed"),
            Difference({ $0.extendedMessages = true }, "enable extended messages changed"),
            Difference({ $0.isRouteServerClient = true }, "rs client changed"),
            Difference({ $0.channels[0].isSecondary = true }, "ipv4 secondary changed"),
            Difference({ $0.channels[0].addPathsReceive = true }, "ipv4 add paths changed"),
            Difference({ $0.channels[0].addPathsSend = true }, "ipv4 add paths changed"),
            Difference({ $0.channels[0].aigp = .originate }, "ipv4 aigp changed"),
            Difference({ $0.rules.role = .peer }, "local role changed"),
            Difference({ $0.rules.requiresRole = true }, "require roles changed"),
            Difference({ $0.rules.confederation = 65_000 }, "confederation changed"),
            Difference({ $0.rules.isConfederationMember = true }, "confederation member changed"),
            Difference({ $0.rules.allowsASSets = true }, "allow as sets changed"),
            Difference({ $0.rules.allowsLocalPreference = true }, "allow bgp_local_pref changed"),
            Difference({ $0.rules.overridesAS = true }, "as override changed"),
            Difference({ $0.rules.honorsGracefulShutdown = false }, "honor graceful shutdown changed"),
            Difference({ $0.rules.limits.attributes = 9 }, "max attributes changed"),
            Difference({ $0.rules.limits.communities = 9 }, "max communities changed"),
            Difference({ $0.rules.limits.pathLength = 9 }, "max path length changed"),
            Difference({ $0.rules.maximumPaths = 9 }, "max paths changed"),
            Difference({ $0.rules.required = [.fourOctetAS] }, "require changed"),
            Difference({ $0.rules.enhancedRouteRefresh = false }, "enable enhanced route refresh changed"),
            Difference({ $0.rules.minimumHoldTime = 9 }, "min hold time changed"),
        ] as [Difference<String>]
    )
    func restart(_ difference: Difference<String>) {
        #expect(Self.action(difference.change) == .restart(reasons: [difference.expected]))
    }

    @Test("A new default router id restarts the sessions that use it, and no others")
    func routerID() {
        let own = Self.session {
            $0.common.name = "own"
            $0.common.routerID = RouterID(rawValue: 5)
        }
        var old = Self.speaker(Self.session())
        old.protocols.append(.bgp(own))
        var new = old
        new.routerID = RouterID(rawValue: 2)
        let plan = ReloadPlan(from: old, to: new)
        #expect(plan.routerIDChanged)
        #expect(plan.protocols.map(\.action) == [.restart(reasons: ["router id changed"]), .keep])
    }

    @Test("Tables come and go, and one that changes family restarts what is connected")
    func tables() {
        var old = Self.speaker(Self.session { $0.channels[0].channel.table = "t" })
        old.tables.append(TableSettings(name: "t", family: .ipv6Unicast))
        var new = old
        new.tables[2].family = .ipv4Unicast
        let plan = ReloadPlan(from: old, to: new)
        #expect(plan.addedTables == [TableSettings(name: "t", family: .ipv4Unicast)])
        #expect(plan.removedTables == [TableSettings(name: "t", family: .ipv6Unicast)])
        #expect(plan.protocols.map(\.action) == [.restart(reasons: ["ipv4 table changed"])])
    }

    @Test("A table that becomes sorted stays as it is")
    func sortedTable() {
        let old = Self.speaker(Self.session())
        var new = old
        new.tables[0].isSorted = true
        #expect(ReloadPlan(from: old, to: new).isEmpty)
    }

    @Test("Static routes, kernel options, interfaces and scan time change in place; the kernel table does not")
    func otherProtocols() {
        let channel = ChannelSettings(
            family: .ipv4Unicast,
            table: "master4",
            importPolicy: .acceptAll,
            exportPolicy: .rejectAll,
            preference: 10
        )
        func actions(_ old: ProtocolSettings, _ new: ProtocolSettings) -> [ProtocolChange.Action] {
            ReloadPlan(from: SpeakerSettings(protocols: [old]), to: SpeakerSettings(protocols: [new])).protocols
                .map(\.action)
        }
        let name = CommonSettings(name: "x")
        let kernel = KernelSettings(common: name, channel: channel)
        var learning = kernel
        learning.learns = true
        var elsewhere = kernel
        elsewhere.kernelTable = 7
        #expect(actions(.kernel(kernel), .kernel(learning)) == [.update([.kernelOptions])])
        #expect(actions(.kernel(kernel), .kernel(elsewhere)) == [.restart(reasons: ["kernel table changed"])])
        let route = StaticRouteSettings(
            prefix: .v4(IPv4Prefix(address: IPv4Address(10, 0, 0, 0), length: 8)),
            target: .blackhole
        )
        let empty = StaticSettings(common: name, channel: channel)
        let one = StaticSettings(common: name, channel: channel, routes: [route])
        #expect(actions(.static(empty), .static(one)) == [.update([.staticRoutes])])
        let all = DirectSettings(common: name, channels: [channel])
        let some = DirectSettings(
            common: name,
            channels: [channel],
            interfaces: [InterfacePattern(isNegative: false, glob: "e*")]
        )
        #expect(actions(.direct(all), .direct(some)) == [.update([.interfaces])])
        let slow = DeviceSettings(common: name)
        let fast = DeviceSettings(common: name, scanTime: 2)
        #expect(actions(.device(slow), .device(fast)) == [.update([.scanTime])])
        #expect(actions(.device(slow), .direct(all)) == [.restart(reasons: ["kind of protocol changed"])])
    }
}

/// A change of settings and what the plan should make of it.
struct Difference<Expected: Sendable>: Sendable {
    let change: @Sendable (inout BGPSettings) -> Void
    let expected: Expected

    init(_ change: @escaping @Sendable (inout BGPSettings) -> Void, _ expected: Expected) {
        self.change = change
        self.expected = expected
    }
}
