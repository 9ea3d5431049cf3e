import BGPWire
import IPAddressing

/// Well-typed filters and routes from a seed, in the language that BIRD 2.0.12 reads.
///
/// Numbers are small, so that comparisons and sets are hit about as often as missed.
struct FilterGenerator {
    private var state: UInt64
    private var variables: [(name: String, type: Kind)] = []
    private var nextName = 0

    enum Kind: CaseIterable {
        case int, bool, pair, lc, ec, path, clist, lclist, eclist, prefix, ip

        var name: String {
            switch self {
            case .int: "int"
            case .bool: "bool"
            case .pair: "pair"
            case .lc: "lc"
            case .ec: "ec"
            case .path: "bgppath"
            case .clist: "clist"
            case .lclist: "lclist"
            case .eclist: "eclist"
            case .prefix: "prefix"
            case .ip: "ip"
            }
        }
    }

    /// Functions and attributes that programs use.
    static let definitions = """
        attribute int own_number; attribute clist own_list; attribute bgppath own_path;
        define SOME_NUMBERS = [ 1..3, 5, 64500..64510 ];
        define SOME_PAIRS = [ (1, 1..3), (2, *), (4..6, 7) ];
        function twice(int n) { return n * 2; }
        function is_long(bgppath p) { return p.len > 3; }
        function first_of(clist l) pair found; { found = (0, 0); for pair p in l do { if found = (0, 0) then found = p; } return found; }
        function climb(int n) { if n = 0 then return 0; if n > 20 then return n; return 1 + climb(n - 1); }

        """

    /// Whether routes and prefixes in programs are of IPv4.
    private let isIPv4: Bool

    init(seed: UInt64, isIPv4: Bool = true) {
        self.state = seed
        self.isIPv4 = isIPv4
    }

