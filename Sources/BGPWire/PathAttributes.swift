public import IPAddressing

/// A canonical set of path attributes: what two routes must share to share one UPDATE, next hop apart.
///
/// Canonical form: attributes in ascending type order, each type once; AS numbers in AS_PATH and AGGREGATOR four octets
/// wide; Extended Length used only over 255 octets; values byte-identical to what was received (community order
/// included), Partial kept, the four unused flag bits zero. NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH and
/// AS4_AGGREGATOR never occur: the next hop is kept beside the set and the AS4 pair is merged on receipt (RFC 6793 §4.2.3).
public struct PathAttributes: Hashable, Sendable {
    /// The attributes as they stand in an UPDATE.
    public private(set) var bytes: [UInt8]

    /// The empty set.
    public init() {
        self.bytes = []
    }

    /// Adopts octets that are known to be in canonical form, such as a decoder's output or a store's copy.
    public init(canonical bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// One attribute of a set.
    public struct Element: Hashable, Sendable {
        /// Flags, Extended Length included as stored.
        public var flags: PathAttributeFlags
        /// Type code.
        public var type: PathAttributeType
        /// Where the value lies in ``PathAttributes/bytes``.
        public var value: Range<Int>
        /// Where the whole attribute, header included, lies.
        public var extent: Range<Int>

        @inlinable
        init(flags: PathAttributeFlags, type: PathAttributeType, value: Range<Int>, extent: Range<Int>) {
            self.flags = flags
            self.type = type
            self.value = value
            self.extent = extent
        }
    }

    /// The attribute that starts at `offset`; nil at the end.
    ///
    /// Never reads outside `bytes`.
    public func element(at offset: Int) -> Element? { self.view.element(at: offset) }

    /// The octets for reading in place, without allocation.
    public var view: PathAttributesView {
        @_lifetime(borrow self)
        get { PathAttributesView(self.bytes.rawSpan) }
    }

    /// All attributes in order.
    public var elements: [Element] {
        var result: [Element] = []
        var offset = 0
        while let element = self.element(at: offset) {
            result.append(element)
            offset = element.extent.upperBound
        }
        return result
    }

    /// The attribute of a type, if present.
    public func first(_ type: PathAttributeType) -> Element? { self.view.first(type) }

    /// The value of an attribute, if present.
    public func value(_ type: PathAttributeType) -> ArraySlice<UInt8>? {
        self.first(type).map { self.bytes[$0.value] }
    }

    /// Whether an attribute is present.
    public func contains(_ type: PathAttributeType) -> Bool { self.first(type) != nil }

    /// Puts an attribute in its place, replacing one of the same type; values over 65,535 octets are refused.
    @discardableResult
    public mutating func set(_ type: PathAttributeType, flags: PathAttributeFlags, value: some Collection<UInt8>)
        -> Bool
    {
        guard value.count <= 0xFFFF else { return false }
        var flags = flags.intersection([.optional, .transitive, .partial])
        var encoded: [UInt8] = []
        encoded.reserveCapacity(value.count + 4)
        if value.count > 255 {
            flags.insert(.extendedLength)
            encoded += [flags.rawValue, type.rawValue, UInt8(value.count >> 8), UInt8(value.count & 255)]
        } else {
            encoded += [flags.rawValue, type.rawValue, UInt8(value.count)]
        }
        encoded += value
        var offset = 0
        while let element = self.element(at: offset), element.type <= type {
            if element.type == type {
                self.bytes.replaceSubrange(element.extent, with: encoded)
                return true
            }
            offset = element.extent.upperBound
        }
        self.bytes.insert(contentsOf: encoded, at: offset)
        return true
    }

    /// Removes an attribute if present.
    public mutating func remove(_ type: PathAttributeType) {
        if let element = self.first(type) {
            self.bytes.removeSubrange(element.extent)
        }
    }
}

extension PathAttributes {
    private mutating func setNumber(_ value: UInt32?, _ type: PathAttributeType, _ flags: PathAttributeFlags) {
        guard let value else { return self.remove(type) }
        let (offset, old) = self.view.place(of: type)
        if let old {
            guard old.value.count == 4 else {
                self.set(type, flags: flags, value: value.bigEndianBytes)
                return
            }
            self.bytes[old.extent.lowerBound] = flags.rawValue | (old.flags.rawValue & 0x10)
            self.bytes.store(bigEndian: value, at: old.value.lowerBound)
        } else {
            self.bytes.insert(contentsOf: repeatElement(4, count: 7), at: offset)
            self.bytes[offset] = flags.rawValue
            self.bytes[offset + 1] = type.rawValue
            self.bytes.store(bigEndian: value, at: offset + 3)
        }
    }

