internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import Policy
internal import RouteModel
internal import Routing
internal import SpeakerSettings

/// From batches of the sessions into the routing core.
extension SpeakerCore {
    func ingest(_ batch: RouteBatch, _ serial: SessionSerial) {
        guard let entry = self.peers[serial.peer], let up = entry.session(serial) else { return }
        self.trimming.taken &+= batch.size
        let common = entry.settings.common
        let isTraced = !common.debug.isEmpty
        var ingress = Ingress(
            serial: serial,
            interface: self.linkLocalInterface(entry, up),
            ipv4: up.channels[.ipv4Unicast]?.source,
            ipv6: up.channels[.ipv6Unicast]?.source,
            isIPv4Judged: batch.judgeIPv4 == up.channels[.ipv4Unicast]?.judge,
            isIPv6Judged: batch.judgeIPv6 == up.channels[.ipv6Unicast]?.judge
        )
        for channel in entry.settings.channels
        where channel.channel.receiveLimit != nil || channel.channel.importLimit != nil {
            if channel.channel.family == .ipv4Unicast { ingress.limitsIPv4 = true } else { ingress.limitsIPv6 = true }
        }
        var warmed = 0
        for (index, segment) in batch.segments.enumerated() {
            if index == warmed { warmed = self.warm(batch, from: index, ingress) }
            guard let source = segment.isIPv4 ? ingress.ipv4 : ingress.ipv6 else { continue }
            let family: AddressFamily = segment.isIPv4 ? .ipv4Unicast : .ipv6Unicast
            switch segment.kind {
            case .announce:
                self.announce(segment, batch, source, &ingress)
                if isTraced { self.traceRoutes(segment, batch, source, common) }
            case .withdraw:
                self.withdraw(segment, batch, source)
                if isTraced { self.traceRoutes(segment, batch, source, common) }
            case .endOfRIB:
                self.endOfRIB(serial, family, source)
            case .beginningOfRefresh: self.beginRefresh(source, serial, family)
            case .endOfRefresh: self.endRefresh(source, serial, family)
            }
        }
        entry.session.inbox.send(.processed(serial, batch.size))
        self.checkCharge(serial.peer)
    }

    /// Reads ahead what some segments from `first` will look up; returns the segment after them.
    private func warm(_ batch: RouteBatch, from first: Int, _ ingress: Ingress) -> Int {
        let count = RoutingCore<FilterProgram>.warmCount
        let isIPv4 = batch.segments[first].isIPv4
        guard let source = isIPv4 ? ingress.ipv4 : ingress.ipv6 else { return first + 1 }
        var end = first
        var nlri = batch.segments[first].nlri
        self.hashes.removeAll(keepingCapacity: true)
        while end < batch.segments.count, end - first < count {
            let segment = batch.segments[end]
            guard segment.isIPv4 == isIPv4 else { break }
            if !segment.nlri.isEmpty {
                guard end == first || segment.nlri.upperBound - nlri.lowerBound <= count else { break }
                nlri = nlri.isEmpty ? segment.nlri : nlri.lowerBound..<segment.nlri.upperBound
            }
            if segment.kind == .announce { self.hashes.append(segment.attributesHash) }
            end += 1
        }
        if self.hashes.count > 1 { self.routing.warm(source, hashes: self.hashes.span) }
        if isIPv4 {
            self.routing.warm(source, nlri: batch.ipv4.span.extracting(nlri))
        } else {
            self.routing.warm(source, nlri: batch.ipv6.span.extracting(nlri))
        }
        return end
    }

    /// What all segments of a batch share.
    private struct Ingress {
        var serial: SessionSerial
        /// Interface of link-local next hops.
        var interface: UInt32
        var ipv4: SourceID?
        var ipv6: SourceID?
        /// Whether the batch's judgements are by the present policies.
        var isIPv4Judged: Bool
        var isIPv6Judged: Bool
        var limitsIPv4 = false
        var limitsIPv6 = false
        /// The latest next hop.
        var nextHop: BGPNextHop?
    }

