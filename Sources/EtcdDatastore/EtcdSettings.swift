/// How to reach an etcd v3 store and what to expect of it.
public struct EtcdSettings: Hashable, Sendable {
    /// Base addresses such as `https://10.0.0.1:2379`; tried in turn, from a random one.
    public var endpoints: [EtcdEndpoint]
    /// Domain whose SRV records (`_etcd-client-ssl._tcp`, `_etcd-client._tcp`) name the endpoints instead.
    public var discoveryDomain: String?
    /// Name server for discovery; nil asks those of `/etc/resolv.conf`.
    public var nameServer: String?
    /// Port of the name server.
    public var nameServerPort: UInt16 = 53
    /// Name and password, both or neither.
    public var credentials: Credentials?
    /// PEM file of authorities; nil trusts those of the system.
    public var authorityFile: String?
    /// PEM file of the client's certificate, with ``keyFile``.
    public var certificateFile: String?
    /// PEM file of the client's key.
    public var keyFile: String?
    /// How long one endpoint may take to answer before the next is asked.
    public var requestTimeout: Duration = .seconds(5)
    /// How often a watched endpoint is asked whether it still has a quorum behind it.
    public var probeInterval: Duration = .seconds(30)
    /// Life of the lease that statuses hang on.
    public var statusTTL: Duration = .seconds(90)
    /// Longest answer or line of a watch that is taken, in octets.
    public var maximumAnswer = 64 * 1024 * 1024
    /// Objects asked for at once.
    public var pageSize = 1000

    /// Name and password of an etcd user.
    public struct Credentials: Hashable, Sendable {
        /// Name.
        public var name: String
        /// Password; never shown.
        public var password: String

        /// Creates credentials.
        public init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// Creates settings with defaults.
    public init(endpoints: [EtcdEndpoint] = [], discoveryDomain: String? = nil) {
        self.endpoints = endpoints
        self.discoveryDomain = discoveryDomain
    }
}

/// Where one member of an etcd cluster listens for clients.
public struct EtcdEndpoint: Hashable, Sendable, CustomStringConvertible {
    /// Whether TLS is spoken.
    public var isSecure: Bool
    /// Name or address, IPv6 without brackets.
    public var host: String
    /// Port.
    public var port: UInt16

    /// Creates an endpoint.
    public init(isSecure: Bool, host: String, port: UInt16) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    /// Reads `http://host:port`, `https://host:port` or `host:port`; nil for anything else.
    public init?(_ text: String) {
        var rest = Substring(text)
        if rest.hasSuffix("/") { rest.removeLast() }
        var isSecure = false
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            rest = rest.dropFirst(7)
        } else if rest.contains("://") {
            return nil
        }
        var host = rest
        var port: UInt16 = 2379
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            let tail = rest[rest.index(after: end)...]
            if !tail.isEmpty {
                guard tail.hasPrefix(":"), let number = UInt16(tail.dropFirst()), number > 0 else { return nil }
                port = number
            }
            guard host.contains(":") else { return nil }
        } else if let colon = rest.firstIndex(of: ":") {
            host = rest[..<colon]
            guard let number = UInt16(rest[rest.index(after: colon)...]), number > 0 else { return nil }
            port = number
        }
        let isName = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
        guard !host.isEmpty, host.utf8.count <= 255, isName else { return nil }
        self.init(isSecure: isSecure, host: String(host), port: port)
    }

    /// The base address.
    public var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.isSecure ? "https" : "http")://\(host):\(self.port)"
    }
}
