public import BGPWire
public import IPAddressing

/// An attribute that the configuration defines with `attribute`.
public struct FilterCustomAttribute: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Type of its values.
    public var type: FilterType
    /// Type code on the wire (`attribute bgp N bytestring NAME`); nil for one that never leaves this host.
    public var code: UInt8?

    /// Creates a definition.
    public init(name: String, type: FilterType, code: UInt8? = nil) {
        self.name = name
        self.type = type
        self.code = code
    }

    /// `krt_prefsrc`: the source address of a kernel route, for packets that the host itself sends.
    public static let preferredSource = FilterCustomAttribute(name: "krt_prefsrc", type: .ip)
}

extension PathAttributes {
    /// What filters call `krt_prefsrc`; beside the other attributes that never leave this host.
    public var kernelPreferredSource: IPAddress? {
        get {
            let attribute = FilterCustomAttribute.preferredSource
            let kind = LocalAttributeList.kind(attribute.type)
            guard let octets = LocalAttributeList(of: self)[attribute.name, kind],
                case .ip(let address)? = FilterValue(octets: octets, type: attribute.type)
            else { return nil }
            return address
        }
        set {
            let attribute = FilterCustomAttribute.preferredSource
            var list = LocalAttributeList(of: self)
            list[attribute.name, LocalAttributeList.kind(attribute.type)] = newValue.flatMap {
                FilterValue.ip($0).octets
            }
            try? list.store(in: &self)
        }
    }
}

/// The attributes of one route that never leave this host: custom ones and `scope`.
///
/// They are a part of its attribute set, under the type code that the registry reserves and the wire never carries, so
/// that they are interned, compared and counted with it.
public struct LocalAttributeList: Equatable {
    /// An attribute and its octets.
    struct Entry: Equatable {
        var kind: UInt8
        var name: String
        var value: [UInt8]
    }

    private var entries: [Entry] = []

    /// Octets that all entries of one route may take.
    static let limit = 32_768

    /// Reads a route's; what is not in the form that this type writes is left out.
    public init(of attributes: PathAttributes) {
        guard let value = attributes.value(.local) else { return }
        var rest = value
        while rest.count >= 4 {
            let start = rest.startIndex
            let nameLength = Int(rest[start + 1])
            let head = 4 + nameLength
            guard rest.count >= head else { return }
            let length = Int(rest[start + 2]) << 8 | Int(rest[start + 3])
            guard rest.count >= head + length else { return }
            self.entries.append(
                Entry(
                    kind: rest[start],
                    name: String(decoding: rest[start + 4..<start + head], as: UTF8.self),
                    value: Array(rest[start + head..<start + head + length])
                )
            )
            rest = rest.dropFirst(head + length)
        }
    }

    /// Gives a route these instead of its own.
    func store(in attributes: inout PathAttributes) throws(FilterError) {
        guard !self.entries.isEmpty else { return attributes.remove(.local) }
        var octets: [UInt8] = []
        for entry in self.entries {
            let name = Array(entry.name.utf8.prefix(255))
            octets += [
                entry.kind, UInt8(name.count), UInt8(entry.value.count >> 8 & 255), UInt8(entry.value.count & 255),
            ]
            octets += name
            octets += entry.value
        }
        guard octets.count <= Self.limit else { throw .outOfRange("the size of custom attributes is") }
        attributes.set(.local, flags: .optional, value: octets)
    }

    subscript(name: String, kind: UInt8) -> [UInt8]? {
        get { self.entries.first { $0.name == name && $0.kind == kind }?.value }
        set {
            self.entries.removeAll { $0.name == name && $0.kind == kind }
            guard let newValue, newValue.count <= Self.limit else { return }
            let entry = Entry(kind: kind, name: name, value: newValue)
            let position = self.entries.firstIndex { (name, kind) < ($0.name, $0.kind) } ?? self.entries.count
            self.entries.insert(entry, at: position)
        }
    }

    /// Names and values as text, for people.
    public var fields: [(name: String, text: String)] {
        self.entries.map { entry in
            let text = Self.type(entry.kind).flatMap { FilterValue(octets: entry.value, type: $0)?.plainText }
            return (entry.name, text ?? "")
        }
    }

    /// Number of a type among the entries; 0 for those that no entry can have.
    static func kind(_ type: FilterType) -> UInt8 {
        UInt8((FilterType.ofCustomAttributes.firstIndex(of: type) ?? -1) + 1)
    }

    private static func type(_ kind: UInt8) -> FilterType? {
        let types = FilterType.ofCustomAttributes
        return kind > 0 && Int(kind) <= types.count ? types[Int(kind) - 1] : nil
    }
}

extension FilterValue {
    /// Reads the value of a custom attribute.
    init?(octets: [UInt8], type: FilterType) {
        func word(_ at: Int) -> UInt32 { octets[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        switch type {
        case .int where octets.count == 4: self = .int(word(0))
        case .quad where octets.count == 4: self = .quad(word(0))
        case .ip where octets.count == 4: self = .ip(.v4(.init(rawValue: word(0))))
        case .ip where octets.count == 16:
            self = .ip(.v6(.init(bits: octets.reduce(0) { $0 << 8 | UInt128($1) })))
        case .string: self = .string(String(decoding: octets, as: UTF8.self))
        case .bytestring: self = .bytestring(octets)
        case .path: self = .path(ASPath(canonical: octets))
        case .clist:
            self = .clist(stride(from: 0, to: octets.count - 3, by: 4).map { Community(rawValue: word($0)) })
        case .eclist:
            self = .eclist(
                stride(from: 0, to: octets.count - 7, by: 8).map {
                    ExtendedCommunity(rawValue: UInt64(word($0)) << 32 | UInt64(word($0 + 4)))
                }
            )
        case .lclist:
            self = .lclist(
                stride(from: 0, to: octets.count - 11, by: 12).map {
                    LargeCommunity(globalAdministrator: word($0), data1: word($0 + 4), data2: word($0 + 8))
                }
            )
        default: return nil
        }
    }

    /// The value as octets of an attribute; nil for types that no attribute holds.
    var octets: [UInt8]? {
        func bytes(_ word: UInt32) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
        }
        return switch self {
        case .int(let number), .quad(let number): bytes(number)
        case .pair(let pair): bytes(pair.rawValue)
        case .ec(let community):
            bytes(UInt32(community.rawValue >> 32)) + bytes(UInt32(truncatingIfNeeded: community.rawValue))
        case .lc(let community):
            bytes(community.globalAdministrator) + bytes(community.data1) + bytes(community.data2)
        case .ip(.v4(let address)): bytes(address.rawValue)
        case .ip(.v6(let address)):
            stride(from: 120, through: 0, by: -8).map { UInt8(truncatingIfNeeded: address.bits >> UInt128($0)) }
        case .string(let text): Array(text.utf8)
        case .bytestring(let octets): octets
        case .path(let path): path.bytes
        case .clist(let list): list.flatMap { bytes($0.rawValue) }
        case .eclist(let list):
            list.flatMap { bytes(UInt32($0.rawValue >> 32)) + bytes(UInt32(truncatingIfNeeded: $0.rawValue)) }
        case .lclist(let list):
            list.flatMap { bytes($0.globalAdministrator) + bytes($0.data1) + bytes($0.data2) }
        default: nil
        }
    }
}
