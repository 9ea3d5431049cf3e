internal import Logging
import Resources

/// Writes this process's endpoint statuses, each on one lease, and keeps the lease alive.
///
/// Statuses of a process that is gone vanish with its lease. What could not be written is owed, and written once it can be;
/// when the lease was lost meanwhile, everything is written again on a new one.
actor EtcdStatuses {
    private let client: EtcdClient
    /// What each key is to hold.
    private var wanted: [String: String] = [:]
    /// Keys whose stored value may not be the wanted one.
    private var owed: Set<String> = []
    private var lease: Int64?
    private var upkeep: Task<Void, Never>?
    private var isStopped = false
    private var isWriting = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(client: EtcdClient) {
        self.client = client
    }

    /// Ends the upkeep; the lease expires unless another process writes these keys on its own.
    nonisolated func stop() {
        Task { await self.stopUpkeep() }
    }

    private func stopUpkeep() {
        self.isStopped = true
        self.upkeep?.cancel()
        self.upkeep = nil
    }

    /// Sets or clears the status of an endpoint; throws when that has to wait.
    func set(_ key: ResourceKey, to status: EndpointStatus?) async throws(EtcdError) {
        let path = Self.path(key)
        self.wanted[path] = status.map { Self.encode(key, $0) }
        self.owed.insert(path)
        if status != nil, self.upkeep == nil, !self.isStopped { self.startUpkeep() }
        while self.isWriting {
            await withCheckedContinuation { self.waiters.append($0) }
        }
        // The one who wrote before may have done it.
        if self.owed.contains(path) { try await self.write() }
    }

    private func startUpkeep() {
        let ttl = self.client.settings.statusTTL
        self.upkeep = Task { [weak self] in
            var pause = ttl / 3
            while (try? await Task.sleep(for: pause * Double.random(in: 0.8...1))) != nil {
                guard let self else { return }
                pause = await self.maintain() ? ttl / 3 : ttl / 18
            }
        }
    }

    /// One turn of upkeep; false when it has to be tried again soon.
    private func maintain() async -> Bool {
        guard !self.isWriting else { return true }
        do throws(EtcdError) {
            if let lease { try await self.renew(lease) }
            if !self.owed.isEmpty { try await self.write() }
            return true
        } catch {
            self.client.logger.info("Endpoint statuses wait for etcd", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func renew(_ lease: Int64) async throws(EtcdError) {
        let answer = try await self.client.call("/v3/lease/keepalive", "{\"ID\":\"\(lease)\"}").answer
        if let error = answer["error"] { throw EtcdError(error) }
        guard let result = answer["result"] else { throw .unreadable("the renewal of a lease has no result") }
        if try result.leaseNumber("TTL") <= 0 { self.forgetLease(lease) }
    }

    private func forgetLease(_ lease: Int64) {
        guard self.lease == lease else { return }
        self.lease = nil
        self.owed.formUnion(self.wanted.keys)
    }

    /// Writes all that is owed.
    private func write() async throws(EtcdError) {
        self.isWriting = true
        defer {
            self.isWriting = false
            let waiters = self.waiters
            self.waiters = []
            for waiter in waiters { waiter.resume() }
        }
        var hasNewLease = false
        while let path = self.owed.first {
            let value = self.wanted[path]
            if let value {
                let lease = try await self.currentLease()
                do throws(EtcdError) {
                    _ = try await self.client.call("/v3/kv/put", EtcdRequests.put(path, value, lease: lease))
                } catch {
                    guard case .refused(5, _) = error, !hasNewLease else { throw error }
                    hasNewLease = true
                    self.forgetLease(lease)
                    continue
                }
            } else {
                _ = try await self.client.call("/v3/kv/deleterange", EtcdRequests.delete(path))
            }
            // It may have been set anew while it was on its way.
            if self.wanted[path] == value { self.owed.remove(path) }
        }
    }

    private func currentLease() async throws(EtcdError) -> Int64 {
        if let lease { return lease }
        let seconds = max(1, self.client.settings.statusTTL.components.seconds)
        let answer = try await self.client.call("/v3/lease/grant", "{\"TTL\":\"\(seconds)\"}").answer
        let lease = try answer.leaseNumber("ID")
        guard lease != 0 else { throw .unreadable("a lease has no number") }
        self.lease = lease
        return lease
    }

    // MARK: Form

    /// Where Calico's felix reports an endpoint.
    static func path(_ key: ResourceKey) -> String {
        let namespace = key.namespace ?? "default"
        let parts = Self.parts(key.name) ?? [key.name, "martlet", key.name, key.name]
        let escaped = [parts[1], "\(namespace)/\(parts[2])", parts[3]].map { EtcdLayout.escaped($0) }
        return "\(EtcdLayout.statuses)\(EtcdLayout.escaped(parts[0]))/workload/\(escaped[0])/\(escaped[1])"
            + "/endpoint/\(escaped[2])"
    }

    /// Node, orchestrator, workload and endpoint of a canonical endpoint name, in which a dash of a part is doubled.
    private static func parts(_ name: String) -> [String]? {
        var parts = [""]
        var rest = Substring(name)
        while let character = rest.popFirst() {
            if character != "-" {
                parts[parts.count - 1].append(character)
            } else if rest.first == "-" {
                rest.removeFirst()
                parts[parts.count - 1].append("-")
            } else {
                parts.append("")
            }
        }
        return parts.count == 4 && parts.allSatisfy { !$0.isEmpty } ? parts : nil
    }

    private static func encode(_ key: ResourceKey, _ status: EndpointStatus) -> String {
        var fields = [ManifestValue.Field("status", ManifestValue(.string(status.state.rawValue)))]
        if let cause = status.cause { fields.append(ManifestValue.Field("cause", ManifestValue(.string(cause)))) }
        // Calico reads the status only; the name cannot always be told from the key.
        fields.append(ManifestValue.Field("namespace", ManifestValue(.string(key.namespace ?? "default"))))
        fields.append(ManifestValue.Field("name", ManifestValue(.string(key.name))))
        return ManifestValue(.map(fields)).compactJSON
    }

    /// The status a key holds; nil for keys that hold something else.
    static func decode(_ item: KeyValue) -> (ResourceKey, EndpointStatus)? {
        // "", calico, felix, v2, region, host, node, workload, orchestrator, workload, endpoint, endpoint
        let parts = item.key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 12, parts[7] == "workload", parts[10] == "endpoint",
            let value = try? JSONReader.value(item.value),
            let state = value["status"]?.string.flatMap({ EndpointStatus.State(rawValue: $0) })
        else { return nil }
        let status = EndpointStatus(state: state, cause: value["cause"]?.string)
        if let name = value["name"]?.string, let namespace = value["namespace"]?.string {
            return (ResourceKey(kind: .workloadEndpoint, namespace: namespace, name: name), status)
        }
        // Calico's own report.
        let workload = EtcdLayout.unescaped(parts[9]).split(separator: "/", maxSplits: 1)
        let name = [
            EtcdLayout.unescaped(parts[6]), EtcdLayout.unescaped(parts[8]), workload.last.map { String($0) } ?? "",
            EtcdLayout.unescaped(parts[11]),
        ].map { $0.split(separator: "-", omittingEmptySubsequences: false).joined(separator: "--") }
            .joined(separator: "-")
        let namespace = workload.count == 2 ? String(workload[0]) : "default"
        return (ResourceKey(kind: .workloadEndpoint, namespace: namespace, name: name), status)
    }
}
