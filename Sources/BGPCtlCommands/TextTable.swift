/// Rows in aligned columns, two spaces apart; the last column is not padded.
struct TextTable {
    /// A column's title and side.
    struct Column {
        var title: String
        var isNumeric = false

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, isNumeric: true) }
    }

    private let columns: [Column]
    private var widths: [Int]

    /// Creates a table whose columns are at least as wide as their titles.
    init(_ columns: [Column]) {
        self.columns = columns
        self.widths = columns.map(\.title.count)
    }

    /// Widens columns for `rows`.
    mutating func fit(_ rows: [[String]]) {
        for row in rows {
            for (index, cell) in row.enumerated() where index < self.widths.count {
                self.widths[index] = max(self.widths[index], cell.count)
            }
        }
    }

    /// The titles as a line.
    var header: String { self.line(self.columns.map(\.title)) }

    /// A row as a line; cells wider than their column push the rest of the line to the right.
    func line(_ row: [String]) -> String {
        var line = ""
        for (index, cell) in row.enumerated() {
            let cell = printable(cell)
            let padding = String(repeating: " ", count: max(0, self.widths[index] - cell.count))
            let isLast = index == row.count - 1
            if self.columns[index].isNumeric {
                line += padding + cell
            } else {
                line += isLast ? cell : cell + padding
            }
            if !isLast { line += "  " }
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    /// Header and rows.
    static func lines(_ columns: [Column], _ rows: [[String]]) -> [String] {
        var table = TextTable(columns)
        table.fit(rows)
        return [table.header] + rows.map(table.line)
    }
}

/// `text` with control characters replaced: texts of neighbours must not drive the terminal.
func printable(_ text: String) -> String {
    let isControl: (Unicode.Scalar) -> Bool = { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
    return String(result)
}

/// `90061` seconds as `1d 01:01:01`.
func durationText(_ seconds: UInt64) -> String {
    func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let days = seconds / 86_400
    let clock = "\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    return days > 0 ? "\(days)d \(clock)" : clock
}

/// Bytes as mebibytes with one digit.
func mebibytesText(_ bytes: UInt64) -> String {
    let tenths = (bytes / 1024 &* 10) / 1024
    return "\(tenths / 10).\(tenths % 10) MiB"
}
