/// Big-endian loads. Every load is bounds-checked by the span; callers check lengths first so that the check never fails.
extension RawSpan {
    @inlinable
    package func octet(_ offset: Int) -> UInt8 {
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt8.
        unsafe self.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    @inlinable
    package func uint16(_ offset: Int) -> UInt16 {
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt16.
        UInt16(bigEndian: unsafe self.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inlinable
    package func uint32(_ offset: Int) -> UInt32 {
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt32.
        UInt32(bigEndian: unsafe self.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inlinable
    package func uint64(_ offset: Int) -> UInt64 {
        // Safe: in bounds by the span's own check, and every bit pattern is a UInt64.
        UInt64(bigEndian: unsafe self.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// A copy of the octets in `range`.
    func octets(_ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        result.append(octetsOf: self, range)
        return result
    }
}

extension [UInt8] {
    /// The octets as a raw span.
    @inlinable
    var rawSpan: RawSpan {
        @_lifetime(borrow self)
        get {
            // Safe: octets have no padding and every bit pattern is valid.
            unsafe self.span.bytes
        }
    }

    /// Appends the octets of `span` in `range`.
    @inlinable
    mutating func append(octetsOf span: RawSpan, _ range: Range<Int>) {
        // Safe: the pointer is used only inside the closure, for reading within its bounds.
        unsafe span.extracting(range).withUnsafeBytes { unsafe self.append(contentsOf: $0) }
    }

    /// Appends two octets, most significant first.
    @inlinable
    mutating func append(bigEndian value: UInt16) {
        self.append(UInt8(truncatingIfNeeded: value >> 8))
        self.append(UInt8(truncatingIfNeeded: value))
    }

    /// Appends four octets, most significant first.
    @inlinable
    mutating func append(bigEndian value: UInt32) {
        self.append(bigEndian: UInt16(truncatingIfNeeded: value >> 16))
        self.append(bigEndian: UInt16(truncatingIfNeeded: value))
    }

    /// Appends eight octets, most significant first.
    @inlinable
    mutating func append(bigEndian value: UInt64) {
        self.append(bigEndian: UInt32(truncatingIfNeeded: value >> 32))
        self.append(bigEndian: UInt32(truncatingIfNeeded: value))
    }

    /// The octets of all elements, one after the other.
    @inlinable
    static func joining<Value>(_ elements: [Value], octets: Int, _ append: (inout [UInt8], Value) -> Void)
        -> [UInt8]
    {
        var result: [UInt8] = []
        result.reserveCapacity(elements.count * octets)
        for element in elements { append(&result, element) }
        return result
    }

    /// Overwrites four octets at `offset`, most significant first.
    @inlinable
    mutating func store(bigEndian value: UInt32, at offset: Int) {
        self.store(bigEndian: UInt16(truncatingIfNeeded: value >> 16), at: offset)
        self.store(bigEndian: UInt16(truncatingIfNeeded: value), at: offset + 2)
    }

    /// Overwrites two octets at `offset`, most significant first.
    @inlinable
    mutating func store(bigEndian value: UInt16, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: value >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}
