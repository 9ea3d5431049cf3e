/// Open addressing from a hash to 32-bit numbers, in segments that grow and split each by itself.
///
/// A slot is eight octets: the low 32 bits of the hash, the *tag*, and the number plus one; zero is empty. The highest
/// bits of a tag choose the segment (extendible hashing: a directory names each segment once or several times), the
/// bits below them the place in it, in the order of tags. So a segment that grows or splits moves its slots in the
/// order in which they lie, within the processor's nearest caches. No insertion costs more than that: there is never a
/// second copy of the whole, and no moment at which everything moves. ``trim(_:)`` shrinks and unites segments.
///
/// When there are many, a segment is between 47 and 75 percent full: 10.7 to 17.1 octets a number.
@safe
struct HashIndex: ~Copyable {
    /// A segment as the directory knows it.
    @safe
    private struct Segment: BitwiseCopyable {
        /// Whole pages that the index owns.
        var slots: UnsafeMutablePointer<UInt64>
        /// Slots: what its pages have room for.
        var capacity: UInt32
        /// Slots in use; kept in the first entry that names the segment only, where a change of it misses no cache.
        var used: UInt32
        /// How many bits of a tag choose it.
        var depth: UInt32

        var pages: UInt32 { self.capacity / SegmentMemory.slotsPerPage }
        /// Whether one more leaves it at most three quarters full.
        var hasRoom: Bool { (UInt64(self.used) + 1) * 4 <= UInt64(self.capacity) * 3 }

        /// Where a tag's slot lies if nothing is in its way; less than the capacity.
        @inline(__always)
        func home(_ tag: UInt32) -> Int { Int((UInt64(tag &<< self.depth) &* UInt64(self.capacity)) >> 32) }

        /// The position after another, around the end.
        @inline(__always)
        func after(_ position: Int) -> Int { position &+ 1 == Int(self.capacity) ? 0 : position &+ 1 }
    }

    // `1 << depth` entries. A segment of a smaller depth stands in all that begin with its bits.
    private var directory: UnsafeMutablePointer<Segment>
    private var depth: UInt32 = 0
    private var memoryOfSegments = SegmentMemory()
    /// Pages of all segments.
    private var pages = 1
    /// Numbers held.
    private(set) var count = 0
    /// Entry of the directory where ``trim(_:)`` goes on.
    private var trimPosition = 0

    /// Depth from which on segments only grow: so many tags that agree in all these bits are no large table.
    private static var maximumDepth: UInt32 { 18 }

    init() {
        unsafe self.directory = Self.allocateDirectory(1)
        let segment = unsafe Segment(
            slots: self.memoryOfSegments.take(pages: 1),
            capacity: SegmentMemory.slotsPerPage,
            used: 0,
            depth: 0
        )
        unsafe self.directory.initialize(to: segment)
    }

    deinit {
        var entry = 0
        while entry < 1 << Int(self.depth) {
            let segment = unsafe self.directory[entry]
            if segment.pages > SegmentMemory.pages { unsafe SegmentMemory.unmap(segment.slots, segment.pages) }
            entry += 1 << Int(self.depth - segment.depth)
        }
        unsafe Pages.unmap(self.directory, Self.directoryOctets(self.depth))
    }

    /// Octets held.
    var memory: Int { self.pages * Pages.size + Pages.rounded(Self.directoryOctets(self.depth)) }

    private static func directoryOctets(_ depth: UInt32) -> Int { MemoryLayout<Segment>.stride << Int(depth) }

    private static func allocateDirectory(_ depth: UInt32) -> UnsafeMutablePointer<Segment> {
        unsafe Pages.map(self.directoryOctets(depth)).bindMemory(to: Segment.self, capacity: 1 << Int(depth))
    }

    // MARK: - Looking

    /// The directory's entry for a tag; it has one for every tag.
    @inline(__always)
    private func entry(_ tag: UInt32) -> Int {
        // At depth 0 all 32 bits go, which the wider type can do.
        Int(UInt64(tag) &>> UInt64(32 &- self.depth))
    }

    /// The first entry that names the same segment as `entry` does.
    @inline(__always)
    private func firstEntry(_ entry: Int) -> Int {
        unsafe entry & ~(1 << Int(self.depth &- self.directory[entry].depth) &- 1)
    }

    /// The number stored under `hash` for which `matches` holds.
    @inline(__always)
    func find(_ hash: UInt64, _ matches: (UInt32) -> Bool) -> UInt32? {
        let tag = UInt32(truncatingIfNeeded: hash)
        // Throughout this type positions come from `home` and `after`, which keep them below the capacity, and a
        // search ends because a segment always has an empty slot.
        let segment = unsafe self.directory[self.entry(tag)]
        var position = segment.home(tag)
        while true {
            let slot = unsafe segment.slots[position]
            if slot == 0 { return nil }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag {
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if matches(number) { return number }
            }
            position = segment.after(position)
        }
    }

