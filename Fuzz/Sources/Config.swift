import BGPWire
import ConfigLanguage
import IPAddressing
import Policy
import RouteModel
import SpeakerSettings

/// The root file and what it includes: the parts of one input between NUL octets, named `0`, `1`, ….
private struct InputSources: SourceProvider {
    var files: [String: [UInt8]] = [:]

    init(_ input: [UInt8]) {
        for (index, part) in input.split(separator: 0, omittingEmptySubsequences: false).prefix(10).enumerated() {
            self.files[String(index)] = Array(part)
        }
    }

    func contents(of path: String, limit: Int) throws(SourceError) -> [UInt8] {
        guard let bytes = self.files[path] else { throw SourceError("No such file or directory") }
        guard bytes.count <= limit else { throw SourceError("File too large") }
        return bytes
    }

    func entries(ofDirectory path: String) throws(SourceError) -> [String] {
        path.isEmpty ? self.files.keys.sorted() : []
    }
}

/// Reads a configuration in every dialect; where it checks, lays it out, prints what it comes to, runs its filters on
/// routes made from the input, and compares it with itself.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfig(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let sources = InputSources(input)
    let laidOut = layOut(sources)
    for dialect in Dialect.allCases { read(sources, laidOut, dialect, input) }
    return 0
}

/// The files in canonical layout; nil when one of them cannot be laid out.
private func layOut(_ sources: InputSources) -> InputSources? {
    var result = sources
    for (path, bytes) in sources.files {
        guard let once = try? ConfigurationFormatter.format(bytes, path: path) else { return nil }
        require((try? ConfigurationFormatter.format(once, path: path)) == once)
        result.files[path] = once
    }
    return result
}

private func read(_ sources: InputSources, _ laidOut: InputSources?, _ dialect: Dialect, _ input: [UInt8]) {
    let printer = ConfigurationPrinter(root: "0", provider: sources, dialect: dialect, showsSecrets: true)
    let result = printer.result
    require((result.settings == nil) == !result.errors.isEmpty)
    for diagnostic in result.diagnostics {
        require(diagnostic.line >= 1 && diagnostic.column >= 1 && diagnostic.width >= 1)
        _ = diagnostic.description
    }
    if let laidOut {
        require(ConfigurationLoader.load(root: "0", provider: laidOut, dialect: dialect).settings == result.settings)
    }
    guard let settings = result.settings else { return }
    require(ConfigurationLoader.load(root: "0", provider: sources, dialect: dialect).settings == settings)
    // What listens at an address that is not the session's own is BIRD 1.6's alone to say.
    if dialect == .bird2 {
        require(printer.effective != nil)
        let effective = InMemorySources(["0": printer.effective ?? ""])
        require(ConfigurationLoader.load(root: "0", provider: effective).settings == settings)
    }
    require(ReloadPlan(from: settings, to: settings).isEmpty)
    _ = ReloadPlan(from: SpeakerSettings(), to: settings)
    _ = ReloadPlan(from: settings, to: SpeakerSettings())
    // All filters of one input share a budget, as one filter alone may take a tenth of a second.
    for policy in Set(settings.protocols.flatMap(\.filters)).prefix(8) { run(policy, input) }
}

extension ProtocolSettings {
    fileprivate var filters: [FilterProgram] {
        func both(_ channel: ChannelSettings) -> [FilterProgram] { [channel.importPolicy, channel.exportPolicy] }
        return switch self {
        case .bgp(let settings): settings.channels.flatMap { both($0.channel) }
        case .kernel(let settings): both(settings.channel)
        case .static(let settings): both(settings.channel) + settings.routes.prefix(4).map(\.attributes)
        case .direct(let settings): settings.channels.flatMap(both)
        case .device: []
        case .pipe(let settings): both(settings.channel)
        }
    }
}

/// Runs a filter on an IPv4 and an IPv6 route; what it accepts must still be a canonical set.
private func run(_ policy: FilterProgram, _ input: [UInt8]) {
    var attributes = PathAttributes()
    let numbers = input.prefix(64).map { ASNumber(rawValue: 64_500 + UInt32($0 & 15)) }
    attributes.origin = .igp
    attributes.asPath = ASPath(segments: [
        .init(kind: .sequence, numbers: Array(numbers.prefix(6))), .init(kind: .set, numbers: Array(numbers.suffix(2))),
    ])
    attributes.multiExitDiscriminator = 5
    attributes.communities = input.prefix(40).map { Community(64_512, UInt16($0)) }
    attributes.largeCommunities = [LargeCommunity(globalAdministrator: 1, data1: 2, data2: 3)]
    for (prefix, next) in [("10.1.2.0/24", "192.0.2.1"), ("2001:db8:1::/48", "2001:db8::1")] {
        guard let prefix = IPPrefix(prefix), let next = IPAddress(next) else { continue }
        for attributes in [attributes, PathAttributes()] {
            var draft = RouteDraft(
                prefix: prefix,
                origin: RouteOrigin(source: .bgp, protocolName: "p", from: next),
                attributes: attributes,
                target: .recursive(BGPNextHop(next), interface: 0),
                local: LocalAttributes(preference: 100),
                gateway: next,
                interfaceName: "eth0"
            )
            let outcome = policy.run(&draft)
            require(outcome.error == nil || outcome.verdict == .reject)
            let elements = draft.attributes.elements
            require(zip(elements, elements.dropFirst()).allSatisfy { $0.type < $1.type })
            require((elements.last?.extent.upperBound ?? 0) == draft.attributes.bytes.count)
        }
    }
}
