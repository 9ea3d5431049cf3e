internal import NIOCore
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

    private func send(_ output: GroupOutput) {
        guard !output.bytes.isEmpty else { return }
        // One buffer for everyone: NIO shares its storage between the sessions' write queues.
        let buffer = ByteBuffer(bytes: output.bytes)
        var deliveries: [[SessionLoop.Delivery]] = Array(repeating: [], count: self.sessionLoops.count)
        for item in output.deliveries {
            guard let outlet = self.outlet(item.member) else { continue }
            let delivery = SessionLoop.Delivery(
                session: outlet.session,
                serial: outlet.serial,
                parts: item.parts,
                messageCount: item.messageCount
            )
            outlet.session.unsent.add(delivery.octets)
            deliveries[outlet.loop].append(delivery)
        }
        for (loop, list) in deliveries.enumerated() where !list.isEmpty {
            self.sessionLoops[loop].send(SessionLoop.Flush(buffer: buffer, deliveries: list))
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
