@testable import Confd

/// Looks for the tags of a template, and for the lines of a digest's input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTemplate(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    guard let scanner = try? TagScanner(file: "t", text: text) else { return 0 }
    let lines = text.count { $0.isNewline } + 1
    require(zip(scanner.lines, scanner.lines.dropFirst()).allSatisfy { $0 <= $1 })
    require(scanner.lines.allSatisfy { $0 >= 1 && $0 <= lines })
    // What was put into the tags makes no other tags.
    guard let again = try? TagScanner(file: "t", text: scanner.source) else {
        fail("\(scanner.source.debugDescription)")
    }
    require(again.lines.count == scanner.lines.count, scanner.source.debugDescription)
    return 0
}
