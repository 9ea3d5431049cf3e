internal import BGPWire
internal import IPAddressing

/// What a consumer has still to look at beside the journal: all destinations from a position on.
struct Walk {
    enum Kind: Equatable {
        /// Everything is announced again.
        case full
        /// Only destinations that changed at or after a journal position.
        case since(UInt64)
        /// As `since`, and destinations for which the given old settings would have sent something else.
        case difference(UInt64)
    }

    var kind: Kind
    var position: UInt32 = 0
    /// Destinations to look at; later ones are in the journal.
    var end: UInt32
    /// Journal position at the start of the walk, from where reading goes on after it.
    var head: UInt64
    var sendsEndOfRIB = false
    /// Whether the receiver is told where the walk begins and ends (RFC 7313 §4).
    var marksRefresh = false
}

/// BGP peers that are sent the same: what they are sent, what they hold, and where in the journal they are.
struct ExportGroup {
    var key: GroupKey
    var policy: PolicyTraits
    /// Settings whose output the members hold, during a walk of kind `difference`.
    var oldKey: GroupKey?
    var oldPolicy: PolicyTraits?
    var members: [SourceID] = []
    var isLive = true
    var cursor: UInt64
    var walk: Walk?
    /// Per destination the index of the source of what was announced last, plus one; 0 nothing.
    ///
    /// Two octets a route.
    ///
    /// In views other than `best` the number of paths announced, see ``paths``.
    var announced: ContiguousArray<UInt16> = []
    /// What views other than `best` remember of what they announced.
    var paths = AnnouncedPaths()
    /// The members of the group that this one was copied from, while they hold the same as its own: they may join.
    var companions: Set<UInt16> = []
    /// The member that owns the next hop announced last, where there is one: excluded beside the source.
    var nextHopOwners: [UInt32: UInt16] = [:]
    var announcedCount = 0
    /// Members by address; nil when the membership changed.
    var owners: [IPAddress: UInt16]?

    init(key: GroupKey, policy: PolicyTraits, cursor: UInt64) {
        self.key = key
        self.policy = policy
        self.cursor = cursor
    }

    /// Octets held.
    var memory: Int { self.announced.capacity * 2 + self.paths.memory }

    mutating func reserve(_ count: UInt32) {
        guard self.announced.count < Int(count) else { return }
        let missing = (Int(count) + 4095) & ~4095 - self.announced.count
        self.announced.append(contentsOf: repeatElement(0, count: max(missing, Int(count) - self.announced.count)))
    }
}
