import BGPWire
import ControlAPI
import Foundation
import IPAddressing
import TestSupport
import Testing

extension Interop {
    /// Options of sessions that say which routes pass, with bare speakers at both ends.
    @Suite("Session rules")
    struct SessionRuleTests {
        private typealias End = RawSessions.End

        private static func sequence(_ numbers: UInt32...) -> [ASPath.Segment] {
            [ASPath.Segment(kind: .sequence, numbers: numbers.map(ASNumber.init(rawValue:)))]
        }

        private static func confederation(_ numbers: UInt32..., then rest: UInt32...) -> [ASPath.Segment] {
            [ASPath.Segment(kind: .confederationSequence, numbers: numbers.map(ASNumber.init(rawValue:)))]
                + (rest.isEmpty ? [] : [ASPath.Segment(kind: .sequence, numbers: rest.map(ASNumber.init(rawValue:)))])
        }

        private static func log(_ lab: Lab) throws -> String {
            try String(contentsOfFile: lab.folder + "/martlet.log", encoding: .utf8)
        }

        private static func onlyToCustomer(_ attributes: PathAttributes?) -> UInt32? {
            attributes?.view.number(.onlyToCustomer)
        }

        private func rejections(_ martlet: MartletProcess) async throws -> [String: String] {
            let routes = try await martlet.withClient { try await $0.routes(RouteQuery()) }
            var result: [String: String] = [:]
            for route in routes where route.rejected != nil { result["\(route.prefix)"] = route.rejected }
            return result
        }

        /// Runs a script and returns what was heard, and which routes were rejected meanwhile once there are `count`.
        private func run(
            _ martlet: MartletProcess,
            in namespace: Lab.Namespace,
            _ ends: [RawSessions.End],
            _ steps: [(end: Int, message: [UInt8])],
            rejections count: Int
        ) async throws -> (heard: [RawSessions.Heard], rejections: [String: String]) {
            async let script = RawSessions.run(in: namespace, ends, steps, quiet: 3)
            var rejections: [String: String] = [:]
            _ = try await eventually {
                rejections = try await self.rejections(martlet)
                return rejections.count >= count
            }
            return (try await script, rejections)
        }

        @Test("RFC 9234 §5: routes that came down go down only, and are marked on the way")
        func roles() async throws {
            let configuration =
                Interop.rawSession("customer1", 11, as: 65_011, "local role provider;")
                + Interop.rawSession("provider1", 12, as: 65_012, "local role customer;")
                + Interop.rawSession("peer1", 13, as: 65_013, "local role peer;")
                + Interop.rawSession("plain", 14, as: 65_014)
            try await Interop.withRawSessions(configuration) { _, martlet, there in
                let roles: [BGPRole?] = [.customer, .provider, .peer, nil]
                let ends = roles.enumerated().map { index, role in
                    End(
                        address: "10.20.0.\(11 + index)",
                        asNumber: 65_011 + UInt32(index),
                        capabilities: [.multiprotocol(.ipv4Unicast)] + (role.map { [.role($0)] } ?? [])
                    )
                }
                func announce(_ end: Int, _ prefix: String, otc: UInt32? = nil) throws -> (Int, [UInt8]) {
                    (
                        end,
                        try RawSessions.announce([prefix], by: ends[end], path: Self.sequence(ends[end].asNumber)) {
                            if let otc { $0.set(.onlyToCustomer, flags: [.optional, .transitive], value: otc.bytes) }
                        }
                    )
                }
                let (heard, rejections) = try await self.run(
                    martlet,
                    in: there,
                    ends,
                    [
                        announce(0, "192.0.2.0/28"), announce(0, "192.0.2.16/28", otc: 65_011),
                        announce(1, "192.0.2.32/28"), announce(1, "192.0.2.48/28", otc: 65_099),
                        announce(2, "192.0.2.64/28", otc: 65_013), announce(2, "192.0.2.80/28", otc: 65_099),
                        announce(3, "192.0.2.96/28"),
                    ],
                    rejections: 2
                )
                let open = try #require(heard[0].open)
                #expect(open.capabilities.contains(.role(.provider)))
                #expect(heard[3].open?.capabilities.contains { if case .role = $0 { true } else { false } } == false)
                let (customer, provider, peer, plain) = (
                    heard[0].routes, heard[1].routes, heard[2].routes, heard[3].routes
                )
                // From a customer without OTC: everywhere, marked towards the peer.
                #expect(Self.onlyToCustomer(peer["192.0.2.0/28"]) == 64_512)
                #expect(provider["192.0.2.0/28"] != nil && Self.onlyToCustomer(provider["192.0.2.0/28"]) == nil)
                #expect(plain["192.0.2.0/28"] != nil && Self.onlyToCustomer(plain["192.0.2.0/28"]) == nil)
                // A leak of a customer and one of a peer.
                for prefix in ["192.0.2.16/28", "192.0.2.80/28"] {
                    #expect(heard.allSatisfy { $0.routes[prefix] == nil })
                    #expect(rejections[prefix] == "route leak by OTC")
                }
                // From a provider or a peer: marked, to customers and sessions without a role.
                for (prefix, mark) in [("192.0.2.32/28", 65_012), ("192.0.2.48/28", 65_099), ("192.0.2.64/28", 65_013)]
                    as [(String, UInt32)]
                {
                    #expect(Self.onlyToCustomer(customer[prefix]) == mark)
                    #expect(Self.onlyToCustomer(plain[prefix]) == mark)
                    #expect(provider[prefix] == nil && peer[prefix] == nil)
                }
                #expect(Self.onlyToCustomer(customer["192.0.2.96/28"]) == 64_512)
                #expect(heard.allSatisfy { $0.notification == nil })
            }
        }

