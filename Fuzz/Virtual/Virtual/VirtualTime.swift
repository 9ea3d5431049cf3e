/// The clock and the queue of a process without threads: what is due runs in the order in which it was asked for, and
/// time passes only when somebody says so.
///
/// The stand-ins for NIO and for the kernel's threads run on it, so that a whole speaker is a function of its input.
package enum VirtualTime {
    /// Something that is due at a time.
    package final class Alarm: @unchecked Sendable {
        fileprivate let deadline: UInt64
        fileprivate let order: UInt64
        fileprivate var work: (() -> Void)?

        fileprivate init(_ deadline: UInt64, _ order: UInt64, _ work: @escaping () -> Void) {
            self.deadline = deadline
            self.order = order
            self.work = work
        }

        /// Keeps it from ringing.
        package func cancel() { self.work = nil }

        /// Whether it has neither rung nor been cancelled.
        package var isPending: Bool { self.work != nil }
    }

    /// Nanoseconds since the beginning; not 0, which stands for "never" in places.
    nonisolated(unsafe) package private(set) static var now: UInt64 = start
    nonisolated(unsafe) private static var ready: [() -> Void] = []
    nonisolated(unsafe) private static var alarms: [Alarm] = []
    nonisolated(unsafe) private static var order: UInt64 = 0

    private static let start: UInt64 = 1_000_000_000_000

    /// Forgets everything.
    package static func reset() {
        // What goes may ask for something more while it goes.
        while !self.ready.isEmpty || !self.alarms.isEmpty {
            let gone = (self.ready, self.alarms)
            self.ready = []
            self.alarms = []
            // Who asked for an alarm may hold it, and be held by what it would have done.
            for alarm in gone.1 { alarm.work = nil }
        }
        self.now = self.start
    }

    /// Runs `work` soon.
    package static func execute(_ work: @escaping () -> Void) { self.ready.append(work) }

    /// Runs `work` at a time.
    package static func schedule(at deadline: UInt64, _ work: @escaping () -> Void) -> Alarm {
        self.order += 1
        let alarm = Alarm(max(deadline, self.now), self.order, work)
        var (low, high) = (0, self.alarms.count)
        // The next one is last.
        while low < high {
            let middle = (low + high) / 2
            let other = self.alarms[middle]
            if (other.deadline, other.order) > (alarm.deadline, alarm.order) { low = middle + 1 } else { high = middle }
        }
        self.alarms.insert(alarm, at: low)
        return alarm
    }

    /// Runs what is due now and until `duration` has passed; false when it does not come to rest.
    package static func run(for duration: UInt64 = 0, limit: Int = 500_000) -> Bool {
        let end = self.now + duration
        var count = 0
        while true {
            while !self.ready.isEmpty {
                let batch = self.ready
                self.ready = []
                for work in batch { work() }
                count += batch.count
                if count > limit { return false }
            }
            guard let next = self.alarms.last, next.deadline <= end else { break }
            self.alarms.removeLast()
            guard let work = next.work else { continue }
            next.work = nil
            self.now = next.deadline
            work()
            count += 1
            if count > limit { return false }
        }
        self.now = end
        return true
    }
}
