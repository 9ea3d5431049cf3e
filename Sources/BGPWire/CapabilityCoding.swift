import IPAddressing

extension Capability {
    /// The capability code (IANA "Capability Codes").
    public var code: UInt8 {
        switch self {
        case .multiprotocol: 1
        case .routeRefresh: 2
        case .extendedNextHop: 5
        case .extendedMessage: 6
        case .role: 9
        case .gracefulRestart: 64
        case .fourOctetAS: 65
        case .addPath: 69
        case .enhancedRouteRefresh: 70
        case .longLivedGracefulRestart: 71
        case .fqdn: 73
        case .softwareVersion: 75
        case .unknown(let code, _): code
        }
    }

    /// Reads a capability; a value that does not fit its code becomes ``unknown(code:value:)``.
    ///
    /// Entries of codes 5 and 69 that name no valid SAFI or mode are left out (RFC 7911 §4). Nothing outside `value` is read.
    public init(code: UInt8, value: RawSpan) {
        self = Self.typed(code: code, value) ?? .unknown(code: code, value: value.octets(0..<value.byteCount))
    }

    private static func typed(code: UInt8, _ value: RawSpan) -> Capability? {
        let count = value.byteCount
        switch code {
        case 1:
            return count == 4 ? .multiprotocol(AddressFamily(afi: value.uint16(0), safi: value.octet(3))) : nil
        case 2: return count == 0 ? .routeRefresh : nil
        case 5: return Self.extendedNextHop(value)
        case 6: return count == 0 ? .extendedMessage : nil
        case 9: return count == 1 ? BGPRole(rawValue: value.octet(0)).map(Capability.role) : nil
        case 64: return Self.gracefulRestart(value)
        case 65: return count == 4 ? .fourOctetAS(ASNumber(rawValue: value.uint32(0))) : nil
        case 69: return Self.addPath(value)
        case 70: return count == 0 ? .enhancedRouteRefresh : nil
        case 71: return Self.longLivedGracefulRestart(value)
        case 73: return Self.fqdn(value)
        case 75:
            guard count >= 1, Int(value.octet(0)) == count - 1 else { return nil }
            return .softwareVersion(value.octets(1..<count))
        default: return nil
        }
    }

    private static func extendedNextHop(_ value: RawSpan) -> Capability? {
        guard value.byteCount % 6 == 0 else { return nil }
        var entries: [ExtendedNextHop] = []
        for offset in stride(from: 0, to: value.byteCount, by: 6) where value.octet(offset + 2) == 0 {
            let family = AddressFamily(afi: value.uint16(offset), safi: value.octet(offset + 3))
            entries.append(ExtendedNextHop(family: family, nextHopAFI: value.uint16(offset + 4)))
        }
        return .extendedNextHop(entries)
    }

    private static func gracefulRestart(_ value: RawSpan) -> Capability? {
        guard value.byteCount >= 2, value.byteCount % 4 == 2 else { return nil }
        let head = value.uint16(0)
        var families: [GracefulRestart.FamilyState] = []
        for offset in stride(from: 2, to: value.byteCount, by: 4) {
            families.append(
                GracefulRestart.FamilyState(
                    family: AddressFamily(afi: value.uint16(offset), safi: value.octet(offset + 2)),
                    forwardingPreserved: value.octet(offset + 3) & 0x80 != 0
                )
            )
        }
        return .gracefulRestart(
            GracefulRestart(
                restartState: head & 0x8000 != 0,
                notification: head & 0x4000 != 0,
                restartTime: head & 0x0FFF,
                families: families
            )
        )
    }

    private static func addPath(_ value: RawSpan) -> Capability? {
        guard value.byteCount % 4 == 0 else { return nil }
        var entries: [AddPath] = []
        for offset in stride(from: 0, to: value.byteCount, by: 4) {
            let mode = value.octet(offset + 3)
            guard (1...3).contains(mode) else { continue }
            let family = AddressFamily(afi: value.uint16(offset), safi: value.octet(offset + 2))
            entries.append(AddPath(family: family, receive: mode & 1 != 0, send: mode & 2 != 0))
        }
        return .addPath(entries)
    }

