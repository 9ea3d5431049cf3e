import BGPWire
import IPAddressing
import RouteModel

extension RouteDraft {
    /// The attribute's value; `undefined` when the route lacks it.
    ///
    /// Absent lists and paths read as empty ones.
    func read(_ attribute: FilterAttribute) -> FilterValue {
        switch attribute {
        case .net: return .prefix(self.prefix)
        case .proto: return .string(self.origin.protocolName)
        case .from: return .ip(self.origin.from ?? .v6(.any))
        case .gw: return .ip(self.gateway ?? .v6(.any))
        case .ifname: return .string(self.interfaceName ?? "")
        case .ifindex: return .int(self.interfaceIndex)
        case .weight: return .int(UInt32(self.firstGateway?.weight ?? 1))
        case .onlink: return .bool(self.firstGateway?.onlink ?? false)
        case .source: return .enumeration(.source, self.sourceNumber)
        case .dest: return .enumeration(.destination, self.destinationNumber)
        case .scope: return .enumeration(.scope, self.scopeNumber)
        case .preference: return .int(UInt32(self.local.preference))
        case .igpMetric: return self.local.igpMetric.map(FilterValue.int) ?? .undefined
        case .krtMetric: return self.local.kernelMetric.map(FilterValue.int) ?? .undefined
        case .krtSource: return self.local.kernelSource.map { .int(UInt32($0)) } ?? .undefined
        case .bgpPath: return .path(self.attributes.asPath ?? ASPath())
        case .bgpNextHop: return self.target.bgpNextHop.map { .ip($0.address) } ?? .undefined
        case .bgpLocalPref:
            return (self.attributes.localPreference ?? self.origin.defaultLocalPreference).map(FilterValue.int)
                ?? .undefined
        case .bgpMED: return self.attributes.multiExitDiscriminator.map(FilterValue.int) ?? .undefined
        case .bgpOrigin:
            return self.attributes.origin.map { .enumeration(.origin, UInt32($0.rawValue)) } ?? .undefined
        case .bgpCommunity: return .clist(self.attributes.communities)
        case .bgpExtCommunity: return .eclist(self.attributes.extendedCommunities)
        case .bgpLargeCommunity: return .lclist(self.attributes.largeCommunities)
        case .bgpOriginatorID: return self.attributes.originatorID.map { .quad($0.rawValue) } ?? .undefined
        case .bgpClusterList:
            return .clist((self.attributes.clusterList ?? []).map { Community(rawValue: $0.rawValue) })
        case .bgpAtomicAggregate: return self.opaque(.atomicAggregate)
        case .bgpAggregator: return self.opaque(.aggregator)
        case .bgpAIGP: return self.opaque(.aigp)
        case .bgpOnlyToCustomer:
            return self.attributes.onlyToCustomer.map { .int($0.rawValue) } ?? .undefined
        }
    }

    private func opaque(_ type: PathAttributeType) -> FilterValue {
        self.attributes.contains(type) ? .enumeration(.opaque, 0) : .undefined
    }

    private var firstGateway: Gateway? {
        if case .gateways(let gateways) = self.target { gateways.first } else { nil }
    }

    var sourceNumber: UInt32 {
        switch self.origin.source {
        case .static: FilterConstants.rtsStatic
        case .kernel: FilterConstants.rtsInherit
        case .device: FilterConstants.rtsDevice
        case .bgp: FilterConstants.rtsBGP
        }
    }

    var destinationNumber: UInt32 {
        switch self.target {
        case .recursive, .gateways: FilterConstants.rtdUnicast
        case .blackhole: FilterConstants.rtdBlackhole
        case .unreachable: FilterConstants.rtdUnreachable
        case .prohibit: FilterConstants.rtdProhibit
        }
    }

    /// An entry of kind 0 without name; absent it is SCOPE_UNIVERSE.
    var scopeNumber: UInt32 {
        guard self.attributes.contains(.local),
            let octet = LocalAttributeList(of: self.attributes)["", 0]?.first
        else { return FilterConstants.scopeUniverse }
        return UInt32(octet)
    }

