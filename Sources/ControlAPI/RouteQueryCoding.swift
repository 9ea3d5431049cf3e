import IPAddressing

extension RouteQuery {
    /// The query part of a URL, with its question mark; empty for the query that asks for everything.
    public var queryString: String {
        var items: [(String, String)] = []
        switch self.selection {
        case .all: break
        case .prefix(let prefix): items.append(("prefix", prefix.description))
        case .longestMatch(let address): items.append(("for", address.description))
        }
        if let table = self.table { items.append(("table", table)) }
        if let neighbor = self.neighbor {
            items.append(("neighbor", neighbor.name))
            items.append(("direction", neighbor.direction.rawValue))
        }
        if let source = self.source { items.append(("source", source.rawValue)) }
        if let family = self.family { items.append(("family", family.rawValue)) }
        if self.bestOnly { items.append(("best", "true")) }
        guard !items.isEmpty else { return "" }
        return "?" + items.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
    }

    /// Reads the query part of a URL, without its question mark.
    ///
    /// Throws an error of code `invalid-request` that names the culprit; unknown and repeated parameters are refused.
    public init(queryString: String) throws(ControlError) {
        self.init()
        var values: [String: String] = [:]
        for item in queryString.split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = percentDecoded(parts[0]), let value = percentDecoded(parts.count > 1 ? parts[1] : "") else {
                throw ControlError(.invalidRequest, "malformed query parameter: \(item)")
            }
            guard values.updateValue(value, forKey: key) == nil else {
                throw ControlError(.invalidRequest, "query parameter given twice: \(key)")
            }
        }
        func take<Value>(_ key: String, _ parse: (String) -> Value?) throws(ControlError) -> Value? {
            guard let text = values.removeValue(forKey: key) else { return nil }
            guard let value = parse(text) else {
                throw ControlError(.invalidRequest, "bad value of query parameter \(key): \(text)")
            }
            return value
        }
        let prefix = try take("prefix") { IPPrefix($0) ?? IPAddress($0)?.hostPrefix }
        let address = try take("for") { IPAddress($0) }
        switch (prefix, address) {
        case (nil, nil): break
        case (let prefix?, nil): self.selection = .prefix(prefix)
        case (nil, let address?): self.selection = .longestMatch(address)
        case (_?, _?): throw ControlError(.invalidRequest, "prefix and for exclude each other")
        }
        self.table = try take("table") { $0.isEmpty ? nil : $0 }
        let name = try take("neighbor") { $0.isEmpty ? nil : $0 }
        let direction = try take("direction") { NeighborView.Direction(rawValue: $0) }
        switch (name, direction) {
        case (nil, nil): break
        case (let name?, let direction?): self.neighbor = NeighborView(name: name, direction: direction)
        default: throw ControlError(.invalidRequest, "neighbor and direction need each other")
        }
        self.source = try take("source") { Route.Source(rawValue: $0) }
        self.family = try take("family") { Family(rawValue: $0) }
        self.bestOnly = try take("best") { $0 == "true" ? true : $0 == "false" ? false : nil } ?? false
        if let unknown = values.keys.min() {
            throw ControlError(.invalidRequest, "unknown query parameter: \(unknown)")
        }
    }
}
