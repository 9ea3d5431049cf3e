/// Octets in the arena or in a caller's buffer, for the length of one call; every read is bounds-checked.
///
/// Internal and never stored: whoever makes one keeps the memory alive and unchanged while it is in use.
@safe
struct Octets {
    private let base: UnsafeRawPointer?
    let count: Int

    @unsafe
    init(_ base: UnsafeRawPointer?, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    subscript(_ offset: Int) -> UInt8 {
        @inline(__always)
        get {
            precondition(offset >= 0 && offset < self.count)
            // Bounds were checked above; a non-empty value has a base.
            return unsafe self.base.unsafelyUnwrapped.load(fromByteOffset: offset, as: UInt8.self)
        }
    }

    /// Four octets, most significant first.
    @inline(__always)
    func number(_ offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset <= self.count &- 4)
        return UInt32(
            bigEndian: unsafe self.base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        )
    }

    /// Eight octets in the machine's order.
    @inline(__always)
    func word(_ offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= self.count &- 8)
        return unsafe self.base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Whether both hold the same octets.
    func isEqual(to other: Octets) -> Bool {
        guard self.count == other.count else { return false }
        var offset = 0
        while offset + 8 <= self.count {
            if self.word(offset) != other.word(offset) { return false }
            offset += 8
        }
        while offset < self.count {
            if self[offset] != other[offset] { return false }
            offset += 1
        }
        return true
    }

    /// A copy.
    var array: [UInt8] {
        // Base and count describe live memory, see the type.
        unsafe Array(UnsafeRawBufferPointer(start: self.base, count: self.count))
    }

    /// Calls `body` with a view of the octets.
    @inline(__always)
    func withRawSpan<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
        guard self.count > 0, let base = unsafe self.base else { return try body(RawSpan()) }
        // Base and count describe live memory for the length of this call, see the type.
        return try body(unsafe RawSpan(_unsafeStart: base, byteCount: self.count))
    }

    /// Appends `range` to `bytes`.
    func append(_ range: Range<Int>, to bytes: inout [UInt8]) {
        precondition(range.lowerBound >= 0 && range.upperBound <= self.count)
        unsafe bytes.append(
            contentsOf: UnsafeRawBufferPointer(
                start: self.base.map { unsafe $0 + range.lowerBound },
                count: range.count
            )
        )
    }

    /// Copies everything to `destination`, which has room for `count` octets.
    @unsafe
    func copy(to destination: UnsafeMutableRawPointer) {
        guard self.count > 0, let base = unsafe self.base else { return }
        unsafe destination.copyMemory(from: base, byteCount: self.count)
    }
}

/// Immutable byte strings in slabs of 64 KiB, each for one size class; empty slabs go back to the system.
///
/// A handle counts units of eight octets. Up to 512 octets the classes are exact, above they are powers of two up to
/// 65,536, the largest string. Slabs lie in mappings of 1 MiB.
@safe
struct ByteArena: ~Copyable {
    static let largest = 65_536
    static let chunkUnits: UInt32 = 1 << 17
    private static let slabShift: UInt32 = 13
    private static let slabOctets = 1 << 16
    private static let classCount = 72

    // Owned until `deinit`; all handles lie inside because only `store` makes them.
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    /// Per slab what is in use, counted in blocks, and its class.
    private var uses: [ChunkUse] = []
    private var classes: [UInt8] = []
    /// Per class the slab that blocks come from, plus one, and others with room.
    private var current = [UInt32](repeating: 0, count: Self.classCount)
    private var roomy = [[UInt32]](repeating: [], count: Self.classCount)
    /// Slabs of no class, whose pages are with the system.
    private var vacant: [UInt32] = []
    private var trimPosition = 0
    /// Octets in use, rounded to classes.
    private(set) var used = 0

    init() {}

    deinit {
        for index in unsafe self.chunks.indices { unsafe Pages.unmap(self.chunks[index], 1 << 20) }
    }

    /// Octets held: pages touched, and what is known of each slab.
    var memory: Int {
        var octets = self.uses.capacity * MemoryLayout<ChunkUse>.stride
        for slab in self.uses.indices {
            octets += Pages.rounded(Int(self.uses[slab].fresh) * Int(Self.units(Int(self.classes[slab]))) * 8)
        }
        return octets
    }

    /// Octets a string of `count` takes.
    @inline(__always)
    static func footprint(_ count: Int) -> Int { Int(self.units(self.sizeClass(count))) * 8 }

