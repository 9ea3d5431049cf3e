public import BGPWire
public import IPAddressing

/// A route on its way through a policy: everything a filter can read, and the parts it may change.
public struct RouteDraft: Sendable {
    /// Destination.
    public let prefix: IPPrefix
    /// Where the route came from.
    public let origin: RouteOrigin
    /// BGP attributes, next hop apart.
    public var attributes: PathAttributes
    /// Where it sends packets; `bgp_next_hop` reads and writes the recursive case.
    public var target: RouteTarget
    /// Preference and kernel attributes.
    public var local: LocalAttributes
    /// The resolved gateway (`gw`): of a recursive target after resolution, else the first gateway's own.
    public let gateway: IPAddress?
    /// Name of the outgoing interface after resolution (`ifname`).
    public let interfaceName: String?
    /// Kernel index of that interface (`ifindex`); 0 when there is none.
    public let interfaceIndex: UInt32

    /// Creates a draft.
    public init(
        prefix: IPPrefix,
        origin: RouteOrigin,
        attributes: PathAttributes,
        target: RouteTarget,
        local: LocalAttributes,
        gateway: IPAddress? = nil,
        interfaceName: String? = nil,
        interfaceIndex: UInt32 = 0
    ) {
        self.prefix = prefix
        self.origin = origin
        self.attributes = attributes
        self.target = target
        self.local = local
        self.gateway = gateway
        self.interfaceName = interfaceName
        self.interfaceIndex = interfaceIndex
    }
}

extension RouteDraft {
    /// Makes the route the last choice when its sender is about to shut down (RFC 8326 §4): LOCAL_PREF 0.
    public mutating func honorGracefulShutdown() {
        let isShutDown = self.attributes.view.contains(.gracefulShutdown)
        if isShutDown { self.attributes.localPreference = 0 }
    }
}

/// A filter's verdict.
public enum PolicyVerdict: Hashable, Sendable {
    /// Keep the route as the draft now says.
    case accept
    /// Drop it.
    case reject
}

/// A policy as the routing core sees it: an immutable value; equal policies behave equally, so they may share a group.
public protocol RoutePolicy: Hashable, Sendable {
    /// The verdict when it is the same for every route and nothing is changed; the core then skips evaluation.
    var constantVerdict: PolicyVerdict? { get }
    /// What the outcome depends on beside the attribute set; decides whether results may be memoised.
    var dependencies: PolicyDependencies { get }
    /// Runs the policy. A draft that was rejected is discarded whatever was changed in it.
    func evaluate(_ route: inout RouteDraft) -> PolicyVerdict
}

/// Inputs of a policy other than the attribute set and target.
public struct PolicyDependencies: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt8

    /// Creates a set.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Reads the prefix.
    public static let prefix = PolicyDependencies(rawValue: 1)
    /// Reads the source, protocol or sender.
    public static let origin = PolicyDependencies(rawValue: 2)
    /// Reads the resolved gateway or interface.
    public static let resolution = PolicyDependencies(rawValue: 4)
    /// Has an effect of its own, such as printing.
    public static let effects = PolicyDependencies(rawValue: 8)
}
