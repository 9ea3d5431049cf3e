internal import IPAddressing
internal import Resources

extension KeyValueView {
    /// The same with what Calico's confd works out for its node: the peers it has and what is announced of services.
    ///
    /// Passwords are not among the values.
    func adding(_ plan: BGPPlan, peers: [String: BGPPeer]) -> KeyValueView {
        var values: [String: String] = [:]
        for family in [plan.ipv4, plan.ipv6] {
            let suffix = family.isIPv4 ? "" : "v6"
            for prefix in family.serviceStatics {
                values["/calico/staticroutes\(suffix)/\(Self.dashed(prefix))"] = prefix.description
            }
            for prefix in family.serviceRanges {
                values["/calico/rejectcidrs\(suffix)/\(Self.dashed(prefix))"] = prefix.description
            }
            for session in family.sessions {
                guard let name = session.resource, let peer = peers[name] else { continue }
                let scope = session.kind == .global ? "global" : "host/\(plan.nodeName)"
                let port = session.peerPort.map { "-\($0)" } ?? ""
                values["/calico/bgp/v1/\(scope)/peer_\(family.isIPv4 ? "v4" : "v6")/\(session.peerAddress)\(port)"] =
                    Self.peer(session, peer).compactJSON
            }
        }
        return self.adding(values)
    }

    /// A peer as the object that Calico's templates read.
    private static func peer(_ session: SessionPlan, _ peer: BGPPeer) -> ManifestValue {
        func text(_ value: (some CustomStringConvertible)?) -> ManifestValue.Content {
            .string(value?.description ?? "")
        }
        let fields: [(String, ManifestValue.Content)] = [
            ("ip", text(session.peerAddress)), ("port", .integer(Int64(session.peerPort ?? 0))),
            ("as_num", text(session.peerAS)),
            ("local_as_num", text(session.namesLocalAS ? session.localAS : nil)),
            ("source_addr", text(peer.sourceAddress.rawValue)),
            ("restart_time", text(session.restartSeconds)), ("keepalive_time", text(session.keepaliveSeconds)),
            ("keep_next_hop", .bool(peer.keepOriginalNextHop)), ("next_hop_mode", text(peer.nextHopMode?.rawValue)),
            ("num_allow_local_as", .integer(Int64(session.allowedLocalAS))),
            ("ttl_security", .integer(Int64(session.ttlSecurityHops ?? 0))),
            ("filters", .array(peer.filters.map { ManifestValue(.string($0)) })),
            ("reachable_by", text(peer.reachableBy)), ("passive_mode", .bool(session.isPassive)),
            ("local_bgp_peer", .bool(session.kind == .localWorkload)),
        ]
        return ManifestValue(.map(fields.map { .init($0.0, ManifestValue($0.1)) }))
    }
}

extension ManifestValue {
    /// The value as JSON text on one line.
    var compactJSON: String {
        switch self.content {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case .float(let number): number.isFinite ? "\(number)" : "null"
        case .string(let text): Self.quoted(text)
        case .array(let elements): "[" + elements.map(\.compactJSON).joined(separator: ",") + "]"
        case .map(let fields):
            "{" + fields.map { "\(Self.quoted($0.key)):\($0.value.compactJSON)" }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
