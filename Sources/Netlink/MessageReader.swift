internal import IPAddressing

/// Octets from the kernel; every access is checked against the end.
struct NetlinkBytes {
    let bytes: UnsafeRawBufferPointer

    var count: Int { self.bytes.count }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The octets from `start`, at most `length` of them.
    func slice(_ start: Int, _ length: Int = .max) -> NetlinkBytes {
        guard start >= 0, start <= self.count, length > 0 else {
            return NetlinkBytes(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        let end = start + min(length, self.count - start)
        return NetlinkBytes(UnsafeRawBufferPointer(rebasing: self.bytes[start..<end]))
    }

    /// A number in host byte order, nil past the end.
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T? {
        guard offset >= 0, self.count >= MemoryLayout<T>.size, offset <= self.count - MemoryLayout<T>.size else {
            return nil
        }
        return self.bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    }

    /// The octets as text up to the first zero.
    var text: String { String(decoding: self.bytes.prefix { $0 != 0 }, as: UTF8.self) }

    /// The octets as an address of `family` (AF_INET or AF_INET6), nil when the length does not fit.
    func address(family: UInt8) -> IPAddress? {
        switch (IPFamily(rawValue: family), self.count) {
        case (.v4, 4): self.load(0, as: UInt32.self).map { .v4(IPv4Address(rawValue: UInt32(bigEndian: $0))) }
        case (.v6, 16):
            if let high = self.load(0, as: UInt64.self), let low = self.load(8, as: UInt64.self) {
                .v6(IPv6Address(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low)))
            } else {
                nil
            }
        default: nil
        }
    }

    /// The octets as a 48-bit hardware address.
    var mac: MACAddress? {
        guard self.count == 6 else { return nil }
        return MACAddress(rawValue: self.bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

/// The attributes of a message.
///
/// Ends at the first one whose length does not fit.
struct AttributeReader: Sequence, IteratorProtocol {
    private var rest: NetlinkBytes

    init(_ bytes: NetlinkBytes) {
        self.rest = bytes
    }

    mutating func next() -> (type: UInt16, value: NetlinkBytes)? {
        guard let length = self.rest.load(0, as: UInt16.self), let type = self.rest.load(2, as: UInt16.self),
            length >= 4, Int(length) <= self.rest.count
        else { return nil }
        let value = self.rest.slice(4, Int(length) - 4)
        self.rest = self.rest.slice((Int(length) + 3) & ~3)
        return (type & 0x3FFF, value)
    }
}

/// One message of a datagram.
struct NetlinkMessage {
    /// Message type: NLMSG_* or RTM_*.
    let type: UInt16
    /// NLM_F_* flags.
    let flags: UInt16
    /// Sequence number of the request it answers, 0 for notifications.
    let sequence: UInt32
    /// What follows the header.
    let payload: NetlinkBytes

    static let noop: UInt16 = 1
    static let error: UInt16 = 2
    static let done: UInt16 = 3
    static let overrun: UInt16 = 4
    static let dumpInterrupted: UInt16 = 0x10
}

/// The messages of one datagram.
///
/// Ends at the first one whose length does not fit.
struct MessageReader: Sequence, IteratorProtocol {
    private var rest: NetlinkBytes
    /// Whether reading ended at a malformed header rather than at the end.
    private(set) var isMalformed = false

    init(_ bytes: NetlinkBytes) {
        self.rest = bytes
    }

    mutating func next() -> NetlinkMessage? {
        guard self.rest.count > 0 else { return nil }
        guard let length = self.rest.load(0, as: UInt32.self), let type = self.rest.load(4, as: UInt16.self),
            let flags = self.rest.load(6, as: UInt16.self), let sequence = self.rest.load(8, as: UInt32.self),
            length >= 16, length <= UInt32(clamping: self.rest.count)
        else {
            self.isMalformed = true
            return nil
        }
        let payload = self.rest.slice(16, Int(length) - 16)
        self.rest = self.rest.slice((Int(length) + 3) & ~3)
        return NetlinkMessage(type: type, flags: flags, sequence: sequence, payload: payload)
    }
}

extension NetlinkMessage {
    /// The errno (positive, 0 for an acknowledgement) and text of an NLMSG_ERROR; EBADMSG when it is cut short.
    var acknowledgement: (code: Int32, text: String?) {
        guard let code = self.payload.load(0, as: Int32.self) else { return (74, nil) }
        var text: String?
        if self.flags & 0x200 != 0 {
            var start = 20
            if self.flags & 0x100 == 0, let original = self.payload.load(4, as: UInt32.self), original >= 16 {
                start += (Int(original) - 16 + 3) & ~3
            }
            for (type, value) in AttributeReader(self.payload.slice(start)) where type == 1 {
                text = value.text
            }
        }
        return (code == .min ? 74 : abs(code), text)
    }
}
