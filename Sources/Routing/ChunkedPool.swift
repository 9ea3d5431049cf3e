/// Entries of one trivial type in fixed-size chunks of pages, addressed by 32-bit indices that never move.
///
/// Growth adds a chunk, so peak memory is what the entries need. An index outside the allocated chunks traps. A chunk
/// without entries in use gives its pages back by ``trim(_:)`` and reads as zeros until it is used again, so an index
/// that something still remembers can be looked at.
@safe
struct ChunkedPool<Element: BitwiseCopyable>: ~Copyable {
    // Each pointer owns the pages of a chunk until `deinit`; none is handed out beyond an access.
    private var chunks: [UnsafeMutablePointer<Element>] = unsafe []
    private var uses: [ChunkUse] = []
    /// Chunks with room, and those whose pages were given back, beside the current one.
    private var roomy: [UInt32] = []
    private var vacant: [UInt32] = []
    private var current: UInt32 = 0
    /// Where ``trim(_:)`` goes on.
    private var trimPosition = 0
    /// One past the largest index that may be in use.
    private(set) var count: UInt32 = 0
    /// Entries in use.
    private(set) var liveCount = 0
    private let shift: UInt32

    /// Creates an empty pool of chunks with `1 << chunkShift` entries, which all are zeros at first.
    init(chunkShift: UInt32 = 12) {
        self.shift = chunkShift
    }

    deinit {
        for index in unsafe self.chunks.indices {
            unsafe Pages.unmap(UnsafeMutableRawPointer(self.chunks[index]), self.chunkOctets)
        }
    }

    private var chunkOctets: Int { (1 << Int(self.shift)) * MemoryLayout<Element>.stride }

    /// Octets held: pages touched, and what is known of each chunk.
    var memory: Int {
        var octets = self.uses.capacity * (MemoryLayout<ChunkUse>.stride + 8)
        for use in self.uses { octets += Pages.rounded(Int(use.fresh) * MemoryLayout<Element>.stride) }
        return octets
    }

    /// Adds an entry and returns its index.
    @inline(__always)
    mutating func insert(_ element: Element) -> UInt32 {
        let index = self.take()
        self[index] = element
        return index
    }

    /// An index that is not in use, whose entry holds whatever it held last.
    @inline(__always)
    mutating func take() -> UInt32 {
        if self.uses.isEmpty || self.isFull(Int(self.current)) { self.turn() }
        let chunk = Int(self.current)
        var use = self.uses[chunk]
        let place: UInt32
        if use.free != 0 {
            place = use.free - 1
            // `release` put the link there; an entry has room for it, see `init`.
            use.free = unsafe UnsafeRawPointer(self.chunks[chunk] + Int(place)).load(as: UInt32.self)
        } else {
            place = use.fresh
            if place & (Self.populated - 1) == 0 { self.populate(chunk, place) }
            use.fresh += 1
        }
        use.live += 1
        self.uses[chunk] = use
        self.liveCount += 1
        let index = self.current << self.shift | place
        if index >= self.count { self.count = index + 1 }
        return index
    }

    /// Gives an index back.
    ///
    /// The first four octets of the entry are overwritten; the rest stays as it is until the index is used again or
    /// its chunk is trimmed.
    @inline(__always)
    mutating func release(_ index: UInt32) {
        let chunk = Int(index >> self.shift)
        let place = index & (1 << self.shift - 1)
        // The subscript checks `chunk`; `place` is masked to the chunk's size.
        var use = self.uses[chunk]
        unsafe UnsafeMutableRawPointer(self.chunks[chunk] + Int(place)).storeBytes(of: use.free, as: UInt32.self)
        use.free = place + 1
        use.live -= 1
        if !use.isListed, chunk != Int(self.current) {
            use.isListed = true
            self.roomy.append(UInt32(chunk))
        }
        self.uses[chunk] = use
        self.liveCount -= 1
    }

    /// How many entries become resident at a time.
    private static var populated: UInt32 { 1024 }

    /// Makes the pages of the next entries resident, the page where they begin excepted if entries before lie in it.
    private func populate(_ chunk: Int, _ place: UInt32) {
        let begin = Pages.rounded(Int(place) * MemoryLayout<Element>.stride)
        let last = min(place + Self.populated, 1 << self.shift)
        let end = Pages.rounded(Int(last) * MemoryLayout<Element>.stride)
        guard begin < end else { return }
        unsafe Pages.populate(UnsafeMutableRawPointer(self.chunks[chunk]) + begin, end - begin)
    }

    @inline(__always)
    private func isFull(_ chunk: Int) -> Bool {
        self.uses[chunk].free == 0 && self.uses[chunk].fresh >> self.shift != 0
    }

