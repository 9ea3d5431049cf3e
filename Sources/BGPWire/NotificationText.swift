extension Notification: CustomStringConvertible {
    /// The names of code and subcode with the shutdown communication or the inner error of a Hard Reset, if any.
    public var description: String {
        if let inner = self.hardResetReason {
            let text = inner.shutdownCommunication.map { " \"\($0)\"" } ?? ""
            return "\(self.summary) (\(inner.summary)\(text))"
        }
        guard let text = self.shutdownCommunication else { return self.summary }
        return "\(self.summary) \"\(text)\""
    }

    /// The names of code and subcode, such as `Cease: Administrative Shutdown`; numbers where there is no name.
    public var summary: String {
        guard let code = self.code.name else { return "Error \(self.code.rawValue)/\(self.subcode)" }
        if let name = self.subcodeName { return "\(code): \(name)" }
        return self.subcode == 0 ? code : "\(code): subcode \(self.subcode)"
    }

    /// The name of the subcode in the context of its code; nil when it has none.
    public var subcodeName: String? {
        switch self.code {
        case .messageHeader: MessageHeaderSubcode(rawValue: self.subcode)?.name
        case .open: OpenSubcode(rawValue: self.subcode)?.name
        case .update: UpdateSubcode(rawValue: self.subcode)?.name
        case .finiteStateMachine: FiniteStateMachineSubcode(rawValue: self.subcode)?.name
        case .cease: CeaseSubcode(rawValue: self.subcode)?.name
        case .routeRefresh: self.subcode == 1 ? "Invalid Message Length" : nil
        default: nil
        }
    }
}

extension Notification.Code {
    /// The name of the code (IANA "BGP Error (Notification) Codes"); nil for an unknown one.
    public var name: String? {
        switch self {
        case .messageHeader: "Message Header Error"
        case .open: "OPEN Message Error"
        case .update: "UPDATE Message Error"
        case .holdTimerExpired: "Hold Timer Expired"
        case .finiteStateMachine: "Finite State Machine Error"
        case .cease: "Cease"
        case .routeRefresh: "ROUTE-REFRESH Message Error"
        case .sendHoldTimerExpired: "Send Hold Timer Expired"
        default: nil
        }
    }
}

extension MessageHeaderSubcode {
    /// The registered name.
    public var name: String {
        switch self {
        case .connectionNotSynchronized: "Connection Not Synchronized"
        case .badMessageLength: "Bad Message Length"
        case .badMessageType: "Bad Message Type"
        }
    }
}

extension OpenSubcode {
    /// The registered name.
    public var name: String {
        switch self {
        case .unspecific: "Unspecific"
        case .unsupportedVersionNumber: "Unsupported Version Number"
        case .badPeerAS: "Bad Peer AS"
        case .badBGPIdentifier: "Bad BGP Identifier"
        case .unsupportedOptionalParameter: "Unsupported Optional Parameter"
        case .unacceptableHoldTime: "Unacceptable Hold Time"
        case .unsupportedCapability: "Unsupported Capability"
        case .roleMismatch: "Role Mismatch"
        }
    }
}

extension UpdateSubcode {
    /// The registered name.
    public var name: String {
        switch self {
        case .malformedAttributeList: "Malformed Attribute List"
        case .unrecognizedWellKnownAttribute: "Unrecognized Well-known Attribute"
        case .missingWellKnownAttribute: "Missing Well-known Attribute"
        case .attributeFlagsError: "Attribute Flags Error"
        case .attributeLengthError: "Attribute Length Error"
        case .invalidOrigin: "Invalid ORIGIN Attribute"
        case .invalidNextHop: "Invalid NEXT_HOP Attribute"
        case .optionalAttributeError: "Optional Attribute Error"
        case .invalidNetworkField: "Invalid Network Field"
        case .malformedASPath: "Malformed AS_PATH"
        }
    }
}

extension FiniteStateMachineSubcode {
    /// The registered name.
    public var name: String {
        switch self {
        case .unspecified: "Unspecified Error"
        case .unexpectedMessageInOpenSent: "Unexpected Message in OpenSent"
        case .unexpectedMessageInOpenConfirm: "Unexpected Message in OpenConfirm"
        case .unexpectedMessageInEstablished: "Unexpected Message in Established"
        }
    }
}

extension CeaseSubcode {
    /// The registered name.
    public var name: String {
        switch self {
        case .maximumNumberOfPrefixesReached: "Maximum Number of Prefixes Reached"
        case .administrativeShutdown: "Administrative Shutdown"
        case .peerDeconfigured: "Peer De-configured"
        case .administrativeReset: "Administrative Reset"
        case .connectionRejected: "Connection Rejected"
        case .otherConfigurationChange: "Other Configuration Change"
        case .connectionCollisionResolution: "Connection Collision Resolution"
        case .outOfResources: "Out of Resources"
        case .hardReset: "Hard Reset"
        case .bfdDown: "BFD Down"
        }
    }
}
