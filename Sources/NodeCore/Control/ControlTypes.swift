internal import BGPSession
internal import BGPWire
internal import ControlAPI
internal import IPAddressing
internal import RouteModel
internal import Speaker
internal import SpeakerSettings

extension NeighborStatus {
    /// A peer of the speaker as the control interface shows it.
    init(_ peer: PeerSnapshot) {
        let settings = peer.settings
        let isInternal = peer.negotiated?.isInternal ?? settings.isInternal
        self.init(
            name: settings.common.name,
            address: settings.neighborAddress.description + (settings.interfaceName.map { "%\($0)" } ?? ""),
            port: settings.neighborPort,
            localAS: settings.localAS.rawValue,
            remoteAS: (peer.negotiated?.peerAS ?? settings.neighborAS)?.rawValue,
            state: peer.state.control,
            sessionType: isInternal
                ? settings.isRouteReflectorClient ? .routeReflectorClient : .internal
                : settings.isRouteServerClient ? .routeServerClient : .external
        )
        self.description = settings.common.description
        self.localAddress = (peer.local?.address ?? settings.localAddress)?.description
        self.passive = settings.isPassive
        self.establishedAt = peer.establishedTime.map(Timestamp.init(seconds:))
        self.uptimeSeconds = peer.uptime.map { UInt64(max(0, $0.components.seconds)) }
        self.holdTime = peer.negotiated.map { UInt16(clamping: $0.holdTime.components.seconds) } ?? settings.timers.hold
        self.keepaliveTime =
            peer.negotiated.map { UInt16(clamping: $0.keepaliveTime.components.seconds) }
            ?? settings.timers.keepalive ?? settings.timers.hold / 3
        self.remoteRouterID = peer.negotiated?.peerIdentifier.description
        self.capabilities.local = peer.negotiated?.localOpen.capabilities.map(\.text) ?? []
        self.capabilities.remote = peer.negotiated?.peerOpen.capabilities.map(\.text) ?? []
        if let error = peer.lastError, let time = peer.lastErrorTime {
            self.lastError = SessionError(direction: error.direction, text: error.text, at: Timestamp(seconds: time))
        }
        self.lastNotificationSent = peer.lastSent.map(NotificationRecord.init)
        self.lastNotificationReceived = peer.lastReceived.map(NotificationRecord.init)
        self.families = peer.channels.map { FamilyStatus($0) }
        self.gracefulRestart = (peer.negotiated ?? peer.negotiatedBefore).flatMap {
            GracefulRestart($0, isRestarting: peer.negotiated == nil)
        }
        self.routes = RouteCounts(
            received: peer.channels.reduce(0) { $0 + $1.received },
            accepted: peer.channels.reduce(0) { $0 + $1.accepted },
            best: peer.channels.reduce(0) { $0 + $1.best },
            exported: peer.channels.reduce(0) { $0 + $1.exported }
        )
        self.messages = Messages(sent: peer.sent.control, received: peer.received.control)
        self.transitions = peer.establishedCount
        self.updateErrors = peer.updateErrors.sorted {
            ($0.key.type, $0.key.cause.rawValue) < ($1.key.type, $1.key.cause.rawValue)
        }
        .map { kind, count in
            UpdateErrorCount(
                attribute: kind.attributeName,
                cause: kind.cause.rawValue,
                action: kind.isDiscarded ? .discard : .withdraw,
                count: count
            )
        }
        self.attributeBytes = UInt64(clamping: peer.attributeOctets)
        self.attributeLimitBytes = UInt64(clamping: settings.attributeLimit)
        self.idleReason = peer.idleReason
        self.sendHoldTime = peer.negotiated.map { UInt64(max(0, $0.sendHoldTime.components.seconds)) }
        func left(_ timer: SessionTimer) -> Double? {
            peer.timers[timer].map { (Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18) }
                .map { ($0 * 10).rounded() / 10 }
        }
        self.timers = TimersLeft(
            hold: left(.hold),
            keepalive: left(.keepalive),
            sendHold: left(.sendHold),
            connectRetry: left(.connectRetry),
            delayOpen: left(.delayOpen),
            idleHold: left(.idleHold)
        )
    }
}

extension NeighborStatus.NotificationRecord {
    /// A NOTIFICATION of the speaker as the control interface shows it.
    init(_ record: NotedNotification) {
        self.init(
            code: record.notification.code.rawValue,
            subcode: record.notification.subcode,
            text: "\(record.notification)",
            data: record.notification.data.prefix(4096).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(),
            at: Timestamp(seconds: record.time)
        )
    }
}

extension NeighborStatus.FamilyStatus {
    /// A channel of the speaker as the control interface shows it.
    init(_ channel: PeerSnapshot.Channel) {
        self.init(
            family: channel.family.description,
            table: channel.table,
            negotiated: channel.isNegotiated,
            routes: .init(
                received: channel.received,
                accepted: channel.accepted,
                best: channel.best,
                exported: channel.exported
            )
        )
        self.endOfRIB = channel.isNegotiated ? channel.hasEndOfRIB : nil
        self.droppedRoutes = channel.dropped == 0 ? nil : channel.dropped
        self.staleRoutes = channel.stale == 0 ? nil : channel.stale
        self.staleWait = channel.wait.map {
            switch $0.phase {
            case .restart: .restart
            case .longLived: .longLived
            case .synchronizing: .endOfRIB
            }
        }
        self.staleSeconds = channel.wait.map { UInt64(max(0, $0.left.components.seconds)) }
    }
}

