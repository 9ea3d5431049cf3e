import BGPWire
import IPAddressing
import RouteModel

@testable import Routing

/// Routes of peers and of local protocols.
extension Scenario {
    // MARK: Local routes

    mutating func setInterface(_ index: UInt32, isUp: Bool) {
        self.core.setInterface(index, name: "eth\(index)", isUp: isUp)
        self.model.interfaces[index] = (name: "eth\(index)", isUp: isUp)
        self.note(.interface)
    }

    mutating func setLink(_ realm: Realm, _ number: Int, isPresent: Bool) {
        let prefix = Self.network(number, isIPv4: realm.isIPv4, length: realm.isIPv4 ? 24 : 64)
        let target = RouteTarget.gateways([Gateway(address: nil, interface: UInt32(number) + 1)])
        self.set(realm.device, realm, prefix, isPresent ? target : nil)
        self.note(.link)
    }

    /// A static route, or one that was learned from the kernel.
    mutating func setLocal() {
        let realm = self.pick(of: self.realms)
        let isLearned = self.pick(3) == 0
        let length: UInt8 = realm.isIPv4 ? 25 : 121
        let prefix =
            self.pick(4) == 0
            ? self.randomPrefix(realm)
            : Self.network(self.pick(3), isIPv4: realm.isIPv4, length: length, part: self.pick(2) * 128)
        var local = LocalAttributes(preference: isLearned ? 10 : 200)
        if isLearned, self.pick(2) == 0 { local.kernelMetric = UInt32(self.pick(3)) }
        if !isLearned, self.pick(2) == 0 { local.igpMetric = UInt32(self.pick(3)) }
        func gateway(_ number: Int) -> Gateway {
            // Without an interface, the connected networks tell where the gateway is.
            let address = Self.address(number, isIPv4: realm.isIPv4)
            return Gateway(address: address, interface: number % 2 == 0 ? UInt32(number % 3) + 1 : 0)
        }
        let first = self.pick(12)
        let target: RouteTarget? =
            switch self.pick(8) {
            case 0..<3: nil
            case 3: self.pick(of: [.blackhole, .unreachable, .prohibit])
            case 4: .gateways([gateway(first), gateway(first + 1)])
            case 5: .gateways([Gateway(address: Self.address(first, isIPv4: realm.isIPv4), interface: 4)])
            default: .gateways([gateway(first)])
            }
        self.set(isLearned ? realm.learned : realm.fixed, realm, prefix, target, local)
        self.note(.local)
    }

    private mutating func set(
        _ source: SourceID,
        _ realm: Realm,
        _ prefix: IPPrefix,
        _ target: RouteTarget?,
        _ local: LocalAttributes? = nil
    ) {
        guard let target else {
            self.core.withdraw(source, prefix)
            return self.model.withdraw(realm.table, prefix, source, 0)
        }
        self.core.announce(source, prefix, target: target, local: local)
        let route = NaiveModel.Route(
            source: source,
            pathID: 0,
            received: PathAttributes(),
            target: target,
            local: local ?? LocalAttributes(preference: 0)
        )
        self.model.announce(realm.table, prefix, route)
    }

    // MARK: Routes of peers

    mutating func randomPrefix(_ realm: Realm) -> IPPrefix {
        // Now and then a route to a next hop itself, which must not disturb resolution.
        if self.pick(20) == 0 {
            let address = Self.address(self.pick(12), isIPv4: realm.isIPv4)
            return IPPrefix(address: address, length: realm.isIPv4 ? 32 : 128)
        }
        let number = self.pick(self.prefixCount)
        let shorter = UInt8(self.pick(self.lengthCount))
        return realm.isIPv4
            ? .v4(IPv4Prefix(address: IPv4Address(20, 0, UInt8(number), 0), length: 24 - shorter))
            : .v6(
                IPv6Prefix(
                    address: IPv6Address(high: 0x2001_0DB9_0000_0000 | UInt64(number) << 16, low: 0),
                    length: 48 - shorter
                )
            )
    }

    mutating func announce() {
        self.announce(self.pick(of: self.peers), (0..<1 + self.pick(6)).count)
    }

    mutating func announce(_ source: SourceID, _ count: Int) {
        guard let settings = self.model.sources[source], let details = settings.session,
            let realm = self.realms.first(where: { $0.table == settings.table })
        else { return }
        let set = self.randomAttributes(settings, details)
        let target = self.target(settings, details)
        let prefixes = (0..<count).map { _ in self.randomPrefix(realm) }
        let pathID = self.pathID(source)
        // What is counted against a limit is gone when it was withdrawn, not when the work is done.
        if settings.receiveLimit != nil { self.core.finishTask(source) }
        let bytes = set.bytes
        let warms = self.pick(2) == 0
        if realm.isIPv4 {
            let nlri = prefixes.compactMap { IPv4Prefix($0) }.map { NLRI($0, pathID: pathID) }
            // Reading ahead changes nothing, whatever it is given.
            if warms { self.core.warm(source, nlri: nlri.span) }
            _ = self.core.announce(source, attributes: bytes.span.bytes, target: target, nlri: nlri.span)
        } else {
            let nlri = prefixes.compactMap { IPv6Prefix($0) }.map { NLRI($0, pathID: pathID) }
            if warms { self.core.warm(source, nlri: nlri.span) }
            _ = self.core.announce(source, attributes: bytes.span.bytes, target: target, nlri: nlri.span)
        }
        if warms {
            let hashes = [set.hash(seed: 0), UInt64(count)]
            self.core.warm(source, hashes: hashes.span)
        }
        for prefix in prefixes {
            let route = NaiveModel.Route(
                source: source,
                pathID: pathID,
                received: set,
                target: target,
                local: LocalAttributes(preference: 0)
            )
            self.model.announce(realm.table, prefix, route)
        }
        self.note(.announcement, count)
    }