    private mutating func next(_ bound: Int) -> Int {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ value >> 31) % UInt64(bound))
    }

    private mutating func pick<T>(_ choices: [T]) -> T { choices[self.next(choices.count)] }

    // MARK: - Programs

    /// The statements of a program that mostly decides.
    mutating func program() -> String {
        self.variables = []
        var text = (0..<2 + self.next(6)).map { _ in self.statement(3) }.joined(separator: " ")
        text += self.next(8) == 0 ? "" : self.next(5) == 0 ? " reject;" : " accept;"
        return text
    }

    private mutating func block(_ depth: Int) -> String {
        let saved = self.variables
        defer { self.variables = saved }
        return "{ " + (0..<1 + self.next(3)).map { _ in self.statement(depth - 1) }.joined(separator: " ") + " }"
    }

    /// A branch of `case`; after a variable in one BIRD loses count of what it has on its stack.
    private mutating func branch() -> String {
        while true {
            let saved = self.variables
            let statement = self.statement(0)
            if self.variables.count == saved.count { return statement }
            self.variables = saved
        }
    }

    private mutating func statement(_ depth: Int) -> String {
        switch self.next(depth > 0 ? 16 : 10) {
        case 0: return "bgp_med = \(self.int(2));"
        case 1: return "bgp_local_pref = \(self.int(2));"
        case 2: return "bgp_path.prepend(\(1 + self.next(6)));"
        case 3: return "bgp_community.\(self.pick(["add", "delete"]))(\(self.pair(1)));"
        case 4:
            return self.pick([
                "bgp_community.\(self.pick(["delete", "filter"]))(\(self.pairSet()));",
                "bgp_large_community.\(self.pick(["delete", "filter"]))(\(self.largeSet()));",
                "bgp_ext_community.\(self.pick(["delete", "filter"]))([(rt, \(self.next(4)), *), (ro, 2, 0..3)]);",
                "bgp_path.\(self.pick(["delete", "filter"]))(\(self.intSet()));",
            ])
        case 5: return "bgp_large_community.\(self.pick(["add", "delete"]))(\(self.large(1)));"
        case 6: return "bgp_ext_community.\(self.pick(["add", "delete"]))(\(self.extended()));"
        case 7:
            return self.pick([
                "bgp_community = \(self.expression(.clist, 2));", "bgp_path = \(self.expression(.path, 2));",
                "own_number = \(self.int(2));", "own_list = \(self.expression(.clist, 2));",
                "own_path = \(self.expression(.path, 2));", "bgp_community.empty;", "unset(bgp_med);",
                "unset(bgp_large_community);", "bgp_origin = \(self.pick(["ORIGIN_IGP", "ORIGIN_EGP"]));",
                "preference = \(self.next(400));",
            ])
        case 8:
            let (name, type) = self.newVariable()
            let text = "\(type.name) \(name) = \(self.expression(type, 2));"
            self.variables.append((name, type))
            return text
        case 9:
            guard !self.variables.isEmpty else { return "own_number = \(self.int(1));" }
            let variable = self.pick(self.variables)
            return "\(variable.name) = \(self.expression(variable.type, 2));"
        case 10, 11:
            let other = self.next(2) == 0 ? " else \(self.block(depth))" : ""
            return "if \(self.bool(3)) then \(self.block(depth))\(other)"
        case 12: return "if \(self.bool(2)) then \(self.pick(["accept", "reject"]));"
        case 13:
            return "case \(self.int(2)) { 0: \(self.branch()) 1..3, 5: \(self.branch()) 100: \(self.branch())"
                + (self.next(2) == 0 ? " else: \(self.branch()) }" : " }")
        case 14:
            return "case \(self.pair(1)) { (1, 1): \(self.branch()) (1, 2..4), (3, *): \(self.branch()) }"
        default:
            let (name, _) = self.newVariable()
            let (type, list): (Kind, Kind) = self.pick([(.int, .path), (.pair, .clist), (.ec, .eclist), (.lc, .lclist)])
            let value = self.expression(list, 1)
            let saved = self.variables
            defer { self.variables = saved }
            self.variables.append((name, type))
            return "for \(type.name) \(name) in \(value) do \(self.block(depth))"
        }
    }

    private mutating func newVariable() -> (String, Kind) {
        self.nextName += 1
        return ("v\(self.nextName)x", self.pick(Kind.allCases))
    }

    // MARK: - Expressions

    private mutating func expression(_ type: Kind, _ depth: Int) -> String {
        let known = self.variables.filter { $0.type == type }
        if !known.isEmpty, self.next(3) == 0 { return self.pick(known).name }
        switch type {
        case .int: return self.int(depth)
        case .bool: return self.bool(depth)
        case .pair: return self.pair(depth)
        case .lc: return self.large(depth)
        case .ec: return self.extended()
        case .path:
            guard depth > 0 else { return self.pick(["bgp_path", "own_path", "+empty+"]) }
            return self.pick([
                "bgp_path", "bgp_path", "own_path",
                "prepend(\(self.expression(.path, depth - 1)), \(1 + self.next(6)))",
                "delete(\(self.expression(.path, depth - 1)), \(self.intSet()))",
                "filter(\(self.expression(.path, depth - 1)), \(self.intSet()))",
                "delete(\(self.expression(.path, depth - 1)), \(self.next(6)))",
            ])
        case .clist:
            guard depth > 0 else { return self.pick(["bgp_community", "own_list", "-empty-"]) }
            return self.pick([
                "bgp_community", "bgp_community", "own_list",
                "add(\(self.expression(.clist, depth - 1)), \(self.pair(0)))",
                "delete(\(self.expression(.clist, depth - 1)), \(self.pairSet()))",
                "filter(\(self.expression(.clist, depth - 1)), \(self.pairSet()))",
                "add(\(self.expression(.clist, depth - 1)), \(self.expression(.clist, depth - 1)))",
                "delete(\(self.expression(.clist, depth - 1)), \(self.expression(.clist, depth - 1)))",
                "filter(\(self.expression(.clist, depth - 1)), \(self.expression(.clist, depth - 1)))",
            ])
        case .lclist:
            guard depth > 0 else { return self.pick(["bgp_large_community", "---empty---"]) }
            return self.pick([
                "bgp_large_community", "add(\(self.expression(.lclist, depth - 1)), \(self.large(0)))",
                "delete(\(self.expression(.lclist, depth - 1)), \(self.largeSet()))",
                "filter(\(self.expression(.lclist, depth - 1)), \(self.expression(.lclist, 0)))",
            ])
        case .eclist:
            guard depth > 0 else { return self.pick(["bgp_ext_community", "--empty--"]) }
            return self.pick([
                "bgp_ext_community", "add(\(self.expression(.eclist, depth - 1)), \(self.extended()))",
                "delete(\(self.expression(.eclist, depth - 1)), [(rt, 1, 0..2)])",
            ])
        case .prefix:
            return self.pick(
                ["net", "net"]
                    + (self.isIPv4
                        ? ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24"]
                        : ["2001:db8::/32", "2001:db8:1::/48", "fd00::/8"])
            )
        case .ip: return self.pick(["net.ip", "10.1.0.1", "from", "net.ip.mask(\(self.next(33)))", "2001:db8::1"])
        }
    }

    private mutating func int(_ depth: Int) -> String {
        let known = self.variables.filter { $0.type == .int }
        if !known.isEmpty, self.next(3) == 0 { return self.pick(known).name }
        guard depth > 0 else { return self.pick(["0", "1", "2", "3", "5", "100", "0x10"]) }
        switch self.next(14) {
        case 0: return "bgp_med"
        case 1: return "bgp_local_pref"
        case 2: return "\(self.expression(.path, depth - 1)).len"
        case 3: return "\(self.expression(.path, depth - 1)).\(self.pick(["first", "last", "last_nonaggregated"]))"
        case 4: return "\(self.expression(.clist, depth - 1)).len"
        case 5: return "\(self.pair(depth - 1)).\(self.pick(["asn", "data"]))"
        case 6: return "\(self.large(depth - 1)).\(self.pick(["asn", "data1", "data2"]))"
        case 7:
            // Constants are divided while a configuration is read, which zero would end.
            let isDivision = self.next(4) == 0
            return "(\(self.int(depth - 1)) "
                + (isDivision
                    ? "/ \(self.pick(["own_number", "bgp_path.len", "bgp_med"])))"
                    : "\(self.pick(["+", "-", "*"])) \(self.int(depth - 1)))")
        case 8: return "twice(\(self.int(depth - 1)))"
        case 9: return "net.len"
        case 10: return "climb(\(self.next(12)))"
        case 11: return "own_number"
        case 12: return "\(self.expression(.clist, depth - 1)).\(self.pick(["min", "max"])).data"
        default: return self.int(0)
        }
    }

    private mutating func bool(_ depth: Int) -> String {
        guard depth > 0 else { return self.pick(["true", "false"]) }
        let comparison = self.pick(["=", "!=", "<", "<=", ">", ">="])
        switch self.next(20) {
        case 0, 1: return "\(self.int(depth - 1)) \(comparison) \(self.int(depth - 1))"
        case 2: return "(\(self.bool(depth - 1)) && \(self.bool(depth - 1)))"
        case 3: return "(\(self.bool(depth - 1)) || \(self.bool(depth - 1)))"
        case 4: return "!(\(self.bool(depth - 1)))"
        case 5 where !self.isIPv4:
            return "net ~ [ 2001:db8::/32{\(48 + self.next(20)),\(68 + self.next(20))}, fd00::/8+ ]"
        case 5: return "net ~ [ 10.0.0.0/8{\(16 + self.next(10)),\(26 + self.next(6))}, 192.0.2.0/24 ]"
        case 6: return "\(self.expression(.path, depth - 1)) \(self.pick(["~", "!~"])) \(self.mask())"
        case 7: return "\(self.expression(.path, depth - 1)) ~ \(self.intSet())"
        case 8: return "\(self.int(depth - 1)) ~ \(self.expression(.path, depth - 1))"
        case 9: return "\(self.expression(.clist, depth - 1)) ~ \(self.pairSet())"
        case 10: return "\(self.pair(depth - 1)) ~ \(self.expression(.clist, depth - 1))"
        case 11: return "\(self.large(depth - 1)) ~ \(self.expression(.lclist, depth - 1))"
        case 12: return "\(self.expression(.lclist, depth - 1)) ~ \(self.largeSet())"
        case 13: return "\(self.extended()) ~ \(self.expression(.eclist, depth - 1))"
        case 14:
            // Of a list that was emptied element by element BIRD says that it is defined.
            return "defined(\(self.pick(["bgp_med", "own_number"])))"
        case 15: return "\(self.pair(depth - 1)) \(comparison) \(self.pair(depth - 1))"
        case 16: return "\(self.large(depth - 1)) \(comparison) \(self.large(depth - 1))"
        case 17: return "is_long(\(self.expression(.path, depth - 1)))"
        case 18: return "\(self.expression(.ip, depth - 1)) ~ \(self.expression(.prefix, 0))"
        default: return "\(self.int(depth - 1)) ~ \(self.intSet())"
        }
    }

    private mutating func pair(_ depth: Int) -> String {
        let known = self.variables.filter { $0.type == .pair }
        if !known.isEmpty, self.next(3) == 0 { return self.pick(known).name }
        guard depth > 0 else { return "(\(1 + self.next(4)), \(self.next(5)))" }
        return self.pick([
            "(\(self.int(0)), \(self.int(depth - 1)))",
            "\(self.expression(.clist, depth - 1)).\(self.pick(["min", "max"]))",
            "first_of(\(self.expression(.clist, depth - 1)))", "(\(1 + self.next(4)), \(self.next(5)))",
        ])
    }

    private mutating func large(_ depth: Int) -> String {
        let known = self.variables.filter { $0.type == .lc }
        if !known.isEmpty, self.next(3) == 0 { return self.pick(known).name }
        return self.next(3) == 0 && depth > 0
            ? "(\(self.int(depth - 1)), 2, \(self.int(0)))" : "(1, \(self.next(3)), \(self.next(3)))"
    }

    private mutating func extended() -> String {
        let known = self.variables.filter { $0.type == .ec }
        if !known.isEmpty, self.next(3) == 0 { return self.pick(known).name }
        return self.pick([
            "(rt, \(self.next(4)), \(self.next(4)))", "(ro, \(self.next(4)), \(self.next(4)))",
            "(rt, 70000, \(self.next(4)))", "(ro, 192.0.2.1, \(self.next(4)))",
        ])
    }

    private mutating func intSet() -> String {
        self.pick(["[ 1, 3..5 ]", "SOME_NUMBERS", "[ 2 ]", "[ 0..1, 100..200 ]", "[ 6..4000000000 ]"])
    }

    private mutating func pairSet() -> String {
        self.pick([
            "[ (1, *) ]", "SOME_PAIRS", "[ (1..3, 2) ]", "[ (*, 0..1), (4, 4) ]", "[ (2,1)..(2,3) ]",
            "[ (1,1), (2,2) ]",
        ])
    }

    private mutating func largeSet() -> String {
        self.pick(["[ (1, *, *) ]", "[ (1, 1, *), (1, 2, 0..1) ]", "[ (1, 0..1, *) ]", "[ (1, 2, 2) ]"])
    }

    private mutating func mask() -> String {
        let parts = ["*", "?", "1", "2..4", "[1, 5]", "64513", "3", "*"]
        var text = "[= "
        for _ in 0..<1 + self.next(5) {
            let part = self.pick(parts)
            text += part + (part != "*" && self.next(5) == 0 ? " + " : " ")
        }
        return text + "=]"
    }

    // MARK: - Routes

    /// A route of a program: within 10.PROGRAM.0.0/16, each of another index elsewhere.
    mutating func route(program: UInt32, index: UInt32) -> (
        prefix: IPv4Prefix, edit: @Sendable (inout PathAttributes) -> Void
    ) {
        let prefix = IPv4Prefix(
            address: IPv4Address(rawValue: 10 << 24 | program << 16 | index << 8),
            length: UInt8(24 + self.next(9))
        )
        return (prefix, self.attributes())
    }

    /// The same of IPv6, within 2001:db8:PROGRAM::/48.
    mutating func route6(program: UInt64, index: UInt64) -> (
        prefix: IPv6Prefix, edit: @Sendable (inout PathAttributes) -> Void
    ) {
        let prefix = IPv6Prefix(
            address: IPv6Address(high: 0x2001_0DB8_0000_0000 | program << 16 | index, low: 0),
            length: UInt8(64 + self.next(65))
        )
        return (prefix, self.attributes())
    }

    private mutating func attributes() -> @Sendable (inout PathAttributes) -> Void {
        var attributes = PathAttributes()
        attributes.origin = [.igp, .egp, .incomplete][self.next(3)]
        let sequence: [ASNumber] =
            [64513] + (0..<self.next(5)).map { _ in ASNumber(rawValue: UInt32(1 + self.next(6))) }
        attributes.asPath = ASPath(sequence: sequence)
        if self.next(4) == 0 {
            // Aggregates end with a set, and now and then with a sequence behind it.
            let set = self.distinct { ASNumber(rawValue: UInt32(1 + $0.next(6))) }.sorted { $0.rawValue < $1.rawValue }
            var segments = [ASPath.Segment(kind: .sequence, numbers: sequence)]
            if !set.isEmpty { segments.append(.init(kind: .set, numbers: set)) }
            if self.next(4) == 0 { segments.append(.init(kind: .sequence, numbers: [ASNumber(rawValue: 3)])) }
            attributes.asPath = ASPath(segments: segments)
        }
        if self.next(2) == 0 { attributes.multiExitDiscriminator = UInt32(self.next(6)) }
        attributes.communities = self.distinct { Community(UInt16(1 + $0.next(4)), UInt16($0.next(5))) }
        attributes.largeCommunities = self.distinct {
            LargeCommunity(globalAdministrator: 1, data1: UInt32($0.next(3)), data2: UInt32($0.next(3)))
        }
        attributes.extendedCommunities = self.distinct {
            ExtendedCommunity(rawValue: UInt64(2 + $0.next(2)) << 48 | UInt64($0.next(4)) << 32 | UInt64($0.next(4)))
        }
        return { [attributes] in $0 = attributes }
    }

    private mutating func distinct<T: Hashable>(_ make: (inout FilterGenerator) -> T) -> [T] {
        var result: [T] = []
        for _ in 0..<self.next(5) {
            let one = make(&self)
            if !result.contains(one) { result.append(one) }
        }
        return result
    }
}
