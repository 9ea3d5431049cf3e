internal import IPAddressing

extension RouterID {
    /// The identifier that `CALICO_ROUTER_ID=hash` gives a node.
    ///
    /// The first four octets of the SHA-256 of its name; 32 is taken off a first octet above 223, so that the result
    /// is never a multicast or reserved address. A result of 0.0.0.0, which RFC 6286 forbids, becomes 0.0.0.1.
    init(hashOf nodeName: String) {
        var octets = Array(SHA256.digest(of: nodeName).prefix(4))
        if octets[0] > 223 { octets[0] -= 32 }
        let value = octets.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        self.init(rawValue: value == 0 ? 1 : value)
    }

    /// The router id of a node.
    ///
    /// `hash` asks for the hashed one, any other value is the id itself. Without a value it is the node's IPv4
    /// address, for IPv6 too. A node without IPv4 address gets the hashed one: an empty id would stop the speaker.
    static func planned(
        environment: String?,
        nodeName: String,
        ipv4: IPAddress?,
        diagnose: (PlanDiagnostic.Reason) -> Void
    ) -> RouterID {
        switch environment {
        case nil: break
        case "hash": return RouterID(hashOf: nodeName)
        case let text?:
            if let identifier = RouterID(text), identifier.rawValue != 0 { return identifier }
            diagnose(.malformedRouterID(text))
        }
        if case .v4(let address) = ipv4 { return RouterID(address) }
        return RouterID(hashOf: nodeName)
    }
}