    /// Every third peer sends path identifiers (RFC 7911).
    private mutating func pathID(_ source: SourceID) -> UInt32 {
        (self.number(of: source) ?? 0) % 3 == 1 ? self.pick(of: [0, 1, .max]) : 0
    }

    private mutating func randomAttributes(_ settings: SourceSettings<TestPolicy>, _ details: BGPSourceSettings)
        -> PathAttributes
    {
        let isInternal = settings.origin.isInternal
        var path = (0..<self.pick(3)).map { _ in 65001 + UInt32(self.pick(4)) }
        if self.pick(8) == 0 { path.append(4_200_000_000 + UInt32(self.pick(2))) }
        if !isInternal { path.insert(details.peerAS.rawValue, at: 0) }
        if self.pick(15) == 0 { path.append(65000) }
        let communities = [
            Community(1, 1), Community(2, 2), .noExport, .noAdvertise, .longLivedStale, .noLongLivedStale,
            .noExportSubconfed, .gracefulShutdown,
        ]
        var set = attributes(
            path,
            origin: self.pick(4) == 0 ? .egp : .igp,
            med: self.hasMED && self.pick(2) == 0 ? UInt32(self.pick(3)) : nil,
            localPreference: isInternal && self.pick(3) > 0 ? 100 + UInt32(self.pick(2)) : nil,
            communities: self.pick(3) == 0 ? [self.pick(of: communities)] : [],
            originatorID: isInternal && self.pick(4) == 0 ? UInt32(1 + self.pick(4)) : nil,
            clusterList: isInternal && self.pick(4) == 0 ? [UInt32(1 + self.pick(9)), 55] : nil
        )
        if self.confederation != nil, isInternal && self.pick(3) == 0 || details.isConfederationMember {
            set.asPath = self.confederationPath(path, details)
        }
        if self.pick(8) == 0 { set.onlyToCustomer = self.pick(of: [details.peerAS, details.localAS]) }
        if self.hasAIGP, self.pick(2) == 0 {
            let octets = self.pick(of: [0, 1, 2, .max - 1, .max] as [UInt64]).bigEndianOctets
            set.set(.aigp, flags: .optional, value: [1, 0, 11] + octets)
        }
        return set
    }

    /// A path that came through other members of the confederation.
    private mutating func confederationPath(_ path: [UInt32], _ details: BGPSourceSettings) -> ASPath {
        // What stands first in an external path is the neighbour's number, which a member's segment begins with.
        let isMember = details.isConfederationMember
        var inside = (0..<self.pick(2)).map { _ in ASNumber(rawValue: 65010 + UInt32(self.pick(3))) }
        if isMember || inside.isEmpty { inside.insert(details.peerAS, at: 0) }
        if self.pick(20) == 0 { inside.append(ASNumber(rawValue: self.pick(of: [65000, 64_900]))) }
        let outside = (isMember ? Array(path.dropFirst()) : path).map(ASNumber.init(rawValue:))
        let head = ASPath.Segment(kind: .confederationSequence, numbers: inside)
        return ASPath(segments: outside.isEmpty ? [head] : [head, .init(kind: .sequence, numbers: outside)])
    }

    private mutating func target(_ settings: SourceSettings<TestPolicy>, _ details: BGPSourceSettings) -> RouteTarget {
        let number = Int(details.peerRouterID.rawValue) - 100
        let owner = self.pick(4) == 0 ? self.pick(12) : number
        // IPv4 routes may have IPv6 next hops (RFC 8950), and IPv6 ones link-local next hops.
        let isIPv4 = settings.table.isIPv4 && self.pick(10) > 0
        let linkLocal = IPv6Address(high: 0xFE80_0000_0000_0000, low: UInt64(10 + owner))
        if !isIPv4, details.interface != 0, self.pick(4) == 0 {
            return .recursive(BGPNextHop(.v6(linkLocal)), interface: details.interface)
        }
        let address = Self.address(owner, isIPv4: isIPv4)
        return .recursive(BGPNextHop(address, linkLocal: isIPv4 || self.pick(3) > 0 ? nil : linkLocal), interface: 0)
    }

    mutating func withdraw() { self.withdraw(self.pick(of: self.peers), 1 + self.pick(4)) }

    mutating func withdraw(_ source: SourceID, _ count: Int) {
        guard let settings = self.model.sources[source],
            let realm = self.realms.first(where: { $0.table == settings.table })
        else { return }
        let prefixes = (0..<count).map { _ in self.randomPrefix(realm) }
        let pathID = self.pathID(source)
        if realm.isIPv4 {
            let nlri = prefixes.compactMap { IPv4Prefix($0) }.map { NLRI($0, pathID: pathID) }
            self.core.withdraw(source, nlri: nlri.span)
        } else {
            let nlri = prefixes.compactMap { IPv6Prefix($0) }.map { NLRI($0, pathID: pathID) }
            self.core.withdraw(source, nlri: nlri.span)
        }
        for prefix in prefixes { self.model.withdraw(realm.table, prefix, source, pathID) }
        self.note(.withdrawal, count)
    }

    /// Many changes with nobody served in between; enough of them, and whoever lags falls off the journal.
    mutating func storm(_ count: Int) {
        for _ in 0..<count {
            let source = self.pick(of: self.peers)
            if self.pick(3) == 0 { self.withdraw(source, 4) } else { self.announce(source, 4) }
        }
        self.note(.storm)
    }
}

extension UInt64 {
    /// Eight octets, most significant first.
    fileprivate var bigEndianOctets: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - $0 * 8)) } }
}
