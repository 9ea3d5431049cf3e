internal import ControlAPI

extension SpeakerBackend {
    /// How the sessions fare, as text for Prometheus; nothing while the speaker has not started.
    func prometheusText() async -> String {
        guard let neighbors = try? await self.neighbors(name: nil) else { return "" }
        return sessionMetrics(neighbors)
    }
}

/// How sessions fare, as text for Prometheus.
func sessionMetrics(_ neighbors: [NeighborStatus]) -> String {
    guard !neighbors.isEmpty else { return "" }
    let labels = neighbors.map { neighbor in
        let name = neighbor.name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
            "\n",
            with: "\\n"
        )
        return "session=\"\(name)\",remote_as=\"\(neighbor.remoteAS.map(String.init) ?? "")\""
    }
    var text = ""
    func family(_ name: String, _ kind: String, _ help: String, _ value: (NeighborStatus) -> UInt64) {
        text += "# HELP martlet_bgp_\(name) \(help)\n# TYPE martlet_bgp_\(name) \(kind)\n"
        for (neighbor, labels) in zip(neighbors, labels) {
            text += "martlet_bgp_\(name){\(labels)} \(value(neighbor))\n"
        }
    }
    family("session_established", "gauge", "Whether the session is established.") { $0.state == .established ? 1 : 0 }
    family("session_established_total", "counter", "How often the session was established.") {
        $0.transitions
    }
    family("session_uptime_seconds", "gauge", "How long the session has been established.") { $0.uptimeSeconds ?? 0 }
    family("session_received_routes", "gauge", "Routes received.") { $0.routes.received }
    family("session_accepted_routes", "gauge", "Routes received and accepted.") { $0.routes.accepted }
    family("session_best_routes", "gauge", "Routes received that are best in their table.") { $0.routes.best }
    family("session_exported_routes", "gauge", "Routes announced.") { $0.routes.exported }
    return text
}
