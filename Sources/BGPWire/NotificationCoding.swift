extension Notification: Error {}

extension Notification {
    /// The most data a message carries: data is cut so that it fits into 4096 octets.
    public static let maximumDataLength = MessageHeader.standardMaximumLength - MessageHeader.size - 2

    /// Decodes the body of a NOTIFICATION; nil when it is too short to name a code and a subcode.
    ///
    /// Unknown codes and subcodes are kept, data over ``maximumDataLength`` is cut: nothing in a NOTIFICATION is an error
    /// to answer, for a NOTIFICATION is never answered (RFC 4271 §6.4).
    public static func decode(body: RawSpan) -> Notification? {
        guard body.byteCount >= 2 else { return nil }
        return Notification(
            code: Code(rawValue: body.octet(0)),
            subcode: body.octet(1),
            data: body.octets(2..<min(body.byteCount, 2 + Self.maximumDataLength))
        )
    }

    /// Appends the message; data over ``maximumDataLength`` is cut.
    public func encode(into output: inout [UInt8]) {
        let start = MessageHeader.begin(.notification, in: &output)
        output.append(self.code.rawValue)
        output.append(self.subcode)
        output.append(contentsOf: self.data.prefix(Self.maximumDataLength))
        MessageHeader.finish(at: start, in: &output)
    }

    /// A Hard Reset (RFC 8538 §3.1) for a reason: the peer keeps no routes, whatever was negotiated.
    public static func hardReset(_ reason: Notification) -> Notification {
        Notification(
            code: .cease,
            subcode: CeaseSubcode.hardReset.rawValue,
            data: [reason.code.rawValue, reason.subcode] + reason.data.prefix(Self.maximumDataLength - 2)
        )
    }

    /// The error inside a Hard Reset (RFC 8538 §3.1); nil for anything else or when it names no code.
    public var hardResetReason: Notification? {
        guard self.code == .cease, self.subcode == CeaseSubcode.hardReset.rawValue, self.data.count >= 2 else {
            return nil
        }
        return Notification(
            code: Code(rawValue: self.data[0]),
            subcode: self.data[1],
            data: Array(self.data.dropFirst(2))
        )
    }

    /// The peer's shutdown communication (RFC 9003) of 6/2 and 6/4, also inside a Hard Reset, made safe to print.
    ///
    /// Octets that are no UTF-8, control characters, line separators and bidirectional controls are replaced by U+FFFD; a
    /// length beyond the data counts as the end of the data. Nil when there is no text.
    public var shutdownCommunication: String? {
        if let inner = self.hardResetReason {
            return inner.hardResetReason == nil ? inner.shutdownCommunication : nil
        }
        guard self.code == .cease,
            self.subcode == CeaseSubcode.administrativeShutdown.rawValue
                || self.subcode == CeaseSubcode.administrativeReset.rawValue,
            let length = self.data.first, length > 0, self.data.count > 1
        else { return nil }
        return printableText(self.data[1...].prefix(Int(length)))
    }
}

/// Text from a peer with everything replaced that could confuse a terminal or a log.
func printableText(_ octets: some Collection<UInt8>) -> String {
    var result = String.UnicodeScalarView()
    for scalar in String(decoding: octets, as: UTF8.self).unicodeScalars {
        let isUnsafe =
            switch scalar.value {
            case 0...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
            default: false
            }
        result.append(isUnsafe ? "\u{FFFD}" : scalar)
    }
    return String(result)
}
