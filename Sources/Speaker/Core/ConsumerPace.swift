internal import NIOCore

/// How fast kernels and control queries read the tables while peers need the core.
///
/// Peers come first: where they take more than half of the core's time, kernels get 8,000 changes a second, so that they
/// neither stand still nor hold anybody up; otherwise as many as they can write. A change that comes alone finds an
/// idle core and is written at once.
struct ConsumerPace {
    /// Over which the core's load is measured.
    static let window = TimeAmount.milliseconds(8)
    /// Changes for kernels in a window under load.
    static let ration = 64

    private var begin = NIODeadline.uptimeNanoseconds(0)
    private var peers = TimeAmount.zero
    private var left = Int.max
    /// A timer will go on with kernels.
    var isResuming = false

    /// Notes a time that peers took.
    mutating func notePeers(_ begin: NIODeadline, _ end: NIODeadline) {
        self.peers = self.peers + (end - begin)
        let elapsed = end - self.begin
        guard elapsed >= Self.window else { return }
        self.left = self.peers * 2 > elapsed ? Self.ration : .max
        self.begin = end
        self.peers = .zero
    }

    /// Whether peers need the core; it is not when nobody has noted anything for a while.
    func isLoaded(at now: NIODeadline) -> Bool {
        self.left != .max && now - self.begin < Self.window * 2
    }

    /// How many of `wanted` changes kernels may take now.
    func allowance(of wanted: Int) -> Int { min(wanted, self.left) }

    /// Notes what kernels took.
    mutating func spend(_ changes: Int) {
        if self.left != .max { self.left = max(0, self.left - changes) }
    }
}
