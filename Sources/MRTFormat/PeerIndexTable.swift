public import IPAddressing

/// The peers of a table dump, by position (RFC 6396 §4.3.1).
public struct PeerIndexTable: Hashable, Sendable {
    /// BGP Identifier of the collector.
    public var collector: RouterID
    /// Name of the view; most often empty.
    public var viewName: String
    /// The peers; RIB entries name them by their position.
    public var peers: [Peer]

    /// Creates a table.
    public init(collector: RouterID, viewName: String = "", peers: [Peer]) {
        self.collector = collector
        self.viewName = viewName
        self.peers = peers
    }

    /// One peer of the collector.
    public struct Peer: Hashable, Sendable, BitwiseCopyable {
        /// BGP Identifier.
        public var identifier: RouterID
        /// Address of the session.
        public var address: IPAddress
        /// Autonomous system.
        public var number: ASNumber

        /// Creates a peer.
        public init(identifier: RouterID, address: IPAddress, number: ASNumber) {
            self.identifier = identifier
            self.address = address
            self.number = number
        }
    }
}