    /// The number stored under `hash` for which `matches` holds, or where it would go: see ``insert(_:_:at:)``.
    @inline(__always)
    func place(_ hash: UInt64, _ matches: (UInt32) -> Bool) -> (number: UInt32?, vacancy: Int) {
        let tag = UInt32(truncatingIfNeeded: hash)
        let segment = unsafe self.directory[self.entry(tag)]
        var position = segment.home(tag)
        while true {
            let slot = unsafe segment.slots[position]
            if slot == 0 { return (nil, position) }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag {
                let number = UInt32(truncatingIfNeeded: slot) &- 1
                if matches(number) { return (number, position) }
            }
            position = segment.after(position)
        }
    }

    /// The first slot a look-up reads, for its effect on the processor's caches.
    @inline(__always)
    func touch(_ hash: UInt64) -> UInt64 {
        let tag = UInt32(truncatingIfNeeded: hash)
        let segment = unsafe self.directory[self.entry(tag)]
        return unsafe segment.slots[segment.home(tag)]
    }

    /// The first number whose hash agrees in its low half: most often the one sought.
    @inline(__always)
    func candidate(_ hash: UInt64) -> UInt32? { self.find(hash) { _ in true } }

    // MARK: - Changing

    /// Adds a number where ``place(_:_:)`` found room for it; nothing may have changed since.
    @inline(__always)
    mutating func insert(_ hash: UInt64, _ number: UInt32, at vacancy: Int) {
        let tag = UInt32(truncatingIfNeeded: hash)
        let entry = self.firstEntry(self.entry(tag))
        let segment = unsafe self.directory[entry]
        guard segment.hasRoom, vacancy < Int(segment.capacity), unsafe segment.slots[vacancy] == 0 else {
            return self.insert(hash, number)
        }
        unsafe self.directory[entry].used = segment.used + 1
        unsafe segment.slots[vacancy] = UInt64(tag) << 32 | UInt64(number &+ 1)
        self.count += 1
    }

    /// Adds a number that is not held yet; numbers up to `UInt32.max - 1`.
    mutating func insert(_ hash: UInt64, _ number: UInt32) {
        let tag = UInt32(truncatingIfNeeded: hash)
        while true {
            let entry = self.firstEntry(self.entry(tag))
            let segment = unsafe self.directory[entry]
            if segment.hasRoom {
                unsafe self.directory[entry].used = segment.used + 1
                Self.place(UInt64(tag) << 32 | UInt64(number &+ 1), segment)
                self.count += 1
                return
            }
            self.makeRoom(entry)
        }
    }

    @inline(__always)
    private static func place(_ slot: UInt64, _ segment: Segment) {
        var position = segment.home(UInt32(truncatingIfNeeded: slot >> 32))
        while unsafe segment.slots[position] != 0 { position = segment.after(position) }
        unsafe segment.slots[position] = slot
    }

    /// Removes `number`, which was added under `hash`; false if it is not held.
    @discardableResult
    mutating func remove(_ hash: UInt64, _ number: UInt32) -> Bool {
        let tag = UInt32(truncatingIfNeeded: hash)
        let wanted = UInt64(tag) << 32 | UInt64(number &+ 1)
        let entry = self.firstEntry(self.entry(tag))
        let segment = unsafe self.directory[entry]
        var position = segment.home(tag)
        while true {
            let slot = unsafe segment.slots[position]
            if slot == 0 { return false }
            if slot == wanted { break }
            position = segment.after(position)
        }
        Self.vacate(position, segment)
        unsafe self.directory[entry].used = segment.used - 1
        self.count -= 1
        return true
    }

    /// Empties a slot and closes the gap in its probe run, so that nothing is left behind.
    private static func vacate(_ position: Int, _ segment: Segment) {
        let capacity = Int(segment.capacity)
        var hole = position
        var next = segment.after(hole)
        while true {
            let slot = unsafe segment.slots[next]
            if slot == 0 { break }
            let home = segment.home(UInt32(truncatingIfNeeded: slot >> 32))
            let fromHome = next >= home ? next - home : next - home + capacity
            let fromHole = next >= hole ? next - hole : next - hole + capacity
            if fromHome >= fromHole {
                unsafe segment.slots[hole] = slot
                hole = next
            }
            next = segment.after(next)
        }
        unsafe segment.slots[hole] = 0
    }

    // MARK: - Growing

