public import IPAddressing

/// The value of AGGREGATOR with a four-octet number (RFC 4271 §5.1.7, RFC 6793).
public struct Aggregator: Hashable, Sendable, BitwiseCopyable {
    /// The AS that formed the aggregate.
    public var number: ASNumber
    /// The speaker that formed it.
    public var identifier: RouterID

    /// Creates a value.
    public init(number: ASNumber, identifier: RouterID) {
        self.number = number
        self.identifier = identifier
    }
}

extension Aggregator: CustomStringConvertible {
    /// AS number and identifier.
    public var description: String { "AS\(self.number) \(self.identifier)" }
}

extension PathAttributes {
    /// AGGREGATOR.
    public var aggregator: Aggregator? {
        get {
            guard let value = self.first(.aggregator)?.value, value.count == 8 else { return nil }
            return Aggregator(
                number: ASNumber(rawValue: self.view.bytes.uint32(value.lowerBound)),
                identifier: RouterID(rawValue: self.view.bytes.uint32(value.lowerBound + 4))
            )
        }
        set {
            guard let newValue else { return self.remove(.aggregator) }
            self.set(
                .aggregator,
                flags: [.optional, .transitive],
                value: newValue.number.rawValue.bigEndianBytes + newValue.identifier.rawValue.bigEndianBytes
            )
        }
    }

    /// ATOMIC_AGGREGATE.
    public var atomicAggregate: Bool {
        get { self.contains(.atomicAggregate) }
        set {
            if newValue {
                self.set(.atomicAggregate, flags: .transitive, value: EmptyCollection())
            } else {
                self.remove(.atomicAggregate)
            }
        }
    }

    /// The AS of OTC, ONLY_TO_CUSTOMER (RFC 9234 §5).
    public var onlyToCustomer: ASNumber? {
        get { self.view.number(.onlyToCustomer).map(ASNumber.init(rawValue:)) }
        set {
            if let newValue {
                self.set(.onlyToCustomer, flags: [.optional, .transitive], value: newValue.rawValue.bigEndianBytes)
            } else {
                self.remove(.onlyToCustomer)
            }
        }
    }

    /// The accumulated metric of the first AIGP TLV (RFC 7311 §3); nil when absent.
    public var accumulatedIGPMetric: UInt64? {
        guard let value = self.first(.aigp)?.value else { return nil }
        let bytes = self.bytes.rawSpan
        var offset = value.lowerBound
        while value.upperBound - offset >= 3 {
            let length = Int(bytes.uint16(offset + 1))
            guard length >= 3, length <= value.upperBound - offset else { return nil }
            if bytes.octet(offset) == 1 { return length == 11 ? bytes.uint64(offset + 3) : nil }
            offset += length
        }
        return nil
    }

    /// Name and text of every attribute of BGP in order; values this speaker does not know are hexadecimal.
    public var fields: [(name: String, text: String)] {
        self.elements.filter { $0.type != .local }.map { element in
            let partial = element.flags.contains(.partial) ? " [partial]" : ""
            return (element.type.description, self.text(of: element) + partial)
        }
    }

    /// The value of one attribute as text.
    private func text(of element: Element) -> String {
        switch element.type {
        case .origin:
            if let origin = self.origin { return origin.description }
        case .asPath: return self.asPath.map(\.description) ?? ""
        case .multiExitDiscriminator, .localPreference:
            if let number = self.view.number(element.type) { return String(number) }
        case .atomicAggregate: return "yes"
        case .aggregator:
            if let aggregator = self.aggregator { return aggregator.description }
        case .communities: return self.communities.map(\.description).joined(separator: " ")
        case .originatorID:
            if let identifier = self.originatorID { return identifier.description }
        case .clusterList: return (self.clusterList ?? []).map(\.description).joined(separator: " ")
        case .extendedCommunities: return self.extendedCommunities.map(\.description).joined(separator: " ")
        case .largeCommunities: return self.largeCommunities.map(\.description).joined(separator: " ")
        case .aigp:
            if let metric = self.accumulatedIGPMetric { return String(metric) }
        case .onlyToCustomer:
            if let number = self.onlyToCustomer { return number.description }
        default: break
        }
        return self.bytes[element.value].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension PathAttributes: CustomStringConvertible {
    /// All attributes as `NAME: value`, separated by commas.
    public var description: String {
        self.fields.map { $0.text.isEmpty ? "\($0.name):" : "\($0.name): \($0.text)" }.joined(separator: ", ")
    }
}

extension Origin: CustomStringConvertible {
    /// `IGP`, `EGP` or `incomplete`.
    public var description: String {
        switch self {
        case .igp: "IGP"
        case .egp: "EGP"
        case .incomplete: "incomplete"
        }
    }
}

extension BGPNextHop: CustomStringConvertible {
    /// The address, followed by the link-local one where there is one.
    public var description: String {
        self.linkLocal.map { "\(self.address) \($0)" } ?? self.address.description
    }
}

extension NLRI: CustomStringConvertible {
    /// The prefix, with the path identifier when it is not 0.
    public var description: String {
        self.pathID == 0 ? self.prefix.description : "\(self.prefix) path \(self.pathID)"
    }
}

extension ExtendedCommunity: CustomStringConvertible {
    /// `rt:` or `ro:` with AS or address and number for route targets and origins, else `generic:` and two hexadecimal words.
    public var description: String {
        let kind: String? =
            switch self.rawValue >> 48 & 0xFF {
            case 2: "rt"
            case 3: "ro"
            default: nil
            }
        if let kind {
            let value = self.rawValue & 0xFFFF_FFFF_FFFF
            switch self.rawValue >> 56 {
            case 0: return "\(kind):\(value >> 32):\(value & 0xFFFF_FFFF)"
            case 1: return "\(kind):\(IPv4Address(rawValue: UInt32(truncatingIfNeeded: value >> 16))):\(value & 0xFFFF)"
            case 2: return "\(kind):\(value >> 16):\(value & 0xFFFF)"
            default: break
            }
        }
        let high = String(self.rawValue >> 32, radix: 16)
        let low = String(self.rawValue & 0xFFFF_FFFF, radix: 16)
        return "generic:0x\(high):0x\(low)"
    }
}
