/// What this host knows of a route beyond BGP: part of an attribute set's identity, never sent to a peer.
public struct LocalAttributes: Hashable, Sendable, BitwiseCopyable {
    /// Route preference; higher wins before any BGP step.
    ///
    /// BIRD's defaults: direct 240, static 200, bgp 100, kernel 10.
    public var preference: UInt16
    /// Kernel metric (`krt_metric`).
    public var kernelMetric: UInt32?
    /// Kernel protocol number (`krt_source`).
    public var kernelSource: UInt8?
    /// Metric the route lends to next hops that resolve through it (`igp_metric`).
    public var igpMetric: UInt32?

    /// Creates a value.
    public init(
        preference: UInt16,
        kernelMetric: UInt32? = nil,
        kernelSource: UInt8? = nil,
        igpMetric: UInt32? = nil
    ) {
        self.preference = preference
        self.kernelMetric = kernelMetric
        self.kernelSource = kernelSource
        self.igpMetric = igpMetric
    }
}