    /// Gives the segment at an entry more pages, or splits it.
    private mutating func makeRoom(_ entry: Int) {
        let segment = unsafe self.directory[entry]
        // 1, 2, 4, 6, 8 pages, then two of 6.
        if segment.pages < SegmentMemory.pages {
            self.resize(entry, pages: segment.pages < 4 ? segment.pages * 2 : segment.pages + 2)
        } else if segment.depth < Self.maximumDepth {
            self.split(entry)
        } else {
            self.resize(entry, pages: segment.pages * 2)
        }
    }

    /// The entries that name the same segment as `entry` does.
    private func entries(_ entry: Int) -> Range<Int> {
        let span = unsafe 1 << Int(self.depth - self.directory[entry].depth)
        let first = self.firstEntry(entry)
        return first..<first + span
    }

    private mutating func resize(_ entry: Int, pages: UInt32) {
        let segment = unsafe self.directory[entry]
        let held = Self.empty(segment)
        var resized = self.resized(segment, pages: pages)
        for slot in held { Self.place(slot, resized) }
        resized.used = UInt32(held.count)
        for entry in self.entries(entry) { unsafe self.directory[entry] = resized }
    }

    /// Divides a segment of the largest size by the next bit of its tags.
    private mutating func split(_ entry: Int) {
        var entry = entry
        if unsafe self.directory[entry].depth == self.depth {
            self.double()
            entry *= 2
        }
        let entries = self.entries(entry)
        let segment = unsafe self.directory[entry]
        let held = Self.empty(segment)
        let bit = UInt64(1) << UInt64(63 - segment.depth)
        let used = held.reduce(0) { $1 & bit == 0 ? $0 + 1 : $0 }
        var lower = self.resized(segment, pages: Self.pagesAfterSplit(used))
        lower.depth += 1
        let pages = Self.pagesAfterSplit(held.count - used)
        let upper = unsafe Segment(
            slots: self.memoryOfSegments.take(pages: pages),
            capacity: pages * SegmentMemory.slotsPerPage,
            used: UInt32(held.count - used),
            depth: lower.depth
        )
        self.pages += Int(pages)
        for slot in held { Self.place(slot, slot & bit == 0 ? lower : upper) }
        lower.used = UInt32(used)
        let middle = entries.lowerBound + entries.count / 2
        for entry in entries { unsafe self.directory[entry] = entry < middle ? lower : upper }
    }

    /// Half of a full segment has room in six pages, but nothing says that tags divide evenly.
    private static func pagesAfterSplit(_ used: Int) -> UInt32 {
        let pages = SegmentMemory.pages - 2
        return used * 4 <= Int(pages * SegmentMemory.slotsPerPage) * 3 ? pages : SegmentMemory.pages
    }

    /// Takes out what a segment holds, in order, and leaves its slots empty.
    private static func empty(_ segment: Segment) -> [UInt64] {
        // Of no slots the initialiser would write into the array that all empty ones share.
        guard segment.used > 0 else { return [] }
        let capacity = Int(segment.capacity)
        return unsafe [UInt64](unsafeUninitializedCapacity: Int(segment.used)) { buffer, count in
            for position in 0..<capacity {
                let slot = unsafe segment.slots[position]
                guard slot != 0 else { continue }
                unsafe buffer[count] = slot
                count += 1
            }
            unsafe segment.slots.update(repeating: 0, count: capacity)
        }
    }

    /// An empty segment with another number of pages, in the same place if that can be.
    private mutating func resized(_ segment: Segment, pages: UInt32) -> Segment {
        let before = segment.pages
        var result = segment
        result.capacity = pages * SegmentMemory.slotsPerPage
        self.pages += Int(pages) - Int(before)
        if max(before, pages) > SegmentMemory.pages {
            unsafe result.slots = self.memoryOfSegments.take(pages: pages)
            unsafe self.memoryOfSegments.give(segment.slots, pages: before)
        } else if pages > before {
            unsafe SegmentMemory.populate(segment.slots, before..<pages)
        } else if pages < before {
            unsafe SegmentMemory.discard(segment.slots, pages..<before)
        }
        return result
    }

    /// Has the directory look at one bit more.
    private mutating func double() {
        let larger = unsafe Self.allocateDirectory(self.depth + 1)
        for entry in 0..<2 << Int(self.depth) { unsafe larger[entry] = self.directory[entry / 2] }
        unsafe self.replaceDirectory(larger, self.depth + 1)
    }

    @unsafe
    private mutating func replaceDirectory(_ other: UnsafeMutablePointer<Segment>, _ depth: UInt32) {
        unsafe Pages.unmap(self.directory, Self.directoryOctets(self.depth))
        unsafe self.directory = other
        self.depth = depth
        self.trimPosition = 0
    }

    // MARK: - Shrinking