    /// Makes a chunk with room the current one.
    private mutating func turn() {
        if let chunk = self.roomy.popLast() {
            self.current = chunk
        } else if let chunk = self.vacant.popLast() {
            self.current = chunk
        } else {
            self.current = UInt32(self.uses.count)
            self.uses.append(ChunkUse())
            // Zeroed pages of this size are valid entries of a trivial type.
            let raw = unsafe Pages.map(self.chunkOctets)
            unsafe self.chunks.append(raw.bindMemory(to: Element.self, capacity: 1 << Int(self.shift)))
        }
        self.uses[Int(self.current)].isListed = false
        self.uses[Int(self.current)].isVacant = false
    }

    /// Gives the pages of up to `budget` chunks without entries in use back to the system; returns the budget left.
    ///
    /// Costs a look at each chunk's counter beside the pages that go.
    mutating func trim(_ budget: Int) -> Int {
        guard self.liveCount >> Int(self.shift) < self.uses.count else { return budget }
        var left = budget
        var looks = self.uses.count
        var didVacate = false
        while left > 0, looks > 0 {
            looks -= 1
            self.trimPosition = self.trimPosition == 0 ? self.uses.count - 1 : self.trimPosition - 1
            let chunk = self.trimPosition
            guard self.uses[chunk].live == 0, self.uses[chunk].fresh > 0 else { continue }
            unsafe Pages.discard(UnsafeMutableRawPointer(self.chunks[chunk]), self.chunkOctets)
            let isCurrent = chunk == Int(self.current)
            self.uses[chunk] = ChunkUse(isVacant: !isCurrent)
            if !isCurrent { self.vacant.append(UInt32(chunk)) }
            didVacate = true
            left -= 1
        }
        if didVacate {
            self.roomy.removeAll { self.uses[Int($0)].isVacant }
            self.lowerCount()
        }
        return left
    }

    /// Lowers `count` to the last chunk in use, so that walks end there.
    private mutating func lowerCount() {
        var chunk = Int((self.count + (1 << self.shift) - 1) >> self.shift)
        while chunk > 0, self.uses[chunk - 1].fresh == 0 { chunk -= 1 }
        self.count = chunk == 0 ? 0 : min(self.count, UInt32(chunk - 1) << self.shift + self.uses[chunk - 1].fresh)
    }

    /// What is wrong with the lists of chunks; for tests.
    func violations() -> [String] {
        var found: [String] = []
        var live = 0
        for chunk in self.uses.indices {
            let use = self.uses[chunk]
            live += Int(use.live)
            var free = 0
            var next = use.free
            while next != 0, free <= 1 << Int(self.shift) {
                free += 1
                next = unsafe UnsafeRawPointer(self.chunks[chunk] + Int(next - 1)).load(as: UInt32.self)
            }
            if free + Int(use.live) != Int(use.fresh) { found.append("chunk \(chunk): free and live entries") }
            let isListed = self.roomy.contains(UInt32(chunk))
            if use.isListed != isListed { found.append("chunk \(chunk): listed") }
            if use.isVacant != self.vacant.contains(UInt32(chunk)) { found.append("chunk \(chunk): vacant") }
            if chunk != Int(self.current), !use.isVacant, !isListed, !self.isFull(chunk) {
                found.append("chunk \(chunk) has room and is not listed")
            }
            if use.live > 0, UInt32(chunk) << self.shift >= self.count {
                found.append("chunk \(chunk) lies past the end")
            }
        }
        if Set(self.roomy).count != self.roomy.count { found.append("a chunk is listed twice") }
        if live != self.liveCount { found.append("live entries") }
        return found
    }

    /// The entry at `index`.
    subscript(_ index: UInt32) -> Element {
        // The chunk lookup is bounds-checked and the rest of the index is masked to the chunk's size.
        @inline(__always)
        unsafeAddress {
            let chunk = unsafe self.chunks[Int(index >> self.shift)]
            return unsafe UnsafePointer(chunk + Int(index & (1 << self.shift - 1)))
        }
        @inline(__always)
        unsafeMutableAddress {
            let chunk = unsafe self.chunks[Int(index >> self.shift)]
            return unsafe chunk + Int(index & (1 << self.shift - 1))
        }
    }
}

/// A short list of large non-copyable values at fixed addresses.
@safe
struct BoxList<Element: ~Copyable>: ~Copyable {
    // Each pointer owns one initialised element until `deinit`.
    private var boxes: [UnsafeMutablePointer<Element>] = unsafe []

    init() {}

    deinit {
        for index in unsafe self.boxes.indices {
            unsafe self.boxes[index].deinitialize(count: 1)
            unsafe self.boxes[index].deallocate()
        }
    }

    /// Number of elements.
    var count: Int { unsafe self.boxes.count }

    /// Adds an element.
    mutating func append(_ element: consuming Element) {
        let box = UnsafeMutablePointer<Element>.allocate(capacity: 1)
        unsafe box.initialize(to: element)
        unsafe self.boxes.append(box)
    }

    /// The element at `index`; bounds are checked by the list.
    subscript(_ index: Int) -> Element {
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(self.boxes[index]) }
        @inline(__always)
        unsafeMutableAddress { unsafe self.boxes[index] }
    }
}
