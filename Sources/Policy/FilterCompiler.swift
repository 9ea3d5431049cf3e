import RouteModel

/// Turns statements into instructions, with constants pooled and functions numbered in order of first call, so that
/// programs of equal meaning by text are equal by structure whatever else the configuration defines.
///
/// Conditions become jumps; what can be answered from the octets of the route's attributes becomes one instruction.
struct FilterCompiler {
    private(set) var code: [FilterInstruction] = []
    private(set) var constants: [FilterValue] = []
    private(set) var functions: [FilterProgram.FunctionEntry] = []
    private(set) var switches: [FilterSwitch] = []
    private(set) var customAttributes: [FilterCustomAttribute] = []
    private(set) var masks: [[PathMask.Element?]] = []
    private(set) var originTables: [ROATable] = []
    private(set) var dependencies: PolicyDependencies = []
    /// Where instructions come from: each place holds from its instruction to the next one's.
    private(set) var places: [(start: Int, place: FilterPlace)] = []

    private let library: [FilterFunction]
    private var constantIndex: [FilterValue: UInt32] = [:]
    private var functionIndex: [Int: Int] = [:]
    private var order: [Int] = []
    /// How deep calls are being replaced by what they return.
    private var inlineDepth = 0

    init(library: [FilterFunction]) {
        self.library = library
    }

    mutating func compileProgram(_ body: [FilterStatement]) {
        if !self.compile(body) { self.emit(.leaveEmpty) }
        // A filter that decides at once needs nothing that follows or that it would have called.
        if let first = self.code.first?.operation, first == .accept || first == .reject {
            self.code = [FilterInstruction(operation: first)]
            self.constants = []
            self.dependencies = []
            self.places = self.places.first.map { [(0, $0.place)] } ?? []
            return
        }
        var next = 0
        while next < self.order.count {
            let function = self.library[self.order[next]]
            self.functions[next].start = self.code.count
            if !self.compile(function.body) { self.emit(.leaveEmpty) }
            next += 1
        }
    }

    // MARK: - Statements

    /// Compiles statements; returns whether control cannot reach their end.
    private mutating func compile(_ statements: [FilterStatement]) -> Bool {
        for statement in statements where self.compile(statement) { return true }
        return false
    }

    private mutating func compile(_ statement: FilterStatement) -> Bool {
        switch statement {
        case .assign(let slot, let value):
            self.compile(value)
            self.emit(.store, slot)
        case .clear(let slot, let type): self.emit(.clear(FilterInstruction.EmptyValue(type)), slot)
        case .set(let attribute, let value): self.compileSet(attribute, value)
        case .unset(let attribute): self.emit(.unset(attribute))
        case .setCustom(let attribute, let value):
            self.compile(value)
            self.emit(.writeCustom, self.number(of: attribute))
        case .unsetCustom(let attribute): self.emit(.unsetCustom, self.number(of: attribute))
        case .conditional(let branches, let otherwise):
            return self.compile(branches[...], otherwise: otherwise)
        case .choice(let subject, let choices, let otherwise):
            return self.compile(subject, choices, otherwise: otherwise)
        case .loop(let list, let slot, let body): self.compileLoop(list, slot, body)
        case .evaluate(let expression):
            self.compile(expression)
            self.emit(.pop)
        case .print(let values, let endsLine):
            self.dependencies.insert(.effects)
            for value in values {
                self.compile(value)
                self.emit(.print)
            }
            if endsLine { self.emit(.endLine) }
        case .result(let value):
            if let value {
                self.compile(value)
                self.emit(.leave)
            } else {
                self.emit(.leaveEmpty)
            }
            return true
        case .accept:
            self.emit(.accept)
            return true
        case .reject:
            self.emit(.reject)
            return true
        case .raise:
            self.emit(.raise)
            return true
        case .at(let place, let statement):
            self.places.append((self.code.count, place))
            return self.compile(statement)
        }
        return false
    }

    private mutating func compileSet(_ attribute: FilterAttribute, _ value: FilterExpression) {
        if case .binary(let operation, .attribute(attribute), .constant(let operand)) = value,
            let edit = FilterEdit(operation), FilterEdit.attributes.contains(attribute)
        {
            self.emit(.edit(attribute, edit), Int(self.index(of: operand)))
            return
        }
        self.compile(value)
        self.emit(.write(attribute))
    }

