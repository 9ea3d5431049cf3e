public import Resources

/// Whether a workload can be reached, as far as this node's kernel goes.
public enum EndpointStatus: Hashable, Sendable {
    /// Its interface is up and everything is in the kernel.
    case up
    /// Not yet, or not any more: its interface is absent or down. The text says which.
    case down(String)
    /// Something could not be written. The text names it and the kernel's reason.
    case error(String)
}

extension EndpointStatus: CustomStringConvertible {
    /// `up`, `down: cause` or `error: cause`.
    public var description: String {
        switch self {
        case .up: "up"
        case .down(let cause): "down: \(cause)"
        case .error(let cause): "error: \(cause)"
        }
    }
}

/// Takes the status of endpoints, to publish it.
public protocol EndpointStatusSink: Sendable {
    /// The status of an endpoint changed; nil when the endpoint is gone from this node.
    ///
    /// Called on felix's own thread: hand the value on and return.
    func endpointStatusChanged(_ key: ResourceKey, _ status: EndpointStatus?)
}
