import BGPWire
import IPAddressing
import RouteModel

/// Runs a program on one route.
///
/// One array holds locals and operands of all frames; calls, time and what is printed are bounded.
struct FilterMachine {
    private var stack: [FilterValue] = []
    private var frames: [Frame] = []
    private var base = 0
    private var budget = FilterProgram.instructionLimit
    private var line = ""
    private var places = AttributePlaces()
    /// Whether the attributes have been copied for changes.
    private var hasRoom = false
    /// The last instruction that ran.
    private(set) var position = 0
    /// Lines that were printed.
    private(set) var lines: [String] = []

    private struct Frame {
        var returnTo: Int
        var base: Int
    }

    /// Octets of a line that are printed; the rest is cut off.
    private static let lineLimit = 2_048
    /// What a printed value and a line cost, in instructions: a filter cannot print without end.
    private static let printCost = 200

    mutating func run(_ program: FilterProgram.Storage, _ route: inout RouteDraft) throws(FilterError) -> PolicyVerdict
    {
        let code = program.code
        if program.slotCount > 0 {
            self.stack.reserveCapacity(program.slotCount + 8)
            for _ in 0..<program.slotCount { self.stack.append(.undefined) }
        }
        var at = 0
        defer { self.position = at - 1 }
        while at < code.count {
            self.budget -= 1
            guard self.budget > 0 else { throw .tooManyInstructions }
            let instruction = code[at]
            let operand = Int(instruction.operand)
            at += 1
            switch instruction.operation {
            case .jumpIfNumber(let test, let flag):
                if !self.places.isKnown { self.find(in: route) }
                self.budget &-= self.places.cost
                if route.holds(test, number: instruction.operand, self.places) == flag { at = Int(instruction.target) }
            case .jumpIfCommunity(let flag):
                if !self.places.isKnown { self.find(in: route) }
                let isPossible = self.places.communityMarks & AttributePlaces.mark(instruction.operand) != 0
                if (isPossible && self.hasCommunity(instruction.operand, route)) == flag {
                    at = Int(instruction.target)
                }
            case .findCommunity:
                if !self.places.isKnown { self.find(in: route) }
                at = self.find(program.chains[operand >> 6], from: operand & 63, route)
            case .testNumber(let test):
                if !self.places.isKnown { self.find(in: route) }
                self.budget &-= self.places.cost
                self.stack.append(.bool(route.holds(test, number: instruction.operand, self.places)))
            case .jumpIf(let test, let flag):
                if try self.answer(test, program, operand, route) == flag { at = Int(instruction.target) }
            case .test(let test): self.stack.append(.bool(try self.answer(test, program, operand, route)))
            case .jumpIfTop(let flag):
                if try Self.condition(self.pop()) == flag { at = Int(instruction.target) }
            case .jump: at = Int(instruction.target)
            case .constant: self.stack.append(program.constants[operand])
            case .load: self.stack.append(self.stack[self.base + operand])
            case .store:
                let value = self.pop()
                if case .undefined = value { throw .noValue("a variable") }
                self.stack[self.base + operand] = value
            case .clear(let empty): self.stack[self.base + operand] = empty.value
            case .read(let attribute):
                let value = route.read(attribute)
                self.budget -= value.cost
                self.stack.append(value)
            case .write(let attribute):
                let value = self.pop()
                self.budget -= value.cost
                self.places.isKnown = false
                self.makeRoom(in: &route)
                try route.write(value, to: attribute)
            case .unset(let attribute):
                self.places.isKnown = false
                route.unset(attribute)
            case .edit(let attribute, let edit):
                try self.apply(edit, program.constants[operand], to: attribute, of: &route)
            case .readCustom:
                self.budget -= route.attributes.bytes.count >> 6
                self.stack.append(route.read(program.customAttributes[operand]))
            case .writeCustom:
                self.places.isKnown = false
                self.budget -= route.attributes.bytes.count >> 5
                try route.write(self.pop(), to: program.customAttributes[operand])
            case .unsetCustom:
                self.places.isKnown = false
                try route.unset(program.customAttributes[operand])
            case .unary(let operation):
                let value = self.pop()
                self.budget -= operation == .format ? value.size >> 2 : value.cost
                self.stack.append(try operation.apply(value))
            case .binary(let operation):
                let rhs = self.pop()
                let lhs = self.pop()
                self.budget -= operation.cost(lhs, rhs)
                guard self.budget > 0 else { throw .tooManyInstructions }
                self.stack.append(try operation.apply(lhs, rhs))
            case .largeCommunity: self.stack.append(try self.makeLargeCommunity())
            case .pathMask: self.stack.append(try self.makeMask(program.masks[operand]))
            case .originCheck(let isExplicit):
                self.stack.append(try self.checkOrigin(program.originTables[operand], isExplicit: isExplicit, route))
            case .pop: _ = self.pop()
            case .select: at = Int(program.switches[operand].target(of: self.pop()))
            case .beginLoop:
                self.stack[self.base + operand] = try self.elements(of: self.stack[self.base + operand])
                self.stack[self.base + operand + 1] = .int(0)
            case .nextElement(let kind):
                if !self.next(kind, self.base + operand) { at = Int(instruction.target) }
            case .call:
                guard self.frames.count < FilterProgram.callDepthLimit else { throw .callsTooDeep }
                let function = program.functions[operand]
                self.frames.append(Frame(returnTo: at, base: self.base))
                self.base = self.stack.count - function.parameterCount
                for _ in function.parameterCount..<function.slotCount { self.stack.append(.undefined) }
                at = function.start
            case .leave, .leaveEmpty:
                let value = instruction.operation == .leave ? self.pop() : .undefined
                guard let frame = self.frames.popLast() else {
                    // A filter itself may return its verdict.
                    guard case .bool(let accepts) = value else { throw .noVerdict }
                    return accepts ? .accept : .reject
                }
                if self.stack.count > self.base { self.stack.removeSubrange(self.base...) }
                self.stack.append(value)
                self.base = frame.base
                at = frame.returnTo
            case .print: self.print(self.pop())
            case .endLine: self.endLine()
            case .accept: return .accept
            case .reject: return .reject
            case .raise: throw .raised
            }
        }
        throw .noVerdict
    }

