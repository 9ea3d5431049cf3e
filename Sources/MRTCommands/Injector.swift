internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The connection of an injection, and whether it is to end.
final class InjectionConnection: Sendable {
    private let state = Mutex<(channel: (any Channel)?, isStopped: Bool)>((nil, false))

    /// Whether the end was asked for.
    var isStopped: Bool { self.state.withLock { $0.isStopped } }

    /// Asks for the end, of the present connection or of the next one at once.
    func stop() {
        let channel = self.state.withLock { state in
            state.isStopped = true
            return state.channel
        }
        channel?.triggerUserOutboundEvent(StopInjection(), promise: nil)
    }

    fileprivate func attach(_ channel: any Channel) {
        let isStopped = self.state.withLock { state in
            state.channel = channel
            return state.isStopped
        }
        if isStopped { channel.triggerUserOutboundEvent(StopInjection(), promise: nil) }
    }
}

/// What is wrong with a wish to inject, in one line.
struct InjectionFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Runs sessions that announce the routes of a source.
struct Injector: Sendable {
    /// The peer's address and port.
    var peer: PeerArgument
    /// Source address of the connection.
    var localAddress: IPAddress?
    /// Local AS.
    var localAS: ASNumber
    /// The peer's AS; nil accepts any other than the local one.
    var peerAS: ASNumber?
    /// BGP Identifier; nil takes the local IPv4 address.
    var routerID: RouterID?
    /// Hold time to offer in seconds.
    var holdTime: UInt16
    /// Next hops that were asked for.
    var nextHop4: IPAddress?
    /// Likewise for IPv6 routes.
    var nextHop6: IPAddress?
    /// Whether routes keep the next hops of the file.
    var keepsNextHops: Bool
    /// Routes a second.
    var rate: Int?

    /// Refuses a source whose routes would have no next hop.
    func check(_ source: RouteSource) throws(InjectionFailure) {
        if source.ipv4.entries.isEmpty && source.ipv6.entries.isEmpty {
            throw InjectionFailure("no routes to announce")
        }
        guard !self.keepsNextHops else { return }
        if !source.ipv4.entries.isEmpty, self.nextHop4 == nil, !self.peer.address.isIPv4 {
            throw InjectionFailure(
                "IPv4 routes need --next-hop4 on an IPv6 session, or leave them out by --family ipv6"
            )
        }
        if !source.ipv6.entries.isEmpty, self.nextHop6 == nil, self.peer.address.isIPv4 {
            throw InjectionFailure(
                "IPv6 routes need --next-hop6 on an IPv4 session, or leave them out by --family ipv4"
            )
        }
    }

    /// Connects and runs one session; `onEvent` is called on the event loop, with `ended` at last.
    ///
    /// - Throws: What prevented the connection; then `onEvent` is not called.
    func run(
        _ source: RouteSource,
        _ connection: InjectionConnection,
        onEvent: @escaping @Sendable (InjectionEvent) -> Void
    ) async throws {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .connectTimeout(.seconds(5))
        if let local = self.localAddress {
            bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: local.description, port: 0))
        }
        let peer = try SocketAddress(ipAddress: self.peer.address.description, port: Int(self.peer.port))
        let channel = try await bootstrap.connect(to: peer).get()
        do {
            guard let text = channel.localAddress?.ipAddress, let local = IPAddress(text) else {
                throw InjectionFailure("the connection has no local address")
            }
            let configuration = try self.configuration(source, local: local)
            let plan = InjectionPlan(
                nextHop4: self.keepsNextHops ? nil : self.nextHop4 ?? local,
                nextHop6: self.keepsNextHops ? nil : self.nextHop6 ?? local,
                rate: self.rate
            )
            try await channel.eventLoop.submit {
                let handler = InjectionHandler(
                    configuration: configuration,
                    source: source,
                    plan: plan,
                    onEvent: onEvent
                )
                try channel.pipeline.syncOperations.addHandler(handler)
            }.get()
        } catch {
            try? await channel.close()
            throw error
        }
        connection.attach(channel)
        try? await channel.closeFuture.get()
    }

    private func configuration(_ source: RouteSource, local: IPAddress) throws(InjectionFailure) -> SessionConfiguration
    {
        var identifier = self.routerID
        if identifier == nil, case .v4(let address) = local { identifier = RouterID(address) }
        guard let identifier, identifier.rawValue != 0 else {
            throw InjectionFailure("an IPv6 session needs --router-id")
        }
        var configuration = SessionConfiguration(
            localAS: self.localAS,
            remoteAS: self.peerAS.map { .exactly($0) } ?? .external,
            localIdentifier: identifier
        )
        configuration.holdTime = self.holdTime
        configuration.connectDelay = .zero
        configuration.enhancedRouteRefresh = false
        configuration.families = [
            (AddressFamily.ipv4Unicast, source.ipv4.entries.isEmpty), (.ipv6Unicast, source.ipv6.entries.isEmpty),
        ].filter { !$0.1 }.map { pair in
            var family = SessionConfiguration.Family(pair.0)
            // What was asked to be announced is not left out without a word.
            family.isMandatory = true
            return family
        }
        return configuration
    }
}
