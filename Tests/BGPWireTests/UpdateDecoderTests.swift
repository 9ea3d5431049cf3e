import BGPWire
import IPAddressing
import Testing

@Suite("UPDATE decoding")
struct UpdateDecoderTests {
    func error(_ body: [UInt8], _ context: UpdateContext = external()) -> Notification? {
        failure { () throws(Notification) in _ = try decode(body, context) }
    }

    @Test("An announcement yields prefixes, next hop and canonical attributes without the next hop")
    func announcement() throws {
        let decoder = try decode(update(mandatory, nlri: tenOne + [0] + [32, 192, 0, 2, 9]))
        #expect(decoder.announcedIPv4.map(\.description) == ["10.1.0.0/16", "0.0.0.0/0", "192.0.2.9/32"])
        #expect(decoder.nextHop?.description == "192.0.2.1")
        #expect(decoder.attributes == originIGP + path)
        #expect(decoder.attributesHash == PathAttributes(canonical: originIGP + path).hash(seed: 0))
        #expect(decoder.failure == nil)
        #expect(decoder.endOfRIB == nil)
        #expect(decoder.withdrawnIPv4.isEmpty)
    }

    @Test("Withdrawals need no attributes")
    func withdrawal() throws {
        let decoder = try decode(update(withdrawn: tenOne + [9, 10, 128]))
        #expect(decoder.withdrawnIPv4.map(\.description) == ["10.1.0.0/16", "10.128.0.0/9"])
        #expect(decoder.failure == nil)
        #expect(decoder.attributes.isEmpty)
        #expect(decoder.endOfRIB == nil)
    }

    @Test("Host bits are masked, also of the last prefix of the message")
    func masked() throws {
        let decoder = try decode(update(mandatory, nlri: [9, 10, 255] + [20, 10, 1, 0xFF] + [1, 0xFF]))
        #expect(decoder.announcedIPv4.map(\.description) == ["10.128.0.0/9", "10.1.240.0/20", "128.0.0.0/1"])
    }

    @Test("A prefix in both fields counts as announced (RFC 4271 §4.3)")
    func bothFields() throws {
        let decoder = try decode(update(withdrawn: tenOne + [16, 10, 2], mandatory, nlri: tenOne))
        #expect(decoder.withdrawnIPv4.map(\.description) == ["10.2.0.0/16"])
        #expect(decoder.announcedIPv4.map(\.description) == ["10.1.0.0/16"])
    }

    @Test("Many prefixes in both fields are found as well")
    func manyInBothFields() throws {
        func field(_ numbers: some Sequence<Int>) -> [UInt8] {
            numbers.reduce(into: []) { $0 += [24, 10, UInt8($1 / 256), UInt8($1 % 256)] }
        }
        let all = field(0..<300)
        let odd = field(stride(from: 1, to: 300, by: 2))
        let decoder = try decode(update(withdrawn: all, mandatory, nlri: odd))
        #expect(decoder.withdrawnIPv4.count == 150)
        #expect(decoder.withdrawnIPv4.allSatisfy { $0.prefix.address.rawValue >> 8 & 1 == 0 })
        #expect(decoder.announcedIPv4.count == 150)
    }

    @Test("IPv6 comes in MP_REACH_NLRI and needs no NEXT_HOP (RFC 4760 §3)")
    func ipv6() throws {
        let decoder = try decode(update(reachIPv6 + originIGP + path))
        #expect(decoder.announcedIPv6.map(\.description) == ["2001:db8::/32"])
        #expect(decoder.multiprotocolNextHop?.description == "2001:db8::1")
        #expect(decoder.nextHop == nil)
        #expect(decoder.failure == nil)
        #expect(decoder.attributes == originIGP + path)
    }

    @Test("MP_UNREACH_NLRI withdraws")
    func ipv6Withdrawal() throws {
        let decoder = try decode(update(attribute(0x80, 15, [0, 2, 1] + documentation)))
        #expect(decoder.withdrawnIPv6.map(\.description) == ["2001:db8::/32"])
        #expect(decoder.endOfRIB == nil)
    }

    @Test("IPv4 in the NLRI field and in MP_REACH_NLRI keep their own next hops")
    func bothIPv4() throws {
        let reach = attribute(0x80, 14, [0, 1, 1, 4, 192, 0, 2, 2, 0, 16, 10, 9])
        let decoder = try decode(update(reach + mandatory, nlri: tenOne))
        #expect(decoder.announcedIPv4.map(\.description) == ["10.9.0.0/16", "10.1.0.0/16"])
        #expect(decoder.multiprotocolIPv4Count == 1)
        #expect(decoder.nextHop(ofIPv4At: 0)?.description == "192.0.2.2")
        #expect(decoder.nextHop(ofIPv4At: 1)?.description == "192.0.2.1")
    }

