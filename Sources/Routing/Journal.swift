/// Changed destinations of a table in order, newest last, in a ring; consumers are cursors into it.
///
/// Four octets per slot. An entry is live while its destination names its position as the latest; older ones are
/// superseded. A cursor behind `start` fell off and has to look at all destinations changed since.
struct Journal {
    static let largest = 1 << 17
    static let smallest = 1024

    private var ring = [UInt32](repeating: 0, count: Self.smallest)
    /// Position of the next entry.
    private(set) var head: UInt64 = 0

    /// Position of the oldest entry still held.
    var start: UInt64 { self.head > UInt64(self.ring.count) ? self.head - UInt64(self.ring.count) : 0 }

    /// Octets held.
    var memory: Int { self.ring.count * 4 }

    mutating func append(_ destination: UInt32, oldest: UInt64) {
        if self.head - oldest >= UInt64(self.ring.count), self.ring.count < Self.largest { self.grow() }
        self.ring[Int(truncatingIfNeeded: self.head) & (self.ring.count - 1)] = destination
        self.head += 1
    }

    /// The destination at a position from `start` up to, not including, `head`.
    subscript(_ position: UInt64) -> UInt32 {
        self.ring[Int(truncatingIfNeeded: position) & (self.ring.count - 1)]
    }

    private mutating func grow() { self.resize(self.ring.count * 4) }

    /// Gives room that no reader needs back: nobody has entries before `oldest` to read.
    mutating func trim(oldest: UInt64) {
        guard self.ring.count > Self.smallest, self.head &- oldest < UInt64(Self.smallest) else { return }
        self.resize(Self.smallest)
    }

    private mutating func resize(_ count: Int) {
        var ring = [UInt32](repeating: 0, count: count)
        var position = max(self.start, self.head > UInt64(count) ? self.head - UInt64(count) : 0)
        while position < self.head {
            ring[Int(truncatingIfNeeded: position) & (count - 1)] = self[position]
            position += 1
        }
        self.ring = ring
    }
}
