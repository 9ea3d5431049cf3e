internal import BGPSession
internal import NIOCore

extension PeerSession {
    /// Starts or restarts a timer.
    ///
    /// A running task that fires earlier is kept and renewed then: hold and keepalive timers are restarted with every
    /// read and write, and must not cost a heap operation each time.
    func arm(_ timer: PeerTimer, _ duration: Duration) {
        let random = timer.timer.isJittered ? UInt16(truncatingIfNeeded: self.random.next()) : 0
        let delay = timer.timer.delay(duration, random: random)
        let deadline = NIODeadline.now() + TimeAmount(delay)
        if var running = self.timers[timer], running.taskDeadline <= deadline {
            running.deadline = deadline
            running.isGraceUsed = false
            self.timers[timer] = running
            return
        }
        self.timers.removeValue(forKey: timer)?.task.cancel()
        self.schedule(timer, deadline: deadline, at: deadline, isGraceUsed: false)
    }

    private func schedule(_ timer: PeerTimer, deadline: NIODeadline, at time: NIODeadline, isGraceUsed: Bool) {
        let task = self.loop.scheduleTask(deadline: time) {
            self.assumeIsolated { $0.fired(timer) }
        }
        self.timers[timer] = RunningTimer(
            deadline: deadline,
            task: task,
            taskDeadline: time,
            isGraceUsed: isGraceUsed
        )
    }

    private func fired(_ timer: PeerTimer) {
        guard let running = self.timers[timer] else { return }
        let now = NIODeadline.now()
        if running.deadline > now {
            self.schedule(timer, deadline: running.deadline, at: running.deadline, isGraceUsed: false)
            return
        }
        if timer.timer == .hold {
            // What the peer sent may wait in the socket, because this loop or the core was busy: read it first.
            if self.outstanding > Self.outstandingLimit / 2 {
                self.schedule(timer, deadline: now + .seconds(1), at: now + .seconds(1), isGraceUsed: false)
                return
            }
            if !running.isGraceUsed {
                self.schedule(timer, deadline: now, at: now + .milliseconds(50), isGraceUsed: true)
                return
            }
        }
        self.timers[timer] = nil
        if timer.timer == .sendHold, let id = timer.connection, self.takesWrites(id, now) {
            // Nothing waited for as long as that: there was little to send.
            self.handle(.dataAccepted(id))
            return
        }
        self.handle(.timerExpired(timer))
    }

    /// Whether the transport takes what is written, as far as there was something within the send hold time.
    private func takesWrites(_ id: ConnectionID, _ now: NIODeadline) -> Bool {
        guard let connection = self.connections[id], let limit = self.machine.negotiated?.sendHoldTime else {
            return false
        }
        return connection.takesWrites(within: TimeAmount(limit), at: now)
    }
}

extension PeerSession.Connection {
    /// Whether nothing has waited for the transport as long as the send hold time (RFC 9687 §3.1).
    func takesWrites(within limit: TimeAmount, at now: NIODeadline) -> Bool {
        self.pendingWrites == 0 || now - self.pendingSince < limit
    }
}

extension TimeAmount {
    /// A duration rounded down to nanoseconds.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(
            seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ attoseconds / 1_000_000_000
        )
    }
}