    /// Where a chain of tests leads.
    @inline(__always)
    private mutating func find(_ chain: CommunityChain, from first: Int, _ route: borrowing RouteDraft) -> Int {
        var candidates = chain.candidates(self.places.communityMarks) & (.max << UInt64(first))
        while candidates != 0 {
            let index = candidates.trailingZeroBitCount
            if self.hasCommunity(chain.communities[index], route) { return Int(chain.positions[index]) &+ 1 }
            candidates &= candidates &- 1
        }
        return Int(chain.end)
    }

    @inline(__always)
    private mutating func pop() -> FilterValue { self.stack.popLast() ?? .undefined }

    private mutating func hasCommunity(_ community: UInt32, _ route: borrowing RouteDraft) -> Bool {
        self.budget &-= self.places.cost
        return route.holds(.communitiesHold, number: community, self.places)
    }

    /// Copies the attributes once before the first change, with room for what filters usually add.
    @inline(__always)
    private mutating func makeRoom(in route: inout RouteDraft) {
        guard !self.hasRoom else { return }
        self.hasRoom = true
        var bytes: [UInt8] = []
        bytes.reserveCapacity(route.attributes.bytes.count &+ 96)
        bytes += route.attributes.bytes
        route.attributes = PathAttributes(canonical: bytes)
    }

    /// Long paths and lists take longer to walk than an instruction.
    private mutating func find(in route: borrowing RouteDraft) {
        self.budget &-= route.attributes.bytes.count >> 6
        self.places.find(in: route.attributes.view)
    }

