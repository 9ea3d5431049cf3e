@testable import ControlAPI

/// Reads the input as a request's path and query; what a query means must survive being written and read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzQuery(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    for method in ["GET", "POST"] {
        guard case .found(_, let arguments) = Endpoint.match(method: method, path: String(parts[0])) else { continue }
        for argument in arguments {
            guard let name = percentDecoded(argument) else { continue }
            require(percentDecoded(percentEncoded(name)) == name)
        }
    }
    do throws(ControlError) {
        let query = try RouteQuery(queryString: String(parts.last ?? ""))
        let again = try RouteQuery(queryString: String(query.queryString.dropFirst()))
        require(again == query)
    } catch {
        require(error.code == .invalidRequest && !error.message.isEmpty)
    }
    if let time = Timestamp(text) {
        let again = Timestamp(time.description)
        require(again == time, "\(text): \(time)")
    }
    return 0
}
