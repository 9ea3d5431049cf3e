/// A NOTIFICATION message (RFC 4271 §4.5).
///
/// Unknown codes and subcodes survive.
public struct Notification: Hashable, Sendable {
    /// Error code.
    public var code: Code
    /// Error subcode; its meaning depends on the code.
    public var subcode: UInt8
    /// Data octets.
    public var data: [UInt8]

    /// Creates a message from numbers.
    public init(code: Code, subcode: UInt8 = 0, data: [UInt8] = []) {
        self.code = code
        self.subcode = subcode
        self.data = data
    }

    /// Error codes; raw values are those of the IANA registry.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The code octet.
        public var rawValue: UInt8

        /// Creates a code, known or not.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// 1, message header error.
        public static let messageHeader = Code(rawValue: 1)
        /// 2, OPEN message error.
        public static let open = Code(rawValue: 2)
        /// 3, UPDATE message error.
        public static let update = Code(rawValue: 3)
        /// 4, hold timer expired.
        public static let holdTimerExpired = Code(rawValue: 4)
        /// 5, finite state machine error (RFC 6608).
        public static let finiteStateMachine = Code(rawValue: 5)
        /// 6, Cease (RFC 4486).
        public static let cease = Code(rawValue: 6)
        /// 7, ROUTE-REFRESH message error (RFC 7313).
        public static let routeRefresh = Code(rawValue: 7)
        /// 8, send hold timer expired (RFC 9687).
        public static let sendHoldTimerExpired = Code(rawValue: 8)
    }
}

/// Subcodes of code 1, message header error (RFC 4271 §6.1).
public enum MessageHeaderSubcode: UInt8, Sendable {
    /// 1: the marker is not all ones.
    case connectionNotSynchronized = 1
    /// 2: data is the erroneous two-octet length.
    case badMessageLength = 2
    /// 3: data is the erroneous type octet.
    case badMessageType = 3
}

/// Subcodes of code 2, OPEN message error (RFC 4271 §6.2, RFC 5492, RFC 9234).
public enum OpenSubcode: UInt8, Sendable {
    /// 0.
    case unspecific = 0
    /// 1: data is the highest supported version in two octets.
    case unsupportedVersionNumber = 1
    /// 2.
    case badPeerAS = 2
    /// 3.
    case badBGPIdentifier = 3
    /// 4.
    case unsupportedOptionalParameter = 4
    /// 6.
    case unacceptableHoldTime = 6
    /// 7: data lists the missing capabilities as TLVs.
    case unsupportedCapability = 7
    /// 11 (RFC 9234).
    case roleMismatch = 11
}

/// Subcodes of code 3, UPDATE message error (RFC 4271 §6.3).
public enum UpdateSubcode: UInt8, Sendable {
    /// 1.
    case malformedAttributeList = 1
    /// 2.
    case unrecognizedWellKnownAttribute = 2
    /// 3.
    case missingWellKnownAttribute = 3
    /// 4.
    case attributeFlagsError = 4
    /// 5.
    case attributeLengthError = 5
    /// 6.
    case invalidOrigin = 6
    /// 8.
    case invalidNextHop = 8
    /// 9.
    case optionalAttributeError = 9
    /// 10.
    case invalidNetworkField = 10
    /// 11.
    case malformedASPath = 11
}

/// Subcodes of code 5, finite state machine error (RFC 6608).
public enum FiniteStateMachineSubcode: UInt8, Sendable {
    /// 0.
    case unspecified = 0
    /// 1.
    case unexpectedMessageInOpenSent = 1
    /// 2.
    case unexpectedMessageInOpenConfirm = 2
    /// 3.
    case unexpectedMessageInEstablished = 3
}

/// Subcodes of code 6, Cease (RFC 4486, RFC 8538, RFC 9384).
public enum CeaseSubcode: UInt8, Sendable {
    /// 1: data is AFI, SAFI and the four-octet limit.
    case maximumNumberOfPrefixesReached = 1
    /// 2: data is a shutdown communication (RFC 9003).
    case administrativeShutdown = 2
    /// 3.
    case peerDeconfigured = 3
    /// 4: data is a shutdown communication (RFC 9003).
    case administrativeReset = 4
    /// 5.
    case connectionRejected = 5
    /// 6.
    case otherConfigurationChange = 6
    /// 7.
    case connectionCollisionResolution = 7
    /// 8.
    case outOfResources = 8
    /// 9 (RFC 8538).
    case hardReset = 9
    /// 10 (RFC 9384).
    case bfdDown = 10
}

extension Notification {
    /// Code 1 with a subcode.
    public static func messageHeader(_ subcode: MessageHeaderSubcode, data: [UInt8] = []) -> Notification {
        Notification(code: .messageHeader, subcode: subcode.rawValue, data: data)
    }

    /// Code 2 with a subcode.
    public static func open(_ subcode: OpenSubcode, data: [UInt8] = []) -> Notification {
        Notification(code: .open, subcode: subcode.rawValue, data: data)
    }

    /// Code 3 with a subcode.
    public static func update(_ subcode: UpdateSubcode, data: [UInt8] = []) -> Notification {
        Notification(code: .update, subcode: subcode.rawValue, data: data)
    }

    /// Code 4.
    public static let holdTimerExpired = Notification(code: .holdTimerExpired)

    /// Code 5 with a subcode.
    public static func finiteStateMachine(_ subcode: FiniteStateMachineSubcode) -> Notification {
        Notification(code: .finiteStateMachine, subcode: subcode.rawValue)
    }

    /// Code 6 with a subcode; `communication` becomes the RFC 9003 text of 6/2 and 6/4, cut to 255 octets at a
    /// character boundary, and is ignored elsewhere.
    public static func cease(_ subcode: CeaseSubcode, communication: String? = nil) -> Notification {
        var notification = Notification(code: .cease, subcode: subcode.rawValue)
        if let communication, subcode == .administrativeShutdown || subcode == .administrativeReset {
            var text = communication[...]
            while text.utf8.count > 255 { text.removeLast() }
            notification.data = [UInt8(text.utf8.count)] + Array(text.utf8)
        }
        return notification
    }

    /// Code 8.
    public static let sendHoldTimerExpired = Notification(code: .sendHoldTimerExpired)
}
