import BGPWire

@testable import SpeakerState

/// Reads the input as the mark that one run leaves for the next.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzState(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let boot = "2d3d4a9c-8f0a-4a44-9d8a-000000000000"
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    for text in [text, "martlet speaker 1\n\(boot)\n" + text] {
        guard let marker = RestartMarker(text, boot: boot) else { continue }
        require(text.hasPrefix("martlet speaker 1\n\(boot)\nkernel"), text.debugDescription)
        require(marker.kernelFamilies.isSubset(of: [.ipv4Unicast, .ipv6Unicast]))
        require(RestartMarker(marker.text(boot: boot), boot: boot) == marker)
        require(RestartMarker(text, boot: "another") == nil)
    }
    return 0
}
