internal import CLinux
internal import Glibc
internal import IPAddressing

/// What a session asks of its TCP socket beside its two ends.
struct SessionSocketOptions: Hashable, Sendable {
    /// TCP MD5 key (RFC 2385), 1 to 80 octets; empty is none.
    var password: [UInt8] = []
    /// TTL or hop limit of outgoing packets; nil is the system's default.
    var outgoingTTL: UInt8?
    /// Packets that arrive with less are dropped by the kernel (RFC 5082).
    var minimumTTL: UInt8?
}

/// Plain socket calls with errors; descriptors are the caller's to close.
enum BGPSocket {
    /// A non-blocking TCP socket of the family of `address`.
    static func make(for address: IPAddress) throws(SocketError) -> CInt {
        let descriptor = clinux_tcp_socket(address.isIPv4 ? 4 : 6)
        guard descriptor >= 0 else { throw SocketError("create socket") }
        return descriptor
    }

    static func set(_ descriptor: CInt, _ level: Int32, _ name: Int32, _ value: Int32, _ what: String)
        throws(SocketError)
    {
        var value = value
        guard setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw SocketError("set \(what)")
        }
    }

    /// Lets packets of every TTL through, on a connection that nothing is read from any more.
    ///
    /// TTL security drops acknowledgements, too: a peer without it would not learn of the end, and would keep a dead
    /// connection for minutes.
    static func acceptEveryTTL(_ descriptor: CInt, family address: IPAddress) {
        if address.isIPv4 {
            try? self.set(descriptor, Int32(IPPROTO_IP), Int32(IP_MINTTL), 0, "minimum TTL")
        } else {
            try? self.set(descriptor, Int32(IPPROTO_IPV6), Int32(IPV6_MINHOPCOUNT), 0, "minimum hop count")
        }
    }

    /// Sets TTL and GTSM options.
    static func apply(_ options: SessionSocketOptions, to descriptor: CInt, family address: IPAddress)
        throws(SocketError)
    {
        if let ttl = options.outgoingTTL {
            if address.isIPv4 {
                try self.set(descriptor, Int32(IPPROTO_IP), IP_TTL, Int32(ttl), "TTL")
            } else {
                try self.set(descriptor, Int32(IPPROTO_IPV6), IPV6_UNICAST_HOPS, Int32(ttl), "hop limit")
            }
        }
        if let minimum = options.minimumTTL {
            if address.isIPv4 {
                try self.set(descriptor, Int32(IPPROTO_IP), Int32(IP_MINTTL), Int32(minimum), "minimum TTL")
            } else {
                try self.set(
                    descriptor,
                    Int32(IPPROTO_IPV6),
                    Int32(IPV6_MINHOPCOUNT),
                    Int32(minimum),
                    "minimum hop count"
                )
            }
        }
        // Network control (RFC 2474 §4.2.2.2), so that sessions outlive congestion; without it they run as well.
        let field = address.isIPv4 ? (Int32(IPPROTO_IP), Int32(IP_TOS)) : (Int32(IPPROTO_IPV6), Int32(IPV6_TCLASS))
        try? self.set(descriptor, field.0, field.1, 0xC0, "traffic class")
        try self.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1, "TCP_NODELAY")
    }

    /// Puts, replaces or (with an empty key) removes the MD5 key for a neighbour.
    ///
    /// Removing an absent key is no error.
    static func setPassword(_ key: [UInt8], for neighbor: SocketEndpoint, on descriptor: CInt) throws(SocketError) {
        var value = tcp_md5sig()
        let made = neighbor.withSocketAddress { address, length in
            key.withUnsafeBytes { bytes in
                clinux_make_tcp_md5sig(&value, address, length, -1, 0, bytes.baseAddress, bytes.count)
            }
        }
        guard made == 0 else { throw SocketError("set MD5 key for \(neighbor.address)", code: made) }
        let result = setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            Int32(TCP_MD5SIG),
            &value,
            socklen_t(MemoryLayout<tcp_md5sig>.size)
        )
        guard result == 0 || key.isEmpty && errno == ENOENT else {
            throw SocketError("set MD5 key for \(neighbor.address)")
        }
    }

    /// Binds to a local end; port 0 lets the kernel choose.
    static func bind(_ descriptor: CInt, to endpoint: SocketEndpoint) throws(SocketError) {
        guard endpoint.withSocketAddress({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
            throw SocketError("bind \(endpoint)")
        }
    }

    /// The local end of a connected socket.
    static func localEnd(of descriptor: CInt) -> SocketEndpoint? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return result == 0 ? SocketEndpoint(storage) : nil
    }

    /// Closes with a reset instead of an orderly end.
    static func abort(_ descriptor: CInt) {
        _ = clinux_set_abortive_close(descriptor)
        close(descriptor)
    }
}
