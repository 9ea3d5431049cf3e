public import ArgumentParser
internal import BGPSession
internal import BGPWire
internal import Glibc
internal import IPAddressing
internal import MRTFormat
internal import UnixSignals

/// `martlet mrt inject FILE`: announces the routes of an MRT file over a BGP session.
public struct MRTInjectCommand: AsyncParsableCommand {
    /// Name and abstract.
    public static let configuration = CommandConfiguration(
        commandName: "inject",
        abstract: "Announce the routes of a table dump to a BGP speaker.",
        discussion: """
            Routes are packed by attribute set. On an external session the local AS is put before each path and what \
            belongs to the inside of an AS is left out; the peer gets the session's local address as next hop unless \
            told otherwise. The session stays, and the routes with it, until SIGINT or SIGTERM.
            """
    )

    @Argument(help: "The file, uncompressed; '-' is standard input.")
    var file: String

    @Option(help: "Address of the peer, with a port after a colon: 192.0.2.1:1179, [2001:db8::1]:1179.")
    var peer: PeerArgument

    @Option(help: "Local AS number.")
    var localAs: NumberArgument

    @Option(help: "The peer's AS number; the local one for an internal session. By default any but the local one.")
    var peerAs: NumberArgument?

    @Option(help: "BGP identifier; by default the local IPv4 address of the session.")
    var routerId: IdentifierArgument?

    @Option(help: "Local address of the connection.")
    var localAddress: AddressArgument?

    @Option(help: "Hold time to offer in seconds, 0 or 3 and more.")
    var holdTime: UInt16 = 90

    @Option(name: .customLong("next-hop4"), help: "Next hop of IPv4 routes.")
    var nextHop4: AddressArgument?

    @Option(name: .customLong("next-hop6"), help: "Next hop of IPv6 routes.")
    var nextHop6: AddressArgument?

    @Flag(help: "Announce the next hops of the file.")
    var keepNextHop = false

    @Option(help: "Only routes of this family: ipv4 or ipv6.")
    var family: FamilyArgument?

    @Option(help: "Only routes that the peer at this position of the file's peer table had; by default each first one.")
    var fromPeer: UInt16?

    @Option(help: "At most this many routes of each family.")
    var limit: Int?

    @Option(help: "Routes to announce per second; by default as fast as the peer takes them.")
    var rate: Int?

    @Option(help: "For how many seconds to try to get a session.")
    var connectTimeout: Int = 30

    @Flag(help: "End the session once everything is sent.")
    var exitAfterEor = false

    /// Creates the command.
    public init() {}

    /// Refuses values that make no sense.
    public func validate() throws {
        if let limit = self.limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
        if let rate = self.rate, rate < 1 { throw ValidationError("--rate must be at least 1") }
        guard self.connectTimeout >= 0 else { throw ValidationError("--connect-timeout must not be negative") }
        guard self.holdTime == 0 || self.holdTime >= 3 else { throw ValidationError("--hold-time is 0 or at least 3") }
        if self.keepNextHop, self.nextHop4 != nil || self.nextHop6 != nil {
            throw ValidationError("--keep-next-hop excludes --next-hop4 and --next-hop6")
        }
        guard self.nextHop4?.address.isIPv4 ?? true else { throw ValidationError("--next-hop4 needs an IPv4 address") }
        guard !(self.nextHop6?.address.isIPv4 ?? false) else {
            throw ValidationError("--next-hop6 needs an IPv6 address")
        }
        if let local = self.localAddress, local.address.isIPv4 != self.peer.address.isIPv4 {
            throw ValidationError("--local-address and --peer are of different families")
        }
    }