    /// Makes room for octets at the end of an attribute's value, which begins to exist if it did not.
    ///
    /// Returns where; nil when it would be too long.
    private mutating func extend(_ type: PathAttributeType, by count: Int) -> Int? {
        let (offset, old) = self.view.place(of: type)
        let flags: PathAttributeFlags = [.optional, .transitive]
        guard let old else {
            self.bytes.insert(contentsOf: repeatElement(0, count: count + 3), at: offset)
            self.bytes[offset] = flags.rawValue
            self.bytes[offset + 1] = type.rawValue
            self.bytes[offset + 2] = UInt8(count)
            return offset + 3
        }
        let whole = old.value.count + count
        guard whole <= 0xFFFF else { return nil }
        guard (old.value.count > 255) == (whole > 255) else {
            self.set(type, flags: old.flags, value: self.bytes[old.value] + repeatElement(0, count: count))
            return (self.first(type)?.value.upperBound ?? count) - count
        }
        self.bytes.insert(contentsOf: repeatElement(0, count: count), at: old.extent.upperBound)
        if whole > 255 {
            self.bytes.store(bigEndian: UInt16(whole), at: offset + 2)
        } else {
            self.bytes[offset + 2] = UInt8(whole)
        }
        return old.extent.upperBound
    }

    /// Adds a community at the end; an attribute that is full stays as it is.
    package mutating func append(_ community: Community) {
        guard let place = self.extend(.communities, by: 4) else { return }
        self.bytes.store(bigEndian: community.rawValue, at: place)
    }

    /// Adds an extended community at the end; an attribute that is full stays as it is.
    package mutating func append(_ community: ExtendedCommunity) {
        guard let place = self.extend(.extendedCommunities, by: 8) else { return }
        self.bytes.store(bigEndian: UInt32(community.rawValue >> 32), at: place)
        self.bytes.store(bigEndian: UInt32(truncatingIfNeeded: community.rawValue), at: place + 4)
    }

    /// Adds a large community at the end; an attribute that is full stays as it is.
    package mutating func append(_ community: LargeCommunity) {
        guard let place = self.extend(.largeCommunities, by: 12) else { return }
        self.bytes.store(bigEndian: community.globalAdministrator, at: place)
        self.bytes.store(bigEndian: community.data1, at: place + 4)
        self.bytes.store(bigEndian: community.data2, at: place + 8)
    }

    /// ORIGIN.
    public var origin: Origin? {
        get { self.view.origin }
        set {
            if let newValue {
                self.set(.origin, flags: .transitive, value: CollectionOfOne(newValue.rawValue))
            } else {
                self.remove(.origin)
            }
        }
    }

    /// AS_PATH; nil when absent, which differs from an empty path.
    public var asPath: ASPath? {
        get { self.value(.asPath).map { ASPath(canonical: Array($0)) } }
        set {
            if let newValue {
                self.set(.asPath, flags: .transitive, value: newValue.bytes)
            } else {
                self.remove(.asPath)
            }
        }
    }

    /// MULTI_EXIT_DISC.
    public var multiExitDiscriminator: UInt32? {
        get { self.view.number(.multiExitDiscriminator) }
        set { self.setNumber(newValue, .multiExitDiscriminator, .optional) }
    }

