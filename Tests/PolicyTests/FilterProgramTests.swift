import BGPWire
import IPAddressing
import RouteModel
import Testing

@testable import Policy

@Suite("Compiled filters")
struct FilterProgramTests {
    private static func draft() -> RouteDraft {
        RouteDraft(
            prefix: .v4(IPv4Prefix(address: IPv4Address(10, 1, 2, 0), length: 24)),
            origin: RouteOrigin(source: .bgp, protocolName: "peer"),
            attributes: PathAttributes(),
            target: .blackhole,
            local: LocalAttributes(preference: 100)
        )
    }

    private static let isBGP = FilterExpression.binary(
        .equal,
        .attribute(.source),
        .constant(.enumeration(.source, FilterConstants.rtsBGP))
    )

    @Test("A condition that is always true is import all, one that never holds import none")
    func folding() {
        #expect(FilterProgram(accepting: .constant(.bool(true))) == .acceptAll)
        #expect(FilterProgram(accepting: .constant(.bool(false))) == .rejectAll)
        let sum = FilterExpression.folding(.add, .constant(.int(2)), .constant(.int(3)))
        #expect(FilterProgram(accepting: .folding(.equal, sum, .constant(.int(5)))) == .acceptAll)
        #expect(FilterProgram.acceptAll.constantVerdict == .accept)
        #expect(FilterProgram.rejectAll.constantVerdict == .reject)
    }

    @Test("Programs are equal when their statements are, whatever else the library holds")
    func equality() {
        let helper = FilterFunction(parameterCount: 0, slotCount: 0, body: [.result(Self.isBGP)])
        let unused = FilterFunction(parameterCount: 0, slotCount: 0, body: [.reject])
        let first = FilterProgram(accepting: .call(0, []), library: [helper])
        let second = FilterProgram(accepting: .call(1, []), library: [unused, helper])
        #expect(first == second)
        #expect(first.hashValue == second.hashValue)
        #expect(first != FilterProgram(accepting: .call(0, []), library: [unused]))
    }

    @Test("Dependencies name what is read beside the attributes, and nothing that was folded away")
    func dependencies() {
        #expect(FilterProgram(accepting: Self.isBGP).dependencies == [.origin])
        let length = FilterExpression.unary(.length, .attribute(.net))
        #expect(FilterProgram([.set(.krtMetric, length), .accept]).dependencies == [.prefix])
        #expect(FilterProgram([.set(.bgpMED, .constant(.int(1))), .accept]).dependencies == [])
        let folded = FilterExpression.conjunction(.constant(.bool(false)), Self.isBGP)
        #expect(FilterProgram(accepting: folded).dependencies == [])
    }

    @Test("bgp_local_pref reads the session's default on a BGP route without one, and stays undefined on others")
    func defaultLocalPreference() {
        var draft = Self.draft()
        #expect(draft.read(.bgpLocalPref) == .undefined)
        let origin = RouteOrigin(source: .bgp, protocolName: "peer", defaultLocalPreference: 100)
        draft = RouteDraft(
            prefix: draft.prefix,
            origin: origin,
            attributes: draft.attributes,
            target: draft.target,
            local: draft.local
        )
        #expect(draft.read(.bgpLocalPref) == .int(100))
        #expect(draft.attributes.localPreference == nil)
        draft.attributes.localPreference = 7
        #expect(draft.read(.bgpLocalPref) == .int(7))
        let reads = FilterProgram(accepting: .binary(.equal, .attribute(.bgpLocalPref), .constant(.int(100))))
        #expect(reads.dependencies == [.origin])
    }

    @Test("A filter that ends without a verdict rejects and says so")
    func noVerdict() {
        var draft = Self.draft()
        let outcome = FilterProgram([.set(.bgpMED, .constant(.int(1)))]).run(&draft)
        #expect(outcome == FilterOutcome(verdict: .reject, error: .noVerdict))
    }

