/// A ROUTE-REFRESH message (RFC 2918, RFC 7313).
public struct RouteRefresh: Hashable, Sendable, BitwiseCopyable {
    /// The family asked for.
    public var family: AddressFamily
    /// The subtype; unknown ones are to be ignored by the receiver.
    public var subtype: Subtype

    /// Creates a message.
    public init(family: AddressFamily, subtype: Subtype = .request) {
        self.family = family
        self.subtype = subtype
    }

    /// The octet that RFC 2918 reserved and RFC 7313 uses.
    public struct Subtype: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
        /// The octet.
        public var rawValue: UInt8

        /// Creates a subtype, known or not.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// 0: a plain request.
        public static let request = Subtype(rawValue: 0)
        /// 1: beginning of route refresh.
        public static let beginning = Subtype(rawValue: 1)
        /// 2: end of route refresh.
        public static let end = Subtype(rawValue: 2)
    }
}
