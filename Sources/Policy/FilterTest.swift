import BGPWire
import IPAddressing
import RouteModel

/// A question about the route that is answered from the octets of its attributes, without making a value.
enum FilterTest: Hashable, Sendable {
    /// `net ~` a prefix set.
    case prefixInSet
    /// `bgp_path ~` a path mask.
    case pathMatches
    /// `bgp_path ~` a set of ints.
    case pathMeets
    /// An int `~ bgp_path`.
    case pathHolds
    /// A pair `~ bgp_community`.
    case communitiesHold
    /// `bgp_community ~` a set of pairs.
    case communitiesMeet
    /// An ec `~ bgp_ext_community`.
    case extendedHold
    /// `bgp_ext_community ~` a set of ecs.
    case extendedMeet
    /// An lc `~ bgp_large_community`.
    case largeHold
    /// `bgp_large_community ~` a set of lcs.
    case largeMeet
    /// A number compared with a constant.
    case number(FilterNumber, FilterComparison)
    /// A number in a set of numbers.
    case numberIn(FilterNumber)
}

/// Comparisons of a property of the route with a constant behind it.
enum FilterComparison: UInt8, Hashable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

/// Properties of a route that are numbers, or constants which numbers stand for.
enum FilterNumber: UInt8, Hashable, Sendable {
    case netLength, netType, pathLength, pathFirst, pathLast, pathLastNonaggregated, communityCount, localPreference
    case med, origin, source, destination, preference, kernelMetric, onlyToCustomer

    /// What an expression reads, if it is such a property.
    init?(_ expression: FilterExpression) {
        switch expression {
        case .unary(.length, .attribute(.net)): self = .netLength
        case .unary(.netType, .attribute(.net)): self = .netType
        case .unary(.length, .attribute(.bgpPath)): self = .pathLength
        case .unary(.first, .attribute(.bgpPath)): self = .pathFirst
        case .unary(.last, .attribute(.bgpPath)): self = .pathLast
        case .unary(.lastNonaggregated, .attribute(.bgpPath)): self = .pathLastNonaggregated
        case .unary(.length, .attribute(.bgpCommunity)): self = .communityCount
        case .attribute(.bgpLocalPref): self = .localPreference
        case .attribute(.bgpMED): self = .med
        case .attribute(.bgpOrigin): self = .origin
        case .attribute(.source): self = .source
        case .attribute(.dest): self = .destination
        case .attribute(.preference): self = .preference
        case .attribute(.krtMetric): self = .kernelMetric
        case .attribute(.bgpOnlyToCustomer): self = .onlyToCustomer
        default: return nil
        }
    }

    /// Type of the property.
    var type: FilterType {
        switch self {
        case .netType: .enumeration(.netType)
        case .origin: .enumeration(.origin)
        case .source: .enumeration(.source)
        case .destination: .enumeration(.destination)
        default: .int
        }
    }

    var dependency: PolicyDependencies {
        switch self {
        case .netLength, .netType: .prefix
        case .source, .localPreference: .origin
        default: []
        }
    }
}

