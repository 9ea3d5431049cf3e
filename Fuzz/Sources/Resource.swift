import IPAddressing

@testable import Confd

/// Reads the input as a template resource of confd, or as what felix writes about an endpoint.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzResource(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    if let peer = WorkloadPeer(status: input) {
        require(!peer.peerName.isEmpty)
        for isIPv4 in [true, false] { require(peer.address(isIPv4: isIPv4)?.isIPv4 ?? isIPv4 == isIPv4) }
    }
    let text = String(decoding: input, as: UTF8.self)
    do throws(ConfdError) {
        let resource = try TemplateResource(file: "f", text: text)
        require(FileTree.isPlainRelativePath(resource.source), resource.source)
        // Whatever an element is called, its file stays below the directory.
        let name = resource.destination(for: "name")
        require(FileTree.isPlainRelativePath(name.hasPrefix("/") ? String(name.dropFirst()) : name), name)
        require(!name.contains("{{name}}"), name)
        require(resource.each == nil || name != resource.destination)
        require(resource.mode ?? 0 <= 0o777 && resource.interval != 0)
    } catch {
        require(error.description.hasPrefix("f:"), error.description)
    }
    return 0
}
