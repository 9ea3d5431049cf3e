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

    /// Builds a path mask; of constant parts a constant.
    public static func pathMask(of parts: [FilterMaskPart]) -> FilterExpression {
        var elements: [PathMask.Element] = []
        for part in parts {
            switch part {
            case .element(let element): elements.append(element)
            case .value(.constant(let value)):
                guard let element = PathMask.Element(value) else { return .pathMask(parts) }
                elements.append(element)
            case .value: return .pathMask(parts)
            }
        }
        return .constant(.mask(PathMask(elements)))
    }

    /// Builds `a && b && …`; a conjunction as the first term and the others become one flat list.
    public static func conjunction(_ terms: FilterExpression...) -> FilterExpression { self.conjunction(of: terms) }

    /// Builds `a || b || …`; a disjunction as the first term and the others become one flat list.
    public static func disjunction(_ terms: FilterExpression...) -> FilterExpression { self.disjunction(of: terms) }

    /// Builds the conjunction of a list, true when it is empty.
    public static func conjunction(of terms: [FilterExpression]) -> FilterExpression {
        let list = self.flat(terms, neutral: true) { if case .and(let inner) = $0 { inner } else { nil } }
        return list.count > 1 ? .and(list) : list.first ?? .constant(.bool(true))
    }

    /// Builds the disjunction of a list, false when it is empty.
    public static func disjunction(of terms: [FilterExpression]) -> FilterExpression {
        let list = self.flat(terms, neutral: false) { if case .or(let inner) = $0 { inner } else { nil } }
        return list.count > 1 ? .or(list) : list.first ?? .constant(.bool(false))
    }

    /// The terms without neutral ones; nothing follows a constant that decides.
    private static func flat(
        _ terms: [FilterExpression],
        neutral: Bool,
        _ inner: (FilterExpression) -> [FilterExpression]?
    ) -> [FilterExpression] {
        var list: [FilterExpression] = []
        for term in terms where term != .constant(.bool(neutral)) {
            if list.isEmpty, let inner = inner(term) { list = inner } else { list.append(term) }
            if list == [.constant(.bool(!neutral))] { break }
        }
        return list
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

extension PathMask.Element {
    /// The element for an int or a set of ints.
    init?(_ value: FilterValue) {
        switch value {
        case .int(let number): self = .number(FilterRangeSet([number...number]))
        case .intSet(let set): self = .number(set)
        case .emptySet: self = .number(FilterRangeSet([]))
        default: return nil
        }
    }
}