extension FilterTest {
    /// The test that an expression is, and its constant.
    init?(_ expression: FilterExpression, constant: inout FilterValue) {
        guard case .binary(let operation, let lhs, let rhs) = expression else { return nil }
        let test: FilterTest
        switch (operation, lhs, rhs) {
        case (.match, .attribute(let attribute), .constant(let value)):
            constant = value
            switch (attribute, value) {
            case (.net, .prefixSet): test = .prefixInSet
            case (.bgpPath, .mask(let mask)):
                if let set = mask.anywhere {
                    constant = .intSet(set)
                    test = .pathMeets
                } else {
                    test = .pathMatches
                }
            case (.bgpPath, .intSet): test = .pathMeets
            case (.bgpCommunity, .pairSet): test = .communitiesMeet
            case (.bgpExtCommunity, .ecSet): test = .extendedMeet
            case (.bgpLargeCommunity, .lcSet): test = .largeMeet
            default:
                guard let number = FilterNumber(lhs), Self.isSet(value, of: number.type) else { return nil }
                test = .numberIn(number)
            }
        case (.match, .constant(let value), .attribute(let attribute)):
            constant = value
            switch (value, attribute) {
            case (.int, .bgpPath): test = .pathHolds
            case (.pair, .bgpCommunity): test = .communitiesHold
            case (.ec, .bgpExtCommunity): test = .extendedHold
            case (.lc, .bgpLargeCommunity): test = .largeHold
            default: return nil
            }
        case (.match, _, .constant(let value)):
            guard let number = FilterNumber(lhs), Self.isSet(value, of: number.type) else { return nil }
            constant = value
            test = .numberIn(number)
        case (_, _, .constant(let value)):
            guard let number = FilterNumber(lhs), value.type == number.type,
                let comparison = FilterComparison(operation, flipped: false)
            else { return nil }
            constant = value
            test = .number(number, comparison)
        case (_, .constant(let value), _):
            guard let number = FilterNumber(rhs), value.type == number.type,
                let comparison = FilterComparison(operation, flipped: true)
            else { return nil }
            constant = value
            test = .number(number, comparison)
        default: return nil
        }
        self = test
    }

    private static func isSet(_ value: FilterValue, of type: FilterType) -> Bool {
        switch value {
        case .intSet: type == .int
        case .enumerationSet(let kind, _): type == .enumeration(kind)
        default: false
        }
    }

    /// What the test depends on beside the attribute set.
    var dependency: PolicyDependencies {
        switch self {
        case .prefixInSet: .prefix
        case .number(let number, _), .numberIn(let number): number.dependency
        default: []
        }
    }
}

extension FilterComparison {
    fileprivate init?(_ operation: FilterBinaryOperation, flipped: Bool) {
        switch operation {
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .less: self = flipped ? .greater : .less
        case .lessOrEqual: self = flipped ? .greaterOrEqual : .lessOrEqual
        default: return nil
        }
    }

    /// An absent number is less than every other, as in BIRD.
    @inline(__always)
    func holds(_ number: UInt32?, _ constant: UInt32) -> Bool {
        guard let number else {
            switch self {
            case .equal, .greater, .greaterOrEqual: return false
            case .notEqual, .less, .lessOrEqual: return true
            }
        }
        switch self {
        case .equal: return number == constant
        case .notEqual: return number != constant
        case .less: return number < constant
        case .lessOrEqual: return number <= constant
        case .greater: return number > constant
        case .greaterOrEqual: return number >= constant
        }
    }
}

extension FilterTest {
    /// The constant as a number, for tests that need no more than that.
    func number(_ constant: FilterValue) -> UInt32? {
        switch (self, constant) {
        case (.pathHolds, .int(let number)), (.number, .int(let number)), (.number, .enumeration(_, let number)): number
        case (.communitiesHold, .pair(let pair)): pair.rawValue
        default: nil
        }
    }
}

/// Where the attributes lie that filters ask about most, found in one walk and kept until something changes.
struct AttributePlaces {
    var isKnown = false
    var path: Range<Int> = 0..<0
    var communities: Range<Int> = 0..<0
    var extended: Range<Int> = 0..<0
    var large: Range<Int> = 0..<0
    /// A bit for each community, several for one: what has none set is not there.
    var communityMarks: UInt64 = 0
    /// What a look at one of them costs beyond an instruction.
    var cost = 0

    /// Whether a list that can be edited has no elements.
    func isEmpty(_ attribute: FilterAttribute) -> Bool {
        switch attribute {
        case .bgpCommunity: self.communities.isEmpty
        case .bgpExtCommunity: self.extended.isEmpty
        case .bgpLargeCommunity: self.large.isEmpty
        default: false
        }
    }

    /// The bit of a community.
    @inline(__always)
    static func mark(_ community: UInt32) -> UInt64 { 1 << UInt64((community &* 0x9E37_79B1) >> 26) }

