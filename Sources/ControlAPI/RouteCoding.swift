import IPAddressing

/// Field names of a route in JSON.
enum RouteKey: String, CodingKey {
    case prefix, table, best, source, from, nextHop, gateway, interface, discard, asPath, asPathText, localPref, med
    case origin, communities, largeCommunities, extendedCommunities, originatorID, clusterList, preference, metric
    case atomicAggregate, aggregator, aigp, onlyToCustomer, otherAttributes
    case rejected, stale, pathID, age
    case protocolName = "protocol"
}

extension Route: Codable {
    /// Reads the form that `GET /v1/routes` writes; lists that are absent are empty.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: RouteKey.self)
        func parsed<Value>(_ key: RouteKey, _ parse: (String) -> Value?) throws -> Value? {
            guard let text = try container.decodeIfPresent(String.self, forKey: key) else { return nil }
            guard let value = parse(text) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key,
                    in: container,
                    debugDescription: "not a valid value: \(text)"
                )
            }
            return value
        }
        guard let prefix = try parsed(.prefix, { IPPrefix($0) }) else {
            throw DecodingError.keyNotFound(
                RouteKey.prefix,
                DecodingError.Context(codingPath: container.codingPath, debugDescription: "a route needs a prefix")
            )
        }
        self.init(
            prefix: prefix,
            table: try container.decode(String.self, forKey: .table),
            best: try container.decode(Bool.self, forKey: .best),
            source: try container.decode(Source.self, forKey: .source),
            protocolName: try container.decode(String.self, forKey: .protocolName),
            preference: try container.decode(UInt16.self, forKey: .preference)
        )
        self.from = try parsed(.from) { IPAddress($0) }
        self.nextHop = try parsed(.nextHop) { IPAddress($0) }
        self.gateway = try parsed(.gateway) { IPAddress($0) }
        self.interface = try container.decodeIfPresent(String.self, forKey: .interface)
        self.discard = try container.decodeIfPresent(String.self, forKey: .discard)
        self.asPath = try container.decodeIfPresent([ASPathElement].self, forKey: .asPath)
        self.localPref = try container.decodeIfPresent(UInt32.self, forKey: .localPref)
        self.med = try container.decodeIfPresent(UInt32.self, forKey: .med)
        self.origin = try container.decodeIfPresent(Origin.self, forKey: .origin)
        self.communities = try container.decodeIfPresent([String].self, forKey: .communities) ?? []
        self.largeCommunities = try container.decodeIfPresent([String].self, forKey: .largeCommunities) ?? []
        self.extendedCommunities = try container.decodeIfPresent([String].self, forKey: .extendedCommunities) ?? []
        self.originatorID = try parsed(.originatorID) { RouterID($0) }
        self.clusterList = try (container.decodeIfPresent([String].self, forKey: .clusterList) ?? []).map { text in
            guard let value = RouterID(text) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .clusterList,
                    in: container,
                    debugDescription: "not a cluster identifier: \(text)"
                )
            }
            return value
        }
        self.atomicAggregate = try container.decodeIfPresent(Bool.self, forKey: .atomicAggregate) ?? false
        self.aggregator = try container.decodeIfPresent(Aggregator.self, forKey: .aggregator)
        self.aigp = try container.decodeIfPresent(UInt64.self, forKey: .aigp)
        self.onlyToCustomer = try container.decodeIfPresent(UInt32.self, forKey: .onlyToCustomer)
        self.otherAttributes = try container.decodeIfPresent([OtherAttribute].self, forKey: .otherAttributes) ?? []
        self.metric = try container.decodeIfPresent(UInt32.self, forKey: .metric)
        self.rejected = try container.decodeIfPresent(String.self, forKey: .rejected)
        self.stale = try container.decodeIfPresent(Staleness.self, forKey: .stale)
        self.pathID = try container.decodeIfPresent(UInt32.self, forKey: .pathID)
        self.ageSeconds = try container.decodeIfPresent(UInt32.self, forKey: .age)
    }

    /// Writes every list of communities, and other fields where they have a value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: RouteKey.self)
        try container.encode(self.prefix.description, forKey: .prefix)
        try container.encode(self.table, forKey: .table)
        try container.encode(self.best, forKey: .best)
        try container.encode(self.source, forKey: .source)
        try container.encode(self.protocolName, forKey: .protocolName)
        try container.encodeIfPresent(self.from?.description, forKey: .from)
        try container.encodeIfPresent(self.nextHop?.description, forKey: .nextHop)
        try container.encodeIfPresent(self.gateway?.description, forKey: .gateway)
        try container.encodeIfPresent(self.interface, forKey: .interface)
        try container.encodeIfPresent(self.discard, forKey: .discard)
        try container.encodeIfPresent(self.asPath, forKey: .asPath)
        try container.encodeIfPresent(self.asPathText, forKey: .asPathText)
        try container.encodeIfPresent(self.localPref, forKey: .localPref)
        try container.encodeIfPresent(self.med, forKey: .med)
        try container.encodeIfPresent(self.origin, forKey: .origin)
        try container.encode(self.communities, forKey: .communities)
        try container.encode(self.largeCommunities, forKey: .largeCommunities)
        try container.encode(self.extendedCommunities, forKey: .extendedCommunities)
        try container.encodeIfPresent(self.originatorID?.description, forKey: .originatorID)
        try container.encode(self.clusterList.map(\.description), forKey: .clusterList)
        if self.atomicAggregate { try container.encode(true, forKey: .atomicAggregate) }
        try container.encodeIfPresent(self.aggregator, forKey: .aggregator)
        try container.encodeIfPresent(self.aigp, forKey: .aigp)
        try container.encodeIfPresent(self.onlyToCustomer, forKey: .onlyToCustomer)
        if !self.otherAttributes.isEmpty { try container.encode(self.otherAttributes, forKey: .otherAttributes) }
        try container.encode(self.preference, forKey: .preference)
        try container.encodeIfPresent(self.metric, forKey: .metric)
        try container.encodeIfPresent(self.rejected, forKey: .rejected)
        try container.encodeIfPresent(self.stale, forKey: .stale)
        try container.encodeIfPresent(self.pathID, forKey: .pathID)
        try container.encodeIfPresent(self.ageSeconds, forKey: .age)
    }
}

extension ASPathElement: Codable {
    private enum Key: String, CodingKey {
        case confederationSequence, confederationSet
    }

    /// Reads a number, an array or an object.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Key.self) {
            if let numbers = try container.decodeIfPresent([UInt32].self, forKey: .confederationSequence) {
                self = .confederationSequence(numbers)
            } else {
                self = .confederationSet(try container.decode([UInt32].self, forKey: .confederationSet))
            }
            return
        }
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt32.self) {
            self = .number(number)
        } else {
            self = .set(try container.decode([UInt32].self))
        }
    }

    /// Writes a number, an array or an object.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .number(let number):
            var container = encoder.singleValueContainer()
            try container.encode(number)
        case .set(let numbers):
            var container = encoder.singleValueContainer()
            try container.encode(numbers)
        case .confederationSequence(let numbers):
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(numbers, forKey: .confederationSequence)
        case .confederationSet(let numbers):
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(numbers, forKey: .confederationSet)
        }
    }
}
