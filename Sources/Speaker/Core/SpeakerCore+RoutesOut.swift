internal import Routing
internal import SpeakerSettings

/// From the routing core to the loops of the sessions.
extension SpeakerCore {
    /// Sends what groups are owed, a slice each.
    ///
    /// Returns whether more is due that can be sent now. A group waits while a loop of its members still has earlier
    /// output to write, so under load each flush carries more; the loop wakes the core.
    func flushGroups() -> Bool {
        var isMoreDue = false
        var loops: [Bool?] = Array(repeating: nil, count: self.sessionLoops.count)
        for group in self.routing.groups where self.routing.isPending(group) && !self.isDeferred(group) {
            let members = self.routing.members(of: group)
            var slow: [SourceID] = []
            var isReady = true
            for member in members {
                guard let outlet = self.outlet(member) else { continue }
                if loops[outlet.loop] == nil { loops[outlet.loop] = self.sessionLoops[outlet.loop].isReady }
                if loops[outlet.loop] == false { isReady = false }
                if !outlet.session.unsent.isReady { slow.append(member) }
            }
            guard isReady, slow.count < members.count else { continue }
            for member in slow { self.routing.separate(member) }
            let output = self.routing.flush(group, limit: 8192)
            self.send(output)
            if !output.isDrained { isMoreDue = true }
        }
        return isMoreDue
    }

    private func outlet(_ member: SourceID) -> Outlet? {
        let index = Int(member.rawValue)
        return index < self.outlets.count ? self.outlets[index] : nil
    }

    private func send(_ output: PackedOutput) {
        guard !output.isEmpty else { return }
        let expected = output.estimatedOctets
        let shared = SharedOutput(output)
        var recipients: [[SessionLoop.Recipient]] = Array(repeating: [], count: self.sessionLoops.count)
        for (position, member) in output.members.enumerated() {
            guard let outlet = self.outlet(member) else { continue }
            outlet.session.unsent.add(expected)
            recipients[outlet.loop].append(
                SessionLoop.Recipient(
                    position: position,
                    session: outlet.session,
                    serial: outlet.serial,
                    expected: expected
                )
            )
        }
        for (loop, list) in recipients.enumerated() where !list.isEmpty {
            self.sessionLoops[loop].send(SessionLoop.Flush(output: shared, recipients: list))
        }
    }
}

/// Where the output of one channel of an Established session goes.
struct Outlet {
    var session: PeerSession
    var serial: SessionSerial
    /// Index of the session's loop.
    var loop: Int
}