        @Test(
            "RFC 9234 §4.2: a wrong role, and with 'require roles' none, is refused with 2/11; 2/7 names what is required"
        )
        func refusals() async throws {
            let configuration =
                Interop.rawSession("wrong", 11, as: 65_011, "local role provider;")
                + Interop.rawSession("none", 12, as: 65_012, "local role provider; require roles;")
                + Interop.rawSession("refresh", 13, as: 65_013, "require enhanced route refresh;")
                + Interop.rawSession("narrow", 14, as: 65_014, "require as4;")
                + Interop.rawSession("hasty", 15, as: 65_015, "min hold time 120;")
            try await Interop.withRawSessions(configuration) { _, _, there in
                let ends = [
                    End(address: "10.20.0.11", asNumber: 65_011, capabilities: [.role(.provider)]),
                    End(address: "10.20.0.12", asNumber: 65_012),
                    End(address: "10.20.0.13", asNumber: 65_013, capabilities: [.routeRefresh]),
                    End(address: "10.20.0.14", asNumber: 65_014, hasFourOctetAS: false),
                    End(address: "10.20.0.15", asNumber: 65_015),
                ]
                let heard = try await RawSessions.run(in: there, ends, [])
                #expect(
                    heard.map(\.notification) == [
                        .open(.roleMismatch), .open(.roleMismatch), .open(.unsupportedCapability, data: [70, 0]),
                        .open(.unsupportedCapability, data: [65, 4, 0, 0, 0xFC, 0]), .open(.unacceptableHoldTime),
                    ]
                )
            }
        }

