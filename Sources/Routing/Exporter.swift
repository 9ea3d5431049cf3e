internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// What decides what is sent to a group.
struct ExportRules {
    var key: GroupKey
    var policy: PolicyTraits
    /// Members by address.
    var owners: [IPAddress: UInt16]
    /// Tells settings that are in use during one flush apart.
    var variant: UInt8
    /// Whether the outcome is the same for all prefixes of one set and source.
    var isMemoisable: Bool

    init(_ key: GroupKey, _ policy: PolicyTraits, owners: [IPAddress: UInt16] = [:], variant: UInt8 = 0) {
        self.key = key
        self.policy = policy
        self.owners = owners
        self.variant = variant
        self.isMemoisable = policy.constant != nil || policy.dependencies.isDisjoint(with: [.prefix, .effects])
    }
}

/// Turns accepted routes into what a group sends; keeps its buffers between calls.
struct Exporter {
    /// Attributes being written.
    var output: [UInt8] = []
    /// AS_PATH length of what was written, for the size check of two-octet sessions.
    var pathOctets = 0
    /// What the present flush sends.
    var scratch = ExportScratch()
    /// Paths of the present destination, for views of several: what is due, and what was announced.
    var wanted: ContiguousArray<WantedPath> = []
    var held: ContiguousArray<AnnouncedPath> = []

    /// Puts what was written into the scratch.
    mutating func keep(_ nextHop: BGPNextHop, _ owners: [IPAddress: UInt16]) -> ExportScratch.Number {
        self.scratch.add(self.output, nextHop, owners: owners)
    }

    /// Copies a canonical set, changing what RFC 4271 §5.1, RFC 4456 §8 and RFC 4360 §6 ask for.
    mutating func rewrite(_ bytes: Octets, _ change: Change) {
        self.output.removeAll(keepingCapacity: true)
        self.pathOctets = 0
        var pending = Pending(change)
        var cursor = AttributeCursor(bytes)
        // Attributes that stay as they are and lie side by side, not copied yet.
        var kept = 0..<0
        while let attribute = cursor.next() {
            if attribute.type == PathAttributeType.local.rawValue { continue }
            if pending.isDue(before: attribute.type) {
                self.copy(&kept, of: bytes)
                pending.write(before: attribute.type, change, &self.output)
            }
            switch attribute.type {
            case PathAttributeType.origin.rawValue: pending.origin = false
            case PathAttributeType.asPath.rawValue:
                pending.asPath = false
                self.pathOctets = attribute.value.count + 6
                if change.rewritesPath {
                    self.copy(&kept, of: bytes)
                    self.appendRewrittenPath(bytes, attribute.value, change)
                    continue
                }
                if let prepended = change.prependedAS {
                    self.copy(&kept, of: bytes)
                    self.appendPath(bytes, attribute.value, prepending: prepended, change.segmentKind)
                    continue
                }
            case PathAttributeType.multiExitDiscriminator.rawValue where change.dropsMED: continue
            case PathAttributeType.localPreference.rawValue where change.replacesLocalPreference: continue
            case PathAttributeType.communities.rawValue where change.addsNoExport:
                pending.noExport = false
                self.copy(&kept, of: bytes)
                self.appendNoExport(bytes, attribute)
                continue
            case PathAttributeType.aigp.rawValue:
                pending.aigp = false
                guard change.sendsAIGP else { continue }
                if change.aigpDistance != 0, let place = AIGP.place(bytes, attribute.value) {
                    self.copy(&kept, of: bytes)
                    let start = self.output.count + place - attribute.extent.lowerBound
                    bytes.append(attribute.extent, to: &self.output)
                    let metric = UInt64(bytes.number(place)) << 32 | UInt64(bytes.number(place + 4))
                    self.store(AIGP.adding(change.aigpDistance, to: metric), at: start)
                    continue
                }
            case PathAttributeType.onlyToCustomer.rawValue: pending.onlyToCustomer = false
            case PathAttributeType.localPreference.rawValue:
                pending.localPreference = false
                if !change.sendsLocalPreference { continue }
            case PathAttributeType.originatorID.rawValue:
                pending.originatorID = false
                if !change.isInternal { continue }
            case PathAttributeType.clusterList.rawValue:
                pending.clusters = false
                if !change.isInternal { continue }
                if !change.clusters.isEmpty {
                    self.copy(&kept, of: bytes)
                    self.append(.clusterList, 0x80, change.clusters, bytes, attribute.value)
                    continue
                }
            case PathAttributeType.extendedCommunities.rawValue where !change.isInterior:
                self.copy(&kept, of: bytes)
                self.appendTransitive(bytes, attribute, 8)
                continue
            case PathAttributeType.ipv6ExtendedCommunities.rawValue where !change.isInterior:
                self.copy(&kept, of: bytes)
                self.appendTransitive(bytes, attribute, 20)
                continue
            default: break
            }
            if kept.upperBound == attribute.extent.lowerBound {
                kept = kept.lowerBound..<attribute.extent.upperBound
            } else {
                self.copy(&kept, of: bytes)
                kept = attribute.extent
            }
        }
        self.copy(&kept, of: bytes)
        pending.write(before: 255, change, &self.output)
    }

