public import RouteModel

/// A checked, compiled filter.
///
/// Equality is structural over the constant-folded program: equal text means equal value, wherever it stands.
public struct FilterProgram: Sendable {
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

    let storage: Storage

    /// What copies of a program share and never change.
    final class Storage: Sendable {
        let code: [FilterInstruction]
        let constants: [FilterValue]
        let functions: [FunctionEntry]
        let switches: [FilterSwitch]
        let customAttributes: [FilterCustomAttribute]
        let masks: [[PathMask.Element?]]
        let originTables: [ROATable]
        let chains: [CommunityChain]
        let slotCount: Int
        let dependencies: PolicyDependencies
        let places: [(start: Int, place: FilterPlace)]
        /// A hash of all of the above but places, computed once: routing groups are found by it.
        let fingerprint: Int

        init(_ compiler: FilterCompiler, slotCount: Int, originTables: [ROATable]) {
            (self.code, self.chains) = CommunityChain.linked(compiler.code)
            self.constants = compiler.constants
            self.functions = compiler.functions
            self.switches = compiler.switches
            self.customAttributes = compiler.customAttributes
            self.masks = compiler.masks
            self.originTables = originTables
            self.slotCount = compiler.code.count == 1 ? 0 : slotCount
            self.dependencies = compiler.dependencies
            self.places = compiler.places
            self.fingerprint = Self.hash(
                self.code,
                self.constants,
                self.switches,
                self.masks,
                originTables,
                self.chains
            )
        }

        /// The same program with other tables.
        init(_ other: Storage, originTables: [ROATable]) {
            self.code = other.code
            self.constants = other.constants
            self.functions = other.functions
            self.switches = other.switches
            self.customAttributes = other.customAttributes
            self.masks = other.masks
            self.originTables = originTables
            self.chains = other.chains
            self.slotCount = other.slotCount
            self.dependencies = other.dependencies
            self.places = other.places
            self.fingerprint = Self.hash(
                self.code,
                self.constants,
                self.switches,
                self.masks,
                originTables,
                self.chains
            )
        }

        private static func hash(
            _ code: [FilterInstruction],
            _ constants: [FilterValue],
            _ switches: [FilterSwitch],
            _ masks: [[PathMask.Element?]],
            _ tables: [ROATable],
            _ chains: [CommunityChain]
        ) -> Int {
            var hasher = Hasher()
            hasher.combine(code)
            hasher.combine(constants)
            hasher.combine(switches)
            hasher.combine(masks)
            hasher.combine(tables)
            hasher.combine(chains)
            return hasher.finalize()
        }

        /// Where an instruction comes from.
        func place(of instruction: Int) -> FilterPlace? {
            var (low, high) = (0, self.places.count)
            while low < high {
                let middle = (low + high) / 2
                if self.places[middle].start <= instruction { low = middle + 1 } else { high = middle }
            }
            return low > 0 ? self.places[low - 1].place : nil
        }

        func isEqual(to other: Storage) -> Bool {
            self === other
                || (self.fingerprint == other.fingerprint && self.code == other.code
                    && self.constants == other.constants && self.functions == other.functions
                    && self.switches == other.switches && self.customAttributes == other.customAttributes
                    && self.masks == other.masks && self.originTables == other.originTables
                    && self.chains == other.chains
                    && self.slotCount == other.slotCount)
        }
    }

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
        self.storage = Storage(compiler, slotCount: slotCount, originTables: compiler.originTables)
    }

    private init(_ storage: Storage) {
        self.storage = storage
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
        self.storage.code.reduce(0) { size, instruction in
            switch instruction.operation {
            case .constant, .test, .jumpIf, .edit:
                return size &+ 16 &+ self.storage.constants[Int(instruction.operand)].size
            case .select: return size &+ 16 &+ self.storage.switches[Int(instruction.operand)].ranges.count
            default: return size &+ 16
            }
        }
    }

    /// Names of the ROA tables that it asks.
    public var originTableNames: [String] { self.storage.originTables.map(\.name) }

    /// The program that asks these tables; those which are not given stay as they are.
    public func asking(_ tables: [String: ROATable]) -> FilterProgram {
        guard self.storage.originTables.contains(where: { tables[$0.name] != nil }) else { return self }
        return FilterProgram(
            Storage(self.storage, originTables: self.storage.originTables.map { tables[$0.name] ?? $0 })
        )
    }
}

extension FilterProgram: Hashable {
    /// Whether both do the same by their instructions.
    public static func == (lhs: FilterProgram, rhs: FilterProgram) -> Bool { lhs.storage.isEqual(to: rhs.storage) }

    /// Hashes a number computed once.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.storage.fingerprint) }
}

extension FilterProgram: RoutePolicy {
    /// The verdict when it never varies.
    public var constantVerdict: PolicyVerdict? {
        switch self.storage.code.first?.operation {
        case .accept: .accept
        case .reject: .reject
        default: nil
        }
    }

    /// Inputs beside the attribute set.
    public var dependencies: PolicyDependencies { self.storage.dependencies }

    /// Runs the program; what it prints goes to ``FilterLog``.
    public func evaluate(_ route: inout RouteDraft) -> PolicyVerdict {
        if let verdict = self.constantVerdict { return verdict }
        var machine = FilterMachine()
        let verdict: PolicyVerdict
        do {
            verdict = try machine.run(self.storage, &route)
        } catch {
            verdict = .reject
        }
        for line in machine.lines { FilterLog.write(line) }
        return verdict
    }

    /// Runs the program and tells why when it failed, and what it printed.
    public func run(_ route: inout RouteDraft) -> FilterOutcome {
        var machine = FilterMachine()
        do {
            let verdict = try machine.run(self.storage, &route)
            return FilterOutcome(
                verdict: verdict,
                error: nil,
                printed: machine.lines,
                place: self.storage.place(of: machine.position)
            )
        } catch {
            return FilterOutcome(
                verdict: .reject,
                error: error,
                printed: machine.lines,
                place: self.storage.place(of: machine.position)
            )
        }
    }

    /// Runs the statements of a static route's block, which change the route and need no verdict of their own.
    ///
    /// - Returns: False when they rejected the route or failed.
    public func prepare(_ route: inout RouteDraft) -> Bool { self.evaluate(&route) == .accept }
}

/// What an evaluation came to.
public struct FilterOutcome: Hashable, Sendable {
    /// The verdict; reject when the filter failed.
    public var verdict: PolicyVerdict
    /// Why it failed, if it did.
    public var error: FilterError?
    /// Lines that it printed.
    public var printed: [String] = []
    /// The statement that decided or failed, if the program was read from a configuration.
    public var place: FilterPlace?
}
