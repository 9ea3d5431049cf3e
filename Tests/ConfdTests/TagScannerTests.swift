import Testing

@testable import Confd

@Suite("Tags of templates")
struct TagScannerTests {
    @Test(
        "A tag is still one when its expression begins with a combining character",
        arguments: ["\n\u{656}", " \u{301}x"]
    )
    func combining(expression: String) throws {
        let scanner = try TagScanner(file: "t", text: "{{\(expression)}}")
        #expect(scanner.lines == [1])
        #expect(try TagScanner(file: "t", text: scanner.source).lines == [1])
    }
}
