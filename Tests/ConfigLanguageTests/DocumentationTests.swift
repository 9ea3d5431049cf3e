import Foundation
import Testing

@testable import ConfigLanguage
@testable import Policy

@Suite("The reference of the language")
struct DocumentationTests {
    private static let text: String = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/configuration.md")
        return (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }()

    /// The rows of the tables under a heading, each as its cells.
    private static func rows(_ heading: String) -> [[String]] {
        guard let start = self.text.range(of: "\n### \(heading)\n")?.upperBound else { return [] }
        let rest = self.text[start...]
        let section = rest[..<(rest.range(of: "\n##")?.lowerBound ?? rest.endIndex)]
        return section.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            line.replacing("\\|", with: "").split(separator: "|", omittingEmptySubsequences: false).dropFirst().map {
                $0.trimmingCharacters(in: .whitespaces)
            }
        }
    }

    /// What stands in backquotes, up to the first parenthesis or blank of each.
    private static func names(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
            .map { String($0.element.prefix { $0 != "(" && $0 != " " }) }
    }

    @Test("It has every attribute with its type, and what may be done with it")
    func attributes() {
        let rows = Self.rows("Attributes")
        #expect(rows.map { Self.names($0[0]).joined() } == FilterAttribute.allCases.map(\.rawValue))
        for (row, attribute) in zip(rows, FilterAttribute.allCases) {
            #expect(row[1] == attribute.type.description)
            #expect(row[2].hasPrefix("no") || row[2].hasPrefix("unset only") == !attribute.isWritable)
            #expect(row[2].contains("unset") == attribute.isUnsettable, "\(attribute)")
        }
    }

    @Test("It has every type")
    func types() {
        let named = Self.rows("Types").map { Self.names($0[0]).joined() }
        #expect(named == FilterType.named.map(\.description) + ["enum", "TYPE", "prefix"])
        let families = Self.rows("Types").first { $0[0] == "`enum FAMILY`" }.map { Self.names($0[1]) }
        #expect(families == FilterEnumeration.allCases.filter { $0 != .opaque }.map(\.rawValue))
        #expect(FilterType.ofCustomAttributes.allSatisfy { Self.text.contains("`\($0)`") })
    }

    @Test("It has every method of every type, and every function")
    func methods() {
        let rows = Self.rows("Operators")
        let methods = rows.filter { $0.count == 4 }
        let known = Set(Parser.plainMethods.keys).union(Parser.argumentMethods.keys)
        #expect(Set(methods.flatMap { Self.names($0[0]) }) == known)
        for type in FilterType.named {
            for (name, operation) in Parser.plainMethods where operation.resultType(type) != nil {
                let row = methods.first { Self.names($0[0]).contains(name) && $0[1].contains(type.description) }
                #expect(row != nil, "\(type).\(name)")
            }
        }
        let functions = rows.filter { $0.count == 3 && $0[0].contains("(") }
        #expect(Set(functions.flatMap { Self.names($0[0]) }) == Set(Parser.functionWords))
    }

    @Test("It has every statement")
    func statements() {
        let words = Set(Self.rows("Statements").flatMap { Self.names($0[0]) }.map { $0.prefix { $0.isLowercase } })
        #expect(words.subtracting([""]) == Set(Parser.statementWords.map { Substring($0) }))
    }
}
