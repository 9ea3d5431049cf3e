import BGPWire
import IPAddressing
import RouteModel

/// Runs a program on one route.
///
/// One array holds locals and operands of all frames; calls and time are bounded.
struct FilterMachine {
    private let program: FilterProgram
    private var stack: [FilterValue] = []
    private var frames: [Frame] = []
    private var base = 0

    private struct Frame {
        var returnTo: Int
        var base: Int
    }

    init(program: FilterProgram) {
        self.program = program
        self.stack.reserveCapacity(program.slotCount + 8)
        for _ in 0..<program.slotCount { self.stack.append(.undefined) }
    }

    mutating func run(_ route: inout RouteDraft) throws(FilterError) -> PolicyVerdict {
        let code = self.program.code
        var at = 0
        var budget = FilterProgram.instructionLimit
        while at < code.count {
            budget -= 1
            guard budget > 0 else { throw .tooManyInstructions }
            let instruction = code[at]
            let operand = Int(instruction.operand)
            at += 1
            switch instruction.operation {
            case .constant: self.stack.append(self.program.constants[operand])
            case .load: self.stack.append(self.stack[self.base + operand])
            case .store: self.stack[self.base + operand] = self.pop()
            case .read(let attribute):
                let value = route.read(attribute)
                budget -= value.cost
                self.stack.append(value)
            case .write(let attribute):
                let value = self.pop()
                budget -= value.cost
                try route.write(value, to: attribute)
            case .unset(let attribute): route.unset(attribute)
            case .unary(let operation):
                let operand = self.pop()
                budget -= operand.cost
                self.stack.append(try operation.apply(operand))
            case .binary(let operation):
                let rhs = self.pop()
                let lhs = self.pop()
                budget -= operation.cost(lhs, rhs)
                guard budget > 0 else { throw .tooManyInstructions }
                self.stack.append(try operation.apply(lhs, rhs))
            case .largeCommunity: self.stack.append(try self.makeLargeCommunity())
            case .pop: _ = self.pop()
            case .jump: at = operand
            case .jumpUnless:
                if !(try self.condition(self.pop(), "if")) { at = operand }
            case .and:
                if try self.condition(self.stack.last ?? .undefined, "&&") { _ = self.pop() } else { at = operand }
            case .or:
                if try self.condition(self.stack.last ?? .undefined, "||") { at = operand } else { _ = self.pop() }
            case .checkBool: _ = try self.condition(self.stack.last ?? .undefined, "&& or ||")
            case .call:
                guard self.frames.count < FilterProgram.callDepthLimit else { throw .callsTooDeep }
                let function = self.program.functions[operand]
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
                self.stack.removeSubrange(self.base...)
                self.stack.append(value)
                self.base = frame.base
                at = frame.returnTo
            case .accept: return .accept
            case .reject: return .reject
            }
        }
        throw .noVerdict
    }

    private mutating func pop() -> FilterValue { self.stack.popLast() ?? .undefined }

    private func condition(_ value: FilterValue, _ operation: String) throws(FilterError) -> Bool {
        guard case .bool(let flag) = value else {
            throw .typeMismatch(operation: operation, types: [value.type])
        }
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
}

extension FilterValue {
    /// What reading the whole value costs, in instructions.
    var cost: Int {
        switch self {
        case .path, .clist, .eclist, .lclist: self.size >> 6
        default: 0
        }
    }
}

extension FilterBinaryOperation {
    /// What the operation costs beyond one instruction; look-ups in sets are fast, searches of lists are not.
    func cost(_ lhs: FilterValue, _ rhs: FilterValue) -> Int {
        switch self {
        case .less, .lessOrEqual, .add, .subtract, .multiply, .divide, .mask, .pair, .extendedCommunity:
            return 0
        case .equal, .notEqual, .prepend:
            return min(lhs.size, 1 << 20) >> 6
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
