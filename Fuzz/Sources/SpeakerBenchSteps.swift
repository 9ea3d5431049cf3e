import BGPWire
import IPAddressing
import NIOCore

/// What the input can have happen.
extension SpeakerBench {
    /// Does one thing that the input spells; false when it stands for a reload, which is the caller's.
    func step(_ choices: inout Choices) -> Bool {
        let choice = choices.octet()
        let others = self.ends.filter { !$0.neighbor.isObserver }
        let end = others[Int(choice >> 5) % others.count]
        switch choice & 31 {
        case 0: self.connect(end)
        case 1, 2:
            if end.channel == nil { self.connect(end) }
            end.sendOpen(flags: choices.octet())
            end.send(.keepalive, [])
        case 3: end.channel?.deliver(choices.some())
        case 4: end.send(choices.octet(), choices.some())
        case 5: self.split(RemoteEnd.message(2, choices.some()), end, choices.octet())
        case 6, 7, 8, 9, 10, 11: end.send(.update, self.update(&choices))
        case 12, 13: end.send(.update, self.framedUpdate(&choices))
        case 14:
            let times = [0, 1, 10, 50, 500, 1000, 3000, 5000, 9000, 15_000, 30_000, 60_000, 100_000, 200_000]
            self.pass(times[Int(choices.octet()) % times.count])
        case 15: end.channel?.finish(choice & 32 != 0 ? 104 : 0)
        case 16: self.answer(choices.octet())
        case 17: end.channel?.isStalled.toggle()
        case 18: self.setLink(choices.octet())
        case 19: self.refresh(end, choices.octet())
        case 20: self.control(choices.octet())
        case 21: end.send(.keepalive, [])
        case 22: end.read()
        case 23: end.send(.update, [0, 0, 0, 0])
        case 24: self.check(input: self.inputCount)
        default: return false
        }
        return true
    }

    private func split(_ octets: [UInt8], _ end: RemoteEnd, _ choice: UInt8) {
        let middle = Int(choice) % octets.count
        end.channel?.deliver(Array(octets[..<middle]))
        if choice & 128 != 0 { self.pass(0) }
        end.channel?.deliver(Array(octets[middle...]))
    }

    private func refresh(_ end: RemoteEnd, _ choice: UInt8) {
        let family: AddressFamily = choice & 1 != 0 ? .ipv6Unicast : .ipv4Unicast
        let subtypes: [RouteRefresh.Subtype] = [.request, .beginning, .end, .init(rawValue: choice)]
        var octets: [UInt8] = []
        RouteRefresh(family: family, subtype: subtypes[Int(choice >> 1) & 3]).encode(into: &octets)
        end.channel?.deliver(octets)
    }

    // MARK: UPDATEs

    /// Parts whose lengths are right, and which hold anything.
    private func framedUpdate(_ choices: inout Choices) -> [UInt8] {
        let withdrawn = choices.octets(Int(choices.octet() & 15))
        var attributes: [UInt8] = []
        for _ in 0..<choices.octet() & 7 {
            let (flags, type) = (choices.octet(), choices.octet())
            let value = choices.octets(Int(choices.octet() & 31))
            attributes += [flags & 0xEF, type, UInt8(value.count)] + value
        }
        let announced = choices.octets(Int(choices.octet() & 15))
        return Self.body(withdrawn, attributes, announced)
    }

    private static func body(_ withdrawn: [UInt8], _ attributes: [UInt8], _ announced: [UInt8]) -> [UInt8] {
        func length(_ list: [UInt8]) -> [UInt8] { [UInt8(list.count >> 8), UInt8(list.count & 255)] }
        return length(withdrawn) + withdrawn + length(attributes) + attributes + announced
    }

