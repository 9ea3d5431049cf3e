import BGPWire

extension FilterExpression {
    /// The value when it is known before any route is seen.
    public var constantValue: FilterValue? {
        if case .constant(let value) = self { value } else { nil }
    }

    /// Builds an operation on one value, computed at once where the operand is constant.
    ///
    /// An operation that fails stays, to fail when the filter runs; ``constantError`` tells.
    public static func folding(_ operation: FilterUnaryOperation, _ operand: FilterExpression) -> FilterExpression {
        if case .constant(let value) = operand, let result = try? operation.apply(value) {
            return .constant(result)
        }
        return .unary(operation, operand)
    }

    /// Builds an operation on two values, computed at once where both are constant.
    public static func folding(_ operation: FilterBinaryOperation, _ lhs: FilterExpression, _ rhs: FilterExpression)
        -> FilterExpression
    {
        if case .constant(let a) = lhs, case .constant(let b) = rhs, let result = try? operation.apply(a, b) {
            return .constant(result)
        }
        return .binary(operation, lhs, rhs)
    }

    /// Builds `(a, b, c)`.
    public static func folding(_ a: FilterExpression, _ b: FilterExpression, _ c: FilterExpression)
        -> FilterExpression
    {
        if case .constant(.int(let a)) = a, case .constant(.int(let b)) = b, case .constant(.int(let c)) = c {
            return .constant(.lc(.init(globalAdministrator: a, data1: b, data2: c)))
        }
        return .largeCommunity(a, b, c)
    }

    /// Builds `lhs && rhs`; nested conjunctions become one flat list.
    public static func conjunction(_ lhs: FilterExpression, _ rhs: FilterExpression) -> FilterExpression {
        switch lhs {
        case .constant(.bool(true)): return rhs
        case .constant(.bool(false)): return lhs
        case .and(let terms): return .and(terms + [rhs])
        default: return rhs == .constant(.bool(true)) ? lhs : .and([lhs, rhs])
        }
    }

    /// Builds `lhs || rhs`; nested disjunctions become one flat list.
    public static func disjunction(_ lhs: FilterExpression, _ rhs: FilterExpression) -> FilterExpression {
        switch lhs {
        case .constant(.bool(false)): return rhs
        case .constant(.bool(true)): return lhs
        case .or(let terms): return .or(terms + [rhs])
        default: return rhs == .constant(.bool(false)) ? lhs : .or([lhs, rhs])
        }
    }

    /// Why the expression fails whatever the route, where its operands are constant.
    public var constantError: FilterError? {
        do {
            switch self {
            case .unary(let operation, .constant(let value)): _ = try operation.apply(value)
            case .binary(let operation, .constant(let a), .constant(let b)): _ = try operation.apply(a, b)
            default: break
            }
            return nil
        } catch {
            return error
        }
    }
}
