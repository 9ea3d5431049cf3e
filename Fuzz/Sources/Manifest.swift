@testable import Datastore
@testable import Resources

/// Reads manifests; every resource that decodes must survive being written and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzManifest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let documents: [ManifestValue]
    do throws(YAMLReader.Failure) {
        documents = try YAMLReader.documents(input)
    } catch {
        require(!error.message.isEmpty)
        return 0
    }
    let decoder = ManifestDecoder()
    for document in documents {
        _ = EndpointStatus(document)
        let outcome = decoder.decode(document)
        require(outcome.refused.isEmpty || outcome.diagnostics.contains { $0.severity == .error })
        for diagnostic in outcome.diagnostics { _ = diagnostic.description }
        for decoded in outcome.resources.prefix(20) {
            let text = Array(decoded.resource.manifest.jsonText.utf8)
            guard let again = try? YAMLReader.documents(text), again.count == 1 else {
                fail("own text does not read: \(decoded.resource)")
            }
            let result = decoder.decode(again[0])
            require(result.resources.map(\.resource) == [decoded.resource], "\(decoded.resource)")
        }
    }
    return 0
}
