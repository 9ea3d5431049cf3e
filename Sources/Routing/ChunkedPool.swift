/// Entries of one trivial type in fixed-size chunks, addressed by 32-bit indices that never move.
///
/// Growth adds a chunk, so peak memory is what the entries need. An index outside the allocated chunks traps.
@safe
struct ChunkedPool<Element: BitwiseCopyable>: ~Copyable {
    // Each pointer owns `chunkSize` initialised elements until `deinit`; none is handed out beyond an access.
    private var chunks: [UnsafeMutablePointer<Element>] = unsafe []
    /// Number of indices handed out so far.
    private(set) var count: UInt32 = 0
    private let shift: UInt32
    private let filler: Element

    /// Creates an empty pool of chunks with `1 << chunkShift` entries.
    init(filler: Element, chunkShift: UInt32 = 12) {
        self.filler = filler
        self.shift = chunkShift
    }

    deinit {
        for index in unsafe self.chunks.indices {
            unsafe UnsafeMutableRawPointer(self.chunks[index]).deallocate()
        }
    }

    /// Octets held.
    var memory: Int { (unsafe self.chunks.count << Int(self.shift)) * MemoryLayout<Element>.stride }

    /// Adds an entry and returns its index.
    mutating func append(_ element: Element) -> UInt32 {
        let index = self.count
        if unsafe Int(index >> self.shift) == self.chunks.count {
            let size = 1 << Int(self.shift)
            // Freed by `deinit` as raw memory of the same allocation; bound to Element for good.
            let raw = UnsafeMutableRawPointer.allocate(
                byteCount: size * MemoryLayout<Element>.stride,
                alignment: 64
            )
            let chunk = unsafe raw.bindMemory(to: Element.self, capacity: size)
            unsafe chunk.initialize(repeating: self.filler, count: size)
            unsafe self.chunks.append(chunk)
        }
        self.count += 1
        self[index] = element
        return index
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