    /// Assigns the attribute.
    mutating func write(_ value: FilterValue, to attribute: FilterAttribute) throws(FilterError) {
        switch (attribute, value) {
        case (.preference, .int(let number)):
            guard let preference = UInt16(exactly: number) else { throw .outOfRange("preference") }
            self.local.preference = preference
        case (.igpMetric, .int(let number)): self.local.igpMetric = number
        case (.krtMetric, .int(let number)): self.local.kernelMetric = number
        case (.krtSource, .int(let number)):
            guard let source = UInt8(exactly: number) else { throw .outOfRange("krt_source") }
            self.local.kernelSource = source
        case (.scope, .enumeration(.scope, let number)):
            var list = LocalAttributeList(of: self.attributes)
            list["", 0] = number == FilterConstants.scopeUniverse ? nil : [UInt8(truncatingIfNeeded: number)]
            try list.store(in: &self.attributes)
        case (.dest, .enumeration(.destination, let number)):
            switch number {
            case FilterConstants.rtdBlackhole: self.target = .blackhole
            case FilterConstants.rtdUnreachable: self.target = .unreachable
            case FilterConstants.rtdProhibit: self.target = .prohibit
            default: throw .outOfRange("dest: RTD_UNICAST cannot be assigned and")
            }
        case (.bgpPath, .path(let path)):
            guard path.bytes.count <= Self.valueLimit else { throw .outOfRange("bgp_path") }
            self.attributes.asPath = path
        case (.bgpNextHop, .ip(let address)):
            self.target = .recursive(BGPNextHop(address), interface: 0)
        case (.bgpLocalPref, .int(let number)): self.attributes.localPreference = number
        case (.bgpMED, .int(let number)): self.attributes.multiExitDiscriminator = number
        case (.bgpOrigin, .enumeration(.origin, let number)):
            self.attributes.origin = UInt8(exactly: number).flatMap(Origin.init(rawValue:))
        case (.bgpCommunity, .clist(let list)):
            guard list.count <= Self.valueLimit / 4 else { throw .outOfRange("bgp_community") }
            self.attributes.communities = list
        case (.bgpExtCommunity, .eclist(let list)):
            guard list.count <= Self.valueLimit / 8 else { throw .outOfRange("bgp_ext_community") }
            self.attributes.extendedCommunities = list
        case (.bgpLargeCommunity, .lclist(let list)):
            guard list.count <= Self.valueLimit / 12 else { throw .outOfRange("bgp_large_community") }
            self.attributes.largeCommunities = list
        case (.bgpOriginatorID, .quad(let number)): self.attributes.originatorID = RouterID(rawValue: number)
        case (.bgpClusterList, .clist(let list)):
            guard list.count <= Self.valueLimit / 4 else { throw .outOfRange("bgp_cluster_list") }
            self.attributes.clusterList = list.isEmpty ? nil : list.map { RouterID(rawValue: $0.rawValue) }
        case (.bgpOnlyToCustomer, .int(let number)):
            self.attributes.onlyToCustomer = ASNumber(rawValue: number)
        case (_, .undefined): throw .noValue(attribute.rawValue)
        default:
            throw .typeMismatch(operation: "assignment to \(attribute.rawValue)", types: [value.type])
        }
    }

    /// Removes the attribute.
    mutating func unset(_ attribute: FilterAttribute) {
        switch attribute {
        case .igpMetric: self.local.igpMetric = nil
        case .krtMetric: self.local.kernelMetric = nil
        case .krtSource: self.local.kernelSource = nil
        case .bgpPath: self.attributes.remove(.asPath)
        case .bgpLocalPref: self.attributes.remove(.localPreference)
        case .bgpMED: self.attributes.remove(.multiExitDiscriminator)
        case .bgpOrigin: self.attributes.remove(.origin)
        case .bgpCommunity: self.attributes.remove(.communities)
        case .bgpExtCommunity: self.attributes.remove(.extendedCommunities)
        case .bgpLargeCommunity: self.attributes.remove(.largeCommunities)
        case .bgpOriginatorID: self.attributes.remove(.originatorID)
        case .bgpClusterList: self.attributes.remove(.clusterList)
        case .bgpAtomicAggregate: self.attributes.remove(.atomicAggregate)
        case .bgpAggregator: self.attributes.remove(.aggregator)
        case .bgpAIGP: self.attributes.remove(.aigp)
        case .bgpOnlyToCustomer: self.attributes.remove(.onlyToCustomer)
        case .net, .source, .proto, .from, .gw, .ifname, .ifindex, .weight, .onlink, .scope, .dest, .preference,
            .bgpNextHop:
            break
        }
    }

    /// Octets of one attribute's value a filter may build up to; the rest of a message must fit beside it.
    private static var valueLimit: Int { 32_768 }
}

// MARK: - Attributes that the configuration defines

extension RouteDraft {
    /// The attribute's value; the empty one of its type when the route lacks it.
    func read(_ attribute: FilterCustomAttribute) -> FilterValue {
        if let code = attribute.code {
            return self.attributes.value(PathAttributeType(rawValue: code)).map { .bytestring(Array($0)) } ?? .undefined
        }
        guard self.attributes.contains(.local),
            let octets = LocalAttributeList(of: self.attributes)[
                attribute.name,
                LocalAttributeList.kind(attribute.type)
            ],
            let value = FilterValue(octets: octets, type: attribute.type)
        else { return attribute.type.emptyValue }
        return value
    }

    /// Assigns the attribute.
    mutating func write(_ value: FilterValue, to attribute: FilterCustomAttribute) throws(FilterError) {
        guard value.type == attribute.type, let octets = value.octets else {
            if value == .undefined { throw .noValue(attribute.name) }
            throw .typeMismatch(operation: "assignment to \(attribute.name)", types: [value.type])
        }
        guard octets.count <= LocalAttributeList.limit else { throw .outOfRange("length of \(attribute.name) is") }
        if let code = attribute.code {
            self.attributes.set(PathAttributeType(rawValue: code), flags: [.optional, .transitive], value: octets)
            return
        }
        var list = LocalAttributeList(of: self.attributes)
        list[attribute.name, LocalAttributeList.kind(attribute.type)] = octets
        try list.store(in: &self.attributes)
    }

    /// Removes the attribute.
    mutating func unset(_ attribute: FilterCustomAttribute) throws(FilterError) {
        if let code = attribute.code { return self.attributes.remove(PathAttributeType(rawValue: code)) }
        guard self.attributes.contains(.local) else { return }
        var list = LocalAttributeList(of: self.attributes)
        list[attribute.name, LocalAttributeList.kind(attribute.type)] = nil
        try list.store(in: &self.attributes)
    }
}
