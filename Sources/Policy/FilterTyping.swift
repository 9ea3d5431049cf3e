extension FilterUnaryOperation {
    /// Type of the result on an operand of type `operand`; nil when the operation is not defined for it.
    public func resultType(_ operand: FilterType) -> FilterType? {
        if operand == .any {
            switch self {
            case .not, .defined, .isIPv4: return .bool
            case .netType: return .enumeration(.netType)
            case .address: return .ip
            case .empty, .minimum, .maximum: return .any
            case .format: return .string
            case .fromHex: return .bytestring
            default: return .int
            }
        }
        switch (self, operand) {
        case (.defined, _): return operand == .void ? nil : .bool
        case (.not, .bool): return .bool
        case (.length, .prefix), (.length, .path), (.length, .clist), (.length, .eclist), (.length, .lclist):
            return .int
        case (.address, .prefix): return .ip
        case (.netType, .prefix): return .enumeration(.netType)
        case (.isIPv4, .ip): return .bool
        case (.first, .path), (.last, .path), (.lastNonaggregated, .path): return .int
        case (.asn, .pair), (.asn, .lc), (.data, .pair), (.data1, .lc), (.data2, .lc): return .int
        case (.empty, .path), (.empty, .clist), (.empty, .eclist), (.empty, .lclist): return operand
        case (.format, _): return operand == .void ? nil : .string
        case (.fromHex, .string): return .bytestring
        case (.minimum, .clist), (.maximum, .clist): return .pair
        case (.minimum, .eclist), (.maximum, .eclist): return .ec
        case (.minimum, .lclist), (.maximum, .lclist): return .lc
        default: return nil
        }
    }
}

extension FilterBinaryOperation {
    /// Type of the result on operands of these types; nil when the operation is not defined for them.
    public func resultType(_ lhs: FilterType, _ rhs: FilterType) -> FilterType? {
        if lhs == .void || rhs == .void { return nil }
        let unknown = lhs == .any || rhs == .any
        switch self {
        case .equal, .notEqual:
            return unknown || lhs == rhs || Self.areQuadLike(lhs, rhs) ? .bool : nil
        case .less, .lessOrEqual:
            if unknown { return .bool }
            guard lhs == rhs else { return nil }
            switch lhs {
            case .bool, .int, .quad, .pair, .ec, .lc, .ip, .prefix, .rd, .string, .path, .enumeration: return .bool
            default: return nil
            }
        case .add, .subtract, .multiply, .divide:
            return (lhs == .int || lhs == .any) && (rhs == .int || rhs == .any) ? .int : nil
        case .match, .notMatch: return unknown || Self.canMatch(lhs, rhs) ? .bool : nil
        case .mask: return (lhs == .ip || lhs == .any) && (rhs == .int || rhs == .any) ? .ip : nil
        case .prepend: return (lhs == .path || lhs == .any) && (rhs == .int || rhs == .any) ? .path : nil
        case .append:
            if lhs == .any { return rhs == .any || rhs == .string || rhs == .bytestring ? rhs : nil }
            guard lhs == .string || lhs == .bytestring else { return nil }
            return rhs == lhs || rhs == .any ? lhs : nil
        case .insert: return unknown || Self.canInsert(rhs, into: lhs) ? lhs : nil
        case .delete: return unknown || Self.canSelect(rhs, from: lhs, deleting: true) ? lhs : nil
        case .filter: return unknown || Self.canSelect(rhs, from: lhs, deleting: false) ? lhs : nil
        case .pair: return (lhs == .int || lhs == .any) && (rhs == .int || rhs == .any) ? .pair : nil
        case .extendedCommunity:
            let isKey = lhs == .int || lhs == .quad || lhs == .ip || lhs == .any
            return isKey && (rhs == .int || rhs == .any) ? .ec : nil
        }
    }

    /// A dotted quad in the text is an address; it also serves where a quad is meant.
    private static func areQuadLike(_ lhs: FilterType, _ rhs: FilterType) -> Bool {
        (lhs == .quad && rhs == .ip) || (lhs == .ip && rhs == .quad)
    }

    private static func canMatch(_ lhs: FilterType, _ rhs: FilterType) -> Bool {
        switch (lhs, rhs) {
        case (_, .set(.void)): return true
        case (.set, _), (.prefixSet, _): return false
        case (.prefix, .prefixSet), (.prefix, .prefix), (.ip, .prefix): return true
        case (.int, .path), (.path, .mask), (.path, .set(.int)), (.string, .string): return true
        case (.pair, .clist), (.quad, .clist), (.int, .clist), (.ip, .clist), (.ec, .eclist), (.lc, .lclist):
            return true
        case (.clist, .set(.pair)), (.clist, .set(.quad)), (.clist, .set(.ip)), (.quad, .set(.ip)): return true
        case (.eclist, .set(.ec)), (.lclist, .set(.lc)): return true
        case (_, .set(let element)): return element == lhs
        default: return false
        }
    }

    private static func canInsert(_ element: FilterType, into list: FilterType) -> Bool {
        switch (list, element) {
        case (.clist, .pair), (.clist, .quad), (.clist, .ip), (.clist, .clist), (.eclist, .ec), (.eclist, .eclist),
            (.lclist, .lc),
            (.lclist, .lclist):
            true
        default: false
        }
    }

    private static func canSelect(_ selector: FilterType, from list: FilterType, deleting: Bool) -> Bool {
        switch (list, selector) {
        case (.path, .set(.int)): true
        case (.path, .int): deleting
        case (.clist, .pair), (.clist, .quad), (.clist, .ip), (.eclist, .ec), (.lclist, .lc): deleting
        case (.clist, .clist), (.clist, .set(.pair)), (.clist, .set(.quad)), (.clist, .set(.ip)), (.eclist, .eclist),
            (.eclist, .set(.ec)),
            (.lclist, .lclist), (.lclist, .set(.lc)):
            true
        case (.path, .set(.void)), (.clist, .set(.void)), (.eclist, .set(.void)), (.lclist, .set(.void)): true
        default: false
        }
    }
}
