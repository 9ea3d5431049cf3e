public import RouteModel

/// A checked, compiled filter.
///
/// Equality is structural over the constant-folded program: equal text means equal value.
public struct FilterProgram: Hashable, Sendable {
    /// Accepts every route unchanged (`import all`).
    public static let acceptAll = FilterProgram([.accept])
    /// Rejects every route (`import none`).
    public static let rejectAll = FilterProgram([.reject])

    /// Calls may nest this deep; a filter that goes deeper rejects the route with an error.
    public static let callDepthLimit = 64
    /// Instructions one evaluation may take; a filter that needs more rejects the route with an error.
    ///
    /// An operation on a long list or path counts as one more for every 64 elements it has to look at.
    public static let instructionLimit = 200_000

    let code: [FilterInstruction]
    let constants: [FilterValue]
    let functions: [FunctionEntry]
    let slotCount: Int
    /// Inputs beside the attribute set.
    public let dependencies: PolicyDependencies

    struct FunctionEntry: Hashable, Sendable {
        var start: Int
        var parameterCount: Int
        var slotCount: Int
    }

    /// Compiles a filter's statements.
    ///
    /// - Parameters:
    ///   - body: Statements of the filter.
    ///   - slotCount: Slots its local variables take.
    ///   - library: Functions that calls refer to by index; only those reached become part of the program.
    public init(_ body: [FilterStatement], slotCount: Int = 0, library: [FilterFunction] = []) {
        var compiler = FilterCompiler(library: library)
        compiler.compileProgram(body)
        self.code = compiler.code
        self.constants = compiler.constants
        self.functions = compiler.functions
        self.slotCount = compiler.code.count == 1 ? 0 : slotCount
        self.dependencies = compiler.dependencies
    }

    /// The filter that accepts where `condition` holds and rejects otherwise (`import where …`).
    public init(accepting condition: FilterExpression, slotCount: Int = 0, library: [FilterFunction] = []) {
        self.init(Self.accepting(condition), slotCount: slotCount, library: library)
    }

    /// The statements of `import where …`.
    public static func accepting(_ condition: FilterExpression) -> [FilterStatement] {
        [.conditional([FilterBranch(condition: condition, body: [.accept])], otherwise: [.reject])]
    }

    /// What it took to compile the program, for bounds: instructions, and the elements of constants at each use.
    public var size: Int {
        self.code.reduce(0) { size, instruction in
            guard instruction.operation == .constant else { return size &+ 16 }
            return size &+ 16 &+ self.constants[Int(instruction.operand)].size
        }
    }
}

extension FilterProgram: RoutePolicy {
    /// The verdict when it never varies.
    public var constantVerdict: PolicyVerdict? {
        switch self.code.first?.operation {
        case .accept: .accept
        case .reject: .reject
        default: nil
        }
    }

    /// Runs the program.
    public func evaluate(_ route: inout RouteDraft) -> PolicyVerdict {
        self.constantVerdict ?? self.run(&route).verdict
    }

    /// Runs the program and tells why when it failed.
    public func run(_ route: inout RouteDraft) -> FilterOutcome {
        do {
            var machine = FilterMachine(program: self)
            return FilterOutcome(verdict: try machine.run(&route), error: nil)
        } catch {
            return FilterOutcome(verdict: .reject, error: error)
        }
    }

    /// Runs the statements of a static route's block, which change the route and need no verdict of their own.
    ///
    /// - Returns: False when they rejected the route or failed.
    public func prepare(_ route: inout RouteDraft) -> Bool {
        let outcome = self.run(&route)
        return outcome.verdict == .accept
    }
}

/// What an evaluation came to.
public struct FilterOutcome: Hashable, Sendable {
    /// The verdict; reject when the filter failed.
    public var verdict: PolicyVerdict
    /// Why it failed, if it did.
    public var error: FilterError?
}