    @inline(__always)
    private mutating func answer(
        _ test: FilterTest,
        _ program: FilterProgram.Storage,
        _ operand: Int,
        _ route: borrowing RouteDraft
    ) throws(FilterError) -> Bool {
        // Long paths and lists take longer than an instruction.
        if !self.places.isKnown { self.find(in: route) }
        self.budget &-= self.places.cost
        return try route.holds(test, program.constants[operand], self.places)
    }

    @inline(__always)
    private static func condition(_ value: FilterValue) throws(FilterError) -> Bool {
        guard case .bool(let flag) = value else { throw .typeMismatch(operation: "a condition", types: [value.type]) }
        return flag
    }

    private mutating func makeLargeCommunity() throws(FilterError) -> FilterValue {
        let c = self.pop()
        let b = self.pop()
        let a = self.pop()
        guard case .int(let a) = a, case .int(let b) = b, case .int(let c) = c else {
            throw .typeMismatch(operation: "large community constructor", types: [a.type, b.type, c.type])
        }
        return .lc(LargeCommunity(globalAdministrator: a, data1: b, data2: c))
    }

    private mutating func makeMask(_ template: [PathMask.Element?]) throws(FilterError) -> FilterValue {
        var elements: [PathMask.Element] = []
        for element in template.reversed() {
            if let element {
                elements.append(element)
                continue
            }
            let value = self.pop()
            guard let element = PathMask.Element(value) else {
                throw .typeMismatch(operation: "a path mask", types: [value.type])
            }
            elements.append(element)
        }
        self.budget -= elements.count
        return .mask(PathMask(elements.reversed()))
    }

    private mutating func checkOrigin(_ table: ROATable, isExplicit: Bool, _ route: borrowing RouteDraft)
        throws(FilterError) -> FilterValue
    {
        self.budget -= 8
        guard isExplicit else {
            guard route.attributes.contains(.asPath) else { throw .noPath }
            let origin = ASNumber(rawValue: route.attributes.view.asPath.lastNumber)
            return .enumeration(.roa, UInt32(table.validity(of: route.prefix, from: origin).rawValue))
        }
        let number = self.pop()
        let prefix = self.pop()
        guard case .prefix(let prefix) = prefix, case .int(let number) = number else {
            throw .typeMismatch(operation: "roa_check", types: [prefix.type, number.type])
        }
        return .enumeration(.roa, UInt32(table.validity(of: prefix, from: ASNumber(rawValue: number)).rawValue))
    }
}

// MARK: - Lists

extension FilterMachine {
    /// Changes a list of communities where it stands; most often there is nothing to change.
    private mutating func apply(
        _ edit: FilterEdit,
        _ value: FilterValue,
        to attribute: FilterAttribute,
        of route: inout RouteDraft
    ) throws(FilterError) {
        self.budget &-= route.attributes.bytes.count >> 7
        guard self.budget > 0 else { throw .tooManyInstructions }
        if edit == .delete {
            if !self.places.isKnown { self.find(in: route) }
            if self.places.isEmpty(attribute) { return }
        }
        guard Self.changes(edit, value, route.attributes.view) else { return }
        self.places.isKnown = false
        self.makeRoom(in: &route)
        if edit == .insert, route.attributes.bytes.count < 16_384 {
            switch (attribute, value) {
            case (.bgpCommunity, .pair(let pair)): return route.attributes.append(pair)
            case (.bgpExtCommunity, .ec(let community)): return route.attributes.append(community)
            case (.bgpLargeCommunity, .lc(let community)): return route.attributes.append(community)
            default: break
            }
        }
        let old = route.read(attribute)
        let operation: FilterBinaryOperation =
            switch edit {
            case .insert: .insert
            case .delete: .delete
            case .filter: .filter
            }
        self.budget -= operation.cost(old, value)
        guard self.budget > 0 else { throw .tooManyInstructions }
        try route.write(try operation.apply(old, value), to: attribute)
    }