    /// Copies octets that stay as they are.
    @inline(__always)
    private mutating func copy(_ range: inout Range<Int>, of bytes: Octets) {
        if range.isEmpty { return }
        bytes.append(range, to: &self.output)
        range = range.upperBound..<range.upperBound
    }

    /// What is changed on the way out.
    struct Change {
        var isInternal = false
        /// The peer is in the own AS or confederation.
        var isInterior = false
        var sendsLocalPreference = false
        /// AS prepended to AS_PATH.
        var prependedAS: UInt32?
        /// The kind of segment it stands in.
        var segmentKind = ASPath.Segment.Kind.sequence
        /// Confederation segments are left out.
        var stripsConfederation = false
        /// An AS that is replaced by the one in `prependedAS`.
        var overriddenAS: UInt32?
        var sendsAIGP = false
        /// Distance to the next hop that the receiver does not see, to be added to the metric.
        var aigpDistance: UInt32 = 0
        /// Metric when absent.
        var aigp: UInt64?
        /// OTC when absent.
        var onlyToCustomer: UInt32?
        var dropsMED = false
        /// LOCAL_PREF when absent, or in place of what there is.
        var localPreference: UInt32?
        var replacesLocalPreference = false
        /// NO_EXPORT is added to the communities.
        var addsNoExport = false
        /// ORIGINATOR_ID when absent.
        var originatorID: UInt32?
        /// Prepended to CLUSTER_LIST, first on the wire first.
        var clusters: [UInt32] = []

        var rewritesPath: Bool {
            self.segmentKind == .sequence && (self.stripsConfederation || self.overriddenAS != nil)
        }
    }

    /// Attributes to add unless the set has them.
    private struct Pending {
        var origin = true
        var asPath = true
        var localPreference: Bool
        var noExport: Bool
        var originatorID: Bool
        var clusters: Bool
        var aigp: Bool
        var onlyToCustomer: Bool

        init(_ change: Change) {
            self.aigp = change.aigp != nil
            self.onlyToCustomer = change.onlyToCustomer != nil
            self.localPreference = change.localPreference != nil
            self.noExport = change.addsNoExport
            self.originatorID = change.originatorID != nil
            self.clusters = !change.clusters.isEmpty
        }

        /// Whether something belongs before an attribute type.
        @inline(__always)
        func isDue(before type: UInt8) -> Bool {
            self.origin && type > 1 || self.asPath && type > 2 || self.localPreference && type > 5
                || self.noExport && type > 8 || self.originatorID && type > 9 || self.clusters && type > 10
                || self.aigp && type > 26 || self.onlyToCustomer && type > 35
        }

