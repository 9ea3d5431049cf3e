internal import BGPSession
internal import BGPWire
internal import CLinux
internal import Glibc
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import SpeakerSettings

extension PeerSession {
    /// Does what the machine asks for.
    func perform(_ action: PeerAction) {
        switch action {
        case .connect(let id): self.connect(id)
        case .accept(let id): self.accept(id)
        case .refuse(let reason):
            if let descriptor = self.offered {
                self.offered = nil
                close(descriptor)
            }
            self.logger.debug("Connection refused", metadata: ["reason": "\(reason)"])
        case .send(let id, let message): self.send(message, on: id)
        case .close(let id): self.end(id, waitsForWrites: true)
        case .abort(let id): self.end(id, waitsForWrites: false)
        case .arm(let timer, let duration): self.arm(timer, duration)
        case .cancel(let timers, let id):
            for timer in timers.timers {
                self.timers.removeValue(forKey: PeerTimer(timer, of: id))?.task.cancel()
            }
        case .established(let id, let negotiated): self.sessionIsUp(id, negotiated)
        case .down(_, let reason, let keepsRoutes): self.sessionIsDown(reason, keepsRoutes: keepsRoutes)
        case .deliverUpdate(let id): self.connections[id]?.deliversUpdates = true
        case .deliverRouteRefresh: break
        case .stateChanged(let from, let to):
            if self.settings.common.debug.contains(.states) {
                self.logger.info("State changed", metadata: ["from": "\(from)", "to": "\(to)"])
            }
            if to == .idle, let reason = self.machine.lastError {
                self.lastErrorTime = wallClock()
                self.logger.debug("Session ended", metadata: ["reason": "\(reason.words)"])
                if self.settings.disables(after: reason), !self.machine.isStopped {
                    self.handle(.stop(nil))
                    self.core.send(.disabled(self.id, reason))
                }
            }
        }
    }

    // MARK: - Connections

