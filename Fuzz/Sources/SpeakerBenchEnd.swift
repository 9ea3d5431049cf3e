import BGPWire
import IPAddressing
import NIOCore

/// A neighbour as the configuration has it.
struct Neighbor {
    var name: String
    var address: IPAddress
    var number: UInt32
    var isObserver = false
    /// Whether what it gets begins with the speaker's AS.
    var isExternal: Bool { self.number != Neighbor.localAS }
    var isRouteServerClient = false

    static let localAS: UInt32 = 65_000

    init(
        _ name: String,
        _ address: String,
        _ number: UInt32,
        isObserver: Bool = false,
        isRouteServerClient: Bool = false
    ) {
        self.name = name
        self.address = IPAddress(address) ?? .v4(.any)
        self.number = number
        self.isObserver = isObserver
        self.isRouteServerClient = isRouteServerClient
    }
}

/// The other end of a session: says what it is told to, and reads what it hears as strictly as it can.
final class RemoteEnd {
    struct Key: Hashable {
        var prefix: IPPrefix
        var pathID: UInt32
    }

    struct Route: Equatable {
        var attributes: PathAttributes
        var nextHop: BGPNextHop
    }

    let neighbor: Neighbor
    var channel: VirtualChannel? { didSet { if self.channel !== oldValue { oldValue?.finish(0) } } }
    private(set) var held: [Key: Route] = [:]
    private(set) var isEstablished = false
    private(set) var lastError: String?
    private var received: [UInt8] = []
    private var open: Open?
    private var own: Open?
    private var decoder = UpdateDecoder()
    /// What a refresh under way has not named yet.
    private var stale: Set<Key>?

    init(_ neighbor: Neighbor) { self.neighbor = neighbor }

    /// The connection is gone, and with it what came over it.
    func forget() {
        self.channel = nil
        self.held = [:]
        self.isEstablished = false
        self.received = []
        self.open = nil
        self.own = nil
        self.stale = nil
    }

    // MARK: Saying

    func send(_ type: MessageType, _ body: [UInt8]) { self.send(type.rawValue, body) }

    func send(_ type: UInt8, _ body: [UInt8]) { self.channel?.deliver(Self.message(type, body)) }

