public import BGPWire
public import IPAddressing

/// Why an OPEN is refused.
public enum OpenError: Error, Hashable, Sendable {
    /// 2/1.
    case unsupportedVersion(UInt8)
    /// 2/2; the AS that the peer named.
    case badPeerAS(ASNumber)
    /// 2/6; seconds.
    case unacceptableHoldTime(UInt16)
    /// 2/3.
    case badIdentifier(RouterID)
    /// 2/7; families that are required and missing, or all of ours when there is none in common.
    case missingFamilies([AddressFamily])
    /// 2/7; other capabilities that are required and missing.
    case missingCapabilities([Capability])
    /// 2/11; the peer's roles as far as they have a name.
    case roleMismatch([BGPRole])

    /// The NOTIFICATION that answers it.
    public var notification: Notification {
        switch self {
        case .unsupportedVersion: .open(.unsupportedVersionNumber, data: [0, 4])
        case .badPeerAS: .open(.badPeerAS)
        case .unacceptableHoldTime: .open(.unacceptableHoldTime)
        case .badIdentifier: .open(.badBGPIdentifier)
        case .missingFamilies(let families):
            .open(
                .unsupportedCapability,
                data: families.flatMap { family -> [UInt8] in
                    [1, 4, UInt8(family.afi >> 8), UInt8(truncatingIfNeeded: family.afi), 0, family.safi]
                }
            )
        case .missingCapabilities(let capabilities):
            .open(
                .unsupportedCapability,
                data: capabilities.reduce(into: []) { $1.encode(into: &$0) }
            )
        case .roleMismatch: .open(.roleMismatch)
        }
    }
}

extension SessionConfiguration {
    /// Checks the peer's OPEN against the configuration and the OPEN we sent, in the order of RFC 4271 §6.2.
    public func negotiate(local: Open, peer: Open) throws(OpenError) -> NegotiatedSession {
        guard peer.version == 4 else { throw .unsupportedVersion(peer.version) }
        let peerAS = try self.checkAS(of: peer)
        let isInternal = peerAS == self.localAS
        guard peer.holdTime == 0 || peer.holdTime >= max(3, self.minimumHoldTime) else {
            throw .unacceptableHoldTime(peer.holdTime)
        }
        guard peer.identifier.rawValue != 0, !(isInternal && peer.identifier == local.identifier) else {
            throw .badIdentifier(peer.identifier)
        }
        let families = try self.commonFamilies(local: local, peer: peer)
        try self.checkRequired(of: peer)
        let peerRole = try self.checkRole(of: peer, isInternal: isInternal)

        func both(_ capability: Capability) -> Bool {
            local.capabilities.contains(capability) && peer.capabilities.contains(capability)
        }
        let hold = min(local.holdTime, peer.holdTime)
        let third = max(1, hold / 3)
        let keepalive = self.keepaliveTime.map { $0 == 0 ? third : min($0, third) } ?? third
        guard hold == 0 || keepalive >= self.minimumKeepaliveTime else { throw .unacceptableHoldTime(peer.holdTime) }
        let gracefulRestart = local.sentGracefulRestart == nil ? nil : peer.sentGracefulRestart
        var longLived: [Capability.LongLivedGracefulRestart]?
        if gracefulRestart != nil, self.longLivedGracefulRestart != nil {
            for case .longLivedGracefulRestart(let entries) in peer.capabilities {
                longLived = (longLived ?? []) + entries
            }
        }
        return NegotiatedSession(
            localOpen: local,
            peerOpen: peer,
            peerAS: peerAS,
            isInternal: isInternal,
            families: families,
            holdTime: .seconds(Int64(hold)),
            keepaliveTime: hold == 0 ? .zero : .seconds(Int64(keepalive)),
            sendHoldTime: hold == 0 ? .zero : self.sendHoldTime ?? max(.seconds(480), .seconds(2 * Int64(hold))),
            fourOctetAS: local.fourOctetAS != nil && peer.fourOctetAS != nil,
            extendedMessage: both(.extendedMessage),
            routeRefresh: both(.routeRefresh),
            enhancedRouteRefresh: both(.enhancedRouteRefresh),
            gracefulRestart: gracefulRestart,
            longLivedGracefulRestart: longLived,
            peerRole: peerRole
        )
    }

    /// RFC 6793 §4.1, RFC 7607: the AS, never 0 or AS_TRANS, in agreement with the two-octet field.
    private func checkAS(of peer: Open) throws(OpenError) -> ASNumber {
        let peerAS = peer.effectiveAS
        guard peer.myAS != 0, peerAS.rawValue != 0, peerAS != .transition else { throw .badPeerAS(peerAS) }
        if let number = peer.fourOctetAS {
            guard UInt32(peer.myAS) == number.rawValue || UInt32(peer.myAS) == ASNumber.transition.rawValue else {
                throw .badPeerAS(number)
            }
        }
        let isExpected =
            switch self.remoteAS {
            case .exactly(let number): peerAS == number
            case .external: peerAS != self.localAS
            case .internal: peerAS == self.localAS
            }
        guard isExpected else { throw .badPeerAS(peerAS) }
        return peerAS
    }

