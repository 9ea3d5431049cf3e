internal import BGPWire

/// A NOTIFICATION as one line: names, numbers, and the shutdown communication (RFC 9003) made harmless.
func notificationText(_ notification: Notification) -> String {
    var text = "\(codeName(notification)) (\(notification.code.rawValue)/\(notification.subcode))"
    if let communication = shutdownCommunication(notification) {
        text += ": \"\(communication)\""
    } else if notification.code == .cease, notification.subcode == CeaseSubcode.hardReset.rawValue,
        let inner = hardResetReason(notification)
    {
        text += " because of \(notificationText(inner))"
    }
    return text
}

/// The NOTIFICATION that a Hard Reset (RFC 8538 §3.1) carries; nil for other messages, short data, or nesting.
func hardResetReason(_ notification: Notification) -> Notification? {
    guard notification.code == .cease, notification.subcode == CeaseSubcode.hardReset.rawValue,
        notification.data.count >= 2
    else { return nil }
    let inner = Notification(
        code: Notification.Code(rawValue: notification.data[0]),
        subcode: notification.data[1],
        data: Array(notification.data.dropFirst(2))
    )
    return inner.code == .cease && inner.subcode == CeaseSubcode.hardReset.rawValue ? nil : inner
}

/// The text of 6/2 and 6/4 with control characters and invalid UTF-8 replaced; nil without text.
private func shutdownCommunication(_ notification: Notification) -> String? {
    guard notification.code == .cease,
        notification.subcode == CeaseSubcode.administrativeShutdown.rawValue
            || notification.subcode == CeaseSubcode.administrativeReset.rawValue,
        let length = notification.data.first, length > 0, Int(length) <= notification.data.count - 1
    else { return nil }
    var text = ""
    for scalar in String(decoding: notification.data[1...Int(length)], as: UTF8.self).unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            text.unicodeScalars.append("\u{FFFD}")
        default:
            text.unicodeScalars.append(scalar == "\"" ? "'" : scalar)
        }
    }
    return text
}

private func codeName(_ notification: Notification) -> String {
    let subcode = notification.subcode
    switch notification.code {
    case .messageHeader:
        return named("message header error", ["unspecific", "not synchronised", "bad length", "bad type"], subcode)
    case .open:
        let names = [
            "unspecific", "unsupported version", "bad peer AS", "bad BGP identifier", "unsupported optional parameter",
            "", "unacceptable hold time", "unsupported capability", "", "", "", "role mismatch",
        ]
        return named("OPEN message error", names, subcode)
    case .update:
        let names = [
            "unspecific", "malformed attribute list", "unrecognised well-known attribute",
            "missing well-known attribute", "attribute flags error", "attribute length error", "invalid ORIGIN", "",
            "invalid NEXT_HOP", "optional attribute error", "invalid network field", "malformed AS_PATH",
        ]
        return named("UPDATE message error", names, subcode)
    case .holdTimerExpired: return "hold timer expired"
    case .finiteStateMachine:
        let names = [
            "unspecified", "unexpected message in OpenSent", "unexpected message in OpenConfirm",
            "unexpected message in Established",
        ]
        return named("state machine error", names, subcode)
    case .cease:
        let names = [
            "unspecific", "prefix limit reached", "administrative shutdown", "peer de-configured",
            "administrative reset", "connection rejected", "other configuration change", "connection collision",
            "out of resources", "hard reset", "BFD down",
        ]
        return named("cease", names, subcode)
    case .routeRefresh: return named("ROUTE-REFRESH message error", ["unspecific", "invalid length"], subcode)
    case .sendHoldTimerExpired: return "send hold timer expired"
    default: return "unknown error"
    }
}

private func named(_ code: String, _ subcodes: [String], _ subcode: UInt8) -> String {
    guard Int(subcode) < subcodes.count, !subcodes[Int(subcode)].isEmpty else { return code }
    return "\(code), \(subcodes[Int(subcode)])"
}
