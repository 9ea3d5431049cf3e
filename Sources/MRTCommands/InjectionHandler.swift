internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import NIOCore

/// What an injection is to do beside what the session's configuration says.
struct InjectionPlan: Sendable {
    /// Next hop of IPv4 routes; nil keeps theirs.
    var nextHop4: IPAddress?
    /// Next hop of IPv6 routes; nil keeps theirs.
    var nextHop6: IPAddress?
    /// Routes a second; nil is as fast as the peer takes them.
    var rate: Int?
}

/// What an injection says while it goes on.
enum InjectionEvent: Sendable {
    /// The session is up.
    case established(peerAS: ASNumber, families: [AddressFamily])
    /// All routes and End-of-RIB markers are with the kernel.
    case announced(InjectionTotals)
    /// The connection is gone; nothing follows.
    case ended(InjectionEnd)
}

/// Asks the handler, as an outbound event of its channel, to end the session.
struct StopInjection: Sendable {}

/// How much was announced.
struct InjectionTotals: Sendable {
    var ipv4 = 0
    var ipv6 = 0
    var messages = 0
    var octets = 0
    /// Routes whose attributes leave no room for a prefix.
    var oversized = 0
    var duration: Duration = .zero
}

/// How a session ended.
enum InjectionEnd: Sendable {
    /// As asked for.
    case stopped
    /// For this reason; whether it had been established.
    case failed(SessionEndReason, wasEstablished: Bool)
}