    /// RFC 5492 §3: a peer without what is required is told what that is.
    private func checkRequired(of peer: Open) throws(OpenError) {
        guard !self.required.isEmpty else { return }
        let missing = self.requiredCapabilities.filter { capability in
            !peer.capabilities.contains { $0.code == capability.code }
        }
        guard missing.isEmpty else { throw .missingCapabilities(missing) }
    }

    /// What is required, as this speaker would send it, by code.
    private var requiredCapabilities: [Capability] {
        self.required.sorted { $0.rawValue < $1.rawValue }.map { required in
            switch required {
            case .routeRefresh: .routeRefresh
            case .extendedMessage: .extendedMessage
            case .fourOctetAS: .fourOctetAS(self.localAS)
            case .enhancedRouteRefresh: .enhancedRouteRefresh
            case .gracefulRestart:
                .gracefulRestart(
                    self.gracefulRestart
                        ?? Capability.GracefulRestart(
                            restartState: false,
                            notification: false,
                            restartTime: 0,
                            families: []
                        )
                )
            case .longLivedGracefulRestart: .longLivedGracefulRestart(self.longLivedGracefulRestart ?? [])
            }
        }
    }

    private func commonFamilies(local: Open, peer: Open) throws(OpenError) -> [NegotiatedSession.Family] {
        let peerFamilies = peer.families
        let localFamilies = local.families
        let wanted = self.families.isEmpty ? [Family(.ipv4Unicast)] : self.families
        let missing = wanted.filter { $0.isMandatory && !peerFamilies.contains($0.family) }
        guard missing.isEmpty else { throw .missingFamilies(missing.map(\.family)) }
        let common = wanted.filter { localFamilies.contains($0.family) && peerFamilies.contains($0.family) }
        guard !common.isEmpty else { throw .missingFamilies(wanted.map(\.family)) }

        func addPath(_ open: Open, _ family: AddressFamily) -> Capability.AddPath? {
            for case .addPath(let entries) in open.capabilities {
                if let entry = entries.first(where: { $0.family == family }) { return entry }
            }
            return nil
        }
        func extendedNextHop(_ open: Open, _ family: AddressFamily) -> Bool {
            for case .extendedNextHop(let entries) in open.capabilities
            where entries.contains(where: { $0.family == family && $0.nextHopAFI == AddressFamily.ipv6Unicast.afi }) {
                return true
            }
            return false
        }
        var lacking: [Capability] = []
        for wanted in common {
            if wanted.requiresExtendedNextHop, !extendedNextHop(peer, wanted.family) {
                let next = Capability.ExtendedNextHop(
                    family: wanted.family,
                    nextHopAFI: AddressFamily.ipv6Unicast.afi
                )
                lacking.append(.extendedNextHop([next]))
            }
            let theirs = addPath(peer, wanted.family)
            let isAnswered =
                (!wanted.addPathReceive || theirs?.send == true) && (!wanted.addPathSend || theirs?.receive == true)
            if wanted.requiresAddPath, !isAnswered {
                let paths = Capability.AddPath(
                    family: wanted.family,
                    receive: wanted.addPathReceive,
                    send: wanted.addPathSend
                )
                lacking.append(.addPath([paths]))
            }
        }
        guard lacking.isEmpty else { throw .missingCapabilities(lacking) }
        return common.map { wanted in
            let ours = addPath(local, wanted.family)
            let theirs = addPath(peer, wanted.family)
            return NegotiatedSession.Family(
                family: wanted.family,
                extendedNextHop: extendedNextHop(local, wanted.family) && extendedNextHop(peer, wanted.family),
                addPathReceive: ours?.receive == true && theirs?.send == true,
                addPathSend: ours?.send == true && theirs?.receive == true
            )
        }
    }

    /// RFC 9234 §4.2.
    private func checkRole(of peer: Open, isInternal: Bool) throws(OpenError) -> BGPRole? {
        guard let ours = self.role, !isInternal else { return nil }
        var roles: [BGPRole] = []
        for case .role(let role) in peer.capabilities where !roles.contains(role) { roles.append(role) }
        // A value without meaning is in no pair of the table either.
        let hasOther = peer.capabilities.contains {
            if case .unknown(code: 9, let value) = $0 { value.count == 1 } else { false }
        }
        guard let theirs = roles.first, !hasOther else {
            if self.requiresRole || hasOther { throw .roleMismatch(roles) }
            return nil
        }
        let expected: BGPRole =
            switch ours {
            case .provider: .customer
            case .customer: .provider
            case .routeServer: .routeServerClient
            case .routeServerClient: .routeServer
            case .peer: .peer
            }
        guard roles.count == 1, theirs == expected else { throw .roleMismatch(roles) }
        return theirs
    }
}