    @Test("Operations on long lists count by their work, so that a filter ends in bounded time")
    func longLists() {
        var draft = Self.draft()
        draft.attributes.communities = (0..<4000).map { Community(1, UInt16($0)) }
        let list = FilterExpression.attribute(.bgpCommunity)
        let work = FilterStatement.set(.bgpCommunity, .binary(.filter, list, list))
        #expect(FilterProgram([.evaluate(list), .accept]).run(&draft).verdict == .accept)
        let outcome = FilterProgram([work, .accept]).run(&draft)
        #expect(outcome == FilterOutcome(verdict: .reject, error: .tooManyInstructions))
        let reads = [FilterStatement](repeating: .evaluate(list), count: 10_000) + [.accept]
        #expect(FilterProgram(reads).run(&draft).error == .tooManyInstructions)
    }

    @Test("Conjunctions and disjunctions of a list drop neutral terms and stop at one that decides")
    func flatLists() {
        let (yes, no) = (FilterExpression.constant(.bool(true)), FilterExpression.constant(.bool(false)))
        let isBGP = Self.isBGP
        #expect(FilterExpression.conjunction(of: []) == yes)
        #expect(FilterExpression.disjunction(of: []) == no)
        #expect(FilterExpression.conjunction(yes, isBGP, yes) == isBGP)
        #expect(FilterExpression.disjunction(no, isBGP, no) == isBGP)
        #expect(FilterExpression.conjunction(no, isBGP) == no)
        #expect(FilterExpression.disjunction(yes, isBGP) == yes)
        #expect(FilterExpression.conjunction(.and([isBGP, isBGP]), isBGP) == .and([isBGP, isBGP, isBGP]))
    }

    @Test("Endless recursion rejects and says so")
    func recursion() {
        let endless = FilterFunction(parameterCount: 0, slotCount: 0, body: [.evaluate(.call(0, []))])
        var draft = Self.draft()
        let outcome = FilterProgram([.evaluate(.call(0, [])), .accept], library: [endless]).run(&draft)
        #expect(outcome == FilterOutcome(verdict: .reject, error: .callsTooDeep))
    }

    @Test("Exponential recursion stops after a bounded number of instructions")
    func instructionLimit() {
        let decrement = FilterExpression.binary(.subtract, .local(0), .constant(.int(1)))
        let call = FilterStatement.evaluate(.call(0, [decrement]))
        let isZero = FilterExpression.binary(.equal, .local(0), .constant(.int(0)))
        let stop = FilterBranch(condition: isZero, body: [.result(nil)])
        let tree = FilterFunction(
            parameterCount: 1,
            slotCount: 1,
            body: [.conditional([stop], otherwise: []), call, call]
        )
        var draft = Self.draft()
        let program = FilterProgram([.evaluate(.call(0, [.constant(.int(50))])), .accept], library: [tree])
        #expect(program.run(&draft) == FilterOutcome(verdict: .reject, error: .tooManyInstructions))
    }

    @Test("A preference that does not fit rejects instead of wrapping")
    func preferenceRange() {
        var draft = Self.draft()
        let outcome = FilterProgram([.set(.preference, .constant(.int(70_000))), .accept]).run(&draft)
        #expect(outcome == FilterOutcome(verdict: .reject, error: .outOfRange("preference")))
    }

    @Test("An absent number orders before all others, and cannot be computed with")
    func undefinedNumbers() throws {
        #expect(try FilterBinaryOperation.less.apply(.undefined, .int(0)) == .bool(true))
        #expect(try FilterBinaryOperation.less.apply(.int(0), .undefined) == .bool(false))
        #expect(try FilterBinaryOperation.equal.apply(.undefined, .int(0)) == .bool(false))
        #expect((try? FilterBinaryOperation.add.apply(.undefined, .int(0))) == nil)
    }
}

@Suite("Sets and masks")
struct FilterSetTests {
    private static func prefix(_ text: String) -> IPPrefix {
        IPPrefix(text) ?? .v4(IPv4Prefix(address: .any, length: 0))
    }