    private func connect(_ id: ConnectionID) {
        self.connections[id] = Connection()
        let transport = self.transport
        let handler = ConnectionHandler(peer: self, id: id)
        let bound = NIOLoopBound(handler, eventLoop: self.loop)
        self.connections[id]?.handler = bound
        var bootstrap = ClientBootstrap(group: self.loop)
            .connectTimeout(.seconds(120))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: receiveSizes)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                setOptions(transport, on: channel).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        do {
            if let local = transport.local {
                bootstrap = bootstrap.bind(to: try local.socketAddress())
            }
            bootstrap.connect(to: try transport.remote.socketAddress()).whenComplete { result in
                self.assumeIsolated { peer in
                    switch result {
                    case .success(let channel): peer.connected(id, channel)
                    case .failure(let error): peer.connectFailed(id, error)
                    }
                }
            }
        } catch {
            // Reported from the loop, not from within the machine's own action.
            self.loop.execute { self.assumeIsolated { $0.connectFailed(id, error) } }
        }
    }

    private func connected(_ id: ConnectionID, _ channel: any Channel) {
        guard self.connections[id] != nil else {
            channel.close(promise: nil)
            return
        }
        self.use(channel, for: id)
        self.core.send(.reached(self.id))
        self.handle(.connected(id))
        self.flushBacklog(id)
    }

    private func connectFailed(_ id: ConnectionID, _ error: any Error) {
        guard self.connections.removeValue(forKey: id) != nil else { return }
        self.logger.debug("Connection attempt failed", metadata: ["error": "\(error)"])
        self.handle(.connectionFailed(id, (error as? IOError)?.errnoCode))
    }

    private func accept(_ id: ConnectionID) {
        guard let descriptor = self.offered else { return }
        self.offered = nil
        self.core.send(.reached(self.id))
        do throws(SocketError) {
            try BGPSocket.apply(self.transport.options, to: descriptor, family: self.transport.remote.address)
        } catch {
            // Without its options the connection would lack the protection that was asked for.
            self.logger.warning("Cannot set socket options", metadata: ["error": "\(error)"])
            close(descriptor)
            return self.handle(.connectionFailed(id, nil))
        }
        self.connections[id] = Connection()
        let bound = NIOLoopBound(ConnectionHandler(peer: self, id: id), eventLoop: self.loop)
        self.connections[id]?.handler = bound
        ClientBootstrap(group: self.loop)
            .channelOption(.recvAllocator, value: receiveSizes)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .withConnectedSocket(descriptor)
            .whenComplete { result in
                self.assumeIsolated { peer in
                    switch result {
                    case .success(let channel):
                        guard peer.connections[id] != nil else {
                            channel.close(promise: nil)
                            return
                        }
                        peer.use(channel, for: id)
                        peer.flushBacklog(id)
                    case .failure(let error): peer.connectFailed(id, error)
                    }
                }
            }
    }

    private func use(_ channel: any Channel, for id: ConnectionID) {
        self.connections[id]?.channel = channel
        let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
        self.connections[id]?.descriptor = descriptor.flatMap { $0 } ?? -1
    }

    private func flushBacklog(_ id: ConnectionID) {
        guard let backlog = self.connections[id]?.backlog else { return }
        self.connections[id]?.backlog = []
        for buffer in backlog { self.write(buffer, on: id) }
    }

    /// The channel went away by itself.
    func connectionEnded(_ id: ConnectionID, error: Int32?) {
        guard self.connections.removeValue(forKey: id) != nil else { return }
        self.handle(.connectionFailed(id, error))
    }

    /// Closes a connection that the machine has given up.
    private func end(_ id: ConnectionID, waitsForWrites: Bool) {
        guard let connection = self.connections.removeValue(forKey: id) else { return }
        guard let channel = connection.channel else {
            // An attempt that nobody waits for must not hold its descriptor until it times out.
            connection.handler?.value.close()
            return
        }
        if connection.descriptor >= 0, channel.isActive {
            BGPSocket.acceptEveryTTL(connection.descriptor, family: self.transport.remote.address)
        }
        guard waitsForWrites else {
            channel.close(promise: nil)
            return
        }
        // A peer that does not read must not keep the descriptor: the NOTIFICATION gets two seconds.
        let timeout = self.loop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
        self.closing += 1
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in
            timeout.cancel()
            channel.close(promise: nil)
            self.assumeIsolated { $0.closing -= 1 }
        }
    }

    // MARK: - Sending

    private func send(_ message: SessionMessage, on id: ConnectionID) {
        var octets: [UInt8] = []
        switch message {
        case .open(let open):
            open.encode(into: &octets)
            self.counters.sent.open += 1
        case .keepalive:
            Keepalive.encode(into: &octets)
            self.counters.sent.keepalive += 1
        case .notification(let notification):
            notification.encode(into: &octets)
            self.counters.sent.notification += 1
            self.lastSent = NotedNotification(notification: notification, time: wallClock())
            self.report("Sending NOTIFICATION", ["notification": "\(notification)"])
        }
        if self.settings.common.debug.contains(.packets) {
            self.logger.info("Sending", metadata: ["message": "\(message)"])
        }
        self.write(ByteBuffer(bytes: octets), on: id)
    }

    /// Writes and flushes whole messages.
    func write(_ buffer: ByteBuffer, on id: ConnectionID) {
        guard let channel = self.connections[id]?.channel else {
            self.connections[id]?.backlog.append(buffer)
            return
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        self.track(written, on: id)
        channel.writeAndFlush(buffer, promise: written)
    }

    /// Tells machine and core when the transport has taken a write, of which `count` octets came from the core.
    ///
    /// Any write, be it a KEEPALIVE, restarts the send hold timer (RFC 9687).
    private func track(_ written: EventLoopPromise<Void>, on id: ConnectionID, unsent count: Int = 0) {
        if self.connections[id]?.pendingWrites == 0 { self.connections[id]?.pendingSince = .now() }
        self.connections[id]?.pendingWrites += 1
        written.futureResult.whenComplete { result in
            self.assumeIsolated { peer in
                peer.connections[id]?.pendingWrites -= 1
                if case .success = result { peer.handle(.dataAccepted(id)) }
                if count > 0, peer.unsent.remove(count) { peer.core.send(.ready) }
            }
        }
    }

    /// Writes the session's part of a flush; tells machine and core when the transport has it.
    func deliver(_ delivery: SessionLoop.Delivery, of buffer: ByteBuffer) {
        let (count, unsent) = (delivery.octets, self.unsent)
        // What the core counted was an estimate.
        if unsent.remove(delivery.expected - count) { self.core.send(.ready) }
        guard count > 0 else { return }
        guard delivery.serial == self.session, let id = self.machine.establishedConnection,
            let channel = self.connections[id]?.channel
        else {
            if unsent.remove(count) { self.core.send(.ready) }
            return
        }
        if self.settings.common.debug.contains(.packets) {
            self.logger.info("Sending", metadata: ["message": "update", "length": "\(count)"])
        }
        self.counters.sent.update &+= UInt64(delivery.messageCount)
        var parts = delivery.parts[...]
        while parts.count <= Self.directParts, let part = parts.first {
            let taken = self.transmit(buffer, part, on: id, channel)
            guard taken == part.count else {
                parts[parts.startIndex] = part.lowerBound + taken..<part.upperBound
                break
            }
            parts.removeFirst()
        }
        guard let last = parts.last else {
            self.noteTransmission(on: id)
            if unsent.remove(count) { self.core.send(.ready) }
            return
        }
        for part in parts.dropLast() {
            guard let slice = buffer.getSlice(at: part.lowerBound, length: part.count) else { continue }
            channel.write(slice, promise: nil)
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        self.track(written, on: id, unsent: count)
        channel.writeAndFlush(
            buffer.getSlice(at: last.lowerBound, length: last.count) ?? ByteBuffer(),
            promise: written
        )
        self.handle(.updateSent(id))
    }

    /// Above this many pieces the channel writes them with one call.
    private static let directParts = 4
    private static let sendFlags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

    /// Writes octets past the channel if it has nothing to write before them: with hundreds of peers, what the channel
    /// does around the system call costs more than the call.
    ///
    /// Returns how many octets the socket took. An error is left for the channel to meet.
    private func transmit(_ buffer: ByteBuffer, _ part: Range<Int>, on id: ConnectionID, _ channel: any Channel) -> Int
    {
        guard self.connections[id]?.pendingWrites == 0, let descriptor = self.connections[id]?.descriptor,
            descriptor >= 0,
            channel.isActive
        else { return 0 }
        return buffer.withUnsafeReadableBytes { octets in
            guard part.lowerBound >= 0, part.upperBound <= octets.count, let base = octets.baseAddress else { return 0 }
            return max(0, Glibc.send(descriptor, base + part.lowerBound, part.count, Self.sendFlags))
        }
    }

    /// Tells the machine that the transport took octets: keepalive and send hold timers start again.
    ///
    /// Once in 50 ms is enough for timers of seconds.
    private func noteTransmission(on id: ConnectionID) {
        let now = NIODeadline.now()
        guard now - self.transmissionNoted >= .milliseconds(50) else { return }
        self.transmissionNoted = now
        self.handle(.updateSent(id))
        self.handle(.dataAccepted(id))
    }

    // MARK: - Session

    private func sessionIsUp(_ id: ConnectionID, _ negotiated: NegotiatedSession) {
        guard let channel = self.connections[id]?.channel else { return }
        self.sessionCount &+= 1
        let serial = SessionSerial(peer: self.id, number: self.sessionCount)
        self.session = serial
        self.establishedAt = .now()
        self.establishedTime = wallClock()
        self.transmissionNoted = .uptimeNanoseconds(0)
        self.outstanding = 0
        self.batch = RouteBatch()
        self.judges = ImportJudges()
        func use(_ family: AddressFamily) -> UpdateContext.FamilyUse {
            guard let parameters = negotiated.parameters(of: family) else { return .init(isNegotiated: false) }
            var use = UpdateContext.FamilyUse(
                isNegotiated: true,
                receivesPathIDs: parameters.addPathReceive,
                allowsExtendedNextHop: parameters.extendedNextHop
            )
            use.refusesAIGP = !self.settings.channels.contains {
                $0.channel.family == family && self.settings.aigp($0, isInternal: negotiated.isInternal) != .off
            }
            return use
        }
        let rules = self.settings.rules
        var context = UpdateContext(
            ipv4: use(.ipv4Unicast),
            ipv6: use(.ipv6Unicast),
            hasFourOctetAS: negotiated.fourOctetAS,
            isInternal: negotiated.isInternal,
            peerAS: negotiated.peerAS,
            enforcesFirstAS: self.settings.enforcesFirstAS,
            rejectsASSets: !rules.allowsASSets,
            hashSeed: self.hashSeed
        )
        context.acceptsAIGP =
            context.ipv4.isNegotiated && !context.ipv4.refusesAIGP
            || context.ipv6.isNegotiated && !context.ipv6.refusesAIGP
        context.isConfederationMember = rules.isConfederationMember && !negotiated.isInternal
        context.allowsConfederationSegments =
            rules.confederation != nil && (negotiated.isInternal || rules.isConfederationMember)
        context.acceptsLocalPreference = rules.allowsLocalPreference
        context.role = negotiated.isInternal ? nil : rules.role
        context.limits = rules.limits
        self.connections[id]?.context = context
        self.connections[id]?.maximumMessageLength = negotiated.maximumMessageLength
        let local = channel.localAddress.flatMap(SocketEndpoint.init) ?? self.transport.remote
        let remote = channel.remoteAddress.flatMap(SocketEndpoint.init) ?? self.transport.remote
        self.report("Session established", ["remoteAS": "\(negotiated.peerAS)", "remote": "\(remote)"])
        self.core.send(.established(serial, EstablishedSession(negotiated: negotiated, local: local, remote: remote)))
    }

    private func sessionIsDown(_ reason: SessionEndReason, keepsRoutes: Bool) {
        self.establishedAt = nil
        self.establishedTime = nil
        self.lastErrorTime = wallClock()
        guard let serial = self.session else { return }
        self.session = nil
        self.batch = RouteBatch()
        self.report("Session down", ["reason": "\(reason.words)"])
        self.core.send(.down(serial, reason, keepsRoutes: keepsRoutes))
    }

    /// Writes a line about a session that comes or goes, as far as the peer may fill the log with such lines.
    func report(_ line: Logger.Message, _ metadata: Logger.Metadata) {
        guard let suppressed = self.sessionLines.take(at: .now()) else { return }
        let left: Logger.Metadata = suppressed > 0 ? ["suppressed": "\(suppressed)"] : [:]
        self.logger.info(line, metadata: metadata.merging(left) { own, _ in own })
    }
}

/// Buffers of a size that follows what comes: hundreds of quiet peers need little, a full table comes in large reads.
private let receiveSizes = AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 4096, maximum: 131_072)

