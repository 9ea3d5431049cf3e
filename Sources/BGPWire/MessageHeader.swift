/// BGP message types (RFC 4271 §4.1, RFC 2918).
public enum MessageType: UInt8, Hashable, Sendable, BitwiseCopyable {
    /// 1.
    case open = 1
    /// 2.
    case update = 2
    /// 3.
    case notification = 3
    /// 4.
    case keepalive = 4
    /// 5.
    case routeRefresh = 5
}

/// The fixed header of every message: marker, length, type (RFC 4271 §4.1).
public struct MessageHeader: Hashable, Sendable, BitwiseCopyable {
    /// Octets of the whole message, header included.
    public var length: Int
    /// The message type.
    public var type: MessageType

    /// Octets of a header.
    public static let size = 19
    /// The largest message without RFC 8654, and the largest OPEN and KEEPALIVE with it.
    public static let standardMaximumLength = 4096
    /// The largest message when both sides offered extended messages (RFC 8654).
    public static let extendedMaximumLength = 65_535

    /// Creates a header.
    public init(length: Int, type: MessageType) {
        self.length = length
        self.type = type
    }

    /// Octets of the message behind the header.
    public var bodyLength: Int { self.length - Self.size }

    /// Reads a header; nil while `span` holds fewer than 19 octets.
    ///
    /// All checks that need no body are made here, so a bad length never causes buffering. `maximumLength` is 4096, or
    /// 65535 once extended messages are negotiated; OPEN and KEEPALIVE keep their own limits. A ROUTE-REFRESH of a
    /// wrong length passes, because its error (7/1) carries the whole message; ``RouteRefresh/decode(body:)`` refuses it.
    ///
    /// - Throws: 1/1 for a bad marker, 1/2 with the length field, 1/3 with the type octet (RFC 4271 §6.1).
    public static func parse(_ span: RawSpan, maximumLength: Int) throws(Notification) -> MessageHeader? {
        guard span.byteCount >= Self.size else { return nil }
        guard span.uint64(0) & span.uint64(8) == ~0 else {
            throw .messageHeader(.connectionNotSynchronized)
        }
        let length = Int(span.uint16(16))
        guard length >= Self.size, length <= maximumLength else {
            throw .messageHeader(.badMessageLength, data: span.octets(16..<18))
        }
        guard let type = MessageType(rawValue: span.octet(18)) else {
            throw .messageHeader(.badMessageType, data: [span.octet(18)])
        }
        let isValid =
            switch type {
            case .open: length >= 29 && length <= Self.standardMaximumLength
            case .update: length >= 23
            case .notification: length >= 21
            case .keepalive: length == 19
            case .routeRefresh: true
            }
        guard isValid else {
            throw .messageHeader(.badMessageLength, data: span.octets(16..<18))
        }
        return MessageHeader(length: length, type: type)
    }

    /// Appends a header with a length of zero and returns the offset to hand to ``finish(at:in:)``.
    @inlinable
    static func begin(_ type: MessageType, in output: inout [UInt8]) -> Int {
        let start = output.count
        for _ in 0..<2 { output.append(bigEndian: UInt64.max) }
        output.append(bigEndian: UInt16(0))
        output.append(type.rawValue)
        return start
    }

    /// Fills in the length of the message that starts at `start` and ends with the output.
    @inlinable
    static func finish(at start: Int, in output: inout [UInt8]) {
        output.store(bigEndian: UInt16(truncatingIfNeeded: output.count - start), at: start + 16)
    }
}

/// The KEEPALIVE message: a header and nothing else (RFC 4271 §4.4).
public enum Keepalive {
    /// Appends a KEEPALIVE.
    public static func encode(into output: inout [UInt8]) {
        let start = MessageHeader.begin(.keepalive, in: &output)
        MessageHeader.finish(at: start, in: &output)
    }
}
