import BGPWire
import IPAddressing

/// Values as `print` and `format` write them: as BIRD does.
extension FilterValue {
    /// The text of `print` and `format`.
    public var formatted: String {
        switch self {
        case .undefined: "(void)"
        case .bool(let flag): flag ? "TRUE" : "FALSE"
        case .int(let number): "\(number)"
        case .pair(let pair): Self.text(pair)
        case .quad(let number): "\(RouterID(rawValue: number))"
        case .ip(let address): "\(address)"
        case .prefix(let prefix): "\(prefix)"
        case .rd(let number): Self.text(distinguisher: number)
        case .string(let text): text
        case .bytestring(let octets): Self.hexadecimal(octets)
        case .enumeration(let kind, let number): "(enum \(String(kind.code, radix: 16)))\(number)"
        case .ec(let community): Self.text(community)
        case .lc(let community): Self.text(community)
        case .path(let path): "(path \(Self.text(path)))"
        case .mask(let mask): mask.description
        case .clist(let list): "(clist \(list.map(Self.text).joined(separator: " ")))"
        case .eclist(let list): "(eclist \(list.map(Self.text).joined(separator: " ")))"
        case .lclist(let list): "(lclist \(list.map(Self.text).joined(separator: " ")))"
        case .intSet(let set): Self.text(set) { "\($0)" }
        case .quadSet(let set): Self.text(set) { "\(RouterID(rawValue: $0))" }
        case .pairSet(let set): Self.text(set) { Self.text($0) }
        case .ipSet(let set): Self.text(set) { "\($0)" }
        case .rdSet(let set): Self.text(set) { Self.text(distinguisher: $0) }
        case .enumerationSet(let kind, let set):
            Self.text(set) { "(enum \(String(kind.code, radix: 16)))\($0)" }
        case .ecSet(let set): Self.text(set) { Self.text($0) }
        case .lcSet(let set): Self.text(set) { Self.text($0) }
        case .prefixSet(let set): set.description
        case .emptySet: "[]"
        }
    }

    /// The text without the name of the type around lists.
    var plainText: String {
        switch self {
        case .path(let path): Self.text(path)
        case .clist(let list): list.map(Self.text).joined(separator: " ")
        case .eclist(let list): list.map(Self.text).joined(separator: " ")
        case .lclist(let list): list.map(Self.text).joined(separator: " ")
        default: self.formatted
        }
    }

    private static func text<T>(_ set: FilterRangeSet<T>, _ element: (T) -> String) -> String {
        let ranges = set.ranges.map { range in
            range.lowerBound == range.upperBound
                ? element(range.lowerBound) : element(range.lowerBound) + ".." + element(range.upperBound)
        }
        return "[" + ranges.joined(separator: ", ") + "]"
    }

    private static func text(_ pair: Community) -> String { "(\(pair.rawValue >> 16),\(pair.rawValue & 0xFFFF))" }

    private static func text(_ community: LargeCommunity) -> String {
        "(\(community.globalAdministrator), \(community.data1), \(community.data2))"
    }

    private static func text(_ community: ExtendedCommunity) -> String {
        let raw = community.rawValue
        let kind =
            switch raw >> 48 & 0xF0FF {
            case 0x0002: "rt"
            case 0x0003: "ro"
            default: "unknown 0x\(String(raw >> 48, radix: 16))"
            }
        let low = UInt32(truncatingIfNeeded: raw)
        switch raw >> 56 {
        case 0x00, 0x40: return "(\(kind), \(raw >> 32 & 0xFFFF), \(low))"
        case 0x01, 0x41:
            return "(\(kind), \(RouterID(rawValue: UInt32(truncatingIfNeeded: raw >> 16))), \(raw & 0xFFFF))"
        case 0x02, 0x42: return "(\(kind), \(UInt32(truncatingIfNeeded: raw >> 16)), \(raw & 0xFFFF))"
        default: return "(generic, 0x\(String(raw >> 32, radix: 16)), 0x\(String(low, radix: 16)))"
        }
    }

    private static func text(_ path: ASPath) -> String {
        path.segments.map { segment in
            let text = segment.numbers.map { "\($0.rawValue)" }.joined(separator: " ")
            return switch segment.kind {
            case .sequence: text
            case .set: "{\(text)}"
            case .confederationSequence: "(\(text))"
            case .confederationSet: "({\(text)})"
            }
        }.joined(separator: " ")
    }

    /// `AS:number`, or `address:number`; `2:` before a four-octet AS that would read as a two-octet one.
    private static func text(distinguisher: UInt64) -> String {
        switch distinguisher >> 48 {
        case 0: return "\(distinguisher >> 32 & 0xFFFF):\(UInt32(truncatingIfNeeded: distinguisher))"
        case 1:
            let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: distinguisher >> 16))
            return "\(address):\(distinguisher & 0xFFFF)"
        default:
            let number = UInt32(truncatingIfNeeded: distinguisher >> 16)
            return (number > 0xFFFF ? "" : "2:") + "\(number):\(distinguisher & 0xFFFF)"
        }
    }

    private static func hexadecimal(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }

    /// The octets of a hexadecimal text; dots, colons, hyphens and spaces may stand between octets.
    static func octets(fromHexadecimal text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var high: UInt8?
        for byte in text.utf8 {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            case UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: " "):
                guard high == nil else { return nil }
                continue
            default: return nil
            }
            if let first = high {
                result.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil ? result : nil
    }
}
