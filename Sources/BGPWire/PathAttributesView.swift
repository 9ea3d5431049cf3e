public import IPAddressing

/// The octets of a canonical attribute set, read in place without allocation; wherever they are stored.
///
/// Never reads outside the octets: what is no attribute ends the set.
public struct PathAttributesView: ~Escapable {
    /// The attributes as they stand in an UPDATE.
    public let bytes: RawSpan

    /// Looks at octets in canonical form (see ``PathAttributes``).
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// The attribute that starts at `offset`; nil at the end.
    @inlinable
    public func element(at offset: Int) -> PathAttributes.Element? {
        let count = self.bytes.byteCount
        guard offset >= 0, offset <= count, count &- offset >= 3 else { return nil }
        let flags = PathAttributeFlags(rawValue: self.bytes.octet(offset))
        let isExtended = flags.rawValue & 0x10 != 0
        guard !isExtended || count &- offset >= 4 else { return nil }
        let length = isExtended ? Int(self.bytes.uint16(offset &+ 2)) : Int(self.bytes.octet(offset &+ 2))
        let start = offset &+ (isExtended ? 4 : 3)
        guard length <= count &- start else { return nil }
        return PathAttributes.Element(
            flags: flags,
            type: PathAttributeType(rawValue: self.bytes.octet(offset &+ 1)),
            value: start..<start &+ length,
            extent: offset..<start &+ length
        )
    }

    /// The attribute of a type, if present.
    @inlinable
    public func first(_ type: PathAttributeType) -> PathAttributes.Element? {
        var offset = 0
        while let element = self.element(at: offset), element.type <= type {
            if element.type == type { return element }
            offset = element.extent.upperBound
        }
        return nil
    }

    /// Where an attribute stands, or would stand, and the attribute if present.
    @inlinable
    func place(of type: PathAttributeType) -> (offset: Int, element: PathAttributes.Element?) {
        var offset = 0
        while let element = self.element(at: offset), element.type <= type {
            if element.type == type { return (offset, element) }
            offset = element.extent.upperBound
        }
        return (offset, nil)
    }

    /// Whether an attribute is present.
    @inlinable
    public func contains(_ type: PathAttributeType) -> Bool { self.first(type) != nil }

    /// The value of a four-octet attribute, if present.
    @inlinable
    public func number(_ type: PathAttributeType) -> UInt32? {
        guard let value = self.first(type)?.value, value.count == 4 else { return nil }
        return self.bytes.uint32(value.lowerBound)
    }

    /// ORIGIN.
    @inlinable
    public var origin: Origin? {
        guard let value = self.first(.origin)?.value, value.count == 1 else { return nil }
        return Origin(rawValue: self.bytes.octet(value.lowerBound))
    }

    /// AS_PATH; the empty path when absent.
    @inlinable
    public var asPath: ASPathView {
        @_lifetime(copy self)
        get {
            let value = self.first(.asPath)?.value ?? 0..<0
            return ASPathView(self.bytes.extracting(value))
        }
    }

    /// MULTI_EXIT_DISC.
    @inlinable
    public var multiExitDiscriminator: UInt32? { self.number(.multiExitDiscriminator) }

    /// LOCAL_PREF.
    @inlinable
    public var localPreference: UInt32? { self.number(.localPreference) }

    /// ORIGINATOR_ID.
    @inlinable
    public var originatorID: RouterID? { self.number(.originatorID).map { RouterID(rawValue: $0) } }

    /// How many cluster identifiers CLUSTER_LIST holds; 0 when absent.
    @inlinable
    public var clusterListLength: Int { (self.first(.clusterList)?.value.count ?? 0) >> 2 }

    /// Whether CLUSTER_LIST holds `identifier` (RFC 4456 §8).
    @inlinable
    public func clusterListContains(_ identifier: RouterID) -> Bool {
        self.contains(word: identifier.rawValue, in: .clusterList)
    }

    /// Whether COMMUNITIES holds `community`.
    @inlinable
    public func contains(_ community: Community) -> Bool { self.contains(word: community.rawValue, in: .communities) }

    @inlinable
    func contains(word: UInt32, in type: PathAttributeType) -> Bool {
        guard let value = self.first(type)?.value else { return false }
        var offset = value.lowerBound
        while value.upperBound &- offset >= 4 {
            if self.bytes.uint32(offset) == word { return true }
            offset &+= 4
        }
        return false
    }
}
