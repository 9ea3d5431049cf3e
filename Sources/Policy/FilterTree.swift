/// A checked expression.
public indirect enum FilterExpression: Hashable, Sendable {
    /// A value known when the configuration is read.
    case constant(FilterValue)
    /// A parameter or local variable, by its slot in the function's frame.
    case local(Int)
    /// A property of the route.
    case attribute(FilterAttribute)
    /// An attribute that the configuration defines.
    case custom(FilterCustomAttribute)
    /// An operation on one value.
    case unary(FilterUnaryOperation, FilterExpression)
    /// An operation on two values.
    case binary(FilterBinaryOperation, FilterExpression, FilterExpression)
    /// `(a, b, c)`.
    case largeCommunity(FilterExpression, FilterExpression, FilterExpression)
    /// `[= … =]` with parts that are known only when the filter runs.
    case pathMask([FilterMaskPart])
    /// `roa_check` of a prefix and an origin, by default of the route itself.
    case originCheck(table: String, FilterExpression?, FilterExpression?)
    /// `&&` over two or more terms, left to right until one is false.
    case and([FilterExpression])
    /// `||` over two or more terms, left to right until one is true.
    case or([FilterExpression])
    /// A call of the function at an index of the library.
    case call(Int, [FilterExpression])
}

/// A part of a path mask.
public enum FilterMaskPart: Hashable, Sendable {
    /// One that is known.
    case element(PathMask.Element)
    /// An int or a set of ints.
    case value(FilterExpression)
}

/// Operations on one value.
public enum FilterUnaryOperation: Hashable, Sendable {
    /// `!`.
    case not
    /// `defined()`.
    case defined
    /// `.len` of a prefix, path or list.
    case length
    /// `.ip` of a prefix.
    case address
    /// `.type` of a prefix.
    case netType
    /// `.is_v4` of an address.
    case isIPv4
    /// `.first` of a path.
    case first
    /// `.last` of a path.
    case last
    /// `.last_nonaggregated` of a path.
    case lastNonaggregated
    /// `.asn` of a pair or large community.
    case asn
    /// `.data` of a pair.
    case data
    /// `.data1` of a large community.
    case data1
    /// `.data2` of a large community.
    case data2
    /// `.empty` of a path or list.
    case empty
    /// `.min` of a list.
    case minimum
    /// `.max` of a list.
    case maximum
    /// `format()`.
    case format
    /// `from_hex()`.
    case fromHex
}

/// Operations on two values.
public enum FilterBinaryOperation: Hashable, Sendable {
    /// `=`.
    case equal
    /// `!=`.
    case notEqual
    /// `<`.
    case less
    /// `<=`.
    case lessOrEqual
    /// `+`, wrapping at 32 bits.
    case add
    /// `-`, wrapping at 32 bits.
    case subtract
    /// `*`, wrapping at 32 bits.
    case multiply
    /// `/`.
    case divide
    /// `~`.
    case match
    /// `!~`.
    case notMatch
    /// `.mask()` of an address.
    case mask
    /// `.prepend()` of a path.
    case prepend
    /// `++` and `append()` of strings and bytestrings.
    case append
    /// `.add()` of a list.
    case insert
    /// `.delete()` of a path or list.
    case delete
    /// `.filter()` of a path or list.
    case filter
    /// `(a, b)`.
    case pair
    /// `(kind, a, b)`.
    case extendedCommunity(FilterCommunityKind)
}

/// Kinds of extended community that configurations construct.
public enum FilterCommunityKind: Hashable, Sendable {
    /// `rt`: route target, subtype 2 (RFC 4360 §4).
    case routeTarget
    /// `ro`: route origin, subtype 3 (RFC 4360 §5).
    case routeOrigin
    /// `unknown N`: the high 16 bits given, as if of AS-specific form.
    case unknown(UInt16)
    /// `generic`: two raw halves.
    case generic
}