    @inline(__always)
    private static func sizeClass(_ count: Int) -> Int {
        if count <= 512 { return max(1, (count + 7) >> 3) }
        return 65 + (Int.bitWidth - (count - 1).leadingZeroBitCount) - 10
    }

    /// Units of a block of a class.
    @inline(__always)
    private static func units(_ index: Int) -> UInt32 {
        index <= 64 ? UInt32(index) : 1 << UInt32(index - 65 + 10 - 3)
    }

    private func pointer(_ handle: UInt32) -> UnsafeMutableRawPointer {
        unsafe self.chunks[Int(handle / Self.chunkUnits)] + Int(handle % Self.chunkUnits) * 8
    }

    /// The string of a handle.
    @inline(__always)
    func bytes(_ handle: UInt32, count: Int) -> Octets { unsafe Octets(self.pointer(handle), count: count) }

    /// Stores a copy of at most ``largest`` octets.
    mutating func store(_ bytes: Octets) -> UInt32 {
        precondition(bytes.count <= Self.largest)
        let index = Self.sizeClass(bytes.count)
        let units = Self.units(index)
        if self.current[index] == 0 || self.isFull(Int(self.current[index] - 1), units) { self.turn(index) }
        let slab = Int(self.current[index] - 1)
        let base = UInt32(slab) << Self.slabShift
        var use = self.uses[slab]
        let handle: UInt32
        if use.free != 0 {
            handle = base + use.free - 1
            // A free block begins with the link that `release` put there.
            use.free = unsafe self.pointer(handle).load(as: UInt32.self)
        } else {
            handle = base + use.fresh * units
            use.fresh += 1
        }
        use.live += 1
        self.uses[slab] = use
        self.used += Int(units) * 8
        // The block has `units` * 8 octets, at least `bytes.count`.
        unsafe bytes.copy(to: self.pointer(handle))
        return handle
    }

    /// Gives a block back.
    mutating func release(_ handle: UInt32, count: Int) {
        let index = Self.sizeClass(count)
        let slab = Int(handle >> Self.slabShift)
        var use = self.uses[slab]
        unsafe self.pointer(handle).storeBytes(of: use.free, as: UInt32.self)
        use.free = handle & (1 << Self.slabShift - 1) + 1
        use.live -= 1
        if !use.isListed, self.current[index] != UInt32(slab) + 1 {
            use.isListed = true
            self.roomy[index].append(UInt32(slab))
        }
        self.uses[slab] = use
        self.used -= Int(Self.units(index)) * 8
    }

    @inline(__always)
    private func isFull(_ slab: Int, _ units: UInt32) -> Bool {
        self.uses[slab].free == 0 && (self.uses[slab].fresh + 1) * units > 1 << Self.slabShift
    }

    /// Makes a slab with room the current one of a class.
    private mutating func turn(_ index: Int) {
        let slab: UInt32
        if let listed = self.roomy[index].popLast() {
            slab = listed
        } else {
            if self.vacant.isEmpty {
                unsafe self.chunks.append(Pages.map(1 << 20))
                for _ in 0..<16 {
                    self.uses.append(ChunkUse(isVacant: true))
                    self.classes.append(0)
                }
                let end = UInt32(self.uses.count)
                self.vacant.append(contentsOf: (end - 16..<end).reversed())
            }
            // There is one: just made, if need be.
            slab = self.vacant.removeLast()
            self.classes[Int(slab)] = UInt8(index)
        }
        self.uses[Int(slab)].isListed = false
        self.uses[Int(slab)].isVacant = false
        self.current[index] = slab + 1
    }

    /// Gives the pages of up to `budget` slabs without strings back to the system; returns the budget left.
    mutating func trim(_ budget: Int) -> Int {
        var left = budget
        var looks = self.uses.count
        while left > 0, looks > 0 {
            looks -= 1
            self.trimPosition = self.trimPosition == 0 ? self.uses.count - 1 : self.trimPosition - 1
            let slab = self.trimPosition
            guard self.uses[slab].live == 0, self.uses[slab].fresh > 0 else { continue }
            unsafe Pages.discard(self.pointer(UInt32(slab) << Self.slabShift), Self.slabOctets)
            let index = Int(self.classes[slab])
            if self.uses[slab].isListed { self.roomy[index].removeAll { $0 == UInt32(slab) } }
            if self.current[index] == UInt32(slab) + 1 { self.current[index] = 0 }
            self.uses[slab] = ChunkUse(isVacant: true)
            self.classes[slab] = 0
            self.vacant.append(UInt32(slab))
            left -= 1
        }
        return left
    }
}