    mutating func find(in view: borrowing PathAttributesView) {
        self = AttributePlaces()
        self.isKnown = true
        self.cost = view.bytes.byteCount >> 8
        var offset = 0
        while let element = view.element(at: offset) {
            switch element.type {
            case .asPath: self.path = element.value
            case .communities:
                self.communities = element.value
                var place = element.value.lowerBound
                while element.value.upperBound &- place >= 4 {
                    self.communityMarks |= Self.mark(view.bytes.uint32(place))
                    place &+= 4
                }
            case .extendedCommunities: self.extended = element.value
            case .largeCommunities: self.large = element.value
            default: break
            }
            offset = element.extent.upperBound
        }
    }
}

extension RouteDraft {
    /// The answer to a test whose constant is a number.
    @inline(__always)
    func holds(_ test: FilterTest, number constant: UInt32, _ places: AttributePlaces) -> Bool {
        switch test {
        case .communitiesHold:
            let bytes = self.attributes.view.bytes
            var offset = places.communities.lowerBound
            while places.communities.upperBound &- offset >= 4 {
                if bytes.uint32(offset) == constant { return true }
                offset &+= 4
            }
            return false
        case .pathHolds:
            return ASPathView(self.attributes.view.bytes.extracting(places.path))
                .contains(ASNumber(rawValue: constant))
        case .number(let number, let comparison): return comparison.holds(self.read(number), constant)
        default: return false
        }
    }

    /// The answer to any other test.
    @inline(__always)
    func holds(_ test: FilterTest, _ constant: FilterValue, _ places: AttributePlaces) throws(FilterError) -> Bool {
        switch (test, constant) {
        case (.prefixInSet, .prefixSet(let set)): return set.contains(self.prefix)
        case (.pathMatches, .mask(let mask)):
            return mask.matches(ASPathView(self.attributes.view.bytes.extracting(places.path)))
        case (.pathMeets, .intSet(let set)):
            return ASPathView(self.attributes.view.bytes.extracting(places.path)).meets(set)
        case (.communitiesMeet, .pairSet(let set)):
            return !places.communities.isEmpty && self.attributes.view.communitiesMeet(set)
        case (.extendedHold, .ec(let community)): return self.attributes.view.extendedCommunitiesHold(community)
        case (.extendedMeet, .ecSet(let set)):
            return !places.extended.isEmpty && self.attributes.view.extendedCommunitiesMeet(set)
        case (.largeHold, .lc(let community)): return self.attributes.view.largeCommunitiesHold(community)
        case (.largeMeet, .lcSet(let set)):
            return !places.large.isEmpty && self.attributes.view.largeCommunitiesMeet(set)
        case (.numberIn(let number), .intSet(let set)), (.numberIn(let number), .enumerationSet(_, let set)):
            guard let value = self.read(number) else {
                throw .typeMismatch(operation: "~", types: [.void, constant.type])
            }
            return set.contains(value)
        default: throw .typeMismatch(operation: "test", types: [constant.type])
        }
    }

    /// The property; nil when the route lacks it.
    @inline(__always)
    func read(_ number: FilterNumber) -> UInt32? {
        switch number {
        case .netLength: UInt32(self.prefix.length)
        case .netType: self.prefix.isIPv4 ? FilterConstants.netIPv4 : FilterConstants.netIPv6
        case .pathLength: UInt32(clamping: self.attributes.view.asPath.decisionLength)
        case .pathFirst: self.attributes.view.asPath.firstNumber
        case .pathLast: self.attributes.view.asPath.lastNumber
        case .pathLastNonaggregated: self.attributes.view.asPath.lastNonaggregatedNumber
        case .communityCount: UInt32(clamping: (self.attributes.view.first(.communities)?.value.count ?? 0) >> 2)
        case .localPreference: self.attributes.view.localPreference ?? self.origin.defaultLocalPreference
        case .med: self.attributes.view.multiExitDiscriminator
        case .origin: (self.attributes.view.origin?.rawValue).map(UInt32.init)
        case .source: self.sourceNumber
        case .destination: self.destinationNumber
        case .preference: UInt32(self.local.preference)
        case .kernelMetric: self.local.kernelMetric
        case .onlyToCustomer: self.attributes.view.number(.onlyToCustomer)
        }
    }
}

