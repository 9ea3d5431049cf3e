internal import IPAddressing
public import Resources

/// One direction and family of a BGPFilter as a function of the filter language.
///
/// A route that no rule is about falls through, so that what is called next decides.
public struct FilterFunction: Hashable, Sendable {
    /// Its name without quotes, at most 64 characters.
    public var name: String
    /// Name of the BGPFilter.
    public var filter: String
    /// Which way its routes go.
    public var direction: BGPFilter.Direction
    /// Whether it must be told if both ends of the session are in one AS.
    public var takesPeerType: Bool
    /// Its statements, one a line, in words that BIRD 1.6 and BIRD 2 share.
    public var statements: [String]

    /// Translates the rules of one direction and family; nil when there are none.
    public init?(_ filter: BGPFilter, _ direction: BGPFilter.Direction, isIPv4: Bool) {
        let rules = filter.rules(direction, isIPv4: isIPv4)
        guard !rules.isEmpty else { return nil }
        self.name = Self.name(filter.metadata.name, direction, isIPv4: isIPv4)
        self.filter = filter.metadata.name
        self.direction = direction
        self.takesPeerType = rules.contains { $0.peerType != nil }
        self.statements = rules.compactMap(\.statement)
    }

    /// Longest name of a function that BIRD reads.
    private static let longestName = 64

    /// `bgp_<filter>_importFilterV4` and so on; a filter's name that makes it too long is cut and gets a hash.
    static func name(_ filter: String, _ direction: BGPFilter.Direction, isIPv4: Bool) -> String {
        let suffix = "_\(direction.rawValue)FilterV\(isIPv4 ? 4 : 6)"
        let room = self.longestName - 4 - suffix.utf8.count
        guard filter.utf8.count > room || !filter.utf8.allSatisfy(self.isPlain) else { return "bgp_\(filter)\(suffix)" }
        let digits = Array("0123456789ABCDEF")
        let hash = SHA256.digest(of: filter).prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        let start = filter.utf8.prefix(room - 17).filter(self.isPlain)
        return "bgp_\(String(decoding: start, as: UTF8.self))_\(String(hash))\(suffix)"
    }

    /// What the decoder lets into a name; a name from elsewhere must not end a quoted symbol.
    private static func isPlain(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension BGPFilter.Rule {
    /// The largest metric; LOCAL_PREF is this minus the metric.
    private static let largestPriority: UInt32 = 2_147_483_647

    /// The rule as one statement; nil when no route can meet it.
    fileprivate var statement: String? {
        var conditions: [String] = []
        if let prefix = self.prefix {
            switch prefix.condition {
            case .never: return nil
            case .always: break
            case .text(let text): conditions.append(text)
            }
        }
        if self.isFromRemotePeers { conditions.append("((defined(source))&&(source ~ [ RTS_BGP ]))") }
        if let pattern = self.interface { conditions.append("((defined(ifname))&&(ifname ~ \"\(pattern)\"))") }
        switch self.community {
        case .standard(let high, let low)?: conditions.append("((\(high), \(low)) ~ bgp_community)")
        case .large(let global, let first, let second)?:
            conditions.append("((\(global), \(first), \(second)) ~ bgp_large_community)")
        case nil: break
        }
        if !self.pathPrefix.isEmpty {
            let numbers = self.pathPrefix.map(\.description).joined(separator: " ")
            conditions.append("(bgp_path ~ [= \(numbers) * =])")
        }
        if let priority = self.priority {
            let preference = Self.largestPriority - min(priority, Self.largestPriority)
            conditions.append("(defined(bgp_local_pref)&&(bgp_local_pref = \(preference)))")
        }
        let changes = self.operations.flatMap(\.statements)
        let body = (changes + [self.action == .accept ? "accept;" : "reject;"]).joined(separator: " ")
        let statement = conditions.isEmpty ? body : "if (\(conditions.joined(separator: "&&"))) then { \(body) }"
        return switch self.peerType {
        case .internal?: "if (is_same_as) then { \(statement) }"
        case .external?: "if (!is_same_as) then { \(statement) }"
        case nil: statement
        }
    }
}

extension BGPFilter.PrefixMatch {
    fileprivate enum Condition {
        case always
        case never
        case text(String)
    }

    /// With bounds of the length, `Equal` asks what `In` asks, and `NotEqual` what `NotIn` asks.
    fileprivate var condition: Condition {
        guard let lengths = self.lengths else {
            let comparison =
                switch self.matchOperator {
                case .equal: "="
                case .notEqual: "!="
                case .in: "~"
                case .notIn: "!~"
                }
            return .text("(net \(comparison) \(self.spelling ?? self.cidr.description))")
        }
        let minimum = max(self.cidr.length, lengths.minimum ?? 0)
        let maximum = min(self.cidr.isIPv4 ? 32 : 128, lengths.maximum ?? 128)
        let isInside = self.matchOperator == .equal || self.matchOperator == .in
        guard minimum <= maximum else { return isInside ? .never : .always }
        let prefix = self.spelling ?? self.cidr.description
        return .text("(net \(isInside ? "~" : "!~") [ \(prefix){\(minimum),\(maximum)} ])")
    }
}

extension BGPFilter.Operation {
    /// Numbers are prepended from the last to the first, so that the path begins with the first.
    fileprivate var statements: [String] {
        switch self {
        case .addCommunity(.standard(let high, let low)): ["bgp_community.add((\(high), \(low)));"]
        case .addCommunity(.large(let global, let first, let second)):
            ["bgp_large_community.add((\(global), \(first), \(second)));"]
        case .prependASPath(let numbers): numbers.reversed().map { "bgp_path.prepend(\($0));" }
        case .setPriority(let value): ["bgp_local_pref = \(2_147_483_647 - min(value, 2_147_483_647));"]
        }
    }
}
