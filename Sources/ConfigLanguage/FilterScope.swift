import Policy

/// The names and slots of the function, filter or expression that is being parsed.
struct FilterScope {
    /// Where locals are visible, innermost last.
    private var blocks: [[String: (slot: Int, type: FilterType)]] = [[:]]
    private(set) var slotCount = 0
    /// Variables a function or filter may have: each call makes room for all of them.
    static let slotLimit = 1000
    /// Whether routes can be read: not in constant expressions.
    var hasRoute: Bool
    /// Whether `return` with a value makes sense, and what the function declared.
    var declaredResult: FilterType?
    /// Types of the values returned so far.
    var results: [FilterType] = []

    init(hasRoute: Bool = true) {
        self.hasRoute = hasRoute
    }

    /// For expressions that are computed while the configuration is read.
    static var constant: FilterScope { FilterScope(hasRoute: false) }

    mutating func openBlock() { self.blocks.append([:]) }

    mutating func closeBlock() { self.blocks.removeLast() }

    /// Adds a local; nil when the block has one of that name.
    mutating func declare(_ name: String, _ type: FilterType) -> Int? {
        guard self.blocks[self.blocks.count - 1][name] == nil else { return nil }
        let slot = self.reserve()
        self.blocks[self.blocks.count - 1][name] = (slot, type)
        return slot
    }

    /// A slot without name.
    mutating func reserve() -> Int {
        self.slotCount += 1
        return self.slotCount - 1
    }

    func find(_ name: String) -> (slot: Int, type: FilterType)? {
        for block in self.blocks.reversed() {
            if let local = block[name] { return local }
        }
        return nil
    }

    /// The type of a call: the one all returns agree on.
    var resultType: FilterType {
        if let declared = self.declaredResult { return declared }
        guard let first = self.results.first else { return .void }
        return self.results.allSatisfy { $0 == first } ? first : .any
    }
}

/// An expression with its type and place.
struct TypedExpression {
    /// How deep expressions may nest, operators of one level included: what walks them takes a stack frame for each.
    static let depthLimit = 250

    var expression: FilterExpression
    var type: FilterType
    var location: Location
    var depth = 1
}

/// What calls need to know of a function.
struct FunctionSignature {
    var parameters: [FilterType]
    var result: FilterType
}
