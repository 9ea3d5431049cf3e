internal import CLinux
internal import NIOCore
internal import Netlink
internal import Routing

/// Giving memory back when there is little to do.
struct Trimming {
    /// Below this many octets of routes in a second the core counts as idle.
    static let idleOctets = 64 << 10
    /// Seconds without much to do before memory is looked at: a table that comes back at once would need it again.
    static let quietSeconds = 2
    /// Seconds after which memory is looked at although there always is something to do.
    static let busySeconds = 60

    /// Octets of routes taken in since the last look.
    var taken = 0
    var quiet = 0
    var sinceLast = 0
    /// Whether anything happened since memory was last given back.
    var isDue = true
    var isRunning = false
    var task: RepeatedTask?
}

extension SpeakerCore {
    /// Looks every second whether memory can be given back.
    func scheduleTrimming() {
        self.trimming.task = self.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) {
            [weak self] _ in
            self?.assumeIsolated { $0.considerTrimming() }
        }
    }

    private func considerTrimming() {
        let isQuiet = self.trimming.taken < Trimming.idleOctets && !self.routing.hasWork
        if self.trimming.taken > 0 || self.routing.hasWork { self.trimming.isDue = true }
        self.trimming.taken = 0
        self.trimming.quiet = isQuiet ? self.trimming.quiet + 1 : 0
        self.trimming.sinceLast += 1
        guard self.trimming.isDue, !self.trimming.isRunning,
            self.trimming.quiet >= Trimming.quietSeconds || self.trimming.sinceLast >= Trimming.busySeconds
        else { return }
        self.trimming.isDue = false
        self.trimming.sinceLast = 0
        self.trimming.isRunning = true
        self.continueTrimming()
    }

    /// One slice of about a millisecond; peers are served between two.
    private func continueTrimming() {
        guard !self.isStopping else { return }
        if self.routing.trim(16) {
            _ = self.loop.scheduleTask(in: .milliseconds(2)) { [weak self] in
                self?.assumeIsolated { $0.continueTrimming() }
            }
            return
        }
        self.hashes = []
        self.trimming.isRunning = false
        // The allocator's share: another thread does it, which only makes allocations of the same arena wait.
        guard let thread = self.kernelThread else { return }
        Task { try? await thread.perform { _ in clinux_trim_heap() } }
    }

    /// What the speaker holds, by structure.
    func memorySnapshot() async -> MemorySnapshot {
        var result = MemorySnapshot(core: self.routing.memory)
        for entry in self.peers.values {
            result.sessions += await entry.session.bufferedOctets
        }
        result.installedRoutes = self.kernels.values.reduce(0) { $0 + $1.report.memory }
        result.learnedRoutes = self.kernels.values.reduce(0) { $0 + $1.learned.memory }
        return result
    }
}

extension PeerSession {
    /// Octets held for messages that come in or go out.
    var bufferedOctets: Int {
        var octets = self.batch.capacity + self.outstanding + self.unsent.count
        for connection in self.connections.values {
            octets += connection.rest?.capacity ?? 0
            for buffer in connection.backlog { octets += buffer.capacity }
        }
        return octets
    }
}
