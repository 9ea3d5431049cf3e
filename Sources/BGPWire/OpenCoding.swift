import IPAddressing

extension Open {
    /// Decodes the body of an OPEN, the octets behind the header, and checks it as ``validate()`` does.
    ///
    /// Both forms of optional parameters are read (RFC 4271 §4.2, RFC 9072). Repeated capabilities are all kept.
    /// Errors are found in the order of the fields: length, version, AS, hold time, identifier, parameters, capabilities.
    ///
    /// - Throws: 1/2 with the length when the fixed part is incomplete, 2/1 with the supported version, 2/2, 2/6, 2/3, 2/4
    ///   for a parameter other than capabilities, 2/0 when lengths do not add up.
    public static func decode(body: RawSpan) throws(Notification) -> Open {
        guard body.byteCount >= 10 else {
            let length = UInt16(clamping: body.byteCount + MessageHeader.size)
            throw .messageHeader(.badMessageLength, data: [UInt8(length >> 8), UInt8(length & 255)])
        }
        var open = Open(
            version: body.octet(0),
            myAS: body.uint16(1),
            holdTime: body.uint16(3),
            identifier: RouterID(rawValue: body.uint32(5)),
            capabilities: []
        )
        try open.validate()
        try open.decodeParameters(body)
        try open.validate()
        return open
    }

    /// Checks what an OPEN can get wrong by itself, without regard to configuration.
    ///
    /// - Throws: 2/1 for a version other than 4, 2/2 for AS 0 (RFC 7607) or when field and capability name different
    ///   ASes (RFC 6793 §4.1), 2/6 for a hold time of one or two seconds, 2/3 for identifier 0 (RFC 6286).
    public func validate() throws(Notification) {
        guard self.version == 4 else { throw .open(.unsupportedVersionNumber, data: [0, 4]) }
        guard self.myAS != 0 else { throw .open(.badPeerAS) }
        if let number = self.fourOctetAS {
            let field = UInt32(self.myAS)
            guard number.rawValue != 0, field == number.rawValue || field == ASNumber.transition.rawValue else {
                throw .open(.badPeerAS)
            }
        }
        guard self.holdTime == 0 || self.holdTime >= 3 else { throw .open(.unacceptableHoldTime) }
        guard self.identifier.rawValue != 0 else { throw .open(.badBGPIdentifier) }
    }

    private mutating func decodeParameters(_ body: RawSpan) throws(Notification) {
        // RFC 9072 §2: type 255 in the first parameter's place announces the extended form, whatever the length octet says.
        let isExtended = body.octet(9) != 0 && body.byteCount > 10 && body.octet(10) == 255
        var offset = 10
        let total: Int
        if isExtended {
            guard body.byteCount >= 13 else { throw .open(.unspecific) }
            total = Int(body.uint16(11))
            offset = 13
        } else {
            total = Int(body.octet(9))
        }
        guard offset + total == body.byteCount else { throw .open(.unspecific) }
        let headerSize = isExtended ? 3 : 2
        while offset < body.byteCount {
            guard body.byteCount - offset >= headerSize else { throw .open(.unspecific) }
            let type = body.octet(offset)
            let length = isExtended ? Int(body.uint16(offset + 1)) : Int(body.octet(offset + 1))
            offset += headerSize
            guard length <= body.byteCount - offset else { throw .open(.unspecific) }
            guard type == 2 else { throw .open(.unsupportedOptionalParameter) }
            try self.decodeCapabilities(body.extracting(offset..<offset + length))
            offset += length
        }
    }

    private mutating func decodeCapabilities(_ span: RawSpan) throws(Notification) {
        var offset = 0
        while offset < span.byteCount {
            guard span.byteCount - offset >= 2 else { throw .open(.unspecific) }
            let code = span.octet(offset)
            let length = Int(span.octet(offset + 1))
            offset += 2
            guard length <= span.byteCount - offset else { throw .open(.unspecific) }
            self.capabilities.append(Capability(code: code, value: span.extracting(offset..<offset + length)))
            offset += length
        }
    }

    /// Appends the message.
    ///
    /// All capabilities stand in one parameter, in the extended form of RFC 9072 only when they need more than 255 octets.
    /// Capabilities that would make the message longer than 4096 octets are left out, last ones first.
    public func encode(into output: inout [UInt8]) {
        var list: [UInt8] = []
        for capability in self.capabilities {
            let before = list.count
            capability.encode(into: &list)
            // 16 = version to length octet (10), the marks of the extended form (3), one parameter header (3).
            if list.count + MessageHeader.size + 16 > MessageHeader.standardMaximumLength {
                list.removeSubrange(before...)
                break
            }
        }
        let start = MessageHeader.begin(.open, in: &output)
        output.append(self.version)
        output.append(bigEndian: self.myAS)
        output.append(bigEndian: self.holdTime)
        output.append(bigEndian: self.identifier.rawValue)
        if list.isEmpty {
            output.append(0)
        } else if list.count + 2 <= 255 {
            output += [UInt8(list.count + 2), 2, UInt8(list.count)]
        } else {
            output += [255, 255]
            output.append(bigEndian: UInt16(list.count + 3))
            output.append(2)
            output.append(bigEndian: UInt16(list.count))
        }
        output += list
        MessageHeader.finish(at: start, in: &output)
    }
}
