/// Changed destinations of a table in order, newest last, in a ring; consumers are cursors into it.
///
/// Four octets per slot. An entry is live while its destination names its position as the latest; older ones are
/// superseded. A cursor behind `start` fell off and has to look at all destinations changed since.
struct Journal {
    static let largest = 1 << 17

    private var ring = [UInt32](repeating: 0, count: 1024)
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

    private mutating func grow() {
        var larger = [UInt32](repeating: 0, count: self.ring.count * 4)
        var position = self.start
        while position < self.head {
            larger[Int(truncatingIfNeeded: position) & (larger.count - 1)] = self[position]
            position += 1
        }
        self.ring = larger
    }
}
