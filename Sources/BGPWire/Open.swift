public import IPAddressing

/// An OPEN message (RFC 4271 §4.2).
public struct Open: Hashable, Sendable {
    /// Protocol version; 4.
    public var version: UInt8
    /// The two-octet "My Autonomous System" field as on the wire; AS_TRANS when the AS needs four octets.
    public var myAS: UInt16
    /// Proposed hold time in seconds as on the wire.
    public var holdTime: UInt16
    /// BGP Identifier.
    public var identifier: RouterID
    /// Capabilities in the order of the message, from all optional parameters.
    public var capabilities: [Capability]

    /// Creates a message from wire values.
    public init(version: UInt8 = 4, myAS: UInt16, holdTime: UInt16, identifier: RouterID, capabilities: [Capability]) {
        self.version = version
        self.myAS = myAS
        self.holdTime = holdTime
        self.identifier = identifier
        self.capabilities = capabilities
    }

    /// Creates the OPEN of a four-octet speaker: capability 65 is appended when absent, AS_TRANS used when needed.
    public init(localAS: ASNumber, holdTime: UInt16, identifier: RouterID, capabilities: [Capability]) {
        self.init(
            myAS: UInt16(exactly: localAS.rawValue) ?? UInt16(ASNumber.transition.rawValue),
            holdTime: holdTime,
            identifier: identifier,
            capabilities: capabilities
        )
        if self.fourOctetAS == nil {
            self.capabilities.append(.fourOctetAS(localAS))
        }
    }

    /// The AS of capability 65, if present.
    public var fourOctetAS: ASNumber? {
        for case .fourOctetAS(let number) in self.capabilities { return number }
        return nil
    }

    /// The sender's AS: capability 65 where present, else the two-octet field (RFC 6793 §4.1).
    public var effectiveAS: ASNumber { self.fourOctetAS ?? ASNumber(rawValue: UInt32(self.myAS)) }
}
