public import RouteModel

extension RoutingCore {
    /// Where routes of a source come from; nil when there is no such source.
    public func origin(of source: SourceID) -> RouteOrigin? {
        self.isLive(source) ? self.engine.state.sources[source.index].origin : nil
    }

    /// The table a source's routes are in; nil when there is no such source.
    public func table(of source: SourceID) -> TableID? {
        self.isLive(source) ? self.engine.state.sources[source.index].table : nil
    }
}
