public import Resources

/// Takes the status of endpoints, to publish it.
public protocol EndpointStatusSink: Sendable {
    /// The status of an endpoint changed; nil when the endpoint is gone from this node.
    ///
    /// Called on felix's own thread: hand the value on and return.
    func endpointStatusChanged(_ key: ResourceKey, _ status: EndpointStatus?)
}

extension EndpointStatus {
    /// Its interface is up and everything is in the kernel.
    static var up: EndpointStatus { EndpointStatus(state: .up) }

    /// Not yet, or not any more, reachable; the text says why.
    static func down(_ cause: String) -> EndpointStatus { EndpointStatus(state: .down, cause: cause) }

    /// Something could not be written; the text names it and the kernel's reason.
    static func error(_ cause: String) -> EndpointStatus { EndpointStatus(state: .error, cause: cause) }

    /// `state` or `state: cause`.
    var text: String { [self.state.rawValue, self.cause].compactMap(\.self).joined(separator: ": ") }
}