    private mutating func compile(_ branches: ArraySlice<FilterBranch>, otherwise: [FilterStatement]) -> Bool {
        var exits: [Int] = []
        var everyBranchEnds = true
        for branch in branches {
            if case .constant(.bool(let flag)) = branch.condition {
                if !flag { continue }
                let ends = self.compile(branch.body)
                for exit in exits { self.land(exit) }
                return ends && everyBranchEnds
            }
            var skips: [Int] = []
            self.branch(branch.condition, when: false, &skips)
            let ends = self.compile(branch.body)
            if !ends {
                everyBranchEnds = false
                exits.append(self.emit(.jump))
            }
            for skip in skips { self.land(skip) }
        }
        let ends = self.compile(otherwise)
        for exit in exits { self.land(exit) }
        return ends && everyBranchEnds
    }

    private mutating func compile(
        _ subject: FilterExpression,
        _ choices: [FilterChoice],
        otherwise: [FilterStatement]
    ) -> Bool {
        self.compile(subject)
        let number = self.switches.count
        var type = FilterType.void
        for choice in choices { if case .set(let element) = choice.values.type { type = element } }
        self.switches.append(FilterSwitch(type: type))
        self.emit(.select, number)
        var table: [(range: ClosedRange<UInt128>, target: UInt32)] = []
        var exits: [Int] = []
        var everyBranchEnds = true
        for choice in choices {
            let start = UInt32(clamping: self.code.count)
            table += choice.values.switchRanges.map { ($0, start) }
            if !self.compile(choice.body) {
                everyBranchEnds = false
                exits.append(self.emit(.jump))
            }
        }
        table.sort { $0.range.lowerBound < $1.range.lowerBound }
        self.switches[number].ranges = table.map(\.range)
        self.switches[number].targets = table.map(\.target)
        self.switches[number].otherwise = UInt32(clamping: self.code.count)
        let ends = self.compile(otherwise)
        for exit in exits { self.land(exit) }
        return ends && everyBranchEnds
    }

    private mutating func compileLoop(_ list: FilterExpression, _ slot: Int, _ body: FilterLoopBody) {
        self.compile(list)
        self.emit(.store, slot)
        self.emit(.beginLoop, slot)
        let next = self.emit(.nextElement(body.element), slot)
        if let target = body.target {
            self.emit(.load, slot + 2)
            self.emit(.store, target)
        }
        if !self.compile(body.statements) {
            let back = self.emit(.jump)
            self.code[back].target = UInt32(clamping: next)
        }
        self.land(next)
    }

    // MARK: - Conditions

    /// Compiles a condition: jumps when it is `flag`, goes on otherwise.
    private mutating func branch(_ condition: FilterExpression, when flag: Bool, _ exits: inout [Int]) {
        switch condition {
        case .constant(.bool(let value)):
            if value == flag { exits.append(self.emit(.jump)) }
        case .unary(.not, let operand): self.branch(operand, when: !flag, &exits)
        case .and(let terms): self.branch(terms, decidedBy: false, when: flag, &exits)
        case .or(let terms): self.branch(terms, decidedBy: true, when: flag, &exits)
        case .binary(.notMatch, let lhs, let rhs): self.branch(.binary(.match, lhs, rhs), when: !flag, &exits)
        case .call(let function, let arguments):
            if let value = self.inlined(function, arguments) {
                self.inlineDepth += 1
                self.branch(value, when: flag, &exits)
                self.inlineDepth -= 1
            } else {
                self.branchOnValue(condition, when: flag, &exits)
            }
        default:
            var constant = FilterValue.undefined
            guard let test = FilterTest(condition, constant: &constant) else {
                return self.branchOnValue(condition, when: flag, &exits)
            }
            self.dependencies.formUnion(test.dependency)
            if let number = test.number(constant) {
                let jump: FilterInstruction.Operation =
                    test == .communitiesHold ? .jumpIfCommunity(flag) : .jumpIfNumber(test, flag)
                exits.append(self.emit(jump, Int(number)))
            } else {
                exits.append(self.emit(.jumpIf(test, flag), Int(self.index(of: constant))))
            }
        }
    }

    /// `terms` joined so that the first which is `decision` decides.
    private mutating func branch(
        _ terms: [FilterExpression],
        decidedBy decision: Bool,
        when flag: Bool,
        _ exits: inout [Int]
    ) {
        if flag == decision {
            for term in terms { self.branch(term, when: flag, &exits) }
            return
        }
        var decided: [Int] = []
        for (index, term) in terms.enumerated() {
            if index < terms.count - 1 {
                self.branch(term, when: decision, &decided)
            } else {
                self.branch(term, when: flag, &exits)
            }
        }
        for exit in decided { self.land(exit) }
    }

    private mutating func branchOnValue(_ condition: FilterExpression, when flag: Bool, _ exits: inout [Int]) {
        self.compile(condition)
        exits.append(self.emit(.jumpIfTop(flag)))
    }

