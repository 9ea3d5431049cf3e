import BGPWire
import IPAddressing
import Policy

/// Sets and path masks: all of their parts are constants.
extension Parser {
    /// What the elements of a set are, collected until the bracket closes.
    private struct SetElements {
        var numbers: [ClosedRange<UInt32>] = []
        var pairs: [ClosedRange<Community>] = []
        var addresses: [ClosedRange<IPAddress>] = []
        var enumerations: [ClosedRange<UInt32>] = []
        var distinguishers: [ClosedRange<UInt64>] = []
        var extended: [ClosedRange<ExtendedCommunity>] = []
        var large: [ClosedRange<LargeCommunity>] = []
        var prefixes: [PrefixSet.Pattern] = []
        var type: FilterType?

        var value: FilterValue {
            switch self.type {
            case .int: .intSet(FilterRangeSet(self.numbers))
            case .pair: .pairSet(FilterRangeSet(self.pairs))
            case .quad: .quadSet(FilterRangeSet(self.numbers))
            case .ip: .ipSet(FilterRangeSet(self.addresses))
            case .enumeration(let kind): .enumerationSet(kind, FilterRangeSet(self.enumerations))
            case .rd: .rdSet(FilterRangeSet(self.distinguishers))
            case .ec: .ecSet(FilterRangeSet(self.extended))
            case .lc: .lcSet(FilterRangeSet(self.large))
            case .prefix: .prefixSet(PrefixSet(self.prefixes))
            default: .emptySet
            }
        }
    }

    /// `[ … ]`.
    mutating func parseSet() throws(SyntaxError) -> FilterValue {
        try self.enter()
        defer { self.leave() }
        try self.expect(.openBracket)
        var elements = SetElements()
        if self.accept(.closeBracket) { return elements.value }
        repeat {
            try self.parseElement(into: &elements)
        } while self.accept(.comma)
        try self.expect(.closeBracket, "after the set's elements")
        return elements.value
    }

    /// The values before the colon of a `case` branch, as a set.
    mutating func parseChoiceValues() throws(SyntaxError) -> FilterValue {
        var elements = SetElements()
        repeat {
            try self.parseElement(into: &elements)
        } while self.accept(.comma)
        return elements.value
    }

    private mutating func parseElement(into elements: inout SetElements) throws(SyntaxError) {
        let start = self.location
        switch self.token.kind {
        case .ipv4 where self.peek(1).kind == .mark(.slash), .ipv6 where self.peek(1).kind == .mark(.slash):
            try self.note(.prefix, in: &elements, at: start)
            let pattern = try self.parsePattern()
            if let first = elements.prefixes.first, first.prefix.isIPv4 != pattern.prefix.isIPv4 {
                throw self.fail(start, "IPv4 and IPv6 prefixes cannot be in one set")
            }
            // Each shorter length that a pattern allows is an entry of its own.
            let own = Int(pattern.prefix.length)
            try self.charge(64 * max(0, min(own, Int(pattern.high) + 1) - Int(pattern.low)), at: start)
            elements.prefixes.append(pattern)
        case .mark(.openParenthesis):
            try self.parseTuple(into: &elements)
        default:
            let low = try self.parseConstant("an element of the set").value
            let high = self.accept(.ellipsis) ? try self.parseConstant("the end of the range").value : low
            try self.insert(low, high, into: &elements, at: start)
        }
    }

    private func note(_ type: FilterType, in elements: inout SetElements, at location: Location) throws(SyntaxError) {
        if let old = elements.type, old != type {
            throw self.fail(location, "a set cannot have elements of type \(old) and \(type)")
        }
        elements.type = type
    }

    private func insert(_ low: FilterValue, _ high: FilterValue, into elements: inout SetElements, at start: Location)
        throws(SyntaxError)
    {
        func range<T: Comparable>(_ low: T, _ high: T) throws(SyntaxError) -> ClosedRange<T> {
            guard low <= high else { throw self.fail(start, "the range is empty: it ends before it begins") }
            return low...high
        }
        guard low.type == high.type else { throw self.fail(start, "both ends of a range must be of one type") }
        switch low.type {
        case let type where type.isSetElement: break
        default: throw self.fail(start, "a value of type \(low.type) cannot be an element of a set")
        }
        try self.note(low.type, in: &elements, at: start)
        switch (low, high) {
        case (.int(let a), .int(let b)), (.quad(let a), .quad(let b)): elements.numbers.append(try range(a, b))
        case (.pair(let a), .pair(let b)): elements.pairs.append(try range(a, b))
        case (.ip(let a), .ip(let b)):
            guard a.isIPv4 == b.isIPv4 else { throw self.fail(start, "both ends of a range must be of one family") }
            elements.addresses.append(try range(a, b))
        case (.enumeration(_, let a), .enumeration(_, let b)): elements.enumerations.append(try range(a, b))
        case (.rd(let a), .rd(let b)): elements.distinguishers.append(try range(a, b))
        case (.ec(let a), .ec(let b)): elements.extended.append(try range(a, b))
        case (.lc(let a), .lc(let b)): elements.large.append(try range(a, b))
        default: break
        }
    }