extension ASPathView {
    /// The first number when the path begins with an AS_SEQUENCE, else 0.
    var firstNumber: UInt32 {
        guard self.bytes.byteCount >= 6, self.bytes.octet(0) == ASPath.Segment.Kind.sequence.rawValue,
            self.bytes.octet(1) > 0
        else { return 0 }
        return self.bytes.uint32(2)
    }

    /// The last number when the path ends with a sequence, else 0.
    var lastNumber: UInt32 {
        var result: UInt32 = 0
        self.forEachSegment { kind, numbers in
            guard numbers.byteCount >= 4 else { return }
            switch kind {
            case .sequence, .confederationSequence: result = numbers.uint32(numbers.byteCount &- 4)
            case .set, .confederationSet: result = 0
            }
        }
        return result
    }

    /// The last number before the first set, else 0.
    var lastNonaggregatedNumber: UInt32 {
        var result: UInt32 = 0
        var isEnded = false
        self.forEachSegment { kind, numbers in
            guard !isEnded, numbers.byteCount >= 4 else { return }
            switch kind {
            case .sequence, .confederationSequence: result = numbers.uint32(numbers.byteCount &- 4)
            case .set, .confederationSet: isEnded = true
            }
        }
        return result
    }

    /// Whether a number of the path is in a set.
    func meets(_ set: FilterRangeSet<UInt32>) -> Bool {
        var isFound = false
        self.forEachSegment { _, numbers in
            var offset = 0
            while !isFound, offset < numbers.byteCount {
                isFound = set.contains(numbers.uint32(offset))
                offset &+= 4
            }
        }
        return isFound
    }
}

extension PathAttributesView {
    func communitiesMeet(_ set: FilterRangeSet<Community>) -> Bool {
        guard let value = self.first(.communities)?.value else { return false }
        var offset = value.lowerBound
        while value.upperBound &- offset >= 4 {
            if set.contains(Community(rawValue: self.bytes.uint32(offset))) { return true }
            offset &+= 4
        }
        return false
    }

    func extendedCommunitiesHold(_ community: ExtendedCommunity) -> Bool {
        guard let value = self.first(.extendedCommunities)?.value else { return false }
        var offset = value.lowerBound
        while value.upperBound &- offset >= 8 {
            if self.bytes.uint64(offset) == community.rawValue { return true }
            offset &+= 8
        }
        return false
    }

    func extendedCommunitiesMeet(_ set: FilterRangeSet<ExtendedCommunity>) -> Bool {
        guard let value = self.first(.extendedCommunities)?.value else { return false }
        var offset = value.lowerBound
        while value.upperBound &- offset >= 8 {
            if set.contains(ExtendedCommunity(rawValue: self.bytes.uint64(offset))) { return true }
            offset &+= 8
        }
        return false
    }

    @inline(__always)
    private func largeCommunity(at offset: Int) -> LargeCommunity {
        LargeCommunity(
            globalAdministrator: self.bytes.uint32(offset),
            data1: self.bytes.uint32(offset &+ 4),
            data2: self.bytes.uint32(offset &+ 8)
        )
    }

    func largeCommunitiesHold(_ community: LargeCommunity) -> Bool {
        guard let value = self.first(.largeCommunities)?.value else { return false }
        var offset = value.lowerBound
        while value.upperBound &- offset >= 12 {
            if self.largeCommunity(at: offset) == community { return true }
            offset &+= 12
        }
        return false
    }

    func largeCommunitiesMeet(_ set: FilterRangeSet<LargeCommunity>) -> Bool {
        guard let value = self.first(.largeCommunities)?.value else { return false }
        var offset = value.lowerBound
        while value.upperBound &- offset >= 12 {
            if set.contains(self.largeCommunity(at: offset)) { return true }
            offset &+= 12
        }
        return false
    }
}