/// A checked statement.
public indirect enum FilterStatement: Hashable, Sendable {
    /// Assignment to a local's slot.
    case assign(Int, FilterExpression)
    /// Assignment to a property of the route.
    case set(FilterAttribute, FilterExpression)
    /// `unset()`.
    case unset(FilterAttribute)
    /// Assignment to an attribute that the configuration defines.
    case setCustom(FilterCustomAttribute, FilterExpression)
    /// `unset()` of such an attribute.
    case unsetCustom(FilterCustomAttribute)
    /// A declaration without value: the slot is empty again, also in the next round of a loop.
    case clear(Int, FilterType)
    /// `for`: the body for each element of a path or list; the three slots from `slot` on hold the list, how far it was
    /// read, and the element.
    case loop(FilterExpression, slot: Int, FilterLoopBody)
    /// `print` and `printn`: the values one after the other, and perhaps the end of the line.
    case print([FilterExpression], endsLine: Bool)
    /// `if … then … else if … else …`: the first branch whose condition holds.
    case conditional([FilterBranch], otherwise: [FilterStatement])
    /// `case`: the branch whose set contains the subject; sets do not overlap.
    case choice(subject: FilterExpression, [FilterChoice], otherwise: [FilterStatement])
    /// An expression for its effect: a call.
    case evaluate(FilterExpression)
    /// `return`.
    case result(FilterExpression?)
    /// `accept`.
    case accept
    /// `reject`.
    case reject
    /// `error`: the filter fails.
    case raise
    /// A statement and where it stands in the configuration.
    case at(FilterPlace, FilterStatement)

    /// The statement without its place.
    var bare: FilterStatement {
        if case .at(_, let statement) = self { statement.bare } else { self }
    }
}

/// Where a statement stands, for those who ask why a filter decided as it did; no part of what a program means.
public struct FilterPlace: Hashable, Sendable, CustomStringConvertible {
    /// File.
    public var path: String
    /// Line, from 1.
    public var line: Int

    /// Creates a place.
    public init(path: String, line: Int) {
        self.path = path
        self.line = line
    }

    /// `file:line`.
    public var description: String { "\(self.path):\(self.line)" }
}

/// What is done for each element of a list.
public struct FilterLoopBody: Hashable, Sendable {
    /// Type of the elements.
    public var type: FilterType
    /// Slot of a variable that was there before and takes each element; nil when the loop has its own.
    public var target: Int?
    /// Statements.
    public var statements: [FilterStatement]

    /// Creates a body.
    public init(type: FilterType, target: Int? = nil, statements: [FilterStatement]) {
        self.type = type
        self.target = target
        self.statements = statements
    }

    var element: FilterLoopElement {
        switch self.type {
        case .pair: .pair
        case .ec: .extended
        case .lc: .large
        default: .number
        }
    }
}

/// A condition and what is done when it holds.
public struct FilterBranch: Hashable, Sendable {
    /// The condition.
    public var condition: FilterExpression
    /// Statements.
    public var body: [FilterStatement]

    /// Creates a branch.
    public init(condition: FilterExpression, body: [FilterStatement]) {
        self.condition = condition
        self.body = body
    }
}

/// A set of values and what is done when the subject is one of them.
public struct FilterChoice: Hashable, Sendable {
    /// The set.
    public var values: FilterValue
    /// Statements.
    public var body: [FilterStatement]

    /// Creates a branch.
    public init(values: FilterValue, body: [FilterStatement]) {
        self.values = values
        self.body = body
    }
}

/// A function of the configuration.
///
/// Parameters take the first slots.
public struct FilterFunction: Hashable, Sendable {
    /// Number of parameters.
    public var parameterCount: Int
    /// Number of slots, parameters included.
    public var slotCount: Int
    /// Statements.
    public var body: [FilterStatement]

    /// Creates a function.
    public init(parameterCount: Int, slotCount: Int, body: [FilterStatement]) {
        self.parameterCount = parameterCount
        self.slotCount = slotCount
        self.body = body
    }
}