/// Applies MD5, TTL and GTSM to an outgoing channel before it connects, so that the SYN is signed already.
private func setOptions(_ transport: PeerSession.TransportSettings, on channel: any Channel) -> EventLoopFuture<Void> {
    guard let provider = channel as? any SocketOptionProvider else {
        return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    var futures: [EventLoopFuture<Void>] = []
    func set(_ level: CInt, _ name: CInt, _ value: CInt) {
        futures.append(
            provider.unsafeSetSocketOption(
                level: SocketOptionLevel(level),
                name: SocketOptionName(name),
                value: value
            )
        )
    }
    let isIPv4 = transport.remote.address.isIPv4
    if let ttl = transport.options.outgoingTTL {
        if isIPv4 {
            set(CInt(IPPROTO_IP), IP_TTL, CInt(ttl))
        } else {
            set(CInt(IPPROTO_IPV6), IPV6_UNICAST_HOPS, CInt(ttl))
        }
    }
    if let minimum = transport.options.minimumTTL {
        if isIPv4 {
            set(CInt(IPPROTO_IP), CInt(IP_MINTTL), CInt(minimum))
        } else {
            set(CInt(IPPROTO_IPV6), CInt(IPV6_MINHOPCOUNT), CInt(minimum))
        }
    }
    if !transport.options.password.isEmpty {
        switch makeSignature(transport.options.password, for: transport.remote) {
        case .success(let signature):
            futures.append(
                provider.unsafeSetSocketOption(
                    level: SocketOptionLevel(CInt(IPPROTO_TCP)),
                    name: SocketOptionName(CInt(TCP_MD5SIG)),
                    value: signature
                )
            )
        case .failure(let error):
            futures.append(channel.eventLoop.makeFailedFuture(error))
        }
    }
    return EventLoopFuture.andAllSucceed(futures, on: channel.eventLoop)
}

private func makeSignature(_ key: [UInt8], for remote: SocketEndpoint) -> Result<tcp_md5sig, SocketError> {
    var value = tcp_md5sig()
    let made = remote.withSocketAddress { address, length in
        key.withUnsafeBytes { clinux_make_tcp_md5sig(&value, address, length, -1, 0, $0.baseAddress, $0.count) }
    }
    return made == 0 ? .success(value) : .failure(SocketError("make MD5 key for \(remote.address)", code: made))
}

/// Seconds since 1970.
func wallClock() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

extension SocketEndpoint {
    /// The endpoint as NIO wants it.
    func socketAddress() throws -> SocketAddress {
        switch self.address {
        case .v4(let address):
            return try SocketAddress(ipAddress: address.description, port: Int(self.port))
        case .v6(let address):
            let zone = self.scope == 0 ? "" : "%\(self.scope)"
            return try SocketAddress(ipAddress: address.description + zone, port: Int(self.port))
        }
    }

    /// Reads NIO's address.
    init?(_ address: SocketAddress) {
        var storage = sockaddr_storage()
        address.withSockAddr { pointer, length in
            withUnsafeMutableBytes(of: &storage) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: min(length, $0.count)))
            }
        }
        self.init(storage)
    }
}

extension PeerInput {
    /// Whether the input is worth a line of its own: not what comes with every message.
    var isEvent: Bool {
        switch self {
        case .received(_, .update), .received(_, .keepalive), .updateSent, .dataAccepted: false
        default: true
        }
    }
}

extension BGPSettings {
    /// Whether a session that ended for a reason stays down until someone enables it.
    fileprivate func disables(after reason: SessionEndReason) -> Bool {
        switch reason {
        case .notificationSent(let notification) where notification.code != .cease,
            .errorNotSent(let notification) where notification.code != .cease:
            self.disablesAfterError
        case .notificationReceived(let notification):
            notification.code == .cease
                ? notification.subcode < 16 && self.disablingCeases & 1 << UInt16(notification.subcode) != 0
                : self.disablesAfterError
        default: false
        }
    }
}