    /// LOCAL_PREF.
    public var localPreference: UInt32? {
        get { self.view.number(.localPreference) }
        set { self.setNumber(newValue, .localPreference, .transitive) }
    }

    /// ORIGINATOR_ID.
    public var originatorID: RouterID? {
        get { self.view.number(.originatorID).map(RouterID.init(rawValue:)) }
        set { self.setNumber(newValue?.rawValue, .originatorID, .optional) }
    }

    /// CLUSTER_LIST; nil when absent.
    public var clusterList: [RouterID]? {
        get {
            self.value(.clusterList).map { value in
                stride(from: value.startIndex, to: value.endIndex - 3, by: 4).map { index in
                    RouterID(rawValue: value[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) })
                }
            }
        }
        set {
            if let newValue {
                self.set(.clusterList, flags: .optional, value: newValue.flatMap(\.rawValue.bigEndianBytes))
            } else {
                self.remove(.clusterList)
            }
        }
    }

    /// COMMUNITIES in wire order; an absent attribute is an empty list, and an empty list removes the attribute.
    public var communities: [Community] {
        get {
            let view = self.view
            guard let value = view.first(.communities)?.value else { return [] }
            var result: [Community] = []
            result.reserveCapacity(value.count >> 2)
            var offset = value.lowerBound
            while value.upperBound - offset >= 4 {
                result.append(Community(rawValue: view.bytes.uint32(offset)))
                offset += 4
            }
            return result
        }
        set {
            guard !newValue.isEmpty else { return self.remove(.communities) }
            self.set(
                .communities,
                flags: [.optional, .transitive],
                value: [UInt8].joining(newValue, octets: 4) { $0.append(bigEndian: $1.rawValue) }
            )
        }
    }

    /// EXTENDED COMMUNITIES in wire order; as with ``communities``.
    public var extendedCommunities: [ExtendedCommunity] {
        get {
            let view = self.view
            guard let value = view.first(.extendedCommunities)?.value else { return [] }
            var result: [ExtendedCommunity] = []
            result.reserveCapacity(value.count >> 3)
            var offset = value.lowerBound
            while value.upperBound - offset >= 8 {
                result.append(ExtendedCommunity(rawValue: view.bytes.uint64(offset)))
                offset += 8
            }
            return result
        }
        set {
            guard !newValue.isEmpty else { return self.remove(.extendedCommunities) }
            self.set(
                .extendedCommunities,
                flags: [.optional, .transitive],
                value: [UInt8].joining(newValue, octets: 8) { $0.append(bigEndian: $1.rawValue) }
            )
        }
    }

    /// LARGE_COMMUNITY in wire order; as with ``communities``.
    public var largeCommunities: [LargeCommunity] {
        get {
            let view = self.view
            guard let value = view.first(.largeCommunities)?.value else { return [] }
            var result: [LargeCommunity] = []
            result.reserveCapacity(value.count / 12)
            var offset = value.lowerBound
            while value.upperBound - offset >= 12 {
                result.append(
                    LargeCommunity(
                        globalAdministrator: view.bytes.uint32(offset),
                        data1: view.bytes.uint32(offset + 4),
                        data2: view.bytes.uint32(offset + 8)
                    )
                )
                offset += 12
            }
            return result
        }
        set {
            guard !newValue.isEmpty else { return self.remove(.largeCommunities) }
            self.set(
                .largeCommunities,
                flags: [.optional, .transitive],
                value: [UInt8].joining(newValue, octets: 12) { octets, community in
                    octets.append(bigEndian: community.globalAdministrator)
                    octets.append(bigEndian: community.data1)
                    octets.append(bigEndian: community.data2)
                }
            )
        }
    }
}

extension UInt32 {
    /// The four octets, most significant first.
    @usableFromInline
    var bigEndianBytes: [UInt8] {
        [
            UInt8(truncatingIfNeeded: self >> 24), UInt8(truncatingIfNeeded: self >> 16),
            UInt8(truncatingIfNeeded: self >> 8), UInt8(truncatingIfNeeded: self),
        ]
    }
}
