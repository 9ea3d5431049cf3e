import BGPSession
import BGPWire
import IPAddressing

/// Takes decisions from octets until they are used up.
private struct Choices {
    private var octets: ArraySlice<UInt8>

    init(_ octets: [UInt8]) { self.octets = octets[...] }

    var isEmpty: Bool { self.octets.isEmpty }

    mutating func octet() -> UInt8 { self.octets.popFirst() ?? 0 }

    mutating func number() -> UInt16 { UInt16(self.octet()) << 8 | UInt16(self.octet()) }

    mutating func octets(_ count: Int) -> [UInt8] {
        let head = Array(self.octets.prefix(count))
        self.octets = self.octets.dropFirst(count)
        return head
    }
}

/// Gives a peer the events that the input spells and checks what the machine promises after each.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSession(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var choices = Choices(Array(UnsafeBufferPointer(start: start, count: count)))
    var bench = PeerBench(configuration(&choices))
    while !choices.isEmpty { bench.step(&choices) }
    return 0
}

private func configuration(_ choices: inout Choices) -> SessionConfiguration {
    let (flags, more) = (choices.octet(), choices.octet())
    var configuration = SessionConfiguration(
        localAS: more & 1 != 0 ? 4_200_000_000 : 64_512,
        remoteAS: more & 2 != 0 ? .external : more & 4 != 0 ? .internal : .exactly(64_513),
        localIdentifier: RouterID(rawValue: 0x0A00_0001)
    )
    configuration.holdTime = more & 8 != 0 ? 0 : 90
    configuration.isPassive = flags & 1 != 0
    configuration.delayOpenTime = flags & 2 != 0 ? .seconds(3) : nil
    configuration.sendsNotificationWithoutOpen = flags & 4 != 0
    configuration.detectsCollisionWhenEstablished = flags & 8 != 0
    configuration.incomingDuringIdleHold = flags & 16 != 0 ? .always : .afterSilence
    configuration.connectDelay = flags & 32 != 0 ? .seconds(5) : .zero
    if flags & 64 != 0 {
        configuration.gracefulRestart = .init(
            restartState: false,
            notification: true,
            restartTime: 9,
            families: [.init(family: .ipv4Unicast, forwardingPreserved: true)]
        )
    }
    configuration.dampsPeerOscillations = flags & 128 == 0
    configuration.families = more & 16 != 0 ? [.init(.ipv4Unicast), .init(.ipv6Unicast)] : [.init(.ipv4Unicast)]
    if more & 32 != 0 {
        for index in configuration.families.indices {
            configuration.families[index].addPathReceive = true
            configuration.families[index].addPathSend = true
            configuration.families[index].isMandatory = index == 0
            configuration.families[index].extendedNextHop = index == 0
        }
    }
    configuration.extendedMessage = more & 64 != 0
    configuration.role = more & 128 != 0 ? .customer : nil
    configuration.requiresRole = more & 128 != 0 && flags & 1 != 0
    return configuration
}

/// A peer with what its actions said so far.
private struct PeerBench {
    var peer: PeerStateMachine
    var timers: Set<PeerTimer> = []
    var open: Set<ConnectionID> = []
    var names: [ConnectionID] = []
    var up: ConnectionID?

    init(_ configuration: SessionConfiguration) {
        self.peer = PeerStateMachine(configuration: configuration)
    }

    mutating func step(_ choices: inout Choices) {
        let input = self.input(&choices)
        if case .connectionFailed(let name, _) = input { self.open.remove(name) }
        if case .timerExpired(let timer) = input { self.timers.remove(timer) }
        let actions = self.peer.handle(input).array
        require(actions.count <= 20)
        for action in actions { self.perform(action) }
        require(self.open.count <= 2)
        require(self.peer.establishedConnection == self.up)
        require((self.peer.state == .established) == (self.up != nil))
        require((self.peer.negotiated != nil) == (self.up != nil))
        require(self.timers.allSatisfy { $0.connection.map(self.open.contains) ?? true })
        if self.peer.isStopped { require(self.open.isEmpty && self.timers.isEmpty) }
        // Never stuck: something is under way, awaited, or listened for.
        if !self.peer.isStopped, self.peer.isLinkUp, self.open.isEmpty, !self.peer.configuration.isPassive {
            require(
                self.timers.contains(PeerTimer(.idleHold)) || self.timers.contains(PeerTimer(.connectRetry))
            )
        }
    }