        /// Adds what belongs before an attribute type.
        @inline(__always)
        mutating func write(before type: UInt8, _ change: Change, _ output: inout [UInt8]) {
            if self.origin, type > 1 {
                output += [0x40, 1, 1, Origin.igp.rawValue]
                self.origin = false
            }
            if self.asPath, type > 2 {
                if let number = change.prependedAS {
                    output += [0x40, 2, 6, change.segmentKind.rawValue, 1]
                    output.append(number: number)
                } else {
                    output += [0x40, 2, 0]
                }
                self.asPath = false
            }
            if self.localPreference, type > 5, let value = change.localPreference {
                output += [0x40, 5, 4]
                output.append(number: value)
                self.localPreference = false
            }
            if self.noExport, type > 8 {
                output += [0xC0, 8, 4]
                output.append(number: Community.noExport.rawValue)
                self.noExport = false
            }
            if self.originatorID, type > 9, let value = change.originatorID {
                output += [0x80, 9, 4]
                output.append(number: value)
                self.originatorID = false
            }
            if self.clusters, type > 10 {
                output += [0x80, 10, UInt8(change.clusters.count * 4)]
                for cluster in change.clusters { output.append(number: cluster) }
                self.clusters = false
            }
            if self.aigp, type > 26, let metric = change.aigp {
                output += [0x80, 26, UInt8(AIGP.tlvLength), 1, 0, UInt8(AIGP.tlvLength)]
                output.append(number: UInt32(truncatingIfNeeded: metric >> 32))
                output.append(number: UInt32(truncatingIfNeeded: metric))
                self.aigp = false
            }
            if self.onlyToCustomer, type > 35, let number = change.onlyToCustomer {
                output += [0xC0, 35, 4]
                output.append(number: number)
                self.onlyToCustomer = false
            }
        }
    }

    private mutating func header(_ type: PathAttributeType, _ flags: UInt8, _ count: Int) {
        if count > 255 {
            self.output += [flags | 0x10, type.rawValue, UInt8(count >> 8 & 255), UInt8(count & 255)]
        } else {
            self.output += [flags & ~0x10, type.rawValue, UInt8(count)]
        }
    }

    private mutating func append(
        _ type: PathAttributeType,
        _ flags: UInt8,
        _ numbers: [UInt32],
        _ bytes: Octets,
        _ rest: Range<Int>
    ) {
        self.header(type, flags, numbers.count * 4 + rest.count)
        for number in numbers { self.output.append(number: number) }
        bytes.append(rest, to: &self.output)
    }

    private mutating func appendPath(
        _ bytes: Octets,
        _ value: Range<Int>,
        prepending number: UInt32,
        _ kind: ASPath.Segment.Kind
    ) {
        let start = value.lowerBound
        let joins = value.count >= 2 && bytes[start] == kind.rawValue && bytes[start + 1] < 255
        let length = joins ? bytes[start + 1] + 1 : 1
        let count = value.count + (joins ? 4 : 6)
        if count <= 255 {
            // Nearly all paths: one append instead of six.
            self.output += [
                0x40, PathAttributeType.asPath.rawValue, UInt8(count), kind.rawValue, length,
                UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16),
                UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number),
            ]
        } else {
            self.header(.asPath, 0x40, count)
            self.output += [kind.rawValue, length]
            self.output.append(number: number)
        }
        bytes.append((joins ? start + 2 : start)..<value.upperBound, to: &self.output)
    }

    /// Copies COMMUNITIES with NO_EXPORT among them; a list that is full stays as it is.
    private mutating func appendNoExport(_ bytes: Octets, _ attribute: AttributeCursor.Attribute) {
        let value = attribute.value
        let isThere = stride(from: value.lowerBound, to: value.upperBound - 3, by: 4).contains {
            bytes.number($0) == Community.noExport.rawValue
        }
        guard !isThere, value.count + 4 <= 0xFFFF else { return bytes.append(attribute.extent, to: &self.output) }
        self.header(.communities, attribute.flags, value.count + 4)
        bytes.append(value, to: &self.output)
        self.output.append(number: Community.noExport.rawValue)
    }

    /// Writes AS_PATH without confederation segments or with another AS in the neighbour's place, then prepends.
    private mutating func appendRewrittenPath(_ bytes: Octets, _ value: Range<Int>, _ change: Change) {
        var octets = bytes.withRawSpan { span in
            var path: [UInt8] = []
            ASPathView(span.extracting(value)).forEachSegment { kind, numbers in
                let isConfederated = kind == .confederationSequence || kind == .confederationSet
                if isConfederated, change.stripsConfederation { return }
                path += [kind.rawValue, UInt8(numbers.byteCount / 4)]
                for offset in stride(from: 0, to: numbers.byteCount, by: 4) {
                    let number = numbers.uint32(offset)
                    path.append(number: number == change.overriddenAS ? change.prependedAS ?? number : number)
                }
            }
            return ASPath(canonical: path)
        }
        if let number = change.prependedAS {
            octets.prepend(ASNumber(rawValue: number))
        }
        self.pathOctets = octets.bytes.count
        self.header(.asPath, 0x40, octets.bytes.count)
        self.output += octets.bytes
    }

    /// Overwrites eight octets of the output.
    private mutating func store(_ value: UInt64, at start: Int) {
        for index in 0..<8 { self.output[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(56 - index * 8)) }
    }

    /// Copies a list of communities without the non-transitive ones (bit 0x40 of their first octet).
    private mutating func appendTransitive(_ bytes: Octets, _ attribute: AttributeCursor.Attribute, _ size: Int) {
        let starts = stride(from: attribute.value.lowerBound, to: attribute.value.upperBound - size + 1, by: size)
        let kept = starts.filter { bytes[$0] & 0x40 == 0 }
        guard !kept.isEmpty else { return }
        self.header(PathAttributeType(rawValue: attribute.type), attribute.flags, kept.count * size)
        for start in kept { bytes.append(start..<start + size, to: &self.output) }
    }
}

