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
    /// The core looks at about `limit` destinations at a go and serves its peers between two calls.
    public func routes(
        _ selection: RouteSelection,
        from position: RouteSlice.Position? = nil,
        limit: Int = 500
    ) async throws(ControlFailure) -> RouteSlice {
        try await self.core.routes(selection, from: position, limit: limit)
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
