internal import BGPWire
internal import IPAddressing

extension Capability {
    /// One line for people.
    var text: String {
        switch self {
        case .multiprotocol(let family): return "\(family)"
        case .routeRefresh: return "route refresh"
        case .extendedNextHop(let entries):
            let families = entries.map { $0.nextHopAFI == 2 ? "\($0.family)" : "\($0.family) by AFI \($0.nextHopAFI)" }
            return "extended next hop (\(families.joined(separator: ", ")))"
        case .extendedMessage: return "extended messages"
        case .role(let role): return "role \(role)"
        case .gracefulRestart(let value):
            var parts: [String] = value.restartState ? ["restarted"] : []
            if value.notification { parts.append("NOTIFICATIONs") }
            if !value.families.isEmpty { parts.append("\(value.restartTime) s") }
            parts += value.families.map { "\($0.family)" + ($0.forwardingPreserved ? " forwarding" : "") }
            return parts.isEmpty ? "graceful restart" : "graceful restart (\(parts.joined(separator: ", ")))"
        case .fourOctetAS(let number): return "AS4 \(number.rawValue)"
        case .addPath(let entries):
            let families = entries.map { entry in
                entry.receive && entry.send
                    ? "\(entry.family) both ways" : "\(entry.family) \(entry.receive ? "receive" : "send")"
            }
            return "add paths (\(families.joined(separator: ", ")))"
        case .enhancedRouteRefresh: return "enhanced route refresh"
        case .longLivedGracefulRestart(let entries):
            let families = entries.map {
                "\($0.family) \($0.staleTime) s" + ($0.forwardingPreserved ? " forwarding" : "")
            }
            return families.isEmpty
                ? "long-lived graceful restart" : "long-lived graceful restart (\(families.joined(separator: ", ")))"
        case .fqdn(let host, let domain):
            let name = String(decoding: host, as: UTF8.self)
            return "name \(domain.isEmpty ? name : "\(name).\(String(decoding: domain, as: UTF8.self))")"
        case .softwareVersion(let octets): return "version \(String(decoding: octets, as: UTF8.self))"
        case .unknown(let code, let value):
            let octets = value.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            return octets.isEmpty ? "capability \(code)" : "capability \(code) (0x\(octets))"
        }
    }
}