        @Test(
            "'require …' of restarts and channels names the missing capability in 2/7, 'min keepalive time' refuses with 2/6"
        )
        func moreRefusals() async throws {
            let next = "import all; export all; extended next hop on; require extended next hop on;"
            let paths = "import all; export all; add paths rx; require add paths on;"
            let configuration =
                Interop.rawSession("restart", 11, as: 65_011, "require graceful restart;")
                + Interop.rawSession("stale", 12, as: 65_012, "require long lived graceful restart;")
                + Interop.rawSession("next", 13, as: 65_013, channel: next)
                + Interop.rawSession("paths", 14, as: 65_014, channel: paths)
                + Interop.rawSession("fits", 15, as: 65_015, channel: paths)
                + Interop.rawSession("hasty", 16, as: 65_016, "min keepalive time 5;")
            try await Interop.withRawSessions(configuration) { _, _, there in
                let ipv4 = Capability.multiprotocol(.ipv4Unicast)
                func path(receive: Bool, send: Bool) -> Capability {
                    .addPath([.init(family: .ipv4Unicast, receive: receive, send: send)])
                }
                let ends = [
                    End(address: "10.20.0.11", asNumber: 65_011, capabilities: [ipv4]),
                    End(address: "10.20.0.12", asNumber: 65_012, capabilities: [ipv4]),
                    End(address: "10.20.0.13", asNumber: 65_013, capabilities: [ipv4]),
                    End(
                        address: "10.20.0.14",
                        asNumber: 65_014,
                        capabilities: [ipv4, path(receive: true, send: false)]
                    ),
                    End(
                        address: "10.20.0.15",
                        asNumber: 65_015,
                        capabilities: [ipv4, path(receive: false, send: true)]
                    ),
                    End(address: "10.20.0.16", asNumber: 65_016, capabilities: [ipv4]),
                ]
                let heard = try await RawSessions.run(in: there, ends, [], quiet: 2)
                #expect(heard.prefix(4).map { $0.notification?.data.first } == [64, 71, 5, 69])
                let refusal = Notification.open(.unsupportedCapability)
                #expect(heard.prefix(4).allSatisfy { $0.notification?.subcode == refusal.subcode })
                #expect(heard[4].notification == nil)
                #expect(heard[5].notification == .open(.unacceptableHoldTime))
            }
        }

        @Test("Of two neighbors on the link the one with the lower 'cost' is preferred")
        func cost() async throws {
            let configuration =
                Interop.rawSession("far", 11, as: 65_011, channel: "import all; export all; cost 20;")
                + Interop.rawSession("near", 12, as: 65_012, channel: "import all; export all; cost 10;")
                + Interop.rawSession("observer", 13, as: 65_013)
            try await Interop.withRawSessions(configuration) { _, martlet, there in
                let ends = (1...3).map { End(address: "10.20.0.1\($0)", asNumber: 65_010 + UInt32($0)) }
                let messages = try (0...1).map { index in
                    (
                        index,
                        try RawSessions.announce(
                            ["192.0.2.0/24"],
                            by: ends[index],
                            path: Self.sequence(65_011 + UInt32(index))
                        )
                    )
                }
                let (heard, _) = try await self.run(martlet, in: there, ends, messages, rejections: 0)
                #expect(heard[2].routes["192.0.2.0/24"]?.asPath?.description == "64512 65012")
            }
        }

        @Test("The MED that one neighbor AS sent goes to another with 'allow bgp_med' alone")
        func discriminator() async throws {
            let configuration =
                Interop.rawSession("sender", 11, as: 65_011)
                + Interop.rawSession("with", 12, as: 65_012, "allow bgp_med;")
                + Interop.rawSession("without", 13, as: 65_013)
            try await Interop.withRawSessions(configuration) { _, martlet, there in
                let ends = (1...3).map { End(address: "10.20.0.1\($0)", asNumber: 65_010 + UInt32($0)) }
                let message = try RawSessions.announce(["192.0.2.0/24"], by: ends[0], path: Self.sequence(65_011)) {
                    $0.multiExitDiscriminator = 77
                }
                let (heard, _) = try await self.run(martlet, in: there, ends, [(0, message)], rejections: 0)
                let received = heard.dropFirst().map { $0.routes["192.0.2.0/24"] }
                #expect(received.allSatisfy { $0 != nil })
                #expect(received.map { $0?.multiExitDiscriminator } == [77, nil])
            }
        }

