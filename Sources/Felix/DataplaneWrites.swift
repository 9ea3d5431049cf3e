internal import DeltaSync
internal import IPAddressing
internal import Logging
internal import Netlink

extension Dataplane {
    // MARK: Sysctls

    /// Forgets the sysctls of interfaces on which somebody changed one.
    func readSysctls() {
        for (index, profile) in self.sysctls.observed {
            let isAsWanted = profile.sysctls.allSatisfy { sysctl in
                sysctl.isOptional || (try? self.kernel.readSysctl(sysctl.key)) == sysctl.value
            }
            if !isAsWanted { self.sysctls.setObserved(index, nil) }
        }
    }

    func applySysctls(_ now: Duration) {
        for operation in self.sysctls.pending(at: now, inOrder: <) {
            switch operation {
            case .delete: self.sysctls.succeeded(operation)
            case .add(_, let profile), .replace(_, let profile):
                do throws(NetlinkError) {
                    try self.write(profile)
                    self.sysctls.succeeded(operation)
                } catch {
                    self.sysctls.failed(operation, cause: error, at: now)
                    self.logger.warning(
                        "interface is not configured",
                        metadata: ["interface": "\(profile.name)", "reason": "\(error)"]
                    )
                }
            }
        }
    }

    private func write(_ profile: InterfaceProfile) throws(NetlinkError) {
        var firstError: NetlinkError?
        for sysctl in profile.sysctls {
            do throws(NetlinkError) {
                if try self.kernel.readSysctl(sysctl.key) == sysctl.value { continue }
                try self.kernel.writeSysctl(sysctl.key, sysctl.value)
            } catch {
                if sysctl.isOptional {
                    self.logger.debug(
                        "optional sysctl is not set",
                        metadata: ["interface": "\(profile.name)", "reason": "\(error)"]
                    )
                } else if firstError == nil {
                    firstError = error
                }
            }
        }
        if let firstError { throw firstError }
    }

    // MARK: Neighbours

    /// Reads the entries of addresses that are, or were, wanted; all others are of no concern.
    func readNeighbors() throws(NetlinkError) {
        let entries = try self.kernel.neighbors(family: .v4, interface: nil)
        let found = Dictionary(
            entries.map { (NeighborKey(interface: $0.interface, address: $0.address), $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for key in Set(self.neighbors.desired.keys).union(self.neighbors.observed.keys) {
            let entry = found[key]
            self.neighbors.setObserved(key, entry?.state == .permanent ? entry?.mac : nil)
        }
    }

    func applyNeighbors(_ now: Duration) {
        let operations = self.neighbors.pending(at: now, inOrder: <)
        guard !operations.isEmpty else { return }
        // Whatever the kernel learnt by itself for a workload's address gives way to its configured one.
        let requests: [NeighborOperation] = operations.map { operation in
            switch operation {
            case .add(let key, let mac), .replace(let key, let mac):
                .replace(Neighbor(interface: key.interface, address: key.address, mac: mac))
            case .delete(let key): .delete(interface: key.interface, address: key.address)
            }
        }
        do throws(NetlinkError) {
            let failures = try self.kernel.apply(requests)
            let errors = Dictionary(failures.map { ($0.index, $0.error) }) { first, _ in first }
            for (index, operation) in operations.enumerated() {
                guard let error = errors[index] else {
                    self.neighbors.succeeded(operation)
                    continue
                }
                if case .delete = operation, error.isNotFound || error.isMissingInterface {
                    self.neighbors.succeeded(operation)
                } else {
                    self.neighbors.failed(operation, cause: error, at: now)
                    self.logger.warning("neighbour is not written", metadata: ["reason": "\(error)"])
                }
            }
        } catch {
            self.unread.insert(.neighbors)
            for operation in operations { self.neighbors.failed(operation, cause: error, at: now) }
            self.logger.warning("neighbours are not written", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: Routes

    func applyRoutes(_ now: Duration) {
        let operations = self.routes.pending(at: now) { first, second in
            (first.prefix.length, first.prefix.address, first.metric)
                < (second.prefix.length, second.prefix.address, second.metric)
        }
        guard !operations.isEmpty else { return }
        let requests: [RouteOperation] = operations.map { operation in
            switch operation {
            case .add(_, let route): .add(route)
            case .replace(_, let route): .replace(route)
            case .delete(let key): .delete(key, protocolNumber: felixRouteProtocol)
            }
        }
        do throws(NetlinkError) {
            let failures = try self.kernel.apply(requests)
            let errors = Dictionary(failures.map { ($0.index, $0.error) }) { first, _ in first }
            var occupied: [(DeltaTracker<RouteKey, KernelRoute, NetlinkError>.Operation, NetlinkError)] = []
            for (index, operation) in operations.enumerated() {
                guard let error = errors[index] else {
                    self.routes.succeeded(operation)
                    self.logger.trace("route written", metadata: ["prefix": "\(operation.key)"])
                    continue
                }
                switch operation {
                case .delete where error.isNotFound: self.routes.succeeded(operation)
                case .add where error.isAlreadyThere: occupied.append((operation, error))
                default:
                    // The link may have gone under our feet; its event will come, or the next dump tells.
                    if error.isMissingInterface { self.unread.insert(.links) }
                    self.routes.failed(operation, cause: error, at: now)
                    self.logger.warning("route is not written", metadata: ["reason": "\(error)"])
                }
            }
            if !occupied.isEmpty { try self.identifyRivals(occupied, now) }
        } catch {
            // What was done is unknown.
            self.unread.insert(.routes)
            for operation in operations { self.routes.failed(operation, cause: error, at: now) }
            self.logger.warning("routes are not written", metadata: ["reason": "\(error)"])
        }
    }

    /// Finds out who holds the places that were refused with EEXIST.
    private func identifyRivals(
        _ occupied: [(operation: DeltaTracker<RouteKey, KernelRoute, NetlinkError>.Operation, error: NetlinkError)],
        _ now: Duration
    ) throws(NetlinkError) {
        let all = try self.kernel.routes(RouteFilter(table: self.settings.table))
        let keys = Set(occupied.map(\.operation.key))
        let found = Dictionary(all.filter { keys.contains($0.key) }.map { ($0.key, $0) }) { first, _ in first }
        for (operation, error) in occupied {
            guard let rival = found[operation.key] else {
                self.routes.failed(operation, cause: error, at: now)
                continue
            }
            if rival.protocolNumber == felixRouteProtocol {
                self.routes.setObserved(operation.key, rival)
                continue
            }
            var cause = error
            cause.text = "blocked by a route of protocol \(rival.protocolNumber): \(rival)"
            self.routes.block(operation.key, cause: cause)
            self.logger.warning("route is blocked", metadata: ["reason": "\(cause)"])
        }
    }
}
