import IPAddressing

/// Decodes `spec` of a BGPFilter.
///
/// A rule with an error refuses the whole filter: the rules after it would catch what it was for.
func decodeBGPFilter(_ spec: inout MapReader, _ metadata: ResourceMetadata) -> BGPFilter {
    var filter = BGPFilter(metadata: metadata)
    filter.importV4 = rules("importV4", isIPv4: true, &spec)
    filter.exportV4 = rules("exportV4", isIPv4: true, &spec)
    filter.importV6 = rules("importV6", isIPv4: false, &spec)
    filter.exportV6 = rules("exportV6", isIPv4: false, &spec)
    spec.finish()
    return filter
}

private func rules(_ name: String, isIPv4: Bool, _ spec: inout MapReader) -> [BGPFilter.Rule] {
    (spec.elements(name, atMost: 1000) ?? []).compactMap { path, element in
        var reader = MapReader(element, path: path, collector: spec.collector)
        return rule(&reader, isIPv4: isIPv4)
    }
}

private func rule(_ reader: inout MapReader, isIPv4: Bool) -> BGPFilter.Rule? {
    let action = reader.enumeration("action", BGPFilter.Action.allCases)
    if action == nil, reader.nonEmpty("action") == nil { reader.error("action", "is missing") }
    var rule = BGPFilter.Rule(action ?? .reject)
    rule.prefix = prefixMatch(&reader, isIPv4: isIPv4)
    if let source = reader.nonEmpty("source") {
        rule.isFromRemotePeers = true
        if source != "RemotePeers" { reader.error("source", "must be RemotePeers") }
    }
    if let pattern = reader.nonEmpty("interface") {
        rule.interface = pattern
        if !isInterfaceName(pattern, allowingGlob: true) {
            reader.error("interface", "must be 1 to 15 letters, digits, '_', '-', '.' and '*'")
        }
    }
    rule.peerType = reader.enumeration("peerType", BGPFilter.PeerType.allCases)
    if var communities = reader.map("communities") {
        let values = communities.elements("values", atMost: 100) ?? []
        if values.count != 1 { communities.error("values", "must hold exactly one community") }
        rule.community = values.first.flatMap { community($0.value, path: $0.path, reader.collector) }
        communities.finish()
    }
    if reader.has("asPathPrefix") {
        rule.pathPrefix = asNumbers("asPathPrefix", &reader)
        if rule.pathPrefix.isEmpty { reader.error("asPathPrefix", "must hold at least one AS number") }
    }
    rule.priority = reader.integer("priority", in: 1...2_147_483_646).map { UInt32(clamping: $0) }
    if let operations = reader.elements("operations", atMost: 10) {
        if action == .reject, !operations.isEmpty { reader.error("operations", "may only be given with Accept") }
        rule.operations = operations.compactMap { path, element in
            var reader = MapReader(element, path: path, collector: reader.collector)
            return operation(&reader)
        }
    }
    reader.finish()
    return action == nil ? nil : rule
}

private func prefixMatch(_ reader: inout MapReader, isIPv4: Bool) -> BGPFilter.PrefixMatch? {
    let text = reader.nonEmpty("cidr")
    let matchOperator = reader.enumeration("matchOperator", BGPFilter.MatchOperator.allCases)
    let lengths = prefixLengths(&reader, largest: isIPv4 ? 32 : 128)
    guard let text else {
        if reader.nonEmpty("matchOperator") != nil { reader.error("matchOperator", "needs cidr") }
        if lengths != nil { reader.error("prefixLength", "needs cidr") }
        return nil
    }
    guard let cidr = IPPrefix(text), cidr.isIPv4 == isIPv4 else {
        reader.error("cidr", "must be an \(isIPv4 ? "IPv4" : "IPv6") prefix")
        return nil
    }
    guard let matchOperator else {
        if reader.nonEmpty("matchOperator") == nil { reader.error("matchOperator", "is missing; cidr needs it") }
        return nil
    }
    var match = BGPFilter.PrefixMatch(matchOperator, cidr, lengths: lengths)
    // Host bits and an IPv4 address inside an IPv6 one are not read by every speaker.
    let isPlain = IPPrefix(strict: text) != nil && (isIPv4 || !text.utf8.contains(UInt8(ascii: ".")))
    if isPlain, text != cidr.description { match.spelling = text }
    return match
}

private func prefixLengths(_ reader: inout MapReader, largest: Int64) -> BGPFilter.PrefixMatch.Lengths? {
    guard var lengths = reader.map("prefixLength") else { return nil }
    let minimum = lengths.integer("min", in: 0...largest).map { UInt8(clamping: $0) }
    let maximum = lengths.integer("max", in: 0...largest).map { UInt8(clamping: $0) }
    if let minimum, let maximum, minimum > maximum { lengths.error("min", "is more than max") }
    lengths.finish()
    return .init(minimum: minimum, maximum: maximum)
}

private func operation(_ reader: inout MapReader) -> BGPFilter.Operation? {
    var operations: [BGPFilter.Operation] = []
    if var value = reader.map("addCommunity") {
        if let element = value.raw("value") {
            if let community = community(element, path: value.path("value"), reader.collector) {
                operations.append(.addCommunity(community))
            }
        } else {
            value.error("value", "is missing")
        }
        value.finish()
    }
    if var value = reader.map("prependASPath") {
        let numbers = asNumbers("prefix", &value)
        if !(1...10).contains(numbers.count) { value.error("prefix", "must hold 1 to 10 AS numbers") }
        operations.append(.prependASPath(numbers))
        value.finish()
    }
    if var value = reader.map("setPriority") {
        if let priority = value.integer("value", in: 1...2_147_483_646) {
            operations.append(.setPriority(UInt32(clamping: priority)))
        } else if !value.has("value") {
            value.error("value", "is missing")
        }
        value.finish()
    }
    reader.finish()
    if operations.count == 1 { return operations.first }
    if !reader.collector.hasErrors || operations.count > 1 {
        let message = "must be exactly one of addCommunity, prependASPath and setPriority"
        reader.collector.report(.error, reader.path, reader.value, message)
    }
    return nil
}

private func community(
    _ element: ManifestValue,
    path: String,
    _ collector: DiagnosticCollector
) -> BGPConfiguration.CommunityValue? {
    if let value = element.string.flatMap({ BGPConfiguration.CommunityValue($0) }) { return value }
    collector.report(.error, path, element, "must be aa:nn with 16-bit parts or aa:nn:mm with 32-bit parts")
    return nil
}

private func asNumbers(_ name: String, _ reader: inout MapReader) -> [ASNumber] {
    (reader.elements(name, atMost: 100) ?? []).compactMap { path, element in
        if let number = ASNumber(manifest: element) { return number }
        let message = "must be an AS number from 0 to 4294967295, or high.low in quotes"
        reader.collector.report(.error, path, element, message)
        return nil
    }
}

extension ASNumber {
    /// Reads an integer, its decimal text, or `high.low`.
    init?(manifest value: ManifestValue) {
        switch value.content {
        case .integer(let number):
            guard let number = UInt32(exactly: number) else { return nil }
            self.init(rawValue: number)
        case .string(let text):
            guard let number = ASNumber(text) else { return nil }
            self = number
        default: return nil
        }
    }
}
