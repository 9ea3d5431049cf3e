internal import IPAddressing

/// Appends netlink messages to a reused buffer.
struct MessageWriter {
    private(set) var bytes: [UInt8] = []
    private var messageStart = 0

    mutating func removeAll() {
        self.bytes.removeAll(keepingCapacity: true)
    }

    mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value) { self.bytes.append(contentsOf: $0) }
    }

    mutating func beginMessage(type: UInt16, flags: UInt16, sequence: UInt32) {
        self.messageStart = self.bytes.count
        self.append(UInt32(0))
        self.append(type)
        self.append(flags)
        self.append(sequence)
        self.append(UInt32(0))
    }

    mutating func endMessage() {
        self.store(UInt32(self.bytes.count - self.messageStart), at: self.messageStart)
    }

    /// Sets flags in the header of the message that starts at `offset`.
    mutating func addFlags(_ flags: UInt16, toMessageAt offset: Int) {
        self.bytes[offset + 6] |= UInt8(truncatingIfNeeded: flags)
        self.bytes[offset + 7] |= UInt8(truncatingIfNeeded: flags >> 8)
    }

    mutating func attribute(_ type: UInt16, _ value: UInt32) {
        self.append(UInt16(8))
        self.append(type)
        self.append(value)
    }

    mutating func attribute(_ type: UInt16, _ address: IPAddress) {
        self.append(UInt16(address.isIPv4 ? 8 : 20))
        self.append(type)
        self.append(address)
    }

    mutating func append(_ address: IPAddress) {
        switch address {
        case .v4(let address): self.append(address.rawValue.bigEndian)
        case .v6(let address):
            self.append(address.high.bigEndian)
            self.append(address.low.bigEndian)
        }
    }

    /// Starts a structure whose first two octets are its length; ``endNested(_:)`` fills them in.
    mutating func beginNested(_ type: UInt16) -> Int {
        let start = self.bytes.count
        self.append(UInt16(0))
        self.append(type)
        return start
    }

    mutating func endNested(_ start: Int) {
        self.store(UInt16(truncatingIfNeeded: self.bytes.count - start), at: start)
    }

    private mutating func store<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        withUnsafeBytes(of: value) { source in
            for (index, byte) in source.enumerated() { self.bytes[offset + index] = byte }
        }
    }
}