    /// One that says something: prefixes of few networks with attributes that a session takes, or one or two that it
    /// does not.
    private func update(_ choices: inout Choices) -> [UInt8] {
        let (kind, number) = (choices.octet(), choices.octet())
        let list = self.prefixes(&choices, Int(number & 3) + 1, isIPv4: kind & 1 == 0, hasPathID: kind & 2 != 0)
        if kind & 12 == 0 {
            return kind & 1 == 0
                ? Self.body(list, [], []) : Self.body([], Self.attribute(0x80, 15, [0, 2, 1] + list), [])
        }
        var attributes = Self.attribute(0x40, 1, [number >> 6 & 3])
        attributes += Self.attribute(0x40, 2, self.path(&choices, isLong: kind & 16 != 0))
        let next = choices.octet()
        if kind & 1 == 0 {
            attributes += Self.attribute(0x40, 3, [192, 0, 2, next & 127])
        } else {
            let global: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [next & 127]
            let linkLocal: [UInt8] = [0xFE, 0x80] + Array(repeating: 0, count: 13) + [next]
            let address = next & 128 != 0 ? global + linkLocal : global
            attributes += Self.attribute(0x80, 14, [0, 2, 1, UInt8(address.count)] + address + [0] + list)
        }
        for _ in 0..<number >> 4 & 3 { attributes += self.optional(&choices) }
        return Self.body([], attributes, kind & 1 == 0 ? list : [])
    }

    private func prefixes(_ choices: inout Choices, _ count: Int, isIPv4: Bool, hasPathID: Bool) -> [UInt8] {
        var list: [UInt8] = []
        for _ in 0..<count {
            let octet = choices.octet()
            if hasPathID { list += [0, 0, 0, octet >> 6] }
            let head: [UInt8] = isIPv4 ? [203, 0, octet & 15] : [0x20, 0x01, 0x0D, 0xB8, 0x10, octet & 15]
            let length = head.count * 8 - Int(octet >> 4 & 3)
            list += [UInt8(length)] + head
        }
        return list
    }

    private func path(_ choices: inout Choices, isLong: Bool) -> [UInt8] {
        let octet = choices.octet()
        // The neighbours' numbers, the own one, and others.
        let numbers: [UInt8] = (0..<octet & 3).map { _ in choices.octet() & 31 }
        let first = octet >> 2 & 7
        let kind: UInt8 = octet >> 5 == 0 ? 1 : octet >> 5 == 1 ? 3 : 2
        func wide(_ number: UInt8) -> [UInt8] { [0, 0, 0xFD, 0xE8 &+ number] }
        let list = [first == 7 ? 0 : 10 + first] + numbers
        return [kind, UInt8(list.count)] + list.flatMap { isLong ? Array(wide($0).suffix(2)) : wide($0) }
    }

    private static func attribute(_ flags: UInt8, _ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        value.count > 255
            ? [flags | 0x10, type, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
            : [flags, type, UInt8(value.count)] + value
    }

    private func optional(_ choices: inout Choices) -> [UInt8] {
        let (choice, value) = (choices.octet(), choices.octet())
        switch choice & 15 {
        case 0: return Self.attribute(0x80, 4, [0, 0, 0, value])
        case 1: return Self.attribute(0x40, 5, [0, 0, 0, value])
        case 2: return Self.attribute(0xC0, 8, [0xFF, 0xFF, 0xFF, value & 7])
        case 3: return Self.attribute(0xC0, 8, [0xFF, 0xFF, 0, value & 7, 0xFD, 0xE8, 0, value])
        case 4: return Self.attribute(0x80, 9, [10, 9, 0, value])
        case 5: return Self.attribute(0x80, 10, [10, 0, 0, value & 3, 10, 0, 0, 9])
        case 6: return Self.attribute(0xC0, 35, [0, 0, 0xFD, 0xE8 &+ (value & 31)])
        case 7: return Self.attribute(0x80, 26, [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, value])
        case 8: return Self.attribute(0xC0, 32, [0, 0, 0xFD, 0xE8, 0, 0, 0, 1, 0, 0, 0, value])
        case 9: return Self.attribute(0xC0, 16, [0, 2, 0xFD, 0xE8, 0, 0, 0, value])
        case 10: return Self.attribute(0x40, 6, [])
        case 11: return Self.attribute(0xC0, 7, [0, 0, 0xFD, 0xE8, 10, 0, 0, value])
        case 12: return Self.attribute(0xC0, 17, [2, 1, 0, 0, 0xFD, 0xE8 &+ (value & 31)])
        case 13: return Self.attribute(0xE0, 40 + value & 3, choices.octets(Int(value & 15)))
        // What it means does not matter: unknown, known to others, obsolete.
        case 14: return Self.attribute(0xC0 | choice & 0x20, value, choices.octets(Int(choice >> 4)))
        default: return Self.attribute(choice & 0xE0, value & 63, choices.octets(Int(choice >> 4 & 7)))
        }
    }
}