    /// `prefix`, `prefix+`, `prefix-`, `prefix{low,high}`.
    private mutating func parsePattern() throws(SyntaxError) -> PrefixSet.Pattern {
        let prefix = try self.parsePrefixLiteral()
        let longest: UInt8 = prefix.isIPv4 ? 32 : 128
        if self.accept(.plus) { return PrefixSet.Pattern(prefix: prefix, low: prefix.length, high: longest) }
        if self.accept(.minus) { return PrefixSet.Pattern(prefix: prefix, low: 0, high: prefix.length) }
        guard self.accept(.openBrace) else { return PrefixSet.Pattern(exactly: prefix) }
        let start = self.location
        let low: UInt8 = try self.parseNumber("prefix length", in: 0...longest)
        try self.expect(.comma)
        let high: UInt8 = try self.parseNumber("prefix length", in: 0...longest)
        guard low <= high else { throw self.fail(start, "the range of lengths is empty") }
        try self.expect(.closeBrace)
        return PrefixSet.Pattern(prefix: prefix, low: low, high: high)
    }

    /// One part of a community pattern.
    private struct Part {
        var low: UInt32
        var high: UInt32
        var isAny: Bool
        var location: Location
        var isRange: Bool { self.low != self.high }
    }

    private mutating func parsePart(isKey: Bool = false) throws(SyntaxError) -> (part: Part, isAddress: Bool) {
        let start = self.location
        if self.accept(.star) { return (Part(low: 0, high: .max, isAny: true, location: start), false) }
        let (low, isAddress) = try self.parsePartNumber(isKey: isKey)
        guard self.accept(.ellipsis) else {
            return (Part(low: low, high: low, isAny: false, location: start), isAddress)
        }
        let (high, _) = try self.parsePartNumber(isKey: false)
        guard low <= high else { throw self.fail(start, "the range is empty: it ends before it begins") }
        return (Part(low: low, high: high, isAny: false, location: start), isAddress)
    }

    private mutating func parsePartNumber(isKey: Bool) throws(SyntaxError) -> (number: UInt32, isAddress: Bool) {
        let location = self.location
        var scope = FilterScope.constant
        let term = try self.parseExpression(&scope)
        guard let value = term.expression.constantValue else {
            throw self.fail(location, term.expression.constantError?.description ?? "expected a number, a range or '*'")
        }
        switch value {
        case .int(let number): return (number, false)
        case .ip(.v4(let address)) where isKey: return (address.rawValue, true)
        default: throw self.fail(location, "expected a number, found a value of type \(value.type)")
        }
    }

    private mutating func parseTuple(into elements: inout SetElements) throws(SyntaxError) {
        let start = self.location
        let mark = self.index
        try self.expect(.openParenthesis)
        if let kind = try self.acceptCommunityKind() {
            return try self.parseExtended(kind, into: &elements, at: start)
        }
        let first = try self.parsePart().part
        if self.sees(.closeParenthesis), !first.isAny, !first.isRange {
            // A number in parentheses, perhaps the beginning of a range.
            self.advance()
            let high = self.accept(.ellipsis) ? try self.parseConstant("the end of the range").value : .int(first.low)
            return try self.insert(.int(first.low), high, into: &elements, at: start)
        }
        guard self.accept(.comma) else {
            // Some other expression in parentheses.
            self.index = mark
            let low = try self.parseConstant("an element of the set").value
            let high = self.accept(.ellipsis) ? try self.parseConstant("the end of the range").value : low
            return try self.insert(low, high, into: &elements, at: start)
        }
        let second = try self.parsePart().part
        if self.accept(.comma) {
            let third = try self.parsePart().part
            try self.expect(.closeParenthesis)
            if self.accept(.ellipsis) {
                let (end, location) = try self.parseConstant("the end of the range")
                guard case .lc(let high) = end, ![first, second, third].contains(where: { $0.isAny || $0.isRange })
                else { throw self.fail(location, "expected a large community as the end of the range") }
                let low = LargeCommunity(globalAdministrator: first.low, data1: second.low, data2: third.low)
                return try self.insert(.lc(low), .lc(high), into: &elements, at: start)
            }
            return try self.insertLarge(first, second, third, into: &elements, at: start)
        }
        try self.expect(.closeParenthesis)
        try self.note(.pair, in: &elements, at: start)
        if self.accept(.ellipsis) {
            let (end, location) = try self.parseConstant("the end of the range")
            guard case .pair(let high) = end, let a = UInt16(exactly: first.low), let b = UInt16(exactly: second.low),
                !first.isRange, !second.isRange
            else { throw self.fail(location, "expected a pair as the end of the range") }
            return try self.insert(.pair(Community(a, b)), .pair(high), into: &elements, at: start)
        }
        try self.insertPairs(first, second, into: &elements)
    }

