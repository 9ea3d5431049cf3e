extension RouteRefresh {
    /// Decodes the body of a ROUTE-REFRESH, the octets behind the header.
    ///
    /// A message with an unknown subtype is returned whatever follows it, for the receiver to ignore (RFC 7313 §5).
    ///
    /// - Throws: 7/1 with the whole message as data when the body is not four octets long.
    public static func decode(body: RawSpan) throws(Notification) -> RouteRefresh {
        guard body.byteCount == 4 || body.byteCount > 4 && body.octet(2) > Subtype.end.rawValue else {
            var message: [UInt8] = []
            let start = MessageHeader.begin(.routeRefresh, in: &message)
            message.append(octetsOf: body, 0..<min(body.byteCount, MessageHeader.standardMaximumLength))
            message.store(bigEndian: UInt16(clamping: body.byteCount + MessageHeader.size), at: start + 16)
            throw Notification(code: .routeRefresh, subcode: 1, data: message)
        }
        return RouteRefresh(
            family: AddressFamily(afi: body.uint16(0), safi: body.octet(3)),
            subtype: Subtype(rawValue: body.octet(2))
        )
    }

    /// Appends the message.
    public func encode(into output: inout [UInt8]) {
        let start = MessageHeader.begin(.routeRefresh, in: &output)
        output.append(bigEndian: self.family.afi)
        output.append(self.subtype.rawValue)
        output.append(self.family.safi)
        MessageHeader.finish(at: start, in: &output)
    }
}