extension [UInt8] {
    /// Four octets, most significant first.
    mutating func append(number: UInt32) {
        self.append(UInt8(truncatingIfNeeded: number >> 24))
        self.append(UInt8(truncatingIfNeeded: number >> 16))
        self.append(UInt8(truncatingIfNeeded: number >> 8))
        self.append(UInt8(truncatingIfNeeded: number))
    }
}

extension CoreState {
    /// What a group sends for a path: a set of the exporter's scratch; 0 if nothing.
    ///
    /// `variant` tells several settings in use during one flush apart.
    @inline(__always)
    func exportedSet(
        _ exporter: inout Exporter,
        _ group: ExportRules,
        _ path: Path,
        _ prefix: () -> IPPrefix,
        _ evaluate: PolicyEvaluator
    ) -> ExportScratch.Number {
        if group.isMemoisable, let known = exporter.scratch.outcome(path.accepted, path.source, group.variant) {
            return known
        }
        let result = self.makeExportedSet(&exporter, group, path, prefix, evaluate)
        if group.isMemoisable { exporter.scratch.note(path.accepted, path.source, group.variant, result) }
        return result
    }

    /// Split horizon, reflection (RFC 4456 §6) and well-known communities (RFC 1997); the peer itself is excluded elsewhere.
    static func mayAdvertise(_ source: SourceRecord, _ record: AttributeRecord, _ group: GroupKey) -> Bool {
        guard source.isBGP else { return true }
        if source.isInternal, group.session == .nonClient, !source.isClient { return false }
        if record.flags.contains(.longLivedStale), !group.takesLongLivedStale, !group.isInternal { return false }
        guard group.interpretsCommunities else { return true }
        if record.flags.contains(.noAdvertise) { return false }
        switch group.session {
        case .client, .nonClient: return true
        case .confederationMember: return !record.flags.contains(.noExportSubconfed)
        case .external, .routeServerClient: return record.flags.isDisjoint(with: [.noExport, .noExportSubconfed])
        }
    }

    /// Whether OTC keeps a route from these peers (RFC 9234 §5, egress rule 2).
    static func isLeak(_ record: AttributeRecord, _ group: GroupKey) -> Bool {
        record.flags.contains(.onlyToCustomer) && group.role?.isFacingUp ?? false
    }