    @Test("NEXT_HOP is ignored without an NLRI field")
    func nextHopIgnored() throws {
        let decoder = try decode(update(reachIPv6 + originIGP + path + attribute(0x40, 3, [127, 0, 0, 1])))
        #expect(decoder.nextHop == nil)
        #expect(decoder.failure == nil)
        #expect(decoder.announcedIPv6.count == 1)
    }

    @Test("An IPv4 prefix may have an IPv6 next hop when that was negotiated (RFC 8950)")
    func extendedNextHop() throws {
        let body = update(
            attribute(0x80, 14, [0, 1, 1, 32] + globalNextHop + linkLocalNextHop + [0] + tenOne) + originIGP + path
        )
        let decoder = try decode(body, external { $0.ipv4.allowsExtendedNextHop = true })
        #expect(decoder.announcedIPv4.count == 1)
        #expect(decoder.multiprotocolNextHop?.description == "2001:db8::1 fe80::1")
        #expect(self.error(body)?.subcode == UpdateSubcode.optionalAttributeError.rawValue)
    }

    @Test(
        "A link-local next hop alone is accepted in all its forms",
        arguments: [
            linkLocalNextHop, Array(repeating: 0, count: 16) + linkLocalNextHop, linkLocalNextHop + linkLocalNextHop,
        ]
    )
    func linkLocalAlone(nextHop: [UInt8]) throws {
        let reach = attribute(0x80, 14, [0, 2, 1, UInt8(nextHop.count)] + nextHop + [0] + documentation)
        let decoder = try decode(update(reach + originIGP + path))
        #expect(decoder.failure == nil)
        #expect(decoder.multiprotocolNextHop == BGPNextHop(.v6(IPv6Address(high: 0xFE80 << 48, low: 1))))
    }

    @Test("Path identifiers are read in every field (RFC 7911)")
    func pathIDs() throws {
        let id: [UInt8] = [0, 0, 1, 2]
        let context = external {
            $0.ipv4.receivesPathIDs = true
            $0.ipv6.receivesPathIDs = true
        }
        let body = update(
            withdrawn: id + [8, 9],
            attribute(0x80, 14, [0, 2, 1, 16] + globalNextHop + [0] + id + documentation) + mandatory
                + attribute(0x80, 15, [0, 2, 1] + [255, 255, 255, 255] + [0]),
            nlri: id + tenOne + [0, 0, 0, 0] + tenOne
        )
        let decoder = try decode(body, context)
        #expect(decoder.withdrawnIPv4 == [NLRI(v4("9.0.0.0/8"), pathID: 258)])
        #expect(decoder.announcedIPv4 == [NLRI(v4("10.1.0.0/16"), pathID: 258), NLRI(v4("10.1.0.0/16"), pathID: 0)])
        #expect(decoder.announcedIPv6 == [NLRI(v6("2001:db8::/32"), pathID: 258)])
        #expect(decoder.withdrawnIPv6 == [NLRI(v6("::/0"), pathID: .max)])
    }

    @Test("The same prefix with another path identifier stays withdrawn")
    func pathIDsDiffer() throws {
        let body = update(withdrawn: [0, 0, 0, 1] + tenOne, mandatory, nlri: [0, 0, 0, 2] + tenOne)
        let decoder = try decode(body, external { $0.ipv4.receivesPathIDs = true })
        #expect(decoder.withdrawnIPv4.count == 1)
    }

    @Test("End-of-RIB is the empty UPDATE for IPv4, an empty MP_UNREACH_NLRI for others (RFC 4724 §2)")
    func endOfRIB() throws {
        #expect(try decode(update()).endOfRIB == .ipv4Unicast)
        #expect(try decode(update(attribute(0x80, 15, [0, 2, 1]))).endOfRIB == .ipv6Unicast)
        #expect(try decode(update(attribute(0x80, 15, [0, 1, 1]))).endOfRIB == .ipv4Unicast)
        #expect(try decode(update(attribute(0x90, 15, [0, 2, 1]).extended)).endOfRIB == .ipv6Unicast)
        #expect(try decode(update(originIGP + attribute(0x80, 15, [0, 2, 1]))).endOfRIB == nil)
        #expect(try decode(update(withdrawn: tenOne, attribute(0x80, 15, [0, 2, 1]))).endOfRIB == nil)
    }

    @Test("End-of-RIB of a family that was not negotiated is none")
    func endOfRIBNotNegotiated() throws {
        let context = external {
            $0.ipv4.isNegotiated = false
            $0.ipv6.isNegotiated = false
        }
        #expect(try decode(update(), context).endOfRIB == nil)
        #expect(try decode(update(attribute(0x80, 15, [0, 2, 1])), context).endOfRIB == nil)
    }