    /// Looks at segments and moves up to about `budget` slots to get smaller; returns the budget left.
    ///
    /// A segment shrinks when less than a quarter of it is in use, and unites with its neighbour when together they
    /// would fill less than a quarter of the largest size; what comes of it is at most half full.
    mutating func trim(_ budget: Int) -> Int {
        var left = budget
        var unchanged = 0
        while left > 0, unchanged < 1 << Int(self.depth) {
            if self.trimPosition >= 1 << Int(self.depth) { self.trimPosition = 0 }
            let entries = self.entries(self.trimPosition)
            let moved = self.shrink(entries)
            left -= 1 + moved
            if moved > 0 {
                unchanged = 0
            } else {
                unchanged += entries.count
                self.trimPosition = entries.upperBound
            }
        }
        if left > 0 { self.halve() }
        return left
    }

    /// Makes a segment smaller or unites it with the one after it; returns how many slots were looked at.
    private mutating func shrink(_ entries: Range<Int>) -> Int {
        let segment = unsafe self.directory[entries.lowerBound]
        let isLower = entries.lowerBound & entries.count == 0
        if segment.depth > 0, isLower, entries.upperBound < 1 << Int(self.depth) {
            let other = unsafe self.directory[entries.upperBound]
            let isSmall = (Int(segment.used) + Int(other.used)) * 4 <= SegmentMemory.slots
            if other.depth == segment.depth, isSmall, max(segment.pages, other.pages) <= SegmentMemory.pages {
                return self.unite(segment, other, entries)
            }
        }
        guard segment.pages > 1, Int(segment.used) * 4 < Int(segment.capacity) else { return 0 }
        self.resize(entries.lowerBound, pages: Self.pages(for: Int(segment.used)))
        return Int(segment.capacity)
    }

    /// The least size that so many fill by no more than half.
    private static func pages(for used: Int) -> UInt32 {
        var pages: UInt32 = 1
        while Int(pages * SegmentMemory.slotsPerPage) < used * 2 { pages *= 2 }
        return pages
    }

    private mutating func unite(_ lower: Segment, _ upper: Segment, _ entries: Range<Int>) -> Int {
        let moved = Int(lower.capacity) + Int(upper.capacity)
        let held = Self.empty(lower) + Self.empty(upper)
        unsafe self.memoryOfSegments.give(upper.slots, pages: upper.pages)
        self.pages -= Int(upper.pages)
        var united = self.resized(lower, pages: Self.pages(for: held.count))
        united.depth -= 1
        for slot in held { Self.place(slot, united) }
        united.used = UInt32(held.count)
        for entry in entries.lowerBound..<entries.upperBound + entries.count {
            unsafe self.directory[entry] = united
        }
        return moved
    }

    /// Has the directory look at fewer bits while no segment needs the last one.
    private mutating func halve() {
        var deepest: UInt32 = 0
        var entry = 0
        while entry < 1 << Int(self.depth) {
            deepest = unsafe max(deepest, self.directory[entry].depth)
            entry = self.entries(entry).upperBound
        }
        guard deepest < self.depth else { return }
        let smaller = unsafe Self.allocateDirectory(deepest)
        let step = 1 << Int(self.depth - deepest)
        for entry in 0..<1 << Int(deepest) { unsafe smaller[entry] = self.directory[entry * step] }
        unsafe self.replaceDirectory(smaller, deepest)
    }

    /// What is wrong with directory, segments and counts; for tests.
    func violations() -> [String] {
        var found: [String] = []
        var (count, pages, entry) = (0, 0, 0)
        while entry < 1 << Int(self.depth) {
            let entries = self.entries(entry)
            let segment = unsafe self.directory[entry]
            if entries.lowerBound != entry { found.append("entry \(entry) begins in the middle of a segment") }
            for other in entries where unsafe self.directory[other].slots != segment.slots {
                found.append("entry \(other) names another segment")
            }
            var used = 0
            for position in 0..<Int(segment.capacity) {
                let slot = unsafe segment.slots[position]
                guard slot != 0 else { continue }
                used += 1
                let tag = UInt32(truncatingIfNeeded: slot >> 32)
                if !entries.contains(self.entry(tag)) { found.append("a slot lies in the wrong segment") }
                var step = segment.home(tag)
                while step != position, unsafe segment.slots[step] != 0 { step = segment.after(step) }
                if step != position { found.append("a slot cannot be reached") }
            }
            if used != Int(segment.used) { found.append("segment at \(entry) counts \(segment.used) of \(used)") }
            if used * 4 > Int(segment.capacity) * 3 { found.append("segment at \(entry) is too full") }
            count += used
            pages += Int(segment.pages)
            entry = entries.upperBound
        }
        if count != self.count { found.append("\(self.count) numbers of \(count)") }
        if pages != self.pages { found.append("\(self.pages) pages of \(pages)") }
        return found
    }
}