    /// Runs until a signal, the end of the session or, when asked for, the end of the routes.
    public func run() async throws {
        let connection = InjectionConnection()
        do {
            let source = try self.source()
            let injector = self.injector
            try injector.check(source)
            // Until here a signal ends the program as it does any other.
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in signals { connection.stop() } }
                defer { group.cancelAll() }
                try await self.inject(source, injector, connection)
            }
        } catch let exit as ExitCode {
            throw exit
        } catch {
            writeError("\(error)")
            throw ExitCode.failure
        }
    }

    private var injector: Injector {
        Injector(
            peer: self.peer,
            localAddress: self.localAddress?.address,
            localAS: self.localAs.number,
            peerAS: self.peerAs?.number,
            routerID: self.routerId?.identifier,
            holdTime: self.holdTime,
            nextHop4: self.nextHop4?.address,
            nextHop6: self.nextHop6?.address,
            keepsNextHops: self.keepNextHop,
            rate: self.rate
        )
    }

    private func source() throws -> RouteSource {
        let selection = RouteSource.Selection(
            limit: self.limit,
            family: self.family?.family,
            peerIndex: self.fromPeer,
            keepsNextHops: self.keepNextHop
        )
        let source = try RouteSource(MRTFile(path: self.file), selection)
        if let problem = source.firstProblem {
            writeError("\(self.file): \(source.unusableCount) routes or records left out, the first: \(problem)")
        }
        return source
    }

    /// Tries until there is a session, and follows it to its end.
    private func inject(_ source: RouteSource, _ injector: Injector, _ connection: InjectionConnection) async throws {
        let deadline = ContinuousClock.now + .seconds(self.connectTimeout)
        while !connection.isStopped {
            let problem: any Error
            let (events, continuation) = AsyncStream.makeStream(of: InjectionEvent.self)
            let session = Task {
                defer { continuation.finish() }
                try await injector.run(source, connection) { continuation.yield($0) }
            }
            var end: InjectionEnd?
            for await event in events {
                if case .ended(let how) = event { end = how }
                try self.report(event, connection)
            }
            do {
                try await session.value
                switch end {
                case .failed(let reason, wasEstablished: false) where reason.isWorthARetry:
                    problem = InjectionFailure("\(injector.peer): \(reason)")
                case .failed(let reason, _): throw SessionLost("\(injector.peer): \(reason)")
                case .stopped: return
                case nil: problem = InjectionFailure("\(injector.peer): the connection was closed at once")
                }
            } catch let failure as InjectionFailure {
                throw failure
            } catch let lost as SessionLost {
                throw lost
            } catch {
                problem = InjectionFailure("\(injector.peer): \(error)")
            }
            guard ContinuousClock.now + .seconds(1) < deadline else { throw problem }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func report(_ event: InjectionEvent, _ connection: InjectionConnection) throws {
        let output = try OutputFile(path: "-")
        switch event {
        case .established(let number, let families):
            let names = families.map(\.description).joined(separator: " and ")
            try output.line("established with \(self.peer) AS\(number) for \(names)")
        case .announced(let totals):
            let seconds =
                Double(totals.duration.components.seconds) + Double(totals.duration.components.attoseconds) / 1e18
            try output.line(
                "announced \(totals.ipv4) IPv4 and \(totals.ipv6) IPv6 routes in \(totals.messages) UPDATEs, "
                    + "\(totals.octets) octets, \(Int(seconds * 1000)) ms"
            )
            if totals.oversized > 0 {
                writeError("\(totals.oversized) routes left out: their attributes leave no room for a prefix")
            }
            if self.exitAfterEor { connection.stop() }
        case .ended: return
        }
        try output.flush()
    }
}

/// A session that was had, or that there is no point in asking for again.
private struct SessionLost: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

extension SessionEndReason {
    /// Whether the next attempt may do better: the peer is not ready, or another connection was in the way.
    fileprivate var isWorthARetry: Bool {
        switch self {
        case .connectionFailed, .replaced, .abandoned: true
        case .notificationReceived(let notification): notification.code == .cease
        case .notificationSent, .errorNotSent, .stoppedSilently, .linkDown: false
        }
    }
}
