internal import BGPSession
internal import BGPWire
internal import Logging
internal import Routing
internal import SpeakerSettings

/// The limit of what a peer may have this speaker store in attribute sets.
extension SpeakerCore {
    /// Octets a peer is charged for, all families.
    func attributeCharge(_ entry: PeerEntry) -> Int {
        entry.up?.channels.values.reduce(0) { $0 + self.routing.attributeCharge($1.source) } ?? 0
    }

    /// Acts when a peer is charged for more than it may be.
    ///
    /// Some of that others may hold by now, so the charge is reviewed first; past twice the limit nothing is waited for.
    func checkCharge(_ id: PeerID) {
        guard let entry = self.peers[id], let up = entry.up else { return }
        let limit = entry.settings.attributeLimit
        let charge = self.attributeCharge(entry)
        guard charge > max(limit, up.nextChargeCheck ?? 0) else { return }
        if charge > 2 * limit { return self.endForCharge(entry, up, charge) }
        guard !up.isChargeReviewed else { return }
        self.peers[id]?.up?.isChargeReviewed = true
        self.hasChargeReviews = true
        self.routing.reviewCharges(up.channels.values.map(\.source))
    }

    /// Decides about peers whose charges were reviewed.
    func finishChargeReviews() {
        guard self.hasChargeReviews, !self.routing.isReviewingCharges else { return }
        self.hasChargeReviews = false
        for (id, entry) in self.peers {
            guard let up = entry.up, up.isChargeReviewed else { continue }
            self.peers[id]?.up?.isChargeReviewed = false
            let charge = self.attributeCharge(entry)
            if charge > entry.settings.attributeLimit {
                self.endForCharge(entry, up, charge)
            } else {
                // Not again for every further set: a review looks at all routes.
                self.peers[id]?.up?.nextChargeCheck = charge + entry.settings.attributeLimit / 16
            }
        }
    }

    private func endForCharge(_ entry: PeerEntry, _ up: PeerEntry.Up, _ charge: Int) {
        let limit = entry.settings.attributeLimit
        self.peers[up.serial.peer]?.up?.nextChargeCheck = .max
        self.logger.warning(
            "Attribute limit reached",
            metadata: [
                "peer": "\(entry.settings.common.name)", "octets": "\(charge)", "limit": "\(limit)",
                "action": "restart",
            ]
        )
        entry.session.inbox.send(.end(up.serial, .cease(.outOfResources), .afterBackoff))
    }
}