    /// Marks what the peer is about to announce again; the wait for the end is bounded (RFC 7313 §4).
    private func beginRefresh(_ source: SourceID, _ serial: SessionSerial, _ family: AddressFamily) {
        self.routing.markStale(source)
        self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout?.cancel()
        let timeout = self.loop.scheduleTask(in: self.stalePathTime(of: serial.peer)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.refreshTimedOut(source, serial, family) }
        }
        self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout = timeout
    }

    /// The end of a refresh did not come.
    private func refreshTimedOut(_ source: SourceID, _ serial: SessionSerial, _ family: AddressFamily) {
        guard let entry = self.peers[serial.peer], entry.session(serial) != nil else { return }
        self.logger.info(
            "Neighbor does not end its refresh: routes that it did not send again go",
            metadata: ["peer": "\(entry.settings.common.name)", "family": "\(family)"]
        )
        self.endRefresh(source, serial, family)
        self.scheduleRun()
    }

    private func endRefresh(_ source: SourceID, _ serial: SessionSerial, _ family: AddressFamily) {
        // An end without a beginning means nothing.
        guard let timeout = self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout else { return }
        timeout.cancel()
        self.peers[serial.peer]?.up?.channels[family]?.refreshTimeout = nil
        self.routing.removeStale(source)
        self.limitsDue.insert(serial.peer)
    }

    private func withdraw(_ segment: RouteBatch.Segment, _ batch: RouteBatch, _ source: SourceID) {
        if segment.isIPv4 {
            self.routing.withdraw(source, nlri: batch.ipv4.span.extracting(segment.nlri))
        } else {
            self.routing.withdraw(source, nlri: batch.ipv6.span.extracting(segment.nlri))
        }
    }

    private func announce(
        _ segment: RouteBatch.Segment,
        _ batch: RouteBatch,
        _ source: SourceID,
        _ ingress: inout Ingress
    ) {
        guard let nextHop = segment.nextHop else { return }
        if ingress.nextHop != nextHop {
            ingress.nextHop = nextHop
            if self.interfaces.isLocal(nextHop.address) {
                self.warnOfOwnNextHop(ingress.serial, segment.isIPv4, nextHop.address)
            }
        }
        let isScoped = nextHop.address.isLinkLocal || nextHop.linkLocal != nil
        let target = RouteTarget.recursive(nextHop, interface: isScoped ? ingress.interface : 0)
        let attributes = batch.attributes.span.bytes.extracting(segment.attributes)
        var judgement: ImportJudgement?
        var changed = 0..<0
        if segment.isIPv4 ? ingress.isIPv4Judged : ingress.isIPv6Judged {
            if let change = segment.judgement.change {
                judgement = batch.changes[change].judgement
                changed = batch.changes[change].attributes
            } else if segment.judgement != .open {
                judgement = ImportJudgement(segment.judgement == .accepted ? .accepted : .rejected)
            }
        }
        let accepted = batch.attributes.span.bytes.extracting(changed)
        let result =
            segment.isIPv4
            ? self.routing.announce(
                source,
                attributes: attributes,
                hash: segment.attributesHash,
                target: target,
                nlri: batch.ipv4.span.extracting(segment.nlri),
                judgement: judgement,
                accepted: accepted
            )
            : self.routing.announce(
                source,
                attributes: attributes,
                hash: segment.attributesHash,
                target: target,
                nlri: batch.ipv6.span.extracting(segment.nlri),
                judgement: judgement,
                accepted: accepted
            )
        if result.exceedsReceiveLimit { self.noteDropped(source, ingress.serial, segment.isIPv4) }
        if segment.isIPv4 ? ingress.limitsIPv4 : ingress.limitsIPv6 {
            self.enforceLimits(source, ingress.serial, segment.isIPv4 ? .ipv4Unicast : .ipv6Unicast, result)
        }
    }
}
