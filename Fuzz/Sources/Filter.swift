import BGPWire
import ConfigLanguage
import IPAddressing
import Policy
import RouteModel
import SpeakerSettings

/// What programs of the input may use.
private let definitions = """
    router id 1.2.3.4;
    attribute int a_int; attribute clist a_list; attribute bgppath a_path; attribute string a_text;
    attribute bytestring a_bytes; attribute bgp 200 bytestring a_wire;
    roa4 table r4; protocol static roas { roa4 { table r4; }; route 10.1.0.0/16 max 24 as 65003; }
    function again(int n) -> int { if n = 0 then return 0; return again(n - 1) + again(n - 1); }
    function deep(int n) -> int { return deep(n + 1); }

    """

/// Reads the input as the body of a filter, up to a NUL; what follows makes the route.
///
/// Runs what checks, twice.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFilter(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let octets = parts.count > 1 ? Array(parts[1].prefix(512)) : []
    let text =
        definitions + "protocol static s { ipv4 { import filter { " + String(decoding: parts[0], as: UTF8.self)
        + "\n}; }; }"
    let result = ConfigurationLoader.load(root: "f", provider: InMemorySources(["f": text]))
    require((result.settings == nil) == !result.errors.isEmpty)
    guard let settings = result.settings else { return 0 }
    for case .static(let instance) in settings.protocols {
        let filter = instance.channel.importPolicy
        require(filter == filter.asking([:]))
        for route in routes(octets) {
            var first = route
            var second = route
            let one = filter.run(&first)
            let other = filter.run(&second)
            require(one == other && first.attributes == second.attributes && first.local == second.local)
            require(one.error == nil || one.verdict == .reject)
            require(filter.constantVerdict == nil || filter.constantVerdict == one.verdict)
            require(one.printed.count <= FilterProgram.instructionLimit / 100)
            let elements = first.attributes.elements
            require(zip(elements, elements.dropFirst()).allSatisfy { $0.type < $1.type })
            require((elements.last?.extent.upperBound ?? 0) == first.attributes.bytes.count)
            _ = LocalAttributeList(of: first.attributes).fields
        }
    }
    return 0
}

/// An empty route, and one whose lists come from the input.
private func routes(_ octets: [UInt8]) -> [RouteDraft] {
    var attributes = PathAttributes()
    let numbers = octets.map { ASNumber(rawValue: 65_000 + UInt32($0)) }
    attributes.origin = .egp
    attributes.asPath = ASPath(segments: [
        .init(kind: .confederationSequence, numbers: Array(numbers.prefix(2))),
        .init(kind: .sequence, numbers: Array(numbers.dropFirst(2).prefix(300))),
        .init(kind: .set, numbers: Array(numbers.suffix(3))),
    ])
    attributes.multiExitDiscriminator = octets.first.map { UInt32($0) }
    attributes.communities = octets.map { Community(65_001, UInt16($0)) }
    attributes.extendedCommunities = octets.prefix(60).map { ExtendedCommunity(rawValue: UInt64($0) << 48 | 1) }
    attributes.largeCommunities = octets.map { LargeCommunity(globalAdministrator: 1, data1: 2, data2: UInt32($0)) }
    // Octets that are no list: whatever stands there may be read.
    attributes.set(.local, flags: .optional, value: octets)
    guard let next = IPAddress("192.0.2.1") else { return [] }
    return ["10.1.2.0/24", "2001:db8::/48"].compactMap { IPPrefix($0) }.flatMap { prefix in
        [attributes, PathAttributes()].map { attributes in
            RouteDraft(
                prefix: prefix,
                origin: RouteOrigin(source: .bgp, protocolName: "p", from: next, defaultLocalPreference: 100),
                attributes: attributes,
                target: .recursive(BGPNextHop(next), interface: 0),
                local: LocalAttributes(preference: 100),
                gateway: next,
                interfaceName: "eth0",
                interfaceIndex: 2
            )
        }
    }
}
