import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Policy

@Suite("Answers from the octets of attributes")
struct FilterTestTests {
    typealias Generator = PrefixTableTests.Generator

    private static func route(_ generator: inout Generator) -> RouteDraft {
        var attributes = PathAttributes()
        func numbers() -> [ASNumber] {
            (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                ASNumber(rawValue: UInt32.random(in: 1...6, using: &generator))
            }
        }
        if Bool.random(using: &generator) {
            let kinds: [ASPath.Segment.Kind] = [.sequence, .sequence, .set, .confederationSequence]
            attributes.asPath = ASPath(
                segments: (0..<3).map { _ in
                    .init(kind: kinds.randomElement(using: &generator) ?? .sequence, numbers: numbers())
                }
            )
        }
        if Bool.random(using: &generator) {
            attributes.communities = numbers().map { Community(1, UInt16($0.rawValue)) }
            attributes.extendedCommunities = numbers().map { ExtendedCommunity(rawValue: UInt64($0.rawValue)) }
            attributes.largeCommunities = numbers().map {
                LargeCommunity(globalAdministrator: 1, data1: $0.rawValue, data2: 2)
            }
        }
        if Bool.random(using: &generator) { attributes.localPreference = UInt32.random(in: 1...6, using: &generator) }
        if Bool.random(using: &generator) {
            attributes.multiExitDiscriminator = UInt32.random(in: 1...6, using: &generator)
        }
        if Bool.random(using: &generator) { attributes.origin = .egp }
        return RouteDraft(
            prefix: generator.prefix(Bool.random(using: &generator)),
            origin: RouteOrigin(source: .bgp, protocolName: "p", defaultLocalPreference: 3),
            attributes: attributes,
            target: .blackhole,
            local: LocalAttributes(preference: 3)
        )
    }

    /// What one instruction answers, and the same question in a form that is computed from values.
    private static func questions(_ generator: inout Generator) -> [(FilterExpression, FilterExpression)] {
        let number = UInt32.random(in: 0...6, using: &generator)
        let range = number...UInt32.random(in: number...7, using: &generator)
        let attributes: [FilterExpression] = [
            .attribute(.bgpLocalPref), .attribute(.bgpMED), .attribute(.preference),
            .unary(.length, .attribute(.net)), .unary(.length, .attribute(.bgpPath)),
            .unary(.first, .attribute(.bgpPath)), .unary(.last, .attribute(.bgpPath)),
            .unary(.lastNonaggregated, .attribute(.bgpPath)), .unary(.length, .attribute(.bgpCommunity)),
        ]
        var pairs: [(FilterBinaryOperation, FilterExpression, FilterExpression)] = [
            (.match, .attribute(.net), .constant(.prefixSet(PrefixSet([.init(exactly: generator.prefix(true))])))),
            (.match, .constant(.int(number)), .attribute(.bgpPath)),
            (.match, .attribute(.bgpPath), .constant(.intSet(FilterRangeSet([range])))),
            (
                .match, .attribute(.bgpPath),
                .constant(.mask(PathMask([.anyRun, .number(FilterRangeSet([range])), .anyRun])))
            ),
            (.match, .constant(.pair(Community(1, UInt16(number)))), .attribute(.bgpCommunity)),
            (
                .match, .attribute(.bgpCommunity),
                .constant(
                    .pairSet(FilterRangeSet([Community(1, UInt16(number))...Community(1, UInt16(range.upperBound))]))
                )
            ),
            (.match, .constant(.ec(ExtendedCommunity(rawValue: UInt64(number)))), .attribute(.bgpExtCommunity)),
            (
                .match, .constant(.lc(LargeCommunity(globalAdministrator: 1, data1: number, data2: 2))),
                .attribute(.bgpLargeCommunity)
            ),
            (.equal, .attribute(.bgpOrigin), .constant(.enumeration(.origin, 1))),
            (.match, .attribute(.bgpOrigin), .constant(.enumerationSet(.origin, FilterRangeSet([0...1])))),
        ]
        for attribute in attributes {
            for operation: FilterBinaryOperation in [.equal, .notEqual, .less, .lessOrEqual] {
                pairs.append((operation, attribute, .constant(.int(number))))
                pairs.append((operation, .constant(.int(number)), attribute))
            }
            pairs.append((.match, attribute, .constant(.intSet(FilterRangeSet([range])))))
        }
        return pairs.map { operation, lhs, rhs in
            // A call hides from the compiler what the operand is.
            (.binary(operation, lhs, rhs), .binary(operation, .call(0, [lhs]), .call(0, [rhs])))
        }
    }

    @Test("They are the same as those computed from values", arguments: 0..<60 as Range<UInt64>)
    func agreement(seed: UInt64) {
        var generator = Generator(state: seed)
        let identity = FilterFunction(parameterCount: 1, slotCount: 1, body: [.result(.local(0))])
        for (fast, slow) in Self.questions(&generator) {
            var constant = FilterValue.undefined
            #expect(FilterTest(fast, constant: &constant) != nil)
            for _ in 0..<20 {
                var first = Self.route(&generator)
                var second = first
                let one = FilterProgram(accepting: fast).run(&first)
                let other = FilterProgram(accepting: slow, library: [identity]).run(&second)
                #expect(one.verdict == other.verdict, "\(fast) on \(first.attributes)")
                #expect((one.error == nil) == (other.error == nil))
            }
        }
    }

    @Test("Attributes of the host stay apart from BGP's and keep their values")
    func localAttributes() throws {
        var draft = RouteDraft(
            prefix: try #require(IPPrefix("10.0.0.0/8")),
            origin: RouteOrigin(source: .static, protocolName: "s"),
            attributes: PathAttributes(),
            target: .blackhole,
            local: LocalAttributes(preference: 200)
        )
        let values: [(FilterType, FilterValue)] = [
            (.int, .int(7)), (.quad, .quad(9)), (.ip, .ip(.v4(IPv4Address(rawValue: 5)))),
            (.string, .string("text")), (.bytestring, .bytestring([1, 2])), (.path, .path(ASPath(sequence: [1, 2]))),
            (.clist, .clist([Community(1, 2)])), (.eclist, .eclist([ExtendedCommunity(rawValue: 1 << 60 | 3)])),
            (.lclist, .lclist([LargeCommunity(globalAdministrator: 1, data1: 2, data2: 3)])),
        ]
        draft.attributes.origin = .igp
        for (index, (type, value)) in values.enumerated() {
            let attribute = FilterCustomAttribute(name: "a\(index)", type: type)
            #expect(draft.read(attribute) == type.emptyValue)
            try draft.write(value, to: attribute)
        }
        try draft.write(.enumeration(.scope, 1), to: .scope)
        for (index, (type, value)) in values.enumerated() {
            #expect(draft.read(FilterCustomAttribute(name: "a\(index)", type: type)) == value)
        }
        #expect(draft.read(.scope) == .enumeration(.scope, 1))
        #expect(draft.attributes.fields.map(\.name) == ["ORIGIN"])
        #expect(LocalAttributeList(of: draft.attributes).fields.map(\.name).contains("a3"))
        for (index, (type, _)) in values.enumerated() {
            try draft.unset(FilterCustomAttribute(name: "a\(index)", type: type))
        }
        try draft.write(.enumeration(.scope, 4), to: .scope)
        #expect(draft.attributes.elements.map(\.type) == [.origin])
    }
}
