public import Logging
internal import NIOCore
internal import NIOPosix
public import Netlink
internal import Policy
public import SpeakerSettings

/// A BGP speaker: sessions on event loops, one routing core on a loop of its own, the kernel on threads of its own.
public final class Speaker: Sendable {
    /// What does not come from the configuration.
    public struct Options: Sendable {
        /// Threads for sessions.
        public var sessionThreads: Int
        /// How long own kernel routes of a former run are kept for peers that have not said End-of-RIB.
        public var staleRouteTime: Duration
        /// How long a restart of this speaker waits for neighbours that are not there.
        public var restartPeerTime: Duration
        /// A file that tells the next run that there was one, for as long as the host is up; nil is none.
        public var restartMarker: String?
        /// Opens the kernel; runs on the thread that will use it.
        public var openKernel: @Sendable () throws(NetlinkError) -> any NetlinkKernel

        /// Creates options with defaults: the running kernel, a minute, a thread of sessions for each processor.
        public init(
            sessionThreads: Int? = nil,
            staleRouteTime: Duration = .seconds(60),
            restartPeerTime: Duration = .seconds(5),
            restartMarker: String? = nil,
            openKernel: @escaping @Sendable () throws(NetlinkError) -> any NetlinkKernel = { () throws(NetlinkError) in
                try LinuxKernel()
            }
        ) {
            self.sessionThreads = sessionThreads ?? max(1, min(System.coreCount, 8))
            self.staleRouteTime = staleRouteTime
            self.restartPeerTime = restartPeerTime
            self.restartMarker = restartMarker
            self.openKernel = openKernel
        }
    }

    /// How a speaker stops.
    public enum StopMode: Hashable, Sendable {
        /// The daemon comes back: forwarding stays as it is. Neighbours that wait for it are told nothing, others 6/4.
        case restart
        /// The end: peers are told 6/2, own kernel routes are removed.
        case final
    }

    let core: SpeakerCore
    private let coreGroup: MultiThreadedEventLoopGroup
    private let sessionGroup: MultiThreadedEventLoopGroup

    /// Creates a speaker; nothing happens before `start`.
    public init(settings: SpeakerSettings, options: Options = Options(), logger: Logger) throws {
        FilterLog.install { logger.info("\($0)") }
        self.coreGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.sessionGroup = MultiThreadedEventLoopGroup(numberOfThreads: options.sessionThreads)
        self.core = SpeakerCore(
            loop: self.coreGroup.next(),
            sessionLoops: self.sessionGroup,
            settings: settings,
            options: options,
            logger: logger
        )
    }

    /// Reads the host's state, then opens listeners and starts every protocol.
    ///
    /// - Throws: `NetlinkError` when the kernel cannot be asked, `SpeakerError` when no router id can be found.
    public func start() async throws {
        try await self.core.start()
    }

    /// Applies other settings as one step: only what differs is touched.
    ///
    /// - Parameters:
    ///   - settings: What is to run.
    ///   - isSoft: Whether changed filters wait until their instance starts again or a reload is not soft.
    /// - Returns: What was done, by protocol.
    /// - Throws: `ReloadFailure` when something the settings need cannot be had; then nothing has changed.
    @discardableResult
    public func reload(_ settings: SpeakerSettings, isSoft: Bool = false) async throws(ReloadFailure) -> ReloadPlan {
        try await self.core.reload(settings, isSoft: isSoft)
    }

    /// What a reload would do.
    public func plan(_ settings: SpeakerSettings, isSoft: Bool = false) async -> ReloadPlan {
        await self.core.plan(settings, isSoft: isSoft)
    }

    /// Stops every session and thread.
    public func stop(_ mode: StopMode) async {
        await self.core.stop(mode)
        try? await self.sessionGroup.shutdownGracefully()
        try? await self.coreGroup.shutdownGracefully()
    }
}

/// Why a speaker cannot start.
public enum SpeakerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `router id` is not set and no interface has an IPv4 address.
    case noRouterID

    /// One line of text.
    public var description: String {
        switch self {
        case .noRouterID: "cannot choose a router id: set 'router id', no interface has an IPv4 address that may be it"
        }
    }
}