    static func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        let length = body.count + MessageHeader.size
        return Array(repeating: 0xFF, count: 16) + [
            UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length), type,
        ]
            + body
    }

    /// An OPEN that the speaker takes, with the capabilities that the flags name.
    func sendOpen(flags: UInt8) {
        let families: [AddressFamily] = flags & 1 != 0 ? [.ipv4Unicast, .ipv6Unicast] : [.ipv4Unicast]
        var capabilities = families.map { Capability.multiprotocol($0) }
        if flags & 2 != 0 { capabilities.append(.fourOctetAS(ASNumber(rawValue: self.neighbor.number))) }
        if flags & 4 != 0 { capabilities += [.routeRefresh, .enhancedRouteRefresh] }
        if flags & 8 != 0 { capabilities.append(.extendedMessage) }
        if flags & 16 != 0 {
            capabilities.append(.addPath(families.map { .init(family: $0, receive: true, send: true) }))
        }
        if flags & 32 != 0 { capabilities.append(.extendedNextHop([.init(family: .ipv4Unicast, nextHopAFI: 2)])) }
        if flags & 64 != 0 {
            capabilities.append(
                .gracefulRestart(
                    .init(
                        restartState: false,
                        notification: true,
                        restartTime: 20,
                        families: families.map { .init(family: $0, forwardingPreserved: true) }
                    )
                )
            )
        }
        if flags & 128 != 0 {
            capabilities.append(
                .longLivedGracefulRestart(families.map { .init(family: $0, forwardingPreserved: true, staleTime: 60) })
            )
        }
        let open = Open(
            localAS: ASNumber(rawValue: self.neighbor.number),
            holdTime: 90,
            identifier: RouterID(rawValue: 0x0A09_0000 | UInt32(truncatingIfNeeded: self.neighbor.name.utf8.last ?? 0)),
            capabilities: capabilities
        )
        self.own = open
        var octets: [UInt8] = []
        open.encode(into: &octets)
        self.channel?.deliver(octets)
    }

    // MARK: Hearing

    /// Reads what the speaker wrote: every message must be well framed, and sensible to an observer.
    func read() {
        guard let channel = self.channel else { return }
        self.received += channel.output
        channel.output = []
        var offset = 0
        while self.received.count - offset >= MessageHeader.size {
            let header: MessageHeader?
            do {
                header = try MessageHeader.parse(self.received.span.bytes.extracting(offset...), maximumLength: 65_535)
            } catch {
                fail("\(self.neighbor.name) is sent a bad header")
            }
            guard let header, header.length <= self.received.count - offset else { break }
            let body = Array(self.received[offset + MessageHeader.size..<offset + header.length])
            offset += header.length
            self.take(header, body)
        }
        self.received.removeFirst(offset)
        if !channel.isOpen {
            // A NOTIFICATION may be in what was read; a message never stops in the middle unless the end was hard.
            self.forget()
        }
    }

    private func take(_ header: MessageHeader, _ body: [UInt8]) {
        switch header.type {
        case .open:
            guard let open = try? Open.decode(body: body.span.bytes) else { fail("an OPEN that does not decode") }
            self.open = open
        case .keepalive: if self.open != nil, self.own != nil { self.isEstablished = true }
        case .notification:
            guard let notification = Notification.decode(body: body.span.bytes) else {
                fail("a NOTIFICATION that does not decode")
            }
            self.lastError = "\(notification)"
            self.isEstablished = false
        case .routeRefresh:
            guard let refresh = try? RouteRefresh.decode(body: body.span.bytes) else {
                fail("a ROUTE-REFRESH that does not decode")
            }
            if self.neighbor.isObserver { self.take(refresh) }
        case .update:
            let isExtended = self.has(.extendedMessage)
            require(header.length <= (isExtended ? 65_535 : 4096), "an UPDATE of \(header.length) octets")
            if self.neighbor.isObserver { self.takeUpdate(body) }
        }
    }

    private func has(_ capability: Capability) -> Bool {
        (self.own?.capabilities.contains(capability) ?? false)
            && (self.open?.capabilities.contains(capability) ?? false)
    }

    /// Whether both ends said that the speaker sends several paths.
    private func hasPaths(_ family: AddressFamily) -> Bool {
        for case .addPath(let list) in self.open?.capabilities ?? [] {
            if list.contains(where: { $0.family == family && $0.send }) { return true }
        }
        return false
    }

    private var hasFourOctetAS: Bool {
        (self.own?.fourOctetAS != nil) && (self.open?.fourOctetAS != nil)
    }

    private func takeUpdate(_ body: [UInt8]) {
        var context = UpdateContext(
            ipv4: .init(isNegotiated: true, receivesPathIDs: self.hasPaths(.ipv4Unicast), allowsExtendedNextHop: true),
            ipv6: .init(isNegotiated: true, receivesPathIDs: self.hasPaths(.ipv6Unicast)),
            hasFourOctetAS: self.hasFourOctetAS,
            isInternal: !self.neighbor.isExternal,
            peerAS: ASNumber(rawValue: Neighbor.localAS),
            enforcesFirstAS: !self.neighbor.isRouteServerClient,
            rejectsASSets: false,
            acceptsAIGP: true
        )
        // The speaker's own limits are for what it receives, and it may have prepended.
        context.limits = AttributeLimits()
        do {
            try self.decoder.decode(body.span.bytes, context)
        } catch {
            fail("\(self.neighbor.name) would answer \(error) to \(body)")
        }
        let (decoder, name) = (self.decoder, self.neighbor.name)
        if let failure = decoder.failure { fail("\(name) treats as withdrawn, by \(failure): \(body)") }
        require(decoder.discardedCount == 0, "\(name) discards \(decoder.discarded): \(body)")
        for nlri in decoder.withdrawnIPv4 { self.remove(Key(prefix: .v4(nlri.prefix), pathID: nlri.pathID)) }
        for nlri in decoder.withdrawnIPv6 { self.remove(Key(prefix: .v6(nlri.prefix), pathID: nlri.pathID)) }
        let attributes = decoder.isAnnouncing ? PathAttributes(canonical: decoder.attributes) : PathAttributes()
        for (index, nlri) in decoder.announcedIPv4.enumerated() {
            guard let nextHop = decoder.nextHop(ofIPv4At: index) else { fail("\(name): no next hop") }
            self.add(
                Key(prefix: .v4(nlri.prefix), pathID: nlri.pathID),
                Route(attributes: attributes, nextHop: nextHop)
            )
        }
        for nlri in decoder.announcedIPv6 {
            guard let nextHop = decoder.multiprotocolNextHop else { fail("\(name): no next hop") }
            self.add(
                Key(prefix: .v6(nlri.prefix), pathID: nlri.pathID),
                Route(attributes: attributes, nextHop: nextHop)
            )
        }
    }

    private func add(_ key: Key, _ route: Route) {
        require(
            route.nextHop.address != self.neighbor.address,
            "\(self.neighbor.name) is its own next hop to \(key.prefix)"
        )
        self.stale?.remove(key)
        self.held[key] = route
    }

    private func remove(_ key: Key) {
        self.stale?.remove(key)
        require(self.held.removeValue(forKey: key) != nil, "\(self.neighbor.name) does not hold \(key)")
    }

    private func take(_ refresh: RouteRefresh) {
        let isIPv4 = refresh.family == .ipv4Unicast
        switch refresh.subtype {
        case .beginning: self.stale = Set(self.held.keys.filter { $0.prefix.isIPv4 == isIPv4 })
        case .end:
            require(self.stale?.isEmpty ?? false, "a refresh that leaves out \(self.stale ?? [])")
            self.stale = nil
        default: break
        }
    }
}
