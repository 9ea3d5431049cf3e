public import IPAddressing

/// How a route came to be known; the filter language's RTS_* constants.
public enum RouteSource: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// RTS_STATIC: a static protocol.
    case `static`
    /// RTS_INHERIT: a foreign kernel route, learned.
    case kernel
    /// RTS_DEVICE: an interface's network, from the direct protocol.
    case device
    /// RTS_BGP.
    case bgp
}

/// The protocol instance a route came from: constant for all routes of one source, shared by reference to its table row.
public struct RouteOrigin: Hashable, Sendable {
    /// Kind of source.
    public var source: RouteSource
    /// Name of the protocol instance (`proto` in filters).
    public var protocolName: String
    /// Address of the neighbour that sent the route (`from`); nil for local sources.
    public var from: IPAddress?
    /// Whether the session is iBGP; false for local sources.
    public var isInternal: Bool
    /// LOCAL_PREF that filters read on a BGP route without one (`default bgp_local_pref`); nil for other sources.
    public var defaultLocalPreference: UInt32?

    /// Creates an origin.
    public init(
        source: RouteSource,
        protocolName: String,
        from: IPAddress? = nil,
        isInternal: Bool = false,
        defaultLocalPreference: UInt32? = nil
    ) {
        self.source = source
        self.protocolName = protocolName
        self.from = from
        self.isInternal = isInternal
        self.defaultLocalPreference = defaultLocalPreference
    }
}
