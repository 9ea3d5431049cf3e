public import IPAddressing

/// Ranges from which no new address is given out.
public struct IPReservation: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `reservedCIDRs`.
    public var reservedCIDRs: [IPPrefix]

    /// Creates a reservation.
    public init(metadata: ResourceMetadata, reservedCIDRs: [IPPrefix]) {
        self.metadata = metadata
        self.reservedCIDRs = reservedCIDRs
    }
}

/// A block of addresses with what is given out of it.
public struct IPAMBlock: Hashable, Sendable {
    /// Name.
    public var metadata: ResourceMetadata
    /// `cidr`.
    public var cidr: IPPrefix
    /// `affinity`: `host:<node>`, `virtual:<name>`, or nil.
    public var affinity: String?
    /// `allocations`: for each address the index into `attributes`, or nil where it is free.
    public var allocations: [Int?]
    /// `unallocated`: free ordinals, the next one first.
    public var unallocated: [Int]
    /// `attributes`.
    public var attributes: [Attribute]
    /// `sequenceNumber`.
    public var sequenceNumber: UInt64
    /// `deleted`.
    public var isDeleted: Bool

    /// Creates a block without allocations.
    public init(metadata: ResourceMetadata, cidr: IPPrefix, affinity: String? = nil) {
        self.metadata = metadata
        self.cidr = cidr
        self.affinity = affinity
        self.allocations = []
        self.unallocated = []
        self.attributes = []
        self.sequenceNumber = 0
        self.isDeleted = false
    }

    /// Whom addresses were given to.
    public struct Attribute: Hashable, Sendable {
        /// `handle_id`.
        public var handle: String?
        /// `secondary`: what the owner said about itself.
        public var secondary: [String: String]

        /// Creates an attribute.
        public init(handle: String?, secondary: [String: String] = [:]) {
            self.handle = handle
            self.secondary = secondary
        }
    }
}

/// How addresses are given out in the cluster.
public struct IPAMConfiguration: Hashable, Sendable {
    /// Name: `default`.
    public var metadata: ResourceMetadata
    /// `strictAffinity`; false when absent.
    public var strictAffinity: Bool
    /// `maxBlocksPerHost`; 0 is the allocator's own limit.
    public var maxBlocksPerHost: UInt32
    /// `autoAllocateBlocks`; true when absent.
    public var autoAllocateBlocks: Bool
    /// `kubeVirtVMAddressPersistence` is not `Disabled`.
    public var keepsVMAddresses: Bool
    /// `ipCooldownSeconds`.
    public var cooldownSeconds: UInt16?

    /// Creates a configuration with defaults.
    public init(metadata: ResourceMetadata) {
        self.metadata = metadata
        self.strictAffinity = false
        self.maxBlocksPerHost = 0
        self.autoAllocateBlocks = true
        self.keepsVMAddresses = true
    }
}

/// What the cluster is.
public struct ClusterInformation: Hashable, Sendable {
    /// Name: `default`.
    public var metadata: ResourceMetadata
    /// `clusterGUID`.
    public var clusterGUID: String?
    /// `clusterType`.
    public var clusterType: String?
    /// `calicoVersion`.
    public var calicoVersion: String?
    /// `variant`.
    public var variant: String?
    /// `datastoreReady`; nil when absent.
    public var datastoreReady: Bool?

    /// Creates a value.
    public init(metadata: ResourceMetadata) {
        self.metadata = metadata
    }
}