    @Test(
        "A prefix pattern matches lengths in its range that agree on the common bits",
        arguments: [
            ("10.0.0.0/8", 8...32, "10.1.0.0/16", true), ("10.0.0.0/8", 8...8, "10.1.0.0/16", false),
            ("10.0.0.0/8", 0...8, "0.0.0.0/0", true), ("10.0.0.0/8", 0...8, "11.0.0.0/8", false),
            ("10.0.0.0/8", 16...24, "10.0.0.0/8", false), ("10.1.2.128/25", 8...23, "10.1.2.0/23", true),
            ("10.1.2.128/25", 24...24, "10.1.3.0/24", false), ("2001:db8::/32", 128...128, "2001:db8::1/128", true),
            ("2001:db8::/32", 32...127, "2001:db8::1/128", false), ("10.0.0.0/8", 0...32, "a00::/8", false),
        ] as [(String, ClosedRange<UInt8>, String, Bool)]
    )
    func patterns(_ pattern: String, _ lengths: ClosedRange<UInt8>, _ candidate: String, _ expected: Bool) {
        let set = PrefixSet([
            PrefixSet.Pattern(prefix: Self.prefix(pattern), low: lengths.lowerBound, high: lengths.upperBound)
        ])
        #expect(set.contains(Self.prefix(candidate)) == expected)
    }

    @Test("Overlapping ranges of a set become one")
    func ranges() {
        let set = FilterRangeSet<UInt32>([5...9, 1...3, 2...6])
        #expect(set == FilterRangeSet([1...9]))
        #expect((0...10).map { set.contains($0) } == [false] + Array(repeating: true, count: 9) + [false])
    }

    @Test("An AS_SET stands for any sequence of its numbers")
    func maskWithSet() {
        let path = ASPath(segments: [
            .init(kind: .sequence, numbers: [1, 2]), .init(kind: .set, numbers: [3, 4]),
        ])
        func one(_ number: UInt32) -> PathMask.Element { .number(FilterRangeSet([number...number])) }
        #expect(PathMask([one(1), one(2), one(4)]).matches(path))
        #expect(PathMask([.anyRun, one(3)]).matches(path))
        #expect(PathMask([one(1), one(2), one(3), one(4), one(3)]).matches(path))
        #expect(!PathMask([one(1), one(2), one(3), one(5)]).matches(path))
        #expect(!PathMask([one(1), one(2)]).matches(path))
        #expect(PathMask([.anyOne, .repeatPrevious]).matches(path))
        #expect(!PathMask([one(1), .anyOne]).matches(path))
        #expect(PathMask([.anyRun]).matches(ASPath()))
    }

    @Test("CVE-2026-49943, BIRD: a mask reads paths of any length, as an extended message may carry them")
    func longPathMask() {
        let one = PathMask.Element.number(FilterRangeSet([65001...65001]))
        let numbers = Array(repeating: ASNumber(rawValue: 65001), count: 10_000)
        let path = ASPath(
            segments: stride(from: 0, to: numbers.count, by: 250).map { start in
                .init(kind: start % 500 == 0 ? .sequence : .set, numbers: Array(numbers[start..<start + 250]))
            }
        )
        #expect(PathMask([one, .repeatPrevious]).matches(path))
        #expect(PathMask([.anyRun, one, .anyRun]).matches(path))
        #expect(!PathMask([one, one, one]).matches(path))
        #expect(PathMask(Array(repeating: .anyRun, count: 200) + [one]).matches(path))
    }

    @Test(
        "Globs match whole names",
        arguments: [
            ("cali*", "cali12", true), ("*.cali", "vxlan.cali", true), ("e?h0", "eth0", true), ("eth", "eth0", false),
            ("", "", true), ("*a*b*", "xxaxxb", true), ("*a*b", "abx", false),
        ]
    )
    func globs(_ pattern: String, _ name: String, _ expected: Bool) {
        #expect(GlobPattern(pattern).matches(name) == expected)
    }
}
