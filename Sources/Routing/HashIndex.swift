/// Open addressing from a hash to 32-bit numbers, grown a few slots at a time.
///
/// A slot is eight octets: the low 32 bits of the hash and the number plus one; zero is empty. Load stays below 3/4.
/// Linear probing with backward shift, so nothing is left behind by removals. While it grows, a second array is
/// drained into the first by every insertion; look-ups consult both. ``trim(_:)`` shrinks in the same way.
@safe
struct HashIndex: ~Copyable {
    // Both arrays are zeroed pages of `mask + 1` slots, owned until `deinit` or the end of a migration.
    private var slots: UnsafeMutablePointer<UInt64>
    private var mask: UInt32
    private var used = 0
    private var old: UnsafeMutablePointer<UInt64>?
    private var oldMask: UInt32 = 0
    private var oldUsed = 0
    private var oldPosition: UInt32 = 0

    init() {
        self.mask = 511
        unsafe self.slots = Self.allocate(512)
    }

    deinit {
        unsafe Pages.unmap(UnsafeMutableRawPointer(self.slots), (Int(self.mask) + 1) * 8)
        if let old = unsafe self.old { unsafe Pages.unmap(UnsafeMutableRawPointer(old), (Int(self.oldMask) + 1) * 8) }
    }

    /// Numbers held.
    var count: Int { self.used + self.oldUsed }
    /// Octets held.
    var memory: Int {
        Pages.rounded((Int(self.mask) + 1) * 8)
            + (unsafe self.old == nil ? 0 : Pages.rounded((Int(self.oldMask) + 1) * 8))
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe Pages.map(count * 8).bindMemory(to: UInt64.self, capacity: count)
    }

    /// The number stored under `hash` for which `matches` holds.
    @inline(__always)
    func find(_ hash: UInt64, _ matches: (UInt32) -> Bool) -> UInt32? {
        let tag = UInt32(truncatingIfNeeded: hash)
        // Positions are masked to the array's size throughout this type.
        var position = tag & self.mask
        while true {
            let slot = unsafe self.slots[Int(position)]
            if slot == 0 { break }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag {
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if matches(number) { return number }
            }
            position = (position &+ 1) & self.mask
        }
        guard self.oldUsed > 0, let old = unsafe self.old else { return nil }
        position = tag & self.oldMask
        while true {
            let slot = unsafe old[Int(position)]
            if slot == 0 { return nil }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag {
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if matches(number) { return number }
            }
            position = (position &+ 1) & self.oldMask
        }
    }

    /// The first slot a look-up reads, for its effect on the processor's caches.
    @inline(__always)
    func touch(_ hash: UInt64) -> UInt64 {
        unsafe self.slots[Int(UInt32(truncatingIfNeeded: hash) & self.mask)]
    }

    /// The first number whose hash agrees in its low half: most often the one sought.
    @inline(__always)
    func candidate(_ hash: UInt64) -> UInt32? {
        let tag = UInt32(truncatingIfNeeded: hash)
        var position = tag & self.mask
        while true {
            let slot = unsafe self.slots[Int(position)]
            if slot == 0 { return nil }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag { return UInt32(truncatingIfNeeded: slot) &- 1 }
            position = (position &+ 1) & self.mask
        }
    }

    /// Adds a number that is not held yet; numbers up to `UInt32.max - 1`.
    mutating func insert(_ hash: UInt64, _ number: UInt32) {
        if unsafe self.old != nil { self.migrate(16) }
        if (self.count + 1) * 4 > (Int(self.mask) + 1) * 3 {
            while unsafe self.old != nil { self.migrate(1 << 16) }
            self.resize(self.mask << 1 | 1)
        }
        self.place(UInt64(UInt32(truncatingIfNeeded: hash)) << 32 | UInt64(number &+ 1))
    }

    private mutating func resize(_ mask: UInt32) {
        unsafe self.old = self.slots
        self.oldMask = self.mask
        self.oldUsed = self.used
        self.oldPosition = 0
        self.mask = mask
        self.used = 0
        unsafe self.slots = Self.allocate(Int(mask) + 1)
    }

    /// Looks at up to `budget` slots to get smaller, if less than an eighth is in use; returns the budget left.
    ///
    /// It shrinks to a quarter at a time: insertions cannot fill that before they have drained what is old.
    mutating func trim(_ budget: Int) -> Int {
        var left = budget
        while left > 0 {
            if unsafe self.old == nil {
                let size = Int(self.mask) + 1
                guard size > 512, self.count * 8 < size else { break }
                self.resize(self.mask >> 2)
            }
            let steps = min(left, 4096)
            self.migrate(steps)
            left -= steps
        }
        return left
    }

    @inline(__always)
    private mutating func place(_ slot: UInt64) {
        var position = UInt32(truncatingIfNeeded: slot >> 32) & self.mask
        while unsafe self.slots[Int(position)] != 0 { position = (position &+ 1) & self.mask }
        unsafe self.slots[Int(position)] = slot
        self.used += 1
    }

    /// Looks at `steps` old slots and moves what they hold.
    private mutating func migrate(_ steps: Int) {
        guard let old = unsafe self.old else { return }
        var left = steps
        while left > 0, self.oldUsed > 0 {
            let slot = unsafe old[Int(self.oldPosition)]
            if slot == 0 {
                self.oldPosition = (self.oldPosition &+ 1) & self.oldMask
            } else {
                // Backward shift may bring another slot to this position, so it is looked at again.
                unsafe Self.vacate(old, self.oldMask, self.oldPosition)
                self.oldUsed -= 1
                self.place(slot)
            }
            left -= 1
        }
        if self.oldUsed == 0 {
            unsafe Pages.unmap(UnsafeMutableRawPointer(old), (Int(self.oldMask) + 1) * 8)
            unsafe self.old = nil
        }
    }

    /// Empties a slot and closes the gap in its probe run.
    private static func vacate(_ slots: UnsafeMutablePointer<UInt64>, _ mask: UInt32, _ position: UInt32) {
        var hole = position
        var next = (hole &+ 1) & mask
        while true {
            let slot = unsafe slots[Int(next)]
            if slot == 0 { break }
            let home = UInt32(truncatingIfNeeded: slot >> 32) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                unsafe slots[Int(hole)] = slot
                hole = next
            }
            next = (next &+ 1) & mask
        }
        unsafe slots[Int(hole)] = 0
    }

    /// Removes `number`, which was added under `hash`; false if it is not held.
    @discardableResult
    mutating func remove(_ hash: UInt64, _ number: UInt32) -> Bool {
        let wanted = UInt64(UInt32(truncatingIfNeeded: hash)) << 32 | UInt64(number &+ 1)
        if unsafe Self.remove(wanted, from: self.slots, self.mask) {
            self.used -= 1
            return true
        }
        guard let old = unsafe self.old else { return false }
        guard unsafe Self.remove(wanted, from: old, self.oldMask) else { return false }
        self.oldUsed -= 1
        return true
    }

    private static func remove(_ wanted: UInt64, from slots: UnsafeMutablePointer<UInt64>, _ mask: UInt32) -> Bool {
        var position = UInt32(truncatingIfNeeded: wanted >> 32) & mask
        while true {
            let slot = unsafe slots[Int(position)]
            if slot == 0 { return false }
            if slot == wanted {
                unsafe Self.vacate(slots, mask, position)
                return true
            }
            position = (position &+ 1) & mask
        }
    }
}
