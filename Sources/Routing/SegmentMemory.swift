/// Places of segments of a ``HashIndex``: each has addresses for the largest ordinary size and so many of its pages
/// resident as it was touched in.
@safe
struct SegmentMemory: ~Copyable {
    /// Slots of a page.
    static var slotsPerPage: UInt32 { 512 }
    /// The largest ordinary size, in pages; larger ones are mappings of their own.
    static var pages: UInt32 { 8 }
    /// Slots of the largest ordinary size.
    static var slots: Int { Int(self.pages * self.slotsPerPage) }

    private static var octets: Int { Int(self.pages) * Pages.size }
    private static var placesPerChunk: Int { 32 }

    // Mappings of `placesPerChunk` places, owned until `deinit`; only the last one has places never used.
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    private var fresh = 0
    /// Places given back, all zeros.
    private var free: [UnsafeMutableRawPointer] = unsafe []

    init() {}

    deinit {
        for index in unsafe self.chunks.indices {
            unsafe Pages.unmap(self.chunks[index], Self.octets * Self.placesPerChunk)
        }
    }

    /// Zeroed slots of so many pages.
    @unsafe
    mutating func take(pages: UInt32) -> UnsafeMutablePointer<UInt64> {
        guard pages <= Self.pages else { return unsafe Self.bound(Pages.map(Int(pages) * Pages.size), pages) }
        let place = unsafe self.place()
        unsafe Pages.populate(place, Int(pages) * Pages.size)
        return unsafe Self.bound(place, Self.pages)
    }

    @unsafe
    private mutating func place() -> UnsafeMutableRawPointer {
        if let place = unsafe self.free.popLast() { return unsafe place }
        if self.fresh == 0 {
            unsafe self.chunks.append(Pages.map(Self.octets * Self.placesPerChunk))
            self.fresh = Self.placesPerChunk
        }
        self.fresh -= 1
        let chunk = unsafe self.chunks[self.chunks.count - 1]
        return unsafe chunk + self.fresh * Self.octets
    }

    /// Gives back what ``take(pages:)`` gave, or what has become of it.
    @unsafe
    mutating func give(_ slots: UnsafeMutablePointer<UInt64>, pages: UInt32) {
        guard pages <= Self.pages else { return unsafe Self.unmap(slots, pages) }
        unsafe Self.discard(slots, 0..<pages)
        unsafe self.free.append(UnsafeMutableRawPointer(slots))
    }

    /// Makes further pages of a place resident.
    @unsafe
    static func populate(_ slots: UnsafeMutablePointer<UInt64>, _ pages: Range<UInt32>) {
        let start = unsafe UnsafeMutableRawPointer(slots) + Int(pages.lowerBound) * Pages.size
        unsafe Pages.populate(start, pages.count * Pages.size)
    }

    /// Gives some pages of a place back to the system; they read as zeros from now on.
    @unsafe
    static func discard(_ slots: UnsafeMutablePointer<UInt64>, _ pages: Range<UInt32>) {
        let start = unsafe UnsafeMutableRawPointer(slots) + Int(pages.lowerBound) * Pages.size
        unsafe Pages.discard(start, pages.count * Pages.size)
    }

    /// Unmaps a place that is larger than ordinary ones.
    @unsafe
    static func unmap(_ slots: UnsafeMutablePointer<UInt64>, _ pages: UInt32) {
        unsafe Pages.unmap(slots, Int(pages) * Pages.size)
    }

    private static func bound(_ memory: UnsafeMutableRawPointer, _ pages: UInt32) -> UnsafeMutablePointer<UInt64> {
        unsafe memory.bindMemory(to: UInt64.self, capacity: Int(pages * self.slotsPerPage))
    }
}
