internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Index of an interned attribute set; 0 is none.
typealias AttributeID = UInt32
/// Index of an interned target; 0 is none.
typealias TargetID = UInt32

/// One interned attribute set: identity and, parsed once, what decisions need.
///
/// 64 octets, one cache line, per distinct set: hash 8, blob 8, count 4, generation 4, target 4, local 8, LOCAL_PREF 4,
/// MED 4, neighbour AS 4, ORIGINATOR_ID 4, lengths 4, flags with origin 2, owner 2, IGP metric 4.
struct AttributeRecord: BitwiseCopyable {
    var hash: UInt64 = 0
    var blob: UInt32 = 0
    var length: UInt32 = 0
    /// Holders; 0 is a free record.
    var references: UInt32 = 0
    /// Grows when the record is freed, so that caches need not hold references.
    var generation: UInt32 = 0
    var target: TargetID = 0
    var kernelMetric: UInt32 = 0
    var preference: UInt16 = 0
    var kernelSource: UInt8 = 0
    var localFlags: LocalFlags = []
    var localPreference: UInt32 = 0
    var multiExitDiscriminator: UInt32 = 0
    var neighborAS: UInt32 = 0
    var originatorID: UInt32 = 0
    var igpMetric: UInt32 = 0
    var pathLength: UInt16 = 0
    var clusterListLength: UInt16 = 0
    /// The origin is in the two bits on top.
    var flags = Flags(rawValue: 2 << 14)
    /// Index of the source that is charged for the set, plus one; 0 none.
    var owner: UInt16 = 0

    struct LocalFlags: OptionSet, BitwiseCopyable {
        var rawValue: UInt8
        static let kernelMetric = LocalFlags(rawValue: 1)
        static let kernelSource = LocalFlags(rawValue: 2)
        static let igpMetric = LocalFlags(rawValue: 4)
    }

    /// ORIGIN; INCOMPLETE when absent.
    var origin: UInt8 {
        @inline(__always)
        get { UInt8(truncatingIfNeeded: self.flags.rawValue >> 14) }
        set { self.flags.rawValue = self.flags.rawValue & 0x3FFF | UInt16(min(newValue, 3)) << 14 }
    }

    struct Flags: OptionSet, BitwiseCopyable {
        var rawValue: UInt16
        static let localPreference = Flags(rawValue: 1)
        static let multiExitDiscriminator = Flags(rawValue: 2)
        static let originatorID = Flags(rawValue: 4)
        static let noExport = Flags(rawValue: 8)
        static let noAdvertise = Flags(rawValue: 16)
        static let noExportSubconfed = Flags(rawValue: 32)
        /// LLGR_STALE (RFC 9494).
        static let longLivedStale = Flags(rawValue: 64)
        static let neighborAS = Flags(rawValue: 128)
        static let gracefulShutdown = Flags(rawValue: 256)
        static let aigp = Flags(rawValue: 512)
        static let onlyToCustomer = Flags(rawValue: 1024)
    }

    /// The local attributes as the rest of the program knows them.
    var local: LocalAttributes {
        LocalAttributes(
            preference: self.preference,
            kernelMetric: self.localFlags.contains(.kernelMetric) ? self.kernelMetric : nil,
            kernelSource: self.localFlags.contains(.kernelSource) ? self.kernelSource : nil,
            igpMetric: self.localFlags.contains(.igpMetric) ? self.igpMetric : nil
        )
    }

    mutating func setLocal(_ local: LocalAttributes) {
        self.preference = local.preference
        if let metric = local.kernelMetric {
            self.kernelMetric = metric
            self.localFlags.insert(.kernelMetric)
        }
        if let source = local.kernelSource {
            self.kernelSource = source
            self.localFlags.insert(.kernelSource)
        }
        if let metric = local.igpMetric {
            self.igpMetric = metric
            self.localFlags.insert(.igpMetric)
        }
    }

    @inline(__always)
    func hasSameLocal(as other: AttributeRecord) -> Bool {
        self.preference == other.preference && self.localFlags == other.localFlags
            && self.kernelMetric == other.kernelMetric && self.kernelSource == other.kernelSource
            && self.igpMetric == other.igpMetric
    }