/// One BGP session that announces routes; what the peer announces is not looked at.
///
/// Lives on its channel's event loop and is added once the connection is there, before anything was read. What to send and
/// which timers to run is the state machine's affair.
final class InjectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Job {
        case ipv4(RouteFeed<IPv4Prefix>)
        case ipv6(RouteFeed<IPv6Prefix>)
    }

    private var machine: SessionStateMachine
    private let source: RouteSource
    private let plan: InjectionPlan
    private let onEvent: @Sendable (InjectionEvent) -> Void
    private var timers: [SessionTimer: Scheduled<Void>] = [:]
    private var rest = ByteBuffer()
    private var jobs: CircularBuffer<Job> = []
    private var totals = InjectionTotals()
    private var start = NIODeadline.now()
    private var sentRoutes = 0
    private var pacing: Scheduled<Void>?
    private var isStopping = false
    private var wasEstablished = false
    private var hasReported = false
    private var error: Int32?
    private var random = SystemRandomNumberGenerator()

    init(
        configuration: SessionConfiguration,
        source: RouteSource,
        plan: InjectionPlan,
        onEvent: @escaping @Sendable (InjectionEvent) -> Void
    ) {
        self.machine = SessionStateMachine(configuration: configuration)
        self.source = source
        self.plan = plan
        self.onEvent = onEvent
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        // The machine asks for a connection, which is there already.
        self.handle(.manualStart, context)
        self.handle(.tcpConnectionRequestAcknowledged, context)
        context.channel.setOption(.autoRead, value: true).assumeIsolated().whenFailure { _ in
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.handle(.tcpConnectionFailed(self.error), context)
        for timer in self.timers.values { timer.cancel() }
        self.pacing?.cancel()
        self.timers = [:]
        let reason = self.machine.endReason ?? .connectionFailed(self.error)
        self.onEvent(.ended(self.isStopping ? .stopped : .failed(reason, wasEstablished: self.wasEstablished)))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = (error as? IOError)?.errnoCode
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.announce(context) }
    }

    /// Ends the session with Cease, administrative shutdown.
    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
        guard event is StopInjection, !self.isStopping else { return }
        self.isStopping = true
        self.handle(.manualStop(.cease(.administrativeShutdown)), context)
    }

    // MARK: - Machine

    private func handle(_ event: SessionEvent, _ context: ChannelHandlerContext) {
        for action in self.machine.handle(event) { self.perform(action, context) }
    }

    private func perform(_ action: SessionAction, _ context: ChannelHandlerContext) {
        switch action {
        case .send(let message):
            var octets: [UInt8] = []
            switch message {
            case .open(let open): open.encode(into: &octets)
            case .keepalive: Keepalive.encode(into: &octets)
            case .notification(let notification): notification.encode(into: &octets)
            }
            self.write(octets, context)
        case .arm(let timer, let duration):
            self.timers.removeValue(forKey: timer)?.cancel()
            let delay = timer.delay(duration, random: UInt16.random(in: .min ... .max, using: &self.random))
            self.timers[timer] = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
                self.timers[timer] = nil
                self.expire(timer, context)
            }
        case .cancel(let timers):
            for timer in timers.timers { self.timers.removeValue(forKey: timer)?.cancel() }
        case .closeConnection:
            // Once what was written is out, or the peer had its time to take it.
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
                context.close(promise: nil)
            }
            self.pacing?.cancel()
            self.pacing = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(5)) {
                context.close(promise: nil)
            }
        case .dropConnectionSilently:
            context.close(promise: nil)
        case .sessionEstablished(let session):
            self.establish(session, context)
        case .sessionDown:
            self.jobs.removeAll()
        case .connect, .listen, .rejectConnectionRequest, .trackSecondConnection, .releaseResources,
            .dampOscillations, .deliverUpdate, .deliverRouteRefresh:
            break
        }
    }

    private func expire(_ timer: SessionTimer, _ context: ChannelHandlerContext) {
        switch timer {
        case .hold: self.handle(.holdTimerExpired, context)
        case .keepalive: self.handle(.keepaliveTimerExpired, context)
        case .sendHold: self.handle(.sendHoldTimerExpired, context)
        case .connectRetry, .delayOpen, .idleHold, .errorForget: break
        }
    }

    private func write(_ octets: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: octets))).assumeIsolated().whenSuccess {
            self.handle(.dataAccepted, context)
        }
    }

    // MARK: - Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        self.rest.writeBuffer(&buffer)
        while self.machine.state != .idle {
            let head = Array(self.rest.readableBytesView.prefix(MessageHeader.size))
            let limit = self.machine.negotiated?.maximumMessageLength ?? MessageHeader.standardMaximumLength
            let header: MessageHeader
            do throws(Notification) {
                let parsed = try MessageHeader.parse(head.span.bytes, maximumLength: limit)
                guard let parsed else { break }
                header = parsed
            } catch {
                self.handle(.headerError(error), context)
                break
            }
            guard let message = self.rest.readBytes(length: header.length) else { break }
            self.receive(header.type, message, context)
        }
        self.rest.discardReadBytes()
    }

    private func receive(_ type: MessageType, _ message: [UInt8], _ context: ChannelHandlerContext) {
        let body = message.span.bytes.extracting(MessageHeader.size..<message.count)
        switch type {
        case .open:
            let open: Open
            do throws(Notification) {
                open = try Open.decode(body: body)
            } catch {
                self.handle(.openMessageError(error), context)
                return
            }
            do throws(OpenError) {
                let local = self.machine.localOpen
                self.handle(.openReceived(try self.machine.configuration.negotiate(local: local, peer: open)), context)
            } catch {
                self.handle(.openMessageError(error.notification), context)
            }
        case .keepalive: self.handle(.keepaliveReceived, context)
        case .update: self.handle(.updateReceived, context)
        case .notification:
            let notification = Notification.decode(body: body) ?? Notification(code: .init(rawValue: 0))
            let isVersion = notification.code == .open && notification.subcode == 1
            self.handle(
                isVersion ? .notificationVersionErrorReceived(notification) : .notificationReceived(notification),
                context
            )
        case .routeRefresh:
            self.handle(.routeRefreshReceived, context)
            if self.machine.state == .established, let refresh = try? RouteRefresh.decode(body: body),
                refresh.subtype == .request
            {
                self.enqueue(refresh.family)
                self.announce(context)
            }
        }
    }

    // MARK: - Announcing

    private func establish(_ session: NegotiatedSession, _ context: ChannelHandlerContext) {
        self.wasEstablished = true
        self.onEvent(.established(peerAS: session.peerAS, families: session.families.map(\.family)))
        self.start = .now()
        for family in session.families { self.enqueue(family.family) }
        self.announce(context)
    }

    /// Adds all routes of a family to what is to be sent, unless they wait for that already.
    private func enqueue(_ family: AddressFamily) {
        guard let session = self.machine.negotiated, session.parameters(of: family) != nil else { return }
        let isWaiting = self.jobs.dropFirst().contains { job in
            switch job {
            case .ipv4: family == .ipv4Unicast
            case .ipv6: family == .ipv6Unicast
            }
        }
        guard !isWaiting else { return }
        let encoding = UpdateEncoding(
            maximumLength: session.maximumMessageLength,
            hasFourOctetAS: session.fourOctetAS
        )
        var policy = AnnouncementPolicy(
            localAS: self.machine.configuration.localAS,
            isInternal: session.isInternal,
            nextHop: self.plan.nextHop4
        )
        if family == .ipv4Unicast {
            self.jobs.append(.ipv4(RouteFeed(self.source.ipv4, policy, encoding)))
        } else {
            policy.nextHop = self.plan.nextHop6
            self.jobs.append(.ipv6(RouteFeed(self.source.ipv6, policy, encoding)))
        }
    }

    /// Writes UPDATEs as long as the connection and the rate take them.
    private func announce(_ context: ChannelHandlerContext) {
        guard self.machine.state == .established, self.pacing == nil else { return }
        while !self.jobs.isEmpty, context.channel.isWritable {
            let allowed = self.allowance()
            guard allowed > 0 else {
                self.pacing = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) {
                    self.pacing = nil
                    self.announce(context)
                }
                return
            }
            var octets: [UInt8] = []
            switch self.jobs.removeFirst() {
            case .ipv4(var feed):
                self.sentRoutes += self.step(&feed, allowed, .ipv4Unicast, \.ipv4, &octets)
                if !feed.isFinished { self.jobs.prepend(.ipv4(feed)) }
            case .ipv6(var feed):
                self.sentRoutes += self.step(&feed, allowed, .ipv6Unicast, \.ipv6, &octets)
                if !feed.isFinished { self.jobs.prepend(.ipv6(feed)) }
            }
            self.totals.octets += octets.count
            self.write(octets, context)
            self.handle(.updateSent, context)
        }
        guard self.jobs.isEmpty, !self.hasReported else { return }
        self.hasReported = true
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer())).assumeIsolated().whenSuccess {
            self.totals.duration = .nanoseconds((NIODeadline.now() - self.start).nanoseconds)
            self.onEvent(.announced(self.totals))
        }
    }

    /// How many routes may be sent now.
    private func allowance() -> Int {
        guard let rate = self.plan.rate else { return .max }
        let elapsed = Double((NIODeadline.now() - self.start).nanoseconds) / 1e9
        return max(0, Int(min(elapsed * Double(rate) + 1, 1e15)) - self.sentRoutes)
    }

    /// Writes a part of a feed, and at its end the End-of-RIB marker; returns the number of routes.
    private func step<Prefix>(
        _ feed: inout RouteFeed<Prefix>,
        _ allowed: Int,
        _ family: AddressFamily,
        _ total: WritableKeyPath<InjectionTotals, Int>,
        _ octets: inout [UInt8]
    ) -> Int {
        let before = (feed.messageCount, feed.oversizedCount)
        let count = feed.write(limit: allowed, size: 64 << 10, to: &octets)
        self.totals.messages += feed.messageCount - before.0
        self.totals.oversized += feed.oversizedCount - before.1
        self.totals[keyPath: total] += count
        if feed.isFinished { EndOfRIB.encode(family, into: &octets) }
        return count
    }
}
