import Resources

extension ManifestValue {
    /// The value as JSON text with two spaces of indentation, which every YAML reader takes too.
    var jsonText: String {
        var text = ""
        self.write(to: &text, indent: "")
        text += "\n"
        return text
    }

    private func write(to text: inout String, indent: String) {
        switch self.content {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .float(let number): text += number.isFinite ? "\(number)" : "null"
        case .string(let string): Self.quote(string, to: &text)
        case .array(let elements):
            text += elements.isEmpty ? "[" : "[\n"
            for (index, element) in elements.enumerated() {
                text += "\(indent)  "
                element.write(to: &text, indent: indent + "  ")
                text += index == elements.count - 1 ? "\n\(indent)" : ",\n"
            }
            text += "]"
        case .map(let fields):
            text += fields.isEmpty ? "{" : "{\n"
            for (index, field) in fields.enumerated() {
                text += "\(indent)  "
                Self.quote(field.key, to: &text)
                text += ": "
                field.value.write(to: &text, indent: indent + "  ")
                text += index == fields.count - 1 ? "\n\(indent)" : ",\n"
            }
            text += "}"
        }
    }

    private static func quote(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            // YAML refuses raw control characters, and U+0085, U+2028 and U+2029 end its lines.
            case _
            where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || [0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF].contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
