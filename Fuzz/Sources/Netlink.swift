@testable import Netlink

/// Reads a datagram as the dump, monitor and acknowledgement readers do; decoded routes must survive writing.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzNetlink(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // A copy of its own size, so that the sanitizer sees every octet read past the end.
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    input.withUnsafeBytes { buffer in
        var reader = MessageReader(NetlinkBytes(buffer))
        var messages = 0
        while let message = reader.next() {
            messages += 1
            require(messages <= count / 16)
            require(message.acknowledgement.code >= 0)
            if let event = KernelEvent(message) { _ = String(describing: event) }
            _ = Link(message.payload)
            _ = LinkAddress(message.payload)
            _ = Neighbor(message.payload)
            if let route = KernelRoute(message.payload) { check(route) }
        }
        for (_, value) in AttributeReader(NetlinkBytes(buffer)) {
            _ = value.text
            _ = value.mac
        }
    }
    return 0
}

private func check(_ route: KernelRoute) {
    _ = route.description
    require(route.nextHops.allSatisfy { (1...256).contains($0.weight) })
    var writer = MessageWriter()
    writer.append(.replace(route), sequence: 1)
    // More legs than a length field of 16 bits holds cannot be written; the kernel takes far fewer.
    guard route.nextHops.count <= 1000 else { return }
    writer.bytes.withUnsafeBytes { buffer in
        var reader = MessageReader(NetlinkBytes(buffer))
        guard let message = reader.next(), let again = KernelRoute(message.payload) else {
            fail("own message does not read: \(route)")
        }
        require(again.key.prefix == route.key.prefix && again.key.table == route.key.table, "\(route)")
        if route.nextHops.count > 1 { require(again.nextHops == route.nextHops, "\(route)") }
        require(reader.next() == nil && !reader.isMalformed)
    }
}