    /// Whether an edit may have an effect; false is sure.
    private static func changes(_ edit: FilterEdit, _ value: FilterValue, _ view: borrowing PathAttributesView) -> Bool
    {
        switch (edit, value) {
        case (.insert, .pair(let pair)): !view.contains(pair)
        case (.insert, .lc(let community)): !view.largeCommunitiesHold(community)
        case (.insert, .ec(let community)): !view.extendedCommunitiesHold(community)
        case (.delete, .pair(let pair)): view.contains(pair)
        case (.delete, .pairSet(let set)): view.communitiesMeet(set)
        case (.delete, .lc(let community)): view.largeCommunitiesHold(community)
        case (.delete, .lcSet(let set)): view.largeCommunitiesMeet(set)
        case (.delete, .ec(let community)): view.extendedCommunitiesHold(community)
        case (.delete, .ecSet(let set)): view.extendedCommunitiesMeet(set)
        default: true
        }
    }

    /// The elements of a path or list, to be reached by number.
    private mutating func elements(of value: FilterValue) throws(FilterError) -> FilterValue {
        self.budget -= value.size >> 4
        switch value {
        case .path(let path):
            return .clist(path.segments.flatMap { $0.numbers.map { Community(rawValue: $0.rawValue) } })
        case .clist, .eclist, .lclist: return value
        default: throw .typeMismatch(operation: "for", types: [value.type])
        }
    }

    private mutating func next(_ kind: FilterLoopElement, _ slot: Int) -> Bool {
        guard case .int(let position) = self.stack[slot + 1] else { return false }
        let index = Int(position)
        let element: FilterValue
        switch (kind, self.stack[slot]) {
        case (.number, .clist(let list)) where index < list.count: element = .int(list[index].rawValue)
        case (.pair, .clist(let list)) where index < list.count: element = .pair(list[index])
        case (.extended, .eclist(let list)) where index < list.count: element = .ec(list[index])
        case (.large, .lclist(let list)) where index < list.count: element = .lc(list[index])
        default: return false
        }
        self.stack[slot + 1] = .int(position + 1)
        self.stack[slot + 2] = element
        return true
    }
}

// MARK: - Printing

extension FilterMachine {
    private mutating func print(_ value: FilterValue) {
        self.budget -= Self.printCost
        let rest = Self.lineLimit - self.line.utf8.count
        guard rest > 0 else { return }
        let text = value.formatted
        self.line += text.utf8.count <= rest ? text : String(decoding: text.utf8.prefix(rest), as: UTF8.self)
    }

    private mutating func endLine() {
        self.budget -= Self.printCost
        self.lines.append(self.line)
        self.line = ""
    }
}

extension FilterValue {
    /// What reading the whole value costs, in instructions.
    var cost: Int {
        switch self {
        case .path, .clist, .eclist, .lclist, .bytestring, .string: self.size >> 6
        default: 0
        }
    }
}

extension FilterBinaryOperation {
    /// What the operation costs beyond one instruction; look-ups in sets are fast, searches of lists are not.
    func cost(_ lhs: FilterValue, _ rhs: FilterValue) -> Int {
        switch self {
        case .less, .lessOrEqual:
            if case .path = lhs { return lhs.size >> 4 }
            return 0
        case .add, .subtract, .multiply, .divide, .mask, .pair, .extendedCommunity: return 0
        case .equal, .notEqual, .prepend: return min(lhs.size, 1 << 20) >> 6
        case .append: return (lhs.size &+ rhs.size) >> 6
        case .match, .notMatch, .insert, .delete, .filter:
            let searched =
                switch rhs {
                case .path, .mask, .clist, .eclist, .lclist, .string: rhs.size
                default: 1
                }
            return (lhs.size &* searched) >> 6
        }
    }
}
