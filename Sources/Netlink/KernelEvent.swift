/// Something that happened to the kernel's network state.
///
/// Not everything is told: when a link goes down the kernel drops its IPv4 routes without a ``routeRemoved(_:)``, and a
/// replacement with identical contents is silent. Consumers dump routes again after link and address events.
public enum KernelEvent: Hashable, Sendable {
    /// A link appeared or changed.
    case linkChanged(Link)
    /// A link is gone.
    case linkRemoved(Link)
    /// An address was added or changed.
    case addressAdded(LinkAddress)
    /// An address is gone.
    case addressRemoved(LinkAddress)
    /// A neighbour entry was added or changed.
    case neighborChanged(Neighbor)
    /// A neighbour entry is gone.
    case neighborRemoved(Neighbor)
    /// A route was added, or took the place of another one with its key.
    case routeChanged(KernelRoute)
    /// A route is gone.
    case routeRemoved(KernelRoute)
    /// Events were lost, in the kernel or because the consumer lagged: dump everything again.
    case overrun
}