    private static func longLivedGracefulRestart(_ value: RawSpan) -> Capability? {
        guard value.byteCount % 7 == 0 else { return nil }
        var entries: [LongLivedGracefulRestart] = []
        for offset in stride(from: 0, to: value.byteCount, by: 7) {
            entries.append(
                LongLivedGracefulRestart(
                    family: AddressFamily(afi: value.uint16(offset), safi: value.octet(offset + 2)),
                    forwardingPreserved: value.octet(offset + 3) & 0x80 != 0,
                    staleTime: value.uint32(offset + 3) & 0xFF_FFFF
                )
            )
        }
        return .longLivedGracefulRestart(entries)
    }

    private static func fqdn(_ value: RawSpan) -> Capability? {
        guard value.byteCount >= 2 else { return nil }
        let hostEnd = 1 + Int(value.octet(0))
        guard hostEnd < value.byteCount, hostEnd + 1 + Int(value.octet(hostEnd)) == value.byteCount else { return nil }
        return .fqdn(host: value.octets(1..<hostEnd), domain: value.octets(hostEnd + 1..<value.byteCount))
    }
}

extension Capability {
    /// Appends the capability as code, length, value.
    ///
    /// A list too long for one length octet is cut: continued in further capabilities of the same code where that means
    /// the same (codes 5, 69, 71), else shortened.
    public func encode(into output: inout [UInt8]) {
        switch self {
        case .extendedNextHop(let entries) where entries.count > 42:
            Capability.extendedNextHop(Array(entries.prefix(42))).encode(into: &output)
            Capability.extendedNextHop(Array(entries.dropFirst(42))).encode(into: &output)
        case .addPath(let entries) where entries.count > 63:
            Capability.addPath(Array(entries.prefix(63))).encode(into: &output)
            Capability.addPath(Array(entries.dropFirst(63))).encode(into: &output)
        case .longLivedGracefulRestart(let entries) where entries.count > 36:
            Capability.longLivedGracefulRestart(Array(entries.prefix(36))).encode(into: &output)
            Capability.longLivedGracefulRestart(Array(entries.dropFirst(36))).encode(into: &output)
        default:
            let value = self.value
            output.append(self.code)
            output.append(UInt8(min(value.count, 255)))
            output += value.prefix(255)
        }
    }

    /// The value octets, without code and length.
    private var value: [UInt8] {
        var value: [UInt8] = []
        switch self {
        case .routeRefresh, .extendedMessage, .enhancedRouteRefresh: break
        case .multiprotocol(let family):
            value.append(bigEndian: family.afi)
            value += [0, family.safi]
        case .extendedNextHop(let entries):
            for entry in entries {
                value.append(bigEndian: entry.family.afi)
                value += [0, entry.family.safi]
                value.append(bigEndian: entry.nextHopAFI)
            }
        case .role(let role): value.append(role.rawValue)
        case .gracefulRestart(let restart):
            let flags: UInt16 = (restart.restartState ? 0x8000 : 0) | (restart.notification ? 0x4000 : 0)
            value.append(bigEndian: flags | min(restart.restartTime, 0x0FFF))
            for entry in restart.families.prefix(63) {
                value.append(bigEndian: entry.family.afi)
                value += [entry.family.safi, entry.forwardingPreserved ? 0x80 : 0]
            }
        case .fourOctetAS(let number): value.append(bigEndian: number.rawValue)
        case .addPath(let entries):
            for entry in entries {
                value.append(bigEndian: entry.family.afi)
                value += [entry.family.safi, (entry.receive ? 1 : 0) | (entry.send ? 2 : 0)]
            }
        case .longLivedGracefulRestart(let entries):
            for entry in entries {
                value.append(bigEndian: entry.family.afi)
                value.append(entry.family.safi)
                let flags: UInt32 = entry.forwardingPreserved ? 0x8000_0000 : 0
                value.append(bigEndian: flags | min(entry.staleTime, 0xFF_FFFF))
            }
        case .fqdn(let host, let domain):
            for part in [host.prefix(126), domain.prefix(126)] {
                value.append(UInt8(part.count))
                value += part
            }
        case .softwareVersion(let text):
            value.append(UInt8(min(text.count, 254)))
            value += text.prefix(254)
        case .unknown(_, let octets): value = octets
        }
        return value
    }
}