    /// Reads the decision inputs of a canonical blob; stops at the first octets that are no attribute.
    mutating func parse(_ bytes: Octets) {
        var cursor = AttributeCursor(bytes)
        while let attribute = cursor.next() {
            let start = attribute.value.lowerBound
            let count = attribute.value.count
            switch attribute.type {
            case PathAttributeType.origin.rawValue where count == 1:
                self.origin = bytes[start]
            case PathAttributeType.asPath.rawValue:
                self.parsePath(bytes, attribute.value)
            case PathAttributeType.multiExitDiscriminator.rawValue where count == 4:
                self.multiExitDiscriminator = bytes.number(start)
                self.flags.insert(.multiExitDiscriminator)
            case PathAttributeType.localPreference.rawValue where count == 4:
                self.localPreference = bytes.number(start)
                self.flags.insert(.localPreference)
            case PathAttributeType.communities.rawValue:
                var offset = start
                while offset + 4 <= attribute.value.upperBound {
                    switch bytes.number(offset) {
                    case Community.noExport.rawValue: self.flags.insert(.noExport)
                    case Community.noAdvertise.rawValue: self.flags.insert(.noAdvertise)
                    case Community.noExportSubconfed.rawValue: self.flags.insert(.noExportSubconfed)
                    case Community.longLivedStale.rawValue: self.flags.insert(.longLivedStale)
                    case Community.gracefulShutdown.rawValue: self.flags.insert(.gracefulShutdown)
                    default: break
                    }
                    offset += 4
                }
            case PathAttributeType.originatorID.rawValue where count == 4:
                self.originatorID = bytes.number(start)
                self.flags.insert(.originatorID)
            case PathAttributeType.clusterList.rawValue:
                self.clusterListLength = UInt16(clamping: count / 4)
            case PathAttributeType.aigp.rawValue where AIGP.metric(bytes, attribute.value) != nil:
                self.flags.insert(.aigp)
            case PathAttributeType.onlyToCustomer.rawValue where count == 4: self.flags.insert(.onlyToCustomer)
            default: break
            }
        }
    }

    /// AS_SET counts 1, confederation segments 0; the neighbour is the first AS of the first plain segment if a sequence.
    private mutating func parsePath(_ bytes: Octets, _ range: Range<Int>) {
        var length = 0
        var isFirst = true
        var offset = range.lowerBound
        while offset + 2 <= range.upperBound {
            let kind = bytes[offset]
            let count = Int(bytes[offset + 1])
            guard offset + 2 + count * 4 <= range.upperBound else { break }
            if kind == ASPath.Segment.Kind.sequence.rawValue || kind == ASPath.Segment.Kind.set.rawValue {
                let isSequence = kind == ASPath.Segment.Kind.sequence.rawValue
                length += isSequence ? count : 1
                if isFirst, isSequence, count > 0 {
                    self.neighborAS = bytes.number(offset + 2)
                    self.flags.insert(.neighborAS)
                }
                isFirst = false
            }
            offset += 2 + count * 4
        }
        self.pathLength = UInt16(clamping: length)
    }
}

/// Walks the attributes of a canonical blob; never reads outside it.
struct AttributeCursor {
    struct Attribute {
        var flags: UInt8
        var type: UInt8
        /// Offsets of the value.
        var value: Range<Int>
        /// Offsets of the attribute with its header.
        var extent: Range<Int>
    }

    private let bytes: Octets
    private var offset = 0

    init(_ bytes: Octets) { self.bytes = bytes }

    mutating func next() -> Attribute? {
        guard self.offset + 3 <= self.bytes.count else { return nil }
        let flags = self.bytes[self.offset]
        var start = self.offset + 3
        var length = Int(self.bytes[self.offset + 2])
        if flags & PathAttributeFlags.extendedLength.rawValue != 0 {
            guard start < self.bytes.count else { return nil }
            length = length << 8 | Int(self.bytes[start])
            start += 1
        }
        guard start + length <= self.bytes.count else { return nil }
        let extent = self.offset..<start + length
        defer { self.offset = extent.upperBound }
        return Attribute(
            flags: flags,
            type: self.bytes[self.offset + 1],
            value: start..<start + length,
            extent: extent
        )
    }
}