    @Test("Families that were not negotiated are ignored, even malformed")
    func notNegotiated() throws {
        let body = update(
            withdrawn: [99],
            attribute(0x80, 14, [0, 2, 1, 3, 1, 2, 3, 0, 200]) + attribute(0x80, 15, [0, 25, 70, 1]) + mandatory,
            nlri: [77]
        )
        let decoder = try decode(
            body,
            external {
                $0.ipv4.isNegotiated = false
                $0.ipv6.isNegotiated = false
            }
        )
        #expect(decoder.ignoredFamilyCount == 4)
        #expect(!decoder.isAnnouncing)
        #expect(decoder.failure == nil)
    }

    @Test("Attributes out of order are put in order, unused flag bits cleared, lengths made short")
    func canonical() throws {
        let med = attribute(0x80, 4, [0, 0, 0, 9])
        let body = update(
            nextHop + med + attribute(0xC0, 8, [0, 1, 0, 2]).extended + attribute(0x4F & ~0x10, 1, [0]) + path,
            nlri: tenOne
        )
        let decoder = try decode(body)
        #expect(decoder.attributes == originIGP + path + med + attribute(0xC0, 8, [0, 1, 0, 2]))
    }

    @Test("Equal sets hash equally in any order, different ones differently")
    func hashes() throws {
        let med = attribute(0x80, 4, [0, 0, 0, 9])
        let first = try decode(update(mandatory + med, nlri: tenOne))
        let second = try decode(update(med + mandatory, nlri: tenOne))
        let third = try decode(update(mandatory, nlri: tenOne))
        #expect(first.attributesHash == second.attributesHash)
        #expect(first.attributesHash != third.attributesHash)
        #expect(
            try decode(update(mandatory, nlri: tenOne), external { $0.hashSeed = 7 }).attributesHash
                != third.attributesHash
        )
    }

    @Test("An unknown optional transitive attribute is kept with Partial set, value untouched (RFC 4271 §5)")
    func unknownTransitive() throws {
        let decoder = try decode(update(mandatory + attribute(0xC0, 99, [1, 2, 3]), nlri: tenOne))
        #expect(decoder.attributes == originIGP + path + attribute(0xE0, 99, [1, 2, 3]))
    }

    @Test("A long unknown attribute keeps its extended length")
    func unknownLong() throws {
        let value = Array(repeating: UInt8(5), count: 300)
        let decoder = try decode(update(mandatory + attribute(0xE0, 99, value), nlri: tenOne))
        #expect(decoder.attributes == originIGP + path + attribute(0xE0, 99, value))
    }

    @Test("An unknown optional non-transitive attribute is dropped quietly")
    func unknownNonTransitive() throws {
        let decoder = try decode(update(mandatory + attribute(0x80, 99, [1]), nlri: tenOne))
        #expect(decoder.attributes == originIGP + path)
        #expect(decoder.discardedCount == 0)
        #expect(decoder.failure == nil)
    }

    @Test("Type 0, which stands for attributes that never leave a host, is discarded")
    func typeZero() throws {
        let decoder = try decode(update(mandatory + attribute(0xC0, 0, [1, 2]), nlri: tenOne))
        #expect(decoder.failure == nil)
        #expect(decoder.attributes == originIGP + path)
        #expect(decoder.discarded.map(\.cause) == [.reservedType])
    }

    @Test(
        "Reserved and deprecated types are treated as unknown",
        arguments: [11, 12, 13, 19, 20, 21, 27, 28, 30, 31, 33, 34, 36, 128, 129, 241, 255] as [UInt8]
    )
    func reserved(type: UInt8) throws {
        let kept = try decode(update(mandatory + attribute(0xC0, type, [1, 2]), nlri: tenOne))
        #expect(kept.failure == nil)
        #expect(PathAttributes(canonical: kept.attributes).elements.count == 3)
        let dropped = try decode(update(mandatory + attribute(0x80, type, [1, 2]), nlri: tenOne))
        #expect(dropped.attributes == originIGP + path)
    }

    @Test("A decoder is reused without a trace of the message before")
    func reuse() throws {
        var decoder = UpdateDecoder()
        let first = update(withdrawn: tenOne, reachIPv6 + mandatory + originIGP, nlri: [8, 9, 8, 224])
        try decoder.decode(first.span.bytes, external())
        #expect(decoder.discardedCount == 1)
        #expect(decoder.skippedPrefixCount == 1)
        let second = update()
        try decoder.decode(second.span.bytes, external())
        #expect(decoder.endOfRIB == .ipv4Unicast)
        #expect(!decoder.isAnnouncing)
        #expect(decoder.withdrawnIPv4.isEmpty && decoder.withdrawnIPv6.isEmpty)
        #expect(decoder.attributes.isEmpty && decoder.attributesHash == 0)
        #expect(decoder.nextHop == nil && decoder.multiprotocolNextHop == nil)
        #expect(decoder.discarded.isEmpty && decoder.discardedCount == 0 && decoder.skippedPrefixCount == 0)
    }
}

extension [UInt8] {
    /// The attribute with Extended Length set although it is short.
    var extended: [UInt8] { [self[0] | 0x10, self[1], 0] + self[2...] }
}