    /// What a call comes to when the function does nothing but return an expression without variables.
    private func inlined(_ function: Int, _ arguments: [FilterExpression]) -> FilterExpression? {
        guard arguments.isEmpty, self.inlineDepth < 4, self.library[function].slotCount == 0,
            self.library[function].body.count == 1, case .result(let value?) = self.library[function].body[0].bare
        else { return nil }
        return value
    }

    // MARK: - Expressions

    private mutating func compile(_ expression: FilterExpression) {
        switch expression {
        case .constant(let value): self.emit(.constant, Int(self.index(of: value)))
        case .local(let slot): self.emit(.load, slot)
        case .attribute(let attribute):
            self.dependencies.formUnion(attribute.dependency)
            self.emit(.read(attribute))
        case .custom(let attribute): self.emit(.readCustom, self.number(of: attribute))
        case .unary(let operation, let operand):
            self.compile(operand)
            self.emit(.unary(operation))
        case .binary(let operation, let lhs, let rhs):
            var constant = FilterValue.undefined
            if let test = FilterTest(expression, constant: &constant) {
                self.dependencies.formUnion(test.dependency)
                if let number = test.number(constant) {
                    self.emit(.testNumber(test), Int(number))
                } else {
                    self.emit(.test(test), Int(self.index(of: constant)))
                }
                return
            }
            self.compile(lhs)
            self.compile(rhs)
            self.emit(.binary(operation))
        case .largeCommunity(let a, let b, let c):
            self.compile(a)
            self.compile(b)
            self.compile(c)
            self.emit(.largeCommunity)
        case .pathMask(let parts): self.compileMask(parts)
        case .originCheck(let table, let prefix, let origin):
            if let prefix, let origin {
                self.compile(prefix)
                self.compile(origin)
            } else {
                self.dependencies.insert(.prefix)
            }
            self.emit(.originCheck(isExplicit: prefix != nil), self.number(ofTable: table))
        case .and, .or:
            var exits: [Int] = []
            self.branch(expression, when: false, &exits)
            self.emit(.constant, Int(self.index(of: .bool(true))))
            let end = self.emit(.jump)
            for exit in exits { self.land(exit) }
            self.emit(.constant, Int(self.index(of: .bool(false))))
            self.land(end)
        case .call(let function, let arguments):
            if let value = self.inlined(function, arguments) {
                self.inlineDepth += 1
                self.compile(value)
                self.inlineDepth -= 1
                return
            }
            for argument in arguments { self.compile(argument) }
            self.emit(.call, self.number(of: function))
        }
    }

    private mutating func compileMask(_ parts: [FilterMaskPart]) {
        var template: [PathMask.Element?] = []
        for part in parts {
            switch part {
            case .element(let element): template.append(element)
            case .value(let value):
                self.compile(value)
                template.append(nil)
            }
        }
        self.masks.append(template)
        self.emit(.pathMask, self.masks.count - 1)
    }

    // MARK: - Output

    @discardableResult
    private mutating func emit(_ operation: FilterInstruction.Operation, _ operand: Int = 0) -> Int {
        self.code.append(FilterInstruction(operation: operation, operand: UInt32(clamping: operand)))
        return self.code.count - 1
    }

    /// Makes the jump at `index` lead to the next instruction.
    private mutating func land(_ index: Int) {
        self.code[index].target = UInt32(clamping: self.code.count)
    }

    private mutating func index(of value: FilterValue) -> UInt32 {
        if let index = self.constantIndex[value] { return index }
        let index = UInt32(clamping: self.constants.count)
        self.constants.append(value)
        self.constantIndex[value] = index
        return index
    }

    private mutating func number(of attribute: FilterCustomAttribute) -> Int {
        if let number = self.customAttributes.firstIndex(of: attribute) { return number }
        self.customAttributes.append(attribute)
        return self.customAttributes.count - 1
    }

    private mutating func number(ofTable name: String) -> Int {
        if let number = self.originTables.firstIndex(where: { $0.name == name }) { return number }
        self.originTables.append(ROATable(name: name))
        return self.originTables.count - 1
    }

    private mutating func number(of function: Int) -> Int {
        if let number = self.functionIndex[function] { return number }
        let number = self.order.count
        self.functionIndex[function] = number
        self.order.append(function)
        self.functions.append(
            FilterProgram.FunctionEntry(
                start: 0,
                parameterCount: self.library[function].parameterCount,
                slotCount: self.library[function].slotCount
            )
        )
        return number
    }
}

extension FilterEdit {
    /// Attributes that can be edited in place.
    static let attributes: Set<FilterAttribute> = [.bgpCommunity, .bgpExtCommunity, .bgpLargeCommunity]

    fileprivate init?(_ operation: FilterBinaryOperation) {
        switch operation {
        case .insert: self = .insert
        case .delete: self = .delete
        case .filter: self = .filter
        default: return nil
        }
    }
}
