/// A standard community (RFC 1997).
public struct Community: RawRepresentable, Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The 32-bit value.
    public var rawValue: UInt32

    /// Creates a community.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Creates `high:low`.
    @inlinable
    public init(_ high: UInt16, _ low: UInt16) {
        self.rawValue = UInt32(high) << 16 | UInt32(low)
    }

    /// GRACEFUL_SHUTDOWN (RFC 8326).
    public static let gracefulShutdown = Community(rawValue: 0xFFFF_0000)
    /// LLGR_STALE (RFC 9494): kept beyond the restart time of the neighbour that sent it.
    public static let longLivedStale = Community(rawValue: 0xFFFF_0006)
    /// NO_LLGR (RFC 9494): not to be kept beyond the restart time.
    public static let noLongLivedStale = Community(rawValue: 0xFFFF_0007)
    /// BLACKHOLE (RFC 7999).
    public static let blackhole = Community(rawValue: 0xFFFF_029A)
    /// NO_EXPORT (RFC 1997).
    public static let noExport = Community(rawValue: 0xFFFF_FF01)
    /// NO_ADVERTISE (RFC 1997).
    public static let noAdvertise = Community(rawValue: 0xFFFF_FF02)
    /// NO_EXPORT_SUBCONFED (RFC 1997).
    public static let noExportSubconfed = Community(rawValue: 0xFFFF_FF03)
    /// NOPEER (RFC 3765).
    public static let noPeer = Community(rawValue: 0xFFFF_FF04)

    /// Numeric order.
    @inlinable
    public static func < (lhs: Community, rhs: Community) -> Bool { lhs.rawValue < rhs.rawValue }
}

extension Community: CustomStringConvertible {
    /// `high:low`.
    public var description: String { "\(self.rawValue >> 16):\(self.rawValue & 0xFFFF)" }
}

/// An extended community (RFC 4360): eight octets.
public struct ExtendedCommunity: RawRepresentable, Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The 64-bit value, type octet on top.
    public var rawValue: UInt64

    /// Creates a community.
    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Whether the community may cross an AS border (bit 0x40 of the type is clear).
    @inlinable
    public var isTransitive: Bool { self.rawValue >> 62 & 1 == 0 }

    /// Numeric order.
    @inlinable
    public static func < (lhs: ExtendedCommunity, rhs: ExtendedCommunity) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// A large community (RFC 8092): three 32-bit parts.
public struct LargeCommunity: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The AS that defines the meaning.
    public var globalAdministrator: UInt32
    /// First local part.
    public var data1: UInt32
    /// Second local part.
    public var data2: UInt32

    /// Creates a community.
    @inlinable
    public init(globalAdministrator: UInt32, data1: UInt32, data2: UInt32) {
        self.globalAdministrator = globalAdministrator
        self.data1 = data1
        self.data2 = data2
    }

    /// Order by parts.
    @inlinable
    public static func < (lhs: LargeCommunity, rhs: LargeCommunity) -> Bool {
        (lhs.globalAdministrator, lhs.data1, lhs.data2) < (rhs.globalAdministrator, rhs.data1, rhs.data2)
    }
}

extension LargeCommunity: CustomStringConvertible {
    /// `global:data1:data2`.
    public var description: String { "\(self.globalAdministrator):\(self.data1):\(self.data2)" }
}
