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

/// Immutable byte strings in chunks of 1 MiB; freed space is reused by size class.
///
/// A handle counts units of eight octets. Up to 512 octets the classes are exact, above they are powers of two up to
/// 65,536, the largest string.
@safe
struct ByteArena: ~Copyable {
    static let largest = 65_536
    static let chunkUnits: UInt32 = 1 << 17

    // Owned until `deinit`; all handles lie inside because only `allocate` makes them.
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    private var next: UInt32 = 0
    /// First free block of each class, 0 none: handle plus one.
    private var free = [UInt32](repeating: 0, count: 72)
    /// Octets in use, rounded to classes.
    private(set) var used = 0

    init() {}

    deinit {
        for index in unsafe self.chunks.indices { unsafe self.chunks[index].deallocate() }
    }

    /// Octets held.
    var memory: Int { unsafe self.chunks.count << 20 }

    private static func sizeClass(_ count: Int) -> (index: Int, units: UInt32) {
        if count <= 512 {
            let units = max(1, (count + 7) >> 3)
            return (units, UInt32(units))
        }
        let bits = Int.bitWidth - (count - 1).leadingZeroBitCount
        return (65 + bits - 10, 1 << UInt32(bits - 3))
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
        let (index, units) = Self.sizeClass(bytes.count)
        let handle: UInt32
        if self.free[index] != 0 {
            handle = self.free[index] - 1
            // A free block begins with the link that `release` put there.
            self.free[index] = unsafe self.pointer(handle).load(as: UInt32.self)
        } else {
            let chunkCount = unsafe self.chunks.count
            if self.next % Self.chunkUnits + units > Self.chunkUnits
                || Int(self.next / Self.chunkUnits) >= chunkCount
            {
                self.next = UInt32(chunkCount) * Self.chunkUnits
                unsafe self.chunks.append(.allocate(byteCount: 1 << 20, alignment: 64))
            }
            handle = self.next
            self.next += units
        }
        self.used += Int(units) * 8
        // The block has `units` * 8 octets, at least `bytes.count`.
        unsafe bytes.copy(to: self.pointer(handle))
        return handle
    }

    /// Gives a block back.
    mutating func release(_ handle: UInt32, count: Int) {
        let (index, units) = Self.sizeClass(count)
        unsafe self.pointer(handle).storeBytes(of: self.free[index], as: UInt32.self)
        self.free[index] = handle + 1
        self.used -= Int(units) * 8
    }
}