    /// Whether a route that is to be reflected has been through the receivers' cluster (RFC 4456 §8).
    ///
    /// The session it came by may know another cluster.
    func isClusterLoop(_ path: Path, _ source: SourceRecord, _ record: AttributeRecord, _ group: GroupKey) -> Bool {
        guard record.clusterListLength > 0, let cluster = group.clusterID?.rawValue, source.isBGP, source.isInternal
        else { return false }
        let bytes = self.store.bytes(path.accepted)
        var cursor = AttributeCursor(bytes)
        while let attribute = cursor.next() {
            guard attribute.type == PathAttributeType.clusterList.rawValue else { continue }
            return stride(from: attribute.value.lowerBound, to: attribute.value.upperBound - 3, by: 4).contains {
                bytes.number($0) == cluster
            }
        }
        return false
    }

    private func makeExportedSet(
        _ exporter: inout Exporter,
        _ rules: ExportRules,
        _ path: Path,
        _ prefix: () -> IPPrefix,
        _ evaluate: PolicyEvaluator
    ) -> ExportScratch.Number {
        let (group, policy) = (rules.key, rules.policy)
        let source = self.records[Int(path.source)]
        let record = self.store[path.accepted]
        guard policy.constant != .reject, Self.mayAdvertise(source, record, group), !Self.isLeak(record, group),
            !self.isClusterLoop(path, source, record, group)
        else { return 0 }
        var target = self.targets.target(record.target)
        var change = Exporter.Change()
        change.isInternal = group.isInternal
        change.isInterior = group.isInterior
        change.sendsLocalPreference = group.isInterior || group.sendsLocalPreference
        change.dropsMED = !group.isInterior && !group.isTransparent && !group.sendsMED && source.isBGP
        if group.role?.isFacingDown ?? false { change.onlyToCustomer = group.localAS.rawValue }
        change.sendsAIGP = group.aigp != .off
        if group.aigp == .originate, !source.isBGP {
            change.aigp = record.localFlags.contains(.igpMetric) ? UInt64(record.igpMetric) : 0
        }
        if change.sendsLocalPreference {
            // The session a route came in by gives the default, as if it had been set at import.
            change.localPreference = source.isBGP ? source.defaultLocalPreference : group.defaultLocalPreference
        }
        if group.isInternal {
            if source.isBGP, source.isInternal {
                change.originatorID = source.peerRouterID
                // As BIRD does: the cluster of the source, and in front of it that of the receivers if it is another.
                if let cluster = source.clusterID { change.clusters = [cluster] }
                if let cluster = group.clusterID?.rawValue, cluster != source.clusterID {
                    change.clusters.insert(cluster, at: 0)
                }
            }
            if source.isBGP, record.flags.contains(.longLivedStale), !group.takesLongLivedStale {
                (change.localPreference, change.replacesLocalPreference) = (0, true)
                change.addsNoExport = true
            }
        } else if !group.isTransparent {
            change.prependedAS = group.localAS.rawValue
            if group.session == .confederationMember { change.segmentKind = .confederationSequence }
            change.stripsConfederation = group.stripsConfederation
            change.overriddenAS = group.overriddenAS?.rawValue
        } else {
            change.stripsConfederation = group.stripsConfederation
        }
        let carriesAIGP = change.sendsAIGP && record.flags.contains(.aigp) && source.isBGP
        var isNextHopSet = false
        if policy.constant == .accept {
            if carriesAIGP { change.aigpDistance = self.hiddenDistance(group, source, target, record.target, false) }
            exporter.rewrite(self.store.bytes(path.accepted), change)
        } else {
            let original = self.draft(path.accepted, Int(path.source), prefix())
            var draft = original
            guard evaluate(policy.slot, &draft) == .accept else { return 0 }
            isNextHopSet = draft.target != original.target
            target = draft.target
            let discriminator = draft.attributes.multiExitDiscriminator
            if discriminator != original.attributes.multiExitDiscriminator { change.dropsMED = false }
            if carriesAIGP {
                change.aigpDistance = self.hiddenDistance(group, source, target, record.target, isNextHopSet)
            }
            unsafe draft.attributes.bytes.withUnsafeBytes { buffer in
                // The array outlives the call.
                exporter.rewrite(unsafe Octets(buffer.baseAddress, count: buffer.count), change)
            }
        }
        guard
            let nextHop = self.exportedNextHop(group, source, target, record.target, isNextHopSet),
            Self.fits(exporter, group, nextHop)
        else { return 0 }
        return exporter.keep(nextHop, rules.owners)
    }