    private mutating func perform(_ action: PeerAction) {
        switch action {
        case .connect(let id), .accept(let id):
            require(!self.names.contains(id))
            self.names.append(id)
            require(self.open.insert(id).inserted)
        case .send(let id, let message):
            require(self.open.contains(id))
            var output: [UInt8] = []
            switch message {
            case .open(let open): open.encode(into: &output)
            case .notification(let notification): notification.encode(into: &output)
            case .keepalive: break
            }
            require(output.count <= 4096)
        case .close(let id), .abort(let id): self.open.remove(id)
        case .established(let id, let session):
            require(self.up == nil && self.open.contains(id))
            require(session.holdTime == .zero || session.holdTime >= .seconds(3))
            self.up = id
        case .down(let id, _, _):
            require(self.up == id)
            self.up = nil
        case .deliverUpdate(let id), .deliverRouteRefresh(let id): require(self.up == id)
        case .arm(let timer, let duration):
            require(duration >= .zero)
            self.timers.insert(timer)
        case .cancel(let timers, let connection):
            for timer in timers.timers { self.timers.remove(PeerTimer(timer, of: connection)) }
        case .refuse, .stateChanged: break
        }
    }

    private func input(_ choices: inout Choices) -> PeerInput {
        let choice = choices.octet()
        // The upper bits name a connection: mostly the latest.
        let age = Int(choice >> 5)
        let name = age < self.names.count ? self.names[self.names.count - 1 - age] : self.names.last
        let timers = SessionTimer.allCases
        switch choice & 31 {
        case 0: return .stop(choice & 32 != 0 ? .cease(.administrativeShutdown) : nil)
        case 1: return .reset(.cease(.administrativeReset))
        case 2:
            let restarts: [PeerRestart] = [.soon, .afterBackoff, .after(.seconds(3)), .never]
            return .automaticStop(.cease(.outOfResources), restarts[age & 3])
        case 3: return .linkDown
        case 4: return .linkUp
        case 5, 6: return .connectionOffered
        case 7: return .timerExpired(PeerTimer(timers[Int(choices.octet()) % timers.count]))
        case 8: return .timerExpired(PeerTimer(timers[Int(choices.octet()) % timers.count], of: name))
        case 9: return .timerExpired(self.timers.min { "\($0)" < "\($1)" } ?? PeerTimer(.connectRetry))
        default: break
        }
        guard let name else { return .start }
        switch choice & 31 {
        case 10, 11, 12: return .connected(name)
        case 13: return .connectionFailed(name, choice & 32 != 0 ? 104 : nil)
        case 14: return .dataAccepted(name)
        case 15: return .updateSent(name)
        case 16, 17, 18: return .received(name, .open(self.plausibleOpen(&choices)))
        case 19:
            let length = Int(choices.octet())
            let body = choices.octets(length)
            guard let open = try? Open.decode(body: body.span.bytes) else { return .start }
            return .received(name, .open(open))
        case 20, 21, 22, 23: return .received(name, .keepalive)
        case 24: return .received(name, .update)
        case 25: return .received(name, .routeRefresh)
        case 26:
            let head = choices.octets(3)
            guard let notification = Notification.decode(body: head.span.bytes) else { return .start }
            return .received(name, .notification(notification))
        case 27: return .received(name, .headerError(.messageHeader(.badMessageType)))
        case 28: return .received(name, .openError(.open(.unspecific)))
        case 29: return .received(name, .updateError(.update(.malformedAttributeList)))
        default: return .start
        }
    }

    /// An OPEN that is likely to be accepted, with one octet to make it different.
    private func plausibleOpen(_ choices: inout Choices) -> Open {
        let choice = choices.octet()
        var capabilities: [Capability] = [.multiprotocol(.ipv4Unicast)]
        if choice & 1 != 0 { capabilities.append(.multiprotocol(.ipv6Unicast)) }
        if choice & 2 != 0 { capabilities.append(.extendedMessage) }
        if choice & 4 != 0 {
            capabilities.append(
                .gracefulRestart(
                    .init(restartState: choice & 8 != 0, notification: true, restartTime: 9, families: [])
                )
            )
        }
        if choice & 16 != 0 { capabilities = [] }
        let configuration = self.peer.configuration
        let number: ASNumber =
            switch configuration.remoteAS {
            case .exactly(let number): number
            case .external: 64_513
            case .internal: configuration.localAS
            }
        return Open(
            localAS: choice & 32 != 0 ? 7 : number,
            holdTime: choice & 64 != 0 ? choices.number() : 30,
            identifier: RouterID(rawValue: choice & 128 != 0 ? UInt32(choices.number()) : 0x0A00_0002),
            capabilities: capabilities
        )
    }
}
