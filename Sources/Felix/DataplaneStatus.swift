internal import DeltaSync
internal import IPAddressing
internal import Netlink
internal import Resources

extension Dataplane {
    /// How every endpoint stands now.
    func endpointStatuses() -> [ResourceKey: EndpointStatus] {
        self.endpoints.mapValues { self.status(of: $0) }
    }

    private func status(of endpoint: LocalEndpoint) -> EndpointStatus {
        let name = endpoint.interfaceName
        guard self.isAcceptable(name) else {
            return .error(
                "interface \(name) is no workload interface (\(self.settings.interfacePrefixes.joined(separator: ", ")))"
            )
        }
        guard let link = self.linksByName[name] else { return .down("interface \(name) does not exist") }
        guard link.isOperUp else {
            return .down("interface \(name) \(link.isAdminUp ? "has no carrier" : "is set down")")
        }
        var isPending = false
        switch self.sysctls.status(of: link.index) {
        case .failing(let cause, _, _), .blocked(let cause): return .error("\(cause)")
        case .pending: isPending = true
        case .settled: isPending = self.sysctls.observed[link.index] == nil
        }
        let wanted = self.wanted[endpoint.key]
        for key in (wanted?.routes ?? []).sorted(by: { $0.prefix.address < $1.prefix.address }) {
            switch self.routes.status(of: key) {
            case .failing(let cause, _, _), .blocked(let cause): return .error("\(cause)")
            case .pending: isPending = true
            case .settled: break
            }
        }
        for key in (wanted?.neighbors ?? []).sorted() {
            switch self.neighbors.status(of: key) {
            case .failing(let cause, _, _), .blocked(let cause): return .error("\(cause)")
            case .pending: isPending = true
            case .settled: break
            }
        }
        if let address = endpoint.contested.first {
            return .error("address \(address) belongs to another endpoint of this node")
        }
        return isPending || wanted == nil ? .down("not yet in the kernel") : .up
    }

    /// Routes that are wanted but whose place another owner holds, with the cause.
    func blockedRoutes() -> [String] {
        self.routes.blocked
            .sorted {
                ($0.prefix.address, $0.prefix.length, $0.metric) < ($1.prefix.address, $1.prefix.length, $1.metric)
            }
            .compactMap { key in
                if case .blocked(let cause) = self.routes.status(of: key) { "\(cause)" } else { nil }
            }
    }
}