    /// The distance to a next hop that the receiver does not see any more, by a rule or by the policy (RFC 7311 §3.4).
    private func hiddenDistance(
        _ group: GroupKey,
        _ source: SourceRecord,
        _ target: RouteTarget,
        _ original: TargetID,
        _ isSet: Bool
    ) -> UInt32 {
        guard case .recursive(let nextHop, _) = self.targets.target(original) else { return 0 }
        let sent = self.exportedNextHop(group, source, target, original, isSet)
        return sent?.address == nextHop.address ? 0 : self.targets[original].igpMetric
    }

    /// Whether the attributes leave room for a prefix in a message.
    private static func fits(_ exporter: Exporter, _ group: GroupKey, _ nextHop: BGPNextHop) -> Bool {
        var size = MessageHeader.size + 4 + exporter.output.count
        if group.table.isIPv4, nextHop.address.isIPv4 {
            size += 7 + 5
        } else {
            size += 4 + 5 + (nextHop.linkLocal == nil ? 16 : 32) + (group.table.isIPv4 ? 5 : 17)
        }
        // AS4_PATH and AS4_AGGREGATOR at their largest.
        if !group.encoding.hasFourOctetAS { size += exporter.pathOctets + 4 + 11 }
        if group.view.sendsPathIDs { size += 4 }
        return size <= group.encoding.maximumLength
    }

    /// BIRD's rules: self, keep, set by the policy, internal sessions keep, external ones keep on a shared link.
    private func exportedNextHop(
        _ group: GroupKey,
        _ source: SourceRecord,
        _ target: RouteTarget,
        _ original: TargetID,
        _ isSet: Bool
    ) -> BGPNextHop? {
        let isSelf = Self.holds(group.nextHopSelf, source)
        switch target {
        case .recursive(let nextHop, _):
            let matchesFamily =
                nextHop.address.isIPv4 == group.table.isIPv4 || group.allowsExtendedNextHop && group.table.isIPv4
            let isUsable = !nextHop.address.isUnspecified || nextHop.linkLocal != nil
            let isOnSharedLink =
                group.interface != 0 && source.isBGP && source.interface == group.interface
            let isKept =
                !isSelf
                && (Self.holds(group.nextHopKeep, source) || isSet || group.isTransparent && source.isBGP
                    || matchesFamily
                        && (group.isInterior && isUsable || isOnSharedLink && group.isShared(nextHop.address)))
            if isKept {
                guard matchesFamily, isUsable else { return nil }
                return self.scoped(nextHop, isOnSharedLink: isOnSharedLink)
            }
        case .gateways(let gateways):
            if !isSelf, gateways.count == 1, let address = gateways[0].address, !address.isLinkLocal,
                address.isIPv4 == group.table.isIPv4 || group.allowsExtendedNextHop && group.table.isIPv4
            {
                let interface = self.targets.resolved[Int(original)].gateways.first?.interface ?? 0
                if group.isInterior
                    || group.interface != 0 && group.interface == interface && group.isShared(address)
                {
                    return BGPNextHop(address)
                }
            }
        case .blackhole, .unreachable, .prohibit: break
        }
        let own = group.selfNextHop
        guard !own.address.isUnspecified || own.linkLocal != nil else { return nil }
        guard own.address.isIPv4 == group.table.isIPv4 || !own.address.isIPv4 && group.allowsExtendedNextHop else {
            return nil
        }
        return own
    }

    /// A link-local address means something on its own link only.
    private func scoped(_ nextHop: BGPNextHop, isOnSharedLink: Bool) -> BGPNextHop? {
        if isOnSharedLink || nextHop.linkLocal == nil {
            return nextHop.address.isLinkLocal && !isOnSharedLink ? nil : nextHop
        }
        return nextHop.address.isUnspecified ? nil : BGPNextHop(nextHop.address)
    }

    private static func holds(_ selection: GroupKey.NextHopSelection, _ source: SourceRecord) -> Bool {
        switch selection {
        case .never: false
        case .always: true
        case .fromInternal: source.isBGP && source.isInternal
        case .fromExternal: source.isBGP && !source.isInternal
        }
    }
}
