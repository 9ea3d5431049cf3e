@testable import Resources

/// Parses selectors, durations and base64; a selector's canonical text must parse to itself and select the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSelector(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    do {
        let selector = try Selector(parsing: text)
        let labels: [[String: String]] = [[:], ["a": "b"], ["a": "", "b": "abc"], ["c": "x y", "a": "\u{E9}"]]
        // Canonical text may be a little longer than what it was made of.
        if selector.text.utf8.count <= Selector.maximumLength {
            guard let again = try? Selector(parsing: selector.text) else {
                fail("canonical text does not parse: \(selector.text)")
            }
            require(again.text == selector.text)
            for labels in labels { require(again.matches(labels) == selector.matches(labels)) }
        }
        for labels in labels { _ = selector.matches(labels) }
    } catch {
        require(error.column >= 1)
        _ = error.description
    }
    if let seconds = wholeSeconds(duration: text) { require(seconds >= 0) }
    if let bytes = decodeBase64(text) { require(decodeBase64(encodeBase64(bytes)) == bytes) }
    _ = isObjectName(text)
    return 0
}
