import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// A policy for tests: a list of rules run in order.
struct TestPolicy: RoutePolicy {
    enum Rule: Hashable, Sendable {
        case rejectCommunity(Community)
        case rejectLength(over: UInt8)
        case rejectOddThirdOctet
        case setLocalPreference(UInt32)
        case setMED(UInt32)
        case setKernelMetric(UInt32)
        case setNextHop(IPAddress)
        case addCommunity(Community)
        case rejectProtocol(String)
        case rejectInterface(String)
    }

    var rules: [Rule] = []
    var rejectsAll = false

    static let acceptAll = TestPolicy()
    static let rejectAll = TestPolicy(rejectsAll: true)

    var constantVerdict: PolicyVerdict? { self.rejectsAll ? .reject : self.rules.isEmpty ? .accept : nil }

    var dependencies: PolicyDependencies {
        self.rules.reduce(into: []) {
            switch $1 {
            case .rejectLength, .rejectOddThirdOctet: $0.insert(.prefix)
            case .rejectProtocol: $0.insert(.origin)
            case .rejectInterface: $0.insert(.resolution)
            default: break
            }
        }
    }

    func evaluate(_ route: inout RouteDraft) -> PolicyVerdict {
        if self.rejectsAll { return .reject }
        for rule in self.rules {
            switch rule {
            case .rejectCommunity(let community):
                if route.attributes.communities.contains(community) { return .reject }
            case .rejectLength(let length):
                if route.prefix.length > length { return .reject }
            case .rejectOddThirdOctet:
                switch route.prefix {
                case .v4(let prefix): if prefix.address.rawValue >> 8 & 1 == 1 { return .reject }
                case .v6(let prefix): if prefix.address.high >> 16 & 1 == 1 { return .reject }
                }
            case .setLocalPreference(let value): route.attributes.localPreference = value
            case .setMED(let value): route.attributes.multiExitDiscriminator = value
            case .setKernelMetric(let value): route.local.kernelMetric = value
            case .setNextHop(let address): route.target = .recursive(BGPNextHop(address), interface: 0)
            case .addCommunity(let community):
                if !route.attributes.communities.contains(community) { route.attributes.communities.append(community) }
            case .rejectProtocol(let name): if route.origin.protocolName == name { return .reject }
            case .rejectInterface(let name): if route.interfaceName == name { return .reject }
            }
        }
        return .accept
    }
}

/// A generator with a seed that tests print (SplitMix64), or one that draws from octets, one a decision, until they end.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    var octets: ArraySlice<UInt8>?

    init(state: UInt64) {
        self.state = state
    }

    init(octets: [UInt8]) {
        self.state = 0
        self.octets = octets[...]
    }

    mutating func next() -> UInt64 {
        // The octet decides; the bits below it keep the draw of a range from being repeated.
        if let octet = self.octets?.popFirst() { return UInt64(octet) << 56 | 0x00AA_AAAA_AAAA_AAAA }
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

func prefix4(_ text: String) -> IPv4Prefix {
    guard case .v4(let prefix)? = IPPrefix(text) else { preconditionFailure("\(text) is no IPv4 prefix") }
    return prefix
}

func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}

/// Attributes of a received route.
func attributes(
    _ path: [UInt32] = [],
    origin: Origin = .igp,
    med: UInt32? = nil,
    localPreference: UInt32? = nil,
    communities: [Community] = [],
    originatorID: UInt32? = nil,
    clusterList: [UInt32]? = nil
) -> PathAttributes {
    var result = PathAttributes()
    result.origin = origin
    result.asPath = ASPath(sequence: path.map(ASNumber.init(rawValue:)))
    result.multiExitDiscriminator = med
    result.localPreference = localPreference
    result.communities = communities
    result.originatorID = originatorID.map(RouterID.init(rawValue:))
    result.clusterList = clusterList.map { $0.map(RouterID.init(rawValue:)) }
    return result
}

func session(
    localAS: UInt32 = 65000,
    peerAS: UInt32,
    routerID: UInt32,
    address peer: String,
    _ change: (inout BGPSourceSettings) -> Void = { _ in }
) -> BGPSourceSettings {
    var result = BGPSourceSettings(
        localAS: ASNumber(rawValue: localAS),
        localRouterID: RouterID(rawValue: 1),
        peerAS: ASNumber(rawValue: peerAS),
        peerRouterID: RouterID(rawValue: routerID),
        peerAddress: address(peer)
    )
    change(&result)
    return result
}

