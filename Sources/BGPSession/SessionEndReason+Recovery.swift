internal import BGPWire

extension SessionEndReason {
    /// How to go on after it: users expect seconds when the other side only restarted or was reconfigured.
    var recovery: Recovery {
        switch self {
        case .connectionFailed, .stoppedSilently, .replaced, .linkDown, .abandoned: return .soon
        case .errorNotSent: return .afterError
        case .notificationSent(let notification):
            switch notification.code {
            case .holdTimerExpired, .sendHoldTimerExpired: return .afterSilence
            case .cease: return notification.isHarmlessCease ? .soon : .afterError
            default: return .afterError
            }
        case .notificationReceived(let notification):
            switch (notification.hardResetReason ?? notification).code {
            case .holdTimerExpired, .sendHoldTimerExpired: return .afterSilence
            case .cease: return notification.isHarmlessCease ? .soon : .afterError
            default: return .afterError
            }
        }
    }
}

extension Notification {
    /// A Cease after which the sender is expected back at once: 6/3, 6/4, 6/6, 6/7, also inside a Hard Reset.
    fileprivate var isHarmlessCease: Bool {
        let reason = self.hardResetReason ?? self
        guard reason.code == .cease, let subcode = CeaseSubcode(rawValue: reason.subcode) else { return false }
        switch subcode {
        case .peerDeconfigured, .administrativeReset, .otherConfigurationChange, .connectionCollisionResolution:
            return true
        case .maximumNumberOfPrefixesReached, .administrativeShutdown, .connectionRejected, .outOfResources,
            .hardReset, .bfdDown:
            return false
        }
    }

    /// The version error of event 24.
    var isVersionError: Bool {
        self.code == .open && self.subcode == OpenSubcode.unsupportedVersionNumber.rawValue
    }

    /// The errors of a peer that does not know capabilities, or misses one (RFC 5492 §3, §5).
    var asksForFewerCapabilities: Bool {
        self.code == .open
            && (self.subcode == OpenSubcode.unsupportedOptionalParameter.rawValue
                || self.subcode == OpenSubcode.unsupportedCapability.rawValue)
    }
}
