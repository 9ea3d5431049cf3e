internal import Foundation

/// Any JSON document as the template engine takes values.
enum JSONValue: Decodable {
    case null
    case flag(Bool)
    case whole(Int)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int.self) {
            self = .whole(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// Parses a document.
    init(parsing text: String) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }

    /// The value for templates; nil for null.
    ///
    /// Fields that are null are absent.
    var unwrapped: Any? {
        switch self {
        case .null: nil
        case .flag(let value): value
        case .whole(let value): value
        case .number(let value): value
        case .text(let value): value
        case .list(let values): values.compactMap(\.unwrapped)
        case .object(let values): values.compactMapValues(\.unwrapped)
        }
    }
}
