public import Resources

/// One step of the stream of resources that felix follows.
///
/// The stream is not trusted to be minimal: it may repeat, coalesce, and remove what was never there.
public enum FelixInput: Hashable, Sendable {
    /// A resource appeared or changed.
    case upserted(Resource)
    /// A resource is gone.
    case removed(ResourceKey)
    /// Everything that exists has been told once. Nothing is programmed before.
    case inSync
}
