internal import Stencil

/// A value that templates see: plain, comparable, so that equal input needs no second rendering.
public enum TemplateValue: Hashable, Sendable {
    /// Text.
    case text(String)
    /// A number.
    case number(Int)
    /// True or false.
    case flag(Bool)
    /// A list.
    case list([TemplateValue])
    /// Fields by name.
    case fields([String: TemplateValue])

    /// The value as the template engine takes it fastest.
    var unwrapped: Any {
        switch self {
        case .text(let value): value
        case .number(let value): value
        case .flag(let value): value
        case .list(let values): values.map(\.unwrapped)
        case .fields(let values): TemplateFields(values)
        }
    }

    /// The value with dictionaries for fields, as `include` takes them for the context of another template.
    var dictionaries: Any {
        switch self {
        case .list(let values): values.map(\.dictionaries)
        case .fields(let values): values.mapValues(\.dictionaries)
        case .text, .number, .flag: self.unwrapped
        }
    }

    /// A field of a value with fields.
    subscript(name: String) -> TemplateValue? {
        guard case .fields(let values) = self else { return nil }
        return values[name]
    }

    /// Elements of a list.
    var elements: [TemplateValue]? {
        guard case .list(let values) = self else { return nil }
        return values
    }

    /// The text of a text value.
    var string: String? {
        guard case .text(let value) = self else { return nil }
        return value
    }
}

/// Fields as the template engine looks them up.
///
/// An object and no dictionary: the engine asks of each value on its way whether it is of some class, for which a dictionary
/// would be made into an NSDictionary, field by field.
private final class TemplateFields: DynamicMemberLookup {
    private let values: [String: TemplateValue]

    init(_ values: [String: TemplateValue]) {
        self.values = values
    }

    subscript(dynamicMember member: String) -> Any? {
        member == "count" ? self.values.count : self.values[member]?.unwrapped
    }
}

extension TemplateValue {
    /// The text form of a value.
    static func text(of value: some CustomStringConvertible) -> TemplateValue { .text(value.description) }
}
