import BGPWire
import RouteModel

/// One instruction of the stack machine.
struct FilterInstruction: Hashable, Sendable {
    var operation: Operation
    /// What the operation is about: a slot, a number of a constant, of a function or of a switch.
    var operand: UInt32 = 0
    /// Where jumps lead.
    var target: UInt32 = 0

    enum Operation: Hashable, Sendable {
        /// Pushes the constant `operand`.
        case constant
        /// Pushes slot `operand`.
        case load
        /// Pops into slot `operand`; fails without a value.
        case store
        /// Puts the empty value of a type into slot `operand`.
        case clear(EmptyValue)
        /// Pushes an attribute.
        case read(FilterAttribute)
        /// Pops into an attribute.
        case write(FilterAttribute)
        case unset(FilterAttribute)
        /// Adds the constant `operand` to an attribute that is a list, or removes what it says from it.
        case edit(FilterAttribute, FilterEdit)
        /// The same three for the custom attribute `operand`.
        case readCustom
        case writeCustom
        case unsetCustom
        case unary(FilterUnaryOperation)
        case binary(FilterBinaryOperation)
        case largeCommunity
        /// Pops the values of the path mask `operand`, pushes the mask.
        case pathMask
        /// Pushes what the ROA table `operand` says about the route, or about a prefix and a number that are popped.
        case originCheck(isExplicit: Bool)
        /// Pushes the answer to a test of the constant `operand`.
        case test(FilterTest)
        /// Pushes the answer to a test of the number `operand`.
        case testNumber(FilterTest)
        case pop
        case jump
        /// Jumps when the answer to a test of the constant `operand` is the flag.
        case jumpIf(FilterTest, Bool)
        /// Jumps when the answer to a test of the number `operand` is the flag.
        case jumpIfNumber(FilterTest, Bool)
        /// Jumps when it is the flag whether the pair `operand` is among the communities.
        case jumpIfCommunity(Bool)
        /// Goes behind the first test of the chain `operand >> 6`, from its test `operand & 63` on, whose pair is among
        /// the communities; jumps when there is none.
        case findCommunity
        /// Pops a bool, jumps when it is the flag.
        case jumpIfTop(Bool)
        /// Pops a value, jumps to where the switch `operand` says.
        case select
        /// Replaces the list in slot `operand` by its elements, before the first of them.
        case beginLoop
        /// Puts the next element of the list in slot `operand` into the second slot behind it; jumps after the last.
        case nextElement(FilterLoopElement)
        /// Calls function `operand`.
        case call
        /// Returns the top.
        case leave
        /// Returns nothing.
        case leaveEmpty
        /// Pops a value and adds its text to the line.
        case print
        /// Ends the line.
        case endLine
        case accept
        case reject
        case raise
    }

    /// What a variable without value holds.
    enum EmptyValue: UInt8, Hashable, Sendable {
        case none, path, clist, eclist, lclist

        init(_ type: FilterType) {
            switch type {
            case .path: self = .path
            case .clist: self = .clist
            case .eclist: self = .eclist
            case .lclist: self = .lclist
            default: self = .none
            }
        }

        var value: FilterValue {
            switch self {
            case .none: .undefined
            case .path: .path(.init())
            case .clist: .clist([])
            case .eclist: .eclist([])
            case .lclist: .lclist([])
            }
        }
    }
}

/// Changes of a list in place.
enum FilterEdit: UInt8, Hashable, Sendable {
    case insert, delete, filter
}

/// What a loop goes through.
enum FilterLoopElement: UInt8, Hashable, Sendable {
    case number, pair, extended, large
}

/// A `case`: ranges of values and where each leads.
struct FilterSwitch: Hashable, Sendable {
    /// Type of the values; others match nothing.
    var type: FilterType
    /// In ascending order, without overlap.
    var ranges: [ClosedRange<UInt128>] = []
    var targets: [UInt32] = []
    var otherwise: UInt32 = 0

    /// Where a value leads.
    func target(of value: FilterValue) -> UInt32 {
        guard let key = value.switchKey, value.type == self.type || self.takesAsQuad(value) else {
            return self.otherwise
        }
        var low = 0
        var high = self.ranges.count
        while low < high {
            let middle = (low + high) / 2
            let range = self.ranges[middle]
            if key < range.lowerBound {
                high = middle
            } else if key > range.upperBound {
                low = middle + 1
            } else {
                return self.targets[middle]
            }
        }
        return self.otherwise
    }

    /// Dotted quads among the choices of a quad were read as addresses.
    private func takesAsQuad(_ value: FilterValue) -> Bool {
        if case .quad = value { self.type == .ip } else { false }
    }
}

extension FilterValue {
    /// A number that orders values of one type as comparisons do; nil for those that no `case` takes.
    var switchKey: UInt128? {
        switch self {
        case .int(let number), .enumeration(_, let number): UInt128(number)
        // As the address that its text also is.
        case .quad(let number): 0xFFFF << 32 | UInt128(number)
        case .pair(let pair): UInt128(pair.rawValue)
        case .ip(let address): address.orderKey
        case .rd(let number): UInt128(number)
        case .ec(let community): UInt128(community.rawValue)
        case .lc(let community):
            UInt128(community.globalAdministrator) << 64 | UInt128(community.data1) << 32 | UInt128(community.data2)
        default: nil
        }
    }

    /// The ranges of a set by ``switchKey``.
    public var switchRanges: [ClosedRange<UInt128>] {
        func ranges<T>(_ set: FilterRangeSet<T>, _ make: (T) -> FilterValue) -> [ClosedRange<UInt128>] {
            set.ranges.compactMap { range in
                guard let low = make(range.lowerBound).switchKey, let high = make(range.upperBound).switchKey else {
                    return nil
                }
                return low...high
            }
        }
        return switch self {
        case .intSet(let set): ranges(set) { .int($0) }
        case .pairSet(let set): ranges(set) { .pair($0) }
        case .quadSet(let set): ranges(set) { .quad($0) }
        case .ipSet(let set): ranges(set) { .ip($0) }
        case .enumerationSet(let kind, let set): ranges(set) { .enumeration(kind, $0) }
        case .rdSet(let set): ranges(set) { .rd($0) }
        case .ecSet(let set): ranges(set) { .ec($0) }
        case .lcSet(let set): ranges(set) { .lc($0) }
        default: []
        }
    }
}
