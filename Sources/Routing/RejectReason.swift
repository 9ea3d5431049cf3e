/// Why a received path takes no part in the decision; it stays in Adj-RIB-In all the same.
public enum RejectReason: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// The import policy rejected it.
    case filtered = 1
    /// The own AS occurs in AS_PATH more often than allowed (RFC 4271 §9.1.2).
    case asLoop = 2
    /// ORIGINATOR_ID is the own router id (RFC 4456 §8).
    case originatorLoop = 3
    /// The own cluster id is in CLUSTER_LIST (RFC 4456 §8).
    case clusterLoop = 4
    /// The next hop can not be used: unspecified, multicast, loopback or an empty list of gateways.
    case invalidNextHop = 5
    /// The import limit was reached.
    case limit = 6
    /// The attributes exceed 65,536 octets after the import policy.
    case attributesTooLong = 7
    /// OTC says that it was not to come from there (RFC 9234 §5).
    case routeLeak = 8
}

/// The step at which a path lost against the best one, or that made it the best.
public enum DecisionReason: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// It is the only candidate.
    case onlyPath
    /// It was rejected on import.
    case rejected
    /// Preference.
    case preference
    /// Its next hop does not resolve.
    case unresolvable
    /// Local routes come before learned ones.
    case local
    /// What is kept of a peer that has been away for long loses against the rest (LLGR_STALE, RFC 9494).
    case longLivedStale
    /// LOCAL_PREF.
    case localPreference
    /// Accumulated IGP metric (RFC 7311).
    case aigp
    /// AS_PATH length.
    case asPathLength
    /// ORIGIN.
    case origin
    /// MULTI_EXIT_DISC within the neighbour AS.
    case multiExitDiscriminator
    /// eBGP before iBGP.
    case external
    /// IGP metric to the next hop.
    case igpMetric
    /// The path that was best stays (`prefer older`, RFC 5004).
    case older
    /// Router id or ORIGINATOR_ID.
    case routerID
    /// CLUSTER_LIST length.
    case clusterListLength
    /// Address of the peer.
    case peerAddress
    /// Path identifier.
    case pathID
    /// Kernel metric, between routes learned from the kernel.
    case kernelMetric
    /// Order of sources, between local routes that are equal otherwise.
    case sourceOrder
}
