import Foundation
import NIOCore

@testable import ControlAPI

/// Reads the input as bodies of control requests and answers, and as a stream of lines cut into parts.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzControl(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = input.first else { return 0 }
    let rest = Array(input.dropFirst())
    switch choice & 7 {
    case 0: body(ReloadRequest.self, rest)
    case 1: body(NeighborActionRequest.self, rest)
    case 2: body(Route.self, rest)
    case 3: body(NeighborStatus.self, rest)
    case 4: body([Explanation].self, rest)
    case 5: body(ReloadResult.self, rest)
    case 6: body(ControlError.self, rest)
    default: lines(rest, Int(choice >> 3))
    }
    return 0
}

/// What is read survives being written and read again.
private func body<Value: Codable & Equatable>(_ type: Value.Type, _ octets: [UInt8]) {
    guard let value = try? JSONDecoder().decode(type, from: Data(octets)) else { return }
    guard let written = try? JSONEncoder().encode(value) else { fail("\(value) cannot be written") }
    guard let again = try? JSONDecoder().decode(type, from: written) else { fail("\(value) cannot be read again") }
    require(again == value, "\(value)\n\(again)")
}

/// A stream has the same lines however it comes.
private func lines(_ octets: [UInt8], _ size: Int) {
    var parts = octets.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Array($0) }
    let rest = parts.popLast() ?? []
    for size in [size + 1, octets.count + 1] {
        var splitter = LineSplitter()
        var found: [[UInt8]] = []
        var left = octets[...]
        while !left.isEmpty {
            splitter.append(ByteBuffer(bytes: left.prefix(size)))
            left = left.dropFirst(size)
            while let line = try? splitter.next() { found.append(line.array) }
        }
        require(found == parts, "\(found)")
        require(splitter.isEmpty == rest.isEmpty)
    }
}