extension NeighborStatus.GracefulRestart {
    /// What was negotiated; nil where a side does not take part.
    init?(_ session: NegotiatedSession, isRestarting: Bool) {
        guard session.gracefulRestart != nil else { return nil }
        self.init(
            local: Side(session.localOpen.capabilities),
            remote: Side(session.peerOpen.capabilities),
            notification: session.restartsOnNotification,
            restarting: isRestarting
        )
    }
}

extension NeighborStatus.GracefulRestart.Side {
    /// What the capabilities of an OPEN say.
    init(_ capabilities: [Capability]) {
        self.init(restarted: false, restartSeconds: 0, longLived: false, families: [])
        var families: [AddressFamily: NeighborStatus.GracefulRestart.Family] = [:]
        func family(_ family: AddressFamily) -> NeighborStatus.GracefulRestart.Family {
            families[family]
                ?? .init(
                    family: family.description,
                    restarts: false,
                    forwardingPreserved: false,
                    longLivedSeconds: 0
                )
        }
        for capability in capabilities {
            switch capability {
            case .gracefulRestart(let value):
                self.restarted = value.restartState
                self.restartSeconds = value.restartTime
                for entry in value.families {
                    var known = family(entry.family)
                    known.restarts = true
                    known.forwardingPreserved = known.forwardingPreserved || entry.forwardingPreserved
                    families[entry.family] = known
                }
            case .longLivedGracefulRestart(let entries):
                self.longLived = true
                for entry in entries {
                    var known = family(entry.family)
                    known.longLivedSeconds = entry.staleTime
                    known.forwardingPreserved = known.forwardingPreserved || entry.forwardingPreserved
                    families[entry.family] = known
                }
            default: break
            }
        }
        self.families = families.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension SessionState {
    /// The state's word in the control interface.
    var control: NeighborStatus.SessionState {
        switch self {
        case .idle: .idle
        case .connect: .connect
        case .active: .active
        case .openSent: .openSent
        case .openConfirm: .openConfirm
        case .established: .established
        }
    }
}

extension SessionEndReason {
    /// Who said it.
    var direction: NeighborStatus.SessionError.Direction {
        switch self {
        case .notificationSent: .sent
        case .notificationReceived: .received
        default: .local
        }
    }

    /// What was said, without who said it.
    var text: String {
        switch self {
        case .notificationSent(let notification), .notificationReceived(let notification): "\(notification)"
        default: self.words
        }
    }
}

extension PeerSnapshot.MessageCounts {
    /// The counts as the control interface shows them.
    var control: NeighborStatus.Messages.Counts {
        .init(
            open: self.open,
            update: self.update,
            notification: self.notification,
            keepalive: self.keepalive,
            routeRefresh: self.routeRefresh
        )
    }
}

extension Route {
    /// A route of the speaker as the control interface shows it.
    init(_ route: RouteSnapshot) {
        let source: Source =
            switch route.origin.source {
            case .static: .static
            case .kernel: .kernel
            case .device: .device
            case .bgp: .bgp
            }
        self.init(
            prefix: route.prefix,
            table: route.table,
            best: route.isBest,
            source: source,
            protocolName: route.origin.protocolName,
            preference: route.local.preference
        )
        self.from = route.origin.from
        self.nextHop = route.target.bgpNextHop?.address ?? route.gateways.first?.address
        self.gateway = route.gateways.first?.address
        self.interface = route.interface
        self.discard = route.discard
        self.set(route.attributes)
        self.metric = route.local.kernelMetric
        self.rejected = route.rejection
        self.stale = route.isLongLivedStale ? .longLived : route.isStale ? .stale : nil
        self.pathID = route.pathID == 0 ? nil : route.pathID
    }

    /// Takes over every attribute of BGP.
    mutating func set(_ attributes: PathAttributes) {
        self.asPath = attributes.asPath.map { path in
            path.segments.flatMap { segment -> [ASPathElement] in
                let numbers = segment.numbers.map(\.rawValue)
                return switch segment.kind {
                case .sequence: numbers.map { .number($0) }
                case .set: [.set(numbers)]
                case .confederationSequence: [.confederationSequence(numbers)]
                case .confederationSet: [.confederationSet(numbers)]
                }
            }
        }
        self.localPref = attributes.localPreference
        self.med = attributes.multiExitDiscriminator
        self.origin = attributes.origin.map {
            switch $0 {
            case .igp: .igp
            case .egp: .egp
            case .incomplete: .incomplete
            }
        }
        self.communities = attributes.communities.map(\.description)
        self.largeCommunities = attributes.largeCommunities.map(\.description)
        self.extendedCommunities = attributes.extendedCommunities.map(\.description)
        self.originatorID = attributes.originatorID
        self.clusterList = attributes.clusterList ?? []
        self.addRareAttributes(attributes)
    }

    /// Takes over what most routes do not have.
    private mutating func addRareAttributes(_ attributes: PathAttributes) {
        var offset = 0
        while let element = attributes.element(at: offset) {
            offset = element.extent.upperBound
            switch element.type {
            case .local, .origin, .asPath, .multiExitDiscriminator, .localPreference, .communities, .originatorID,
                .clusterList, .extendedCommunities, .largeCommunities:
                continue
            case .atomicAggregate: self.atomicAggregate = true
            case .aggregator:
                self.aggregator = attributes.aggregator.map { .init(number: $0.number.rawValue, id: $0.identifier) }
            case .aigp where attributes.accumulatedIGPMetric != nil: self.aigp = attributes.accumulatedIGPMetric
            case .onlyToCustomer: self.onlyToCustomer = attributes.onlyToCustomer?.rawValue
            default:
                self.otherAttributes.append(
                    OtherAttribute(
                        type: element.type.rawValue,
                        name: element.type.description,
                        partial: element.flags.contains(.partial),
                        value: attributes.bytes[element.value].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                            .joined()
                    )
                )
            }
        }
    }
}