func peer(_ table: TableID, _ session: BGPSourceSettings, policy: TestPolicy = .acceptAll) -> SourceSettings<TestPolicy>
{
    SourceSettings(
        origin: RouteOrigin(
            source: .bgp,
            protocolName: "peer\(session.peerRouterID.rawValue)",
            from: session.peerAddress,
            isInternal: session.peerAS == session.localAS
        ),
        table: table,
        importPolicy: policy,
        preference: 100,
        session: session
    )
}

func local(_ table: TableID, _ kind: RouteSource, preference: UInt16) -> SourceSettings<TestPolicy> {
    SourceSettings(
        origin: RouteOrigin(source: kind, protocolName: "\(kind)"),
        table: table,
        importPolicy: .acceptAll,
        preference: preference
    )
}

/// What a receiver of UPDATEs holds.
struct Receiver: Equatable {
    struct Route: Equatable {
        var attributes: PathAttributes
        var nextHop: IPAddress
        var linkLocal: IPv6Address?
    }

    /// Whether the session carries AS numbers of four octets.
    var hasFourOctetAS = true
    var routes: [IPv4Prefix: Route] = [:]
    var ipv6Routes: [IPv6Prefix: Route] = [:]
    /// Whether its session uses path identifiers; then routes are in ``paths`` and ``ipv6Paths`` alone.
    var receivesPathIDs = false
    var paths: [IPv4Prefix: [UInt32: Route]] = [:]
    var ipv6Paths: [IPv6Prefix: [UInt32: Route]] = [:]
    var endOfRIBCount = 0
    var messageCount = 0
    /// Routes that a refresh under way has not named yet (RFC 7313 §4); nil outside of one.
    var stale: Set<Key>?
    var refreshCount = 0

    /// What is announced and withdrawn.
    struct Key: Hashable {
        var prefix: IPPrefix
        var pathID: UInt32
    }

    mutating func receive(_ bytes: [UInt8]) throws {
        var decoder = UpdateDecoder()
        var context = UpdateContext(
            ipv4: .init(
                isNegotiated: true,
                receivesPathIDs: self.receivesPathIDs,
                allowsExtendedNextHop: true
            ),
            ipv6: .init(isNegotiated: true, receivesPathIDs: self.receivesPathIDs),
            hasFourOctetAS: self.hasFourOctetAS,
            isInternal: true,
            peerAS: ASNumber(rawValue: 65000),
            acceptsAIGP: true
        )
        context.allowsConfederationSegments = true
        context.enforcesFirstAS = false
        var offset = 0
        while offset < bytes.count {
            let length = Int(bytes[offset + 16]) << 8 | Int(bytes[offset + 17])
            try ensure(length <= 4096, "a message of \(length) octets")
            let body = Array(bytes[offset + 19..<offset + length])
            offset += length
            if bytes[offset - length + 18] == MessageType.routeRefresh.rawValue {
                try self.take(try RouteRefresh.decode(body: body.span.bytes))
                continue
            }
            try decoder.decode(body.span.bytes, context)
            try ensure(decoder.failure == nil, "an UPDATE that does not decode")
            try ensure(decoder.discardedCount == 0, "an UPDATE with attributes to discard")
            self.messageCount += 1
            if decoder.endOfRIB != nil { self.endOfRIBCount += 1 }
            for nlri in decoder.withdrawnIPv4 {
                try Self.remove(nlri, self.receivesPathIDs, &self.routes, &self.paths)
            }
            for (index, nlri) in decoder.announcedIPv4.enumerated() {
                guard let nextHop = decoder.nextHop(ofIPv4At: index) else { continue }
                Self.add(nlri, decoder.attributes, nextHop, self.receivesPathIDs, &self.routes, &self.paths)
            }
            for nlri in decoder.withdrawnIPv6 {
                try Self.remove(nlri, self.receivesPathIDs, &self.ipv6Routes, &self.ipv6Paths)
            }
            for nlri in decoder.announcedIPv6 {
                guard let nextHop = decoder.multiprotocolNextHop else { continue }
                Self.add(nlri, decoder.attributes, nextHop, self.receivesPathIDs, &self.ipv6Routes, &self.ipv6Paths)
            }
            if self.stale != nil {
                let named =
                    (decoder.withdrawnIPv4 + decoder.announcedIPv4).map {
                        Key(prefix: .v4($0.prefix), pathID: $0.pathID)
                    }
                    + (decoder.withdrawnIPv6 + decoder.announcedIPv6).map {
                        Key(prefix: .v6($0.prefix), pathID: $0.pathID)
                    }
                self.stale?.subtract(named)
            }
        }
    }

