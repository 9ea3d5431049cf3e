import Resources

@testable import EtcdDatastore

/// Reads the input as what etcd and name servers answer, and as keys and values of the store.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEtcd(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let choice = input.first else { return 0 }
    let rest = Array(input.dropFirst())
    switch choice & 3 {
    case 0: fuzzNameServer(rest)
    case 1: fuzzLines(rest, Int(choice >> 2))
    case 2: fuzzAnswer(rest)
    default: fuzzStored(rest)
    }
    return 0
}

/// An answer to a question, whose octets are put in front so that the fuzzer need not guess them.
private func fuzzNameServer(_ input: [UInt8]) {
    guard let question = DNSMessage.question("_etcd-client._tcp.example.org", identifier: 0x1234) else {
        fail("no question")
    }
    var message = question
    for (index, octet) in input.prefix(8).enumerated() { message[[2, 3, 6, 7, 8, 9, 10, 11][index]] = octet }
    message[2] |= 0x80
    message += input.dropFirst(8)
    for message in [message, input] {
        guard case .services(let services)? = try? DNSMessage.answer(message, to: question) else { continue }
        require(services.count <= message.count)
        require(services.allSatisfy { $0.target.utf8.count <= 255 * 4 })
    }
}

/// Cut into parts of any size, a stream is the same lines.
private func fuzzLines(_ input: [UInt8], _ size: Int) {
    let whole = input.split(separator: UInt8(ascii: "\n")).map { Array($0) }
    var assembler = LineAssembler(limit: 200)
    var lines: [[UInt8]] = []
    var rest = input[...]
    do throws(EtcdError) {
        while !rest.isEmpty {
            let part = rest.prefix(size + 1)
            rest = rest.dropFirst(size + 1)
            lines += try assembler.take(part)
        }
    } catch {
        require(whole.contains { $0.count > 200 })
        return
    }
    let ended = input.last == UInt8(ascii: "\n") ? whole : Array(whole.dropLast())
    require(lines == ended || lines == whole && input.isEmpty)
}

/// An answer of the gateway.
private func fuzzAnswer(_ input: [UInt8]) {
    guard let value = try? JSONReader.value(input) else { return }
    _ = try? AnswerHeader(value)
    if let answer = try? RangeAnswer(value) {
        for item in answer.items { fuzzItem(item) }
    }
    _ = try? TransactionAnswer(value)
    if let answer = try? WatchAnswer(value) { _ = answer.events.count }
    _ = EtcdError(value)
}

/// Key and value of an object, with a NUL octet in between.
private func fuzzStored(_ input: [UInt8]) {
    let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let key = String(decoding: parts[0], as: UTF8.self)
    fuzzItem(KeyValue(key: key, value: parts.count > 1 ? Array(parts[1]) : [], revision: 1, version: 1))
}

private func fuzzItem(_ item: KeyValue) {
    guard let key = EtcdLayout.resourceKey(item.key) else { return }
    // What is stored under a resource's own key is that resource.
    if let own = EtcdLayout.key(key) { require(EtcdLayout.resourceKey(own) == key, "\(item.key): \(own)") }
    let decoded = EtcdLayout.decode(item, as: key)
    require(decoded.resource != nil || !decoded.diagnostics.isEmpty)
    guard let resource = decoded.resource else { return }
    require(resource.key == key)
    _ = EtcdLayout.key(resource)
}
