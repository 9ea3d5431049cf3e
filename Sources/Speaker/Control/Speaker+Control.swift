internal import NIOCore
public import SpeakerSettings

extension Speaker {
    /// What can be done to a neighbour.
    public enum NeighborAction: Hashable, Sendable {
        /// Enable it.
        case up
        /// Disable it until `up` or the next start: Cease 6/2.
        case down
        /// End the session and let it come back: Cease 6/4.
        case restart
        /// Ask it for its routes (RFC 2918).
        case refreshIn
        /// Send it everything again.
        case refreshOut
    }

    /// The speaker as a whole.
    public func snapshot() async -> SpeakerSnapshot {
        await self.core.snapshot()
    }

    /// What the speaker holds, by structure.
    public func memory() async -> MemorySnapshot {
        await self.core.memorySnapshot()
    }

    /// Settings that are in force.
    public func settings() async -> SpeakerSettings {
        await self.core.settings
    }

    /// One neighbour, or all in order of the configuration.
    public func neighbors(named name: String? = nil) async throws(ControlFailure) -> [PeerSnapshot] {
        try await self.core.peerSnapshots(named: name)
    }

    /// The host's interfaces by index.
    public func interfaces() async -> [InterfaceSnapshot] {
        await self.core.interfaceSnapshots()
    }

    /// A part of the routes a query selects; ask again with the position returned until that is nil.
    ///
    /// The core looks at about `limit` destinations at a go and serves its peers between two calls; while they need it
    /// most of the time, at fewer, and after a pause.
    public func routes(
        _ selection: RouteSelection,
        from position: RouteSlice.Position? = nil,
        limit: Int = 500
    ) async throws(ControlFailure) -> RouteSlice {
        try await self.core.routes(selection, from: position, limit: await self.paced(limit))
    }

    /// A part of the routes that tables accepted; as for ``routes(_:from:limit:)``.
    public func tableRoutes(_ table: String, from position: UInt32 = 0, limit: Int = 500)
        async throws(ControlFailure) -> TableSlice
    {
        try await self.core.tableRoutes(table, from: position, limit: await self.paced(limit))
    }

    /// Waits while peers need the core, and says how many destinations to look at then.
    private func paced(_ limit: Int) async -> Int {
        guard await self.core.pace.isLoaded(at: .now()) else { return limit }
        try? await Task.sleep(for: .nanoseconds(ConsumerPace.window.nanoseconds))
        return await self.core.pace.isLoaded(at: .now()) ? min(limit, ConsumerPace.ration) : limit
    }

    /// Does something to a neighbour; returns a line about it.
    public func perform(
        _ action: NeighborAction,
        on neighbor: String,
        message: String? = nil
    ) async throws(ControlFailure) -> String {
        try await self.core.perform(action, on: neighbor, message)
    }
}