    /// Marks what is held at the beginning of a refresh, and drops at its end what was not named in between.
    private mutating func take(_ refresh: RouteRefresh) throws {
        switch refresh.subtype {
        case .beginning:
            var held: Set<Key> = []
            for prefix in self.routes.keys { held.insert(Key(prefix: .v4(prefix), pathID: 0)) }
            for prefix in self.ipv6Routes.keys { held.insert(Key(prefix: .v6(prefix), pathID: 0)) }
            for (prefix, paths) in self.paths {
                held.formUnion(paths.keys.map { Key(prefix: .v4(prefix), pathID: $0) })
            }
            for (prefix, paths) in self.ipv6Paths {
                held.formUnion(paths.keys.map { Key(prefix: .v6(prefix), pathID: $0) })
            }
            self.stale = held
        case .end:
            let stale = self.stale ?? []
            try ensure(self.stale != nil, "the end of a refresh that did not begin")
            try ensure(stale.isEmpty, "a refresh that leaves out \(stale)")
            self.stale = nil
            self.refreshCount += 1
        default: try ensure(false, "a request")
        }
    }

    private static func remove<P>(
        _ nlri: NLRI<P>,
        _ hasPathID: Bool,
        _ routes: inout [P: Route],
        _ paths: inout [P: [UInt32: Route]]
    ) throws {
        let held =
            hasPathID
            ? paths[nlri.prefix]?.removeValue(forKey: nlri.pathID) : routes.removeValue(forKey: nlri.prefix)
        try ensure(held != nil, "withdrawal of \(nlri.prefix) \(nlri.pathID), which is not held")
        if paths[nlri.prefix]?.isEmpty ?? false { paths[nlri.prefix] = nil }
    }

    private static func add<P>(
        _ nlri: NLRI<P>,
        _ attributes: [UInt8],
        _ nextHop: BGPNextHop,
        _ hasPathID: Bool,
        _ routes: inout [P: Route],
        _ paths: inout [P: [UInt32: Route]]
    ) {
        let route = Route(
            attributes: PathAttributes(canonical: attributes),
            nextHop: nextHop.address,
            linkLocal: nextHop.linkLocal
        )
        if hasPathID {
            paths[nlri.prefix, default: [:]][nlri.pathID] = route
        } else {
            routes[nlri.prefix] = route
        }
    }
}

extension RoutingCore where Policy == TestPolicy {
    /// Does all work there is.
    mutating func settle() {
        while self.work(1000) {}
    }

    /// Flushes all groups and hands the output to the receivers.
    mutating func deliver(_ receivers: inout [SourceID: Receiver], limit: Int = 1000) throws {
        self.settle()
        var isBusy = true
        while isBusy {
            isBusy = false
            for group in self.groups where self.isPending(group) {
                isBusy = true
                try self.deliver(group, &receivers, limit: limit)
            }
        }
    }

    /// Flushes a group once.
    mutating func deliver(_ group: GroupID, _ receivers: inout [SourceID: Receiver], limit: Int) throws {
        let output = self.flush(group, limit: limit).encoded()
        for delivery in output.deliveries {
            let before = receivers[delivery.member]?.messageCount ?? 0
            let bytes = delivery.parts.flatMap { output.bytes[$0] }
            do {
                try receivers[delivery.member, default: Receiver()].receive(bytes)
            } catch let violation as Violation {
                throw Violation(description: "\(delivery.member): \(violation.description)")
            }
            let count = (receivers[delivery.member]?.messageCount ?? 0) - before
            try ensure(
                count == delivery.messageCount,
                "\(delivery.member): \(count) messages of \(delivery.messageCount)"
            )
            // The parts are what the audiences of the segments say.
            let own = output.segments.filter { $0.audience.includes(delivery.member) }
            try ensure(
                own.flatMap { output.bytes[$0.range] } == bytes,
                "\(delivery.member): other parts than its segments"
            )
        }
        for member in output.members where !output.deliveries.contains(where: { $0.member == member }) {
            try ensure(
                !output.segments.contains { $0.audience.includes(member) },
                "\(member): a segment and no delivery"
            )
        }
    }
}

/// The value of an optional that has to have one; for expressions with a core, which the macro can not capture.
func present<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Absent() }
    return value
}

struct Absent: Error {}

/// A promise that was broken.
struct Violation: Error, CustomStringConvertible {
    var description: String
}

/// Fails with what was broken; for code that tests and the fuzzer share.
func ensure(_ condition: Bool, _ text: @autoclosure () -> String) throws(Violation) {
    guard condition else { throw Violation(description: text()) }
}