    private mutating func insertPairs(_ first: Part, _ second: Part, into elements: inout SetElements)
        throws(SyntaxError)
    {
        func half(_ part: Part) throws(SyntaxError) -> ClosedRange<UInt16> {
            if part.isAny { return 0...UInt16.max }
            guard let low = UInt16(exactly: part.low), let high = UInt16(exactly: part.high) else {
                throw self.fail(part.location, "half of a pair is out of range (0 to 65535)")
            }
            return low...high
        }
        let (high, low) = (try half(first), try half(second))
        if low == 0...UInt16.max {
            elements.pairs.append(Community(high.lowerBound, 0)...Community(high.upperBound, .max))
            return
        }
        try self.charge(16 * high.count, at: first.location)
        // One range for each first half; a set of all 65,536 of them is legitimate but rare.
        for value in high {
            elements.pairs.append(Community(value, low.lowerBound)...Community(value, low.upperBound))
        }
    }

    private func insertLarge(_ a: Part, _ b: Part, _ c: Part, into elements: inout SetElements, at start: Location)
        throws(SyntaxError)
    {
        try self.note(.lc, in: &elements, at: start)
        // Only the last part that is fixed may be a range: what follows it must be any.
        let isOrdered =
            (a.isAny || a.isRange) ? (b.isAny && c.isAny) : (b.isAny || b.isRange) ? c.isAny : true
        guard isOrdered else { throw self.fail(start, "after a range or '*' only '*' may follow in a large community") }
        let low = LargeCommunity(globalAdministrator: a.low, data1: b.low, data2: c.low)
        let high = LargeCommunity(globalAdministrator: a.high, data1: b.high, data2: c.high)
        elements.large.append(low...high)
    }

    private mutating func parseExtended(
        _ kind: FilterCommunityKind,
        into elements: inout SetElements,
        at start: Location
    ) throws(SyntaxError) {
        try self.note(.ec, in: &elements, at: start)
        try self.expect(.comma)
        let (key, isAddress) = try self.parsePart(isKey: true)
        guard !key.isAny, !key.isRange else { throw self.fail(key.location, "expected a number or an address") }
        try self.expect(.comma)
        let value = try self.parsePart().part
        try self.expect(.closeParenthesis)
        let isWide = kind != .generic && (isAddress || key.low > 0xFFFF)
        let high = value.isAny && isWide ? 0xFFFF : value.high
        let subject: FilterExpression = .constant(
            isAddress ? .ip(.v4(IPv4Address(rawValue: key.low))) : .int(key.low)
        )
        let ends = [value.low, high].map { number in
            FilterExpression.folding(.extendedCommunity(kind), subject, .constant(.int(number))).constantValue
        }
        guard case .ec(let from) = ends[0], case .ec(let to) = ends[1], from <= to else {
            throw self.fail(value.location, "value of an extended community is out of range")
        }
        elements.extended.append(from...to)
    }

    /// `[= … =]`; names of variables and expressions in parentheses are numbers or sets that may be known only when the
    /// filter runs.
    mutating func parseMask(_ scope: inout FilterScope) throws(SyntaxError) -> FilterExpression {
        try self.expect(.openMask)
        var parts: [FilterMaskPart] = []
        while !self.accept(.closeMask) {
            let start = self.location
            switch self.token.kind {
            case .mark(.star):
                self.advance()
                if parts.last != .element(.anyRun) { parts.append(.element(.anyRun)) }
            case .mark(.question):
                self.advance()
                parts.append(.element(.anyOne))
            case .mark(.plus):
                self.advance()
                guard let last = parts.last, last != .element(.repeatPrevious), last != .element(.anyRun) else {
                    throw self.fail(start, "'+' must follow a number, a set or '?'")
                }
                parts.append(.element(.repeatPrevious))
            case .number:
                let low: UInt32 = try self.parseNumber("AS number", in: 0...UInt32.max)
                var high = low
                if self.accept(.ellipsis) { high = try self.parseNumber("AS number", in: 0...UInt32.max) }
                guard low <= high else { throw self.fail(start, "the range is empty: it ends before it begins") }
                parts.append(.element(.number(FilterRangeSet([low...high]))))
            case .mark(.openBracket), .mark(.openParenthesis), .word, .quotedName:
                let term = try self.parsePrimary(&scope)
                guard [.int, .set(.int), .set(.void), .any].contains(term.type) else {
                    throw self.fail(start, "a path mask is made of numbers and sets of them, not of \(term.type)")
                }
                if case .int(let low)? = term.expression.constantValue, self.accept(.ellipsis) {
                    let high: UInt32 = try self.parseNumber("AS number", in: 0...UInt32.max)
                    guard low <= high else { throw self.fail(start, "the range is empty: it ends before it begins") }
                    parts.append(.element(.number(FilterRangeSet([low...high]))))
                } else {
                    parts.append(.value(term.expression))
                }
            default: throw self.unexpected("a number, a set, '*', '?', '+' or '=]'")
            }
            guard parts.count <= 1_000 else { throw self.fail(start, "the path mask is too long") }
        }
        return .pathMask(of: parts)
    }
}
