/// A flush of a group in messages: one stream of them, and who is left out of which part.
public struct GroupOutput: Sendable {
    /// Members the audiences refer to.
    public var members: [SourceID] = []
    /// Complete messages, in the order they have to be sent.
    public var bytes: [UInt8] = []
    /// Parts of ``bytes``, in order and without gaps; what goes to one member alone comes first.
    public private(set) var segments: [Segment] = []
    /// Whether nothing is owed any more.
    public var isDrained = true

    /// A run of messages for the same members.
    public struct Segment: Hashable, Sendable {
        /// Place in ``GroupOutput/bytes``.
        public var range: Range<Int>
        /// How many messages.
        public var messageCount: Int
        /// Who gets them.
        public var audience: Audience
    }

    /// Members of a group that get a segment.
    public enum Audience: Hashable, Sendable {
        /// Every member.
        case all
        /// Every member but one or two: the source of the route, the owner of its next hop.
        case allExcept(SourceID, SourceID?)
        /// One member.
        case only(SourceID)

        /// Whether a member is addressed.
        public func includes(_ member: SourceID) -> Bool {
            switch self {
            case .all: true
            case .allExcept(let first, let second): member != first && member != second
            case .only(let only): member == only
            }
        }
    }

    /// The messages of one member.
    public struct Delivery: Sendable {
        /// Who gets them.
        public var member: SourceID
        /// Its place in ``GroupOutput/members``.
        public var position: Int
        /// Places in ``GroupOutput/bytes``, ascending.
        public var parts: [Range<Int>]
        /// How many messages.
        public var messageCount: Int
    }

    /// Creates an empty output.
    public init() {}

    mutating func add(_ range: Range<Int>, _ messageCount: Int, _ audience: Audience) {
        guard !range.isEmpty else { return }
        if let last = self.segments.indices.last, self.segments[last].audience == audience {
            self.segments[last].range = self.segments[last].range.lowerBound..<range.upperBound
            self.segments[last].messageCount += messageCount
        } else {
            self.segments.append(Segment(range: range, messageCount: messageCount, audience: audience))
        }
    }

    /// Adds messages behind those there are.
    mutating func append(_ other: GroupOutput) {
        let start = self.bytes.count
        self.bytes += other.bytes
        for segment in other.segments {
            let range = segment.range.lowerBound + start..<segment.range.upperBound + start
            self.add(range, segment.messageCount, segment.audience)
        }
    }

    /// What each member gets; members that get nothing are left out.
    ///
    /// Costs the number of members and of exceptions, not their product.
    public var deliveries: [Delivery] {
        var exceptions: [SourceID: [Int]] = [:]
        var common = 0
        var messageCount = 0
        for (index, segment) in self.segments.enumerated() {
            switch segment.audience {
            case .only(let only):
                exceptions[only, default: []].append(index)
                common = index + 1
                continue
            case .all: break
            case .allExcept(let first, let second):
                exceptions[first, default: []].append(index)
                if let second { exceptions[second, default: []].append(index) }
            }
            messageCount += segment.messageCount
        }
        let start = common < self.segments.count ? self.segments[common].range.lowerBound : self.bytes.count
        let whole = start < self.bytes.count ? [start..<self.bytes.count] : []
        var result: [Delivery] = []
        result.reserveCapacity(self.members.count)
        for (position, member) in self.members.enumerated() {
            var delivery = Delivery(member: member, position: position, parts: whole, messageCount: messageCount)
            if let own = exceptions[member] { self.apply(own, common, start, &delivery) }
            if !delivery.parts.isEmpty { result.append(delivery) }
        }
        return result
    }

    private func apply(_ exceptions: [Int], _ common: Int, _ start: Int, _ delivery: inout Delivery) {
        var parts: [Range<Int>] = []
        var position = start
        for index in exceptions {
            let segment = self.segments[index]
            if index < common {
                parts.append(segment.range)
                delivery.messageCount += segment.messageCount
            } else {
                if segment.range.lowerBound > position { parts.append(position..<segment.range.lowerBound) }
                position = segment.range.upperBound
                delivery.messageCount -= segment.messageCount
            }
        }
        if position < self.bytes.count { parts.append(position..<self.bytes.count) }
        delivery.parts = parts
    }
}