        @Test("RFC 5065: members see confederation segments and LOCAL_PREF, others the confederation's number alone")
        func confederation() async throws {
            let common = "confederation 64512;"
            let configuration =
                Interop.rawSession("member", 11, as: 65_002, localAS: 65_001, common + " confederation member;")
                + Interop.rawSession("outside", 12, as: 64_999, localAS: 65_001, common)
                + Interop.rawSession("inside", 13, as: 65_001, localAS: 65_001, common + " direct;")
            try await Interop.withRawSessions(configuration) { _, martlet, there in
                let ends = [
                    End(address: "10.20.0.11", asNumber: 65_002), End(address: "10.20.0.12", asNumber: 64_999),
                    End(address: "10.20.0.13", asNumber: 65_001),
                ]
                let (heard, rejections) = try await self.run(
                    martlet,
                    in: there,
                    ends,
                    [
                        (
                            0,
                            try RawSessions.announce(
                                ["192.0.2.0/28"],
                                by: ends[0],
                                path: Self.confederation(65_002, 65_003, then: 64_998)
                            ) {
                                $0.localPreference = 200
                                $0.multiExitDiscriminator = 5
                                $0.extendedCommunities = [ExtendedCommunity(rawValue: 0x4300_0000_0000_0001)]
                            }
                        ),
                        (
                            0,
                            try RawSessions.announce(
                                ["192.0.2.16/28"],
                                by: ends[0],
                                path: Self.confederation(65_002, 65_001)
                            )
                        ),
                        (0, try RawSessions.announce(["192.0.2.32/28"], by: ends[0], path: Self.sequence(65_002))),
                        (
                            0,
                            try RawSessions.announce(["192.0.2.48/28"], by: ends[0], path: Self.confederation(65_002)) {
                                $0.communities = [.noExport]
                            }
                        ),
                        (
                            0,
                            try RawSessions.announce(
                                ["192.0.2.64/28"],
                                by: ends[0],
                                path: Self.confederation(65_002, then: 64_512)
                            )
                        ),
                        (1, try RawSessions.announce(["198.51.100.0/28"], by: ends[1], path: Self.sequence(64_999))),
                        (
                            1,
                            try RawSessions.announce(
                                ["198.51.100.16/28"],
                                by: ends[1],
                                path: Self.confederation(64_999, then: 7)
                            )
                        ),
                        (
                            1,
                            try RawSessions.announce(["198.51.100.32/28"], by: ends[1], path: Self.sequence(64_999)) {
                                $0.communities = [.noExportSubconfed]
                            }
                        ),
                    ],
                    rejections: 2
                )
                #expect(heard.map { $0.open?.effectiveAS } == [65_001, 64_512, 65_001])
                let (member, outside, inside) = (heard[0], heard[1], heard[2])
                let out = try #require(outside.routes["192.0.2.0/28"])
                #expect(out.asPath?.description == "64512 64998")
                #expect(out.localPreference == nil && out.multiExitDiscriminator == nil)
                #expect(out.extendedCommunities.isEmpty)
                let within = try #require(inside.routes["192.0.2.0/28"])
                #expect(within.asPath?.description == "(65002 65003) 64998")
                #expect(within.localPreference == 200 && within.multiExitDiscriminator == 5)
                #expect(within.extendedCommunities.count == 1)
                let other = try #require(member.routes["198.51.100.0/28"])
                #expect(other.asPath?.description == "(65001) 64999")
                #expect(other.localPreference == 100)
                // The next hop stays as it came, as between internal peers.
                #expect(member.nextHops["198.51.100.0/28"] == "10.20.0.12")
                // Loops by either number, and paths that do not begin as a member's or have segments of a stranger.
                #expect(rejections["192.0.2.16/28"] == "own AS in AS_PATH")
                #expect(rejections["192.0.2.64/28"] == "own AS in AS_PATH")
                for prefix in ["192.0.2.16/28", "192.0.2.32/28", "192.0.2.64/28"] {
                    #expect(outside.routes[prefix] == nil && inside.routes[prefix] == nil)
                }
                #expect(member.routes["198.51.100.16/28"] == nil && inside.routes["198.51.100.16/28"] == nil)
                // NO_EXPORT keeps a route within the confederation, NO_EXPORT_SUBCONFED within the member.
                #expect(outside.routes["192.0.2.48/28"] == nil && inside.routes["192.0.2.48/28"] != nil)
                #expect(member.routes["198.51.100.32/28"] == nil && inside.routes["198.51.100.32/28"] != nil)
                #expect(heard.allSatisfy { $0.notification == nil })
            }
        }

