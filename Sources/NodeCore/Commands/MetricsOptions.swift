internal import ArgumentParser
internal import ControlServer
internal import IPAddressing
internal import Logging
internal import ServiceLifecycle

/// Whether and where metrics are served.
struct MetricsOptions: ParsableArguments {
    @Option(
        help: "Serve /metrics for Prometheus at this port of 127.0.0.1, or at this address:port; not at all without it."
    )
    var metricsAddress: MetricsAddress?

    /// The service that serves them, if there is to be one.
    func service(logger: Logger, _ text: @escaping @Sendable () async -> String) -> [any Service] {
        guard let place = self.metricsAddress else { return [] }
        return [MetricsServer(host: place.address.description, port: Int(place.port), logger: logger, text: text)]
    }
}

/// `port`, `v4:port` or `[v6]:port`.
struct MetricsAddress: ExpressibleByArgument, Hashable {
    var address: IPAddress
    var port: UInt16

    init?(argument: String) {
        let colon = argument.lastIndex(of: ":")
        let digits = colon.map { argument[argument.index(after: $0)...] } ?? argument[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits), port > 0
        else { return nil }
        var host = colon.map { argument[..<$0] } ?? "127.0.0.1"
        let isBracketed = host.first == "[" && host.last == "]"
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(host), address.isIPv4 != isBracketed else { return nil }
        self.address = address
        self.port = port
    }
}
