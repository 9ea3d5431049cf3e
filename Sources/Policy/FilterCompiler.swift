import RouteModel

/// One instruction of the stack machine: eight bytes.
struct FilterInstruction: Hashable, Sendable {
    var operation: Operation
    var operand: UInt32 = 0

    enum Operation: Hashable, Sendable {
        /// Pushes the constant `operand`.
        case constant
        /// Pushes slot `operand`.
        case load
        /// Pops into slot `operand`.
        case store
        /// Pushes an attribute.
        case read(FilterAttribute)
        /// Pops into an attribute.
        case write(FilterAttribute)
        case unset(FilterAttribute)
        case unary(FilterUnaryOperation)
        case binary(FilterBinaryOperation)
        case largeCommunity
        case pop
        case jump
        /// Pops a bool and jumps when it is false.
        case jumpUnless
        /// Jumps when the top is false, keeping it; pops it otherwise.
        case and
        /// Jumps when the top is true, keeping it; pops it otherwise.
        case or
        /// Fails unless the top is a bool.
        case checkBool
        /// Calls function `operand`.
        case call
        /// Returns the top.
        case leave
        /// Returns nothing.
        case leaveEmpty
        case accept
        case reject
    }
}

/// Turns statements into instructions, with constants pooled and functions numbered in order of first call, so that
/// programs of equal meaning by text are equal by structure whatever else the configuration defines.
struct FilterCompiler {
    private(set) var code: [FilterInstruction] = []
    private(set) var constants: [FilterValue] = []
    private(set) var functions: [FilterProgram.FunctionEntry] = []
    private(set) var dependencies: PolicyDependencies = []

    private let library: [FilterFunction]
    private var constantIndex: [FilterValue: UInt32] = [:]
    private var functionIndex: [Int: Int] = [:]
    private var order: [Int] = []

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
        case .set(let attribute, let value):
            self.compile(value)
            self.emit(.write(attribute))
        case .unset(let attribute):
            self.emit(.unset(attribute))
        case .conditional(let branches, let otherwise):
            return self.compile(branches[...], otherwise: otherwise)
        case .choice(let subject, let slot, let choices, let otherwise):
            self.compile(subject)
            self.emit(.store, slot)
            let branches = choices.map { choice in
                FilterBranch(
                    condition: .binary(.match, .local(slot), .constant(choice.values)),
                    body: choice.body
                )
            }
            return self.compile(branches[...], otherwise: otherwise)
        case .evaluate(let expression):
            self.compile(expression)
            self.emit(.pop)
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
        }
        return false
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
            self.compile(branch.condition)
            let skip = self.emit(.jumpUnless)
            let ends = self.compile(branch.body)
            if !ends {
                everyBranchEnds = false
                exits.append(self.emit(.jump))
            }
            self.land(skip)
        }
        let ends = self.compile(otherwise)
        for exit in exits { self.land(exit) }
        return ends && everyBranchEnds
    }

    private mutating func compile(_ expression: FilterExpression) {
        switch expression {
        case .constant(let value):
            self.emit(.constant, Int(self.index(of: value)))
        case .local(let slot):
            self.emit(.load, slot)
        case .attribute(let attribute):
            self.dependencies.formUnion(attribute.dependency)
            self.emit(.read(attribute))
        case .unary(let operation, let operand):
            self.compile(operand)
            self.emit(.unary(operation))
        case .binary(let operation, let lhs, let rhs):
            self.compile(lhs)
            self.compile(rhs)
            self.emit(.binary(operation))
        case .largeCommunity(let a, let b, let c):
            self.compile(a)
            self.compile(b)
            self.compile(c)
            self.emit(.largeCommunity)
        case .and(let terms): self.compile(terms, .and)
        case .or(let terms): self.compile(terms, .or)
        case .call(let function, let arguments):
            for argument in arguments { self.compile(argument) }
            self.emit(.call, self.number(of: function))
        }
    }

    private mutating func compile(_ terms: [FilterExpression], _ operation: FilterInstruction.Operation) {
        var exits: [Int] = []
        for (index, term) in terms.enumerated() {
            self.compile(term)
            if index < terms.count - 1 {
                exits.append(self.emit(operation))
            } else {
                self.emit(.checkBool)
            }
        }
        for exit in exits { self.land(exit) }
    }

    @discardableResult
    private mutating func emit(_ operation: FilterInstruction.Operation, _ operand: Int = 0) -> Int {
        self.code.append(FilterInstruction(operation: operation, operand: UInt32(clamping: operand)))
        return self.code.count - 1
    }

    /// Makes the jump at `index` lead to the next instruction.
    private mutating func land(_ index: Int) {
        self.code[index].operand = UInt32(clamping: self.code.count)
    }

    private mutating func index(of value: FilterValue) -> UInt32 {
        if let index = self.constantIndex[value] { return index }
        let index = UInt32(clamping: self.constants.count)
        self.constants.append(value)
        self.constantIndex[value] = index
        return index
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