        @Test("RFC 7311: AIGP passes where it is on, grows by the hidden distance, and decides before the path length")
        func aigp() async throws {
            let configuration =
                """
                protocol direct { ipv4; }
                protocol static near { ipv4; route 203.0.113.0/24 via 10.20.0.2 { igp_metric = 7; }; }
                protocol static own { ipv4; route 198.51.100.0/24 blackhole; }

                """ + Interop.rawSession("inside", 11, as: 64_512)
                + Interop.rawSession("inside2", 12, as: 64_512)
                + Interop.rawSession("outside", 13, as: 65_013)
                + Interop.rawSession("trusted", 14, as: 65_014, channel: "import all; export all; aigp originate;")
            try await Interop.withRawSessions(configuration) { _, martlet, there in
                let ends = [
                    End(address: "10.20.0.11", asNumber: 64_512), End(address: "10.20.0.12", asNumber: 64_512),
                    End(address: "10.20.0.13", asNumber: 65_013), End(address: "10.20.0.14", asNumber: 65_014),
                ]
                func metric(_ value: UInt64) -> [UInt8] {
                    [1, 0, 11] + (0..<8).map { UInt8(value >> UInt64(56 - $0 * 8) & 255) }
                }
                func announce(_ end: Int, _ prefix: String, _ path: [ASPath.Segment], _ aigp: [UInt8]?) throws
                    -> (Int, [UInt8])
                {
                    (
                        end,
                        try RawSessions.announce([prefix], by: ends[end], path: path) {
                            if ends[end].asNumber == 64_512 { $0.localPreference = 100 }
                            if let aigp { $0.set(.aigp, flags: .optional, value: aigp) }
                        }
                    )
                }
                func value(_ attributes: PathAttributes?) -> [UInt8]? { attributes?.value(.aigp).map(Array.init) }
                // A next hop behind the static route, whose distance nobody else sees.
                var far = ends[0]
                far.address = "203.0.113.9"
                let heard = try await RawSessions.run(
                    in: there,
                    ends,
                    [
                        announce(0, "192.0.2.0/28", Self.sequence(1, 2, 3), metric(10)),
                        announce(1, "192.0.2.0/28", Self.sequence(1), nil),
                        announce(1, "192.0.2.16/28", Self.sequence(1, 2, 3), metric(9)),
                        announce(0, "192.0.2.16/28", Self.sequence(1), metric(10)),
                        (
                            0,
                            try RawSessions.announce(["192.0.2.32/28"], by: far, path: Self.sequence(1)) {
                                $0.localPreference = 100
                                $0.set(.aigp, flags: .optional, value: metric(10))
                            }
                        ),
                        announce(2, "192.0.2.48/28", Self.sequence(65_013), metric(10)),
                        announce(3, "192.0.2.64/28", Self.sequence(65_014), metric(10)),
                        // A TLV of the wrong length is discarded, not its route.
                        announce(3, "192.0.2.80/28", Self.sequence(65_014), [1, 0, 10, 0, 0, 0, 0, 0, 0, 0]),
                    ]
                )
                let (outside, trusted) = (heard[2].routes, heard[3].routes)
                #expect(trusted["192.0.2.0/28"]?.asPath?.description == "64512 1 2 3")
                #expect(trusted["192.0.2.16/28"]?.asPath?.description == "64512 1 2 3")
                #expect(value(trusted["192.0.2.32/28"]) == metric(17))
                #expect(outside["192.0.2.32/28"] != nil && value(outside["192.0.2.32/28"]) == nil)
                #expect(heard[0].routes["192.0.2.48/28"] != nil && value(heard[0].routes["192.0.2.48/28"]) == nil)
                #expect(value(heard[0].routes["192.0.2.64/28"]) == metric(10))
                #expect(heard[0].routes["192.0.2.80/28"] != nil && value(heard[0].routes["192.0.2.80/28"]) == nil)
                #expect(value(trusted["198.51.100.0/24"]) == metric(0))
                #expect(value(heard[0].routes["198.51.100.0/24"]) == nil)
                let errors = try await martlet.withClient { try await $0.neighbor("trusted") }.updateErrors
                #expect(
                    errors == [
                        .init(attribute: "AIGP", cause: "inner lengths do not add up", action: .discard, count: 1)
                    ]
                )
            }
        }

        @Test("RFC 8326: a route with GRACEFUL_SHUTDOWN is the last choice whatever the import filter says")
        func gracefulShutdown() async throws {
            let filter = "import filter { bgp_local_pref = 300; accept; }; export all;"
            let configuration =
                Interop.rawSession("leaving", 11, as: 65_011, channel: filter)
                + Interop.rawSession("plain", 12, as: 65_012)
                + Interop.rawSession("deaf", 13, as: 65_013, "honor graceful shutdown off;")
                + Interop.rawSession("inside", 14, as: 64_512, "direct;")
            try await Interop.withRawSessions(configuration) { _, _, there in
                let ends = (0..<4).map {
                    End(address: "10.20.0.\(11 + $0)", asNumber: $0 == 3 ? 64_512 : 65_011 + UInt32($0))
                }
                func announce(_ end: Int, _ prefix: String, _ path: UInt32..., communities: [Community] = []) throws
                    -> (Int, [UInt8])
                {
                    let numbers = [ends[end].asNumber] + path
                    let segment = ASPath.Segment(kind: .sequence, numbers: numbers.map(ASNumber.init(rawValue:)))
                    return (
                        end,
                        try RawSessions.announce([prefix], by: ends[end], path: [segment]) {
                            $0.communities = communities
                        }
                    )
                }
                let heard = try await RawSessions.run(
                    in: there,
                    ends,
                    [
                        announce(0, "192.0.2.0/28", communities: [.gracefulShutdown]),
                        announce(1, "192.0.2.0/28", 5, 6, 7),
                        announce(1, "192.0.2.16/28", communities: [Community(1, 1), .gracefulShutdown]),
                        announce(2, "192.0.2.32/28", communities: [.gracefulShutdown]),
                        announce(0, "192.0.2.48/28"),
                    ]
                )
                let inside = heard[3].routes
                #expect(inside["192.0.2.0/28"]?.asPath?.description == "65012 5 6 7")
                #expect(inside["192.0.2.16/28"]?.localPreference == 0)
                #expect(inside["192.0.2.16/28"]?.communities == [Community(1, 1), .gracefulShutdown])
                #expect(inside["192.0.2.32/28"]?.localPreference == 100)
                #expect(inside["192.0.2.48/28"]?.localPreference == 300)
            }
        }

        @Test("RFC 7313: the answer to a request stands between BoRR and EoRR, and what is missing in one goes")
        func enhancedRefresh() async throws {
            let configuration =
                "protocol static own { ipv4; route 198.51.100.0/24 blackhole; route 198.51.101.0/24 blackhole; }\n"
                + Interop.rawSession("new", 11, as: 65_011)
                + Interop.rawSession("old", 12, as: 65_012)
                + Interop.rawSession("off", 13, as: 65_013, "enable enhanced route refresh off;")
            try await Interop.withRawSessions(configuration) { _, _, there in
                let capabilities: [Capability] = [.multiprotocol(.ipv4Unicast), .routeRefresh, .enhancedRouteRefresh]
                let ends = [
                    End(address: "10.20.0.11", asNumber: 65_011, capabilities: capabilities),
                    End(address: "10.20.0.12", asNumber: 65_012, capabilities: Array(capabilities.dropLast())),
                    End(address: "10.20.0.13", asNumber: 65_013, capabilities: capabilities),
                ]
                func refresh(_ subtype: RouteRefresh.Subtype) -> [UInt8] {
                    var output: [UInt8] = []
                    RouteRefresh(family: .ipv4Unicast, subtype: subtype).encode(into: &output)
                    return output
                }
                func announce(_ prefixes: String...) throws -> [UInt8] {
                    try RawSessions.announce(prefixes, by: ends[0], path: Self.sequence(65_011))
                }
                let heard = try await RawSessions.run(
                    in: there,
                    ends,
                    [
                        (0, try announce("192.0.2.0/28", "192.0.2.16/28")), (0, refresh(.beginning)),
                        (0, try announce("192.0.2.0/28")), (0, refresh(.end)),
                        // An end without a beginning means nothing, nor does an unknown subtype.
                        (0, refresh(.end)), (0, refresh(.init(rawValue: 9))),
                        (0, refresh(.request)), (1, refresh(.request)), (2, refresh(.request)),
                    ]
                )
                #expect(heard[1].routes.keys.sorted() == ["192.0.2.0/28", "198.51.100.0/24", "198.51.101.0/24"])
                #expect(heard[0].refreshes.map(\.subtype) == [.beginning, .end])
                let kinds = heard[0].messages.map(\.type)
                let first = try #require(kinds.firstIndex(of: .routeRefresh))
                let last = try #require(kinds.lastIndex(of: .routeRefresh))
                #expect(kinds[first + 1..<last].contains(.update))
                #expect(heard[2].open?.capabilities.contains(.enhancedRouteRefresh) == false)
                for index in [1, 2] {
                    #expect(heard[index].refreshes.isEmpty)
                    #expect(heard[index].announcements["198.51.100.0/24"] == 2)
                }
                #expect(heard.allSatisfy { $0.notification == nil })
            }
        }

        @Test("AS_SETs count only where they are allowed, and an overridden AS is replaced in what is sent to it")
        func paths() async throws {
            let configuration =
                Interop.rawSession("strict", 11, as: 65_011)
                + Interop.rawSession("lenient", 12, as: 65_012, "allow as sets; allow bgp_local_pref;")
                + Interop.rawSession("override", 13, as: 65_011, "as override;")
            try await Interop.withRawSessions(configuration) { _, martlet, there in
                let ends = [
                    End(address: "10.20.0.11", asNumber: 65_011), End(address: "10.20.0.12", asNumber: 65_012),
                    End(address: "10.20.0.13", asNumber: 65_011),
                ]
                let set = ASPath.Segment(kind: .set, numbers: [7, 8])
                let heard = try await RawSessions.run(
                    in: there,
                    ends,
                    [
                        (
                            0,
                            try RawSessions.announce(["192.0.2.0/28"], by: ends[0], path: Self.sequence(65_011) + [set])
                        ),
                        (
                            0,
                            try RawSessions.announce(
                                ["192.0.2.16/28"],
                                by: ends[0],
                                path: Self.sequence(65_011, 5, 65_011)
                            )
                        ),
                        (
                            1,
                            try RawSessions.announce(
                                ["192.0.2.32/28"],
                                by: ends[1],
                                path: Self.sequence(65_012) + [set]
                            ) {
                                $0.localPreference = 250
                            }
                        ),
                    ]
                )
                #expect(heard[1].routes["192.0.2.0/28"] == nil)
                #expect(heard[2].routes["192.0.2.32/28"]?.asPath?.description == "64512 65012 {7 8}")
                #expect(heard[2].routes["192.0.2.16/28"]?.asPath?.description == "64512 64512 5 64512")
                #expect(heard[1].routes["192.0.2.16/28"]?.asPath?.description == "64512 65011 5 65011")
                #expect(heard[1].routes["192.0.2.16/28"]?.localPreference == 100)
                #expect(heard[2].routes["192.0.2.32/28"]?.localPreference == nil)
                let errors = try await martlet.withClient { try await $0.neighbor("strict") }.updateErrors
                #expect(
                    errors == [.init(attribute: "AS_PATH", cause: "contains an AS_SET", action: .withdraw, count: 1)]
                )
            }
        }

        @Test("Attributes beyond the session's limits count as withdrawn, and the session stays")
        func attributeLimits() async throws {
            let configuration =
                Interop.rawSession(
                    "limited",
                    11,
                    as: 65_011,
                    "max path length 5; max communities 3; max attributes 8;"
                ) + Interop.rawSession("other", 12, as: 65_012)
            try await Interop.withRawSessions(configuration) { lab, martlet, there in
                let ends = [End(address: "10.20.0.11", asNumber: 65_011), End(address: "10.20.0.12", asNumber: 65_012)]
                func announce(
                    _ prefix: String,
                    _ path: [ASPath.Segment],
                    _ edit: (inout PathAttributes) -> Void = { _ in }
                )
                    throws -> (Int, [UInt8])
                {
                    (0, try RawSessions.announce([prefix], by: ends[0], path: path, edit))
                }
                let own = Self.sequence(65_011)
                let heard = try await RawSessions.run(
                    in: there,
                    ends,
                    [
                        announce("192.0.2.0/28", Self.sequence(65_011, 2, 3, 4, 5)) {
                            $0.communities = (1...3).map { Community(1, $0) }
                        },
                        announce("192.0.2.16/28", Self.sequence(65_011, 2, 3, 4, 5, 6)),
                        announce("192.0.2.32/28", own) { $0.communities = (1...4).map { Community(1, $0) } },
                        announce("192.0.2.48/28", own) {
                            $0.largeCommunities = (1...4).map {
                                LargeCommunity(globalAdministrator: 1, data1: 1, data2: $0)
                            }
                        },
                        announce("192.0.2.64/28", own) { attributes in
                            for type in 200...205 as ClosedRange<UInt8> {
                                attributes.set(.init(rawValue: type), flags: [.optional, .transitive], value: [])
                            }
                        },
                    ]
                )
                #expect(heard[1].routes.keys.sorted() == ["192.0.2.0/28"])
                #expect(heard[0].notification == nil)
                let errors = try await martlet.withClient { try await $0.neighbor("limited") }.updateErrors ?? []
                #expect(errors.map(\.cause).allSatisfy { $0 == "more than the session allows" })
                #expect(
                    errors.map(\.attribute).sorted() == ["AS_PATH", "COMMUNITIES", "LARGE_COMMUNITY", "attributes"]
                )
                #expect(try Self.log(lab).contains("more than the session allows"))
            }
        }

        @Test(
            "A route limit warns on the way, ends the session with 6/1 and the limit, and opens it again after its time"
        )
        func routeLimits() async throws {
            let configuration =
                Interop.rawSession(
                    "limited",
                    11,
                    as: 65_011,
                    channel: "import limit 4 warning 50 action restart after 2; export none; import all;"
                )
            try await Interop.withRawSessions(configuration) { lab, _, there in
                let end = End(address: "10.20.0.11", asNumber: 65_011)
                func announce(_ range: Range<Int>) throws -> (Int, [UInt8]) {
                    let prefixes = range.map { "192.0.2.\($0 * 16)/28" }
                    return (0, try RawSessions.announce(prefixes, by: end, path: Self.sequence(65_011)))
                }
                let first = try await RawSessions.run(in: there, [end], [announce(0..<2)], quiet: 0.3)
                #expect(first[0].notification == nil)
                #expect(try Self.log(lab).contains("Route limit is near"))
                let second = try await RawSessions.run(in: there, [end], [announce(0..<5)], quiet: 0.3)
                #expect(
                    second[0].notification
                        == BGPWire.Notification(code: .cease, subcode: 1, data: [0, 1, 1, 0, 0, 0, 4])
                )
                let early = try await RawSessions.run(in: there, [end], [], quiet: 0.1)
                #expect(early[0].open == nil)
                let isBack = try await eventually(timeout: .seconds(10)) {
                    let next = try await RawSessions.run(in: there, [end], [announce(0..<1)], quiet: 0.1)
                    return next[0].open != nil && next[0].notification == nil
                }
                #expect(isBack)
            }
        }
    }
}

extension UInt32 {
    /// The octets, most significant first.
    fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> UInt32(24 - $0 * 8)) } }
}
