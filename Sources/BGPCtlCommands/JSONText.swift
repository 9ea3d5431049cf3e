#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `value` as an indented JSON document with sorted keys, so that output compares well.
func prettyJSON(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
