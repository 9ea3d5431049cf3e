import BGPWire
import IPAddressing
import Testing

/// UPDATEs behind published advisories of other daemons.
@Suite("UPDATEs behind advisories of other daemons")
struct UpdateAdvisoryTests {
    private func error(_ body: [UInt8], _ context: UpdateContext = external()) -> Notification? {
        failure { () throws(Notification) in _ = try decode(body, context) }
    }

    /// Decodes an announcement of 10.1.0.0/16 with an attribute beside the mandatory ones.
    private func announce(_ attribute: [UInt8], _ context: UpdateContext = external()) throws -> UpdateDecoder {
        try decode(update(mandatory + attribute, nlri: tenOne), context)
    }

    /// The session stays, and the route either stays as well or is treated as withdrawn.
    private func expectContained(_ decoder: UpdateDecoder, _ location: SourceLocation = #_sourceLocation) {
        let isThere = decoder.announcedIPv4.count == 1 && decoder.withdrawnIPv4.isEmpty
        let isGone = decoder.announcedIPv4.isEmpty && decoder.withdrawnIPv4.count == 1 && decoder.failure != nil
        #expect(isThere || isGone, sourceLocation: location)
    }

    // MARK: Attributes

    @Test("CVE-2023-38802, FRR: a corrupted tunnel encapsulation attribute resets nothing")
    func tunnelEncapsulation() throws {
        for value in [[], [0], [0, 8, 0, 200], [0, 8, 255, 255, 1, 200], Array(repeating: 0, count: 50)] as [[UInt8]] {
            self.expectContained(try self.announce(attribute(0xC0, 23, value)))
        }
    }

    @Test("CVE-2024-44070, FRR: inner lengths of a tunnel encapsulation attribute that go past its end")
    func tunnelInnerLengths() throws {
        for value in [[0, 8, 0, 4, 6, 2, 0], [0, 8, 0, 3, 128, 255, 255], [0, 8, 0, 2, 1, 1]] as [[UInt8]] {
            self.expectContained(try self.announce(attribute(0xC0, 23, value)))
        }
    }

    @Test("CVE-2023-31490, CVE-2024-31948, FRR: a malformed prefix SID is discarded or withdraws, from whomever")
    func prefixSID() throws {
        let values: [[UInt8]] = [
            [], [1], [1, 0, 7], [1, 0, 255, 0], [3, 0, 4, 0, 0], [5, 0, 1, 0], [5, 255, 255, 0, 1],
            Array(repeating: 0, count: 255),
        ]
        for value in values {
            self.expectContained(try self.announce(attribute(0xC0, 40, value)))
            self.expectContained(try self.announce(attribute(0xC0, 40, value), internalPeer()))
        }
    }

    @Test("The prefix SID of zeros of May 2025, which some passed on and others answered with a reset, stays at home")
    func prefixSIDOfZeros() throws {
        // It reached the world through those who carry what they do not understand.
        let zeros = attribute(0xE0, 40, Array(repeating: 0, count: 8))
        let decoder = try self.announce(zeros)
        self.expectContained(decoder)
        #expect(!PathAttributes(canonical: decoder.attributes).contains(PathAttributeType(rawValue: 40)))
    }

    @Test("CVE-2023-4481, Junos, and VU#347067: an attribute nobody defines, flags 0xE0, is carried and never a reset")
    func undefinedAttribute() throws {
        for type in [28, 30, 31, 99, 243] as [UInt8] {
            for value in [[], [0], Array(repeating: 0xA5, count: 60)] as [[UInt8]] {
                let decoder = try self.announce(attribute(0xE0, type, value))
                #expect(decoder.failure == nil && decoder.announcedIPv4.count == 1)
            }
        }
    }

    @Test("CVE-2019-5892, FRR: attribute 255, once taken for an experiment of the house, is unknown like others")
    func attribute255() throws {
        let decoder = try self.announce(attribute(0xE0, 255, [0, 1, 2, 3]))
        #expect(decoder.failure == nil && decoder.announcedIPv4.count == 1)
    }

    @Test(
        "CVE-2023-38283, OpenBGPD: attributes of a wrong length leave the session up",
        arguments: [4, 5, 9] as [UInt8]
    )
    func wrongLength(type: UInt8) throws {
        for length in [0, 1, 3, 5, 8] {
            let value = Array(repeating: UInt8(1), count: length)
            self.expectContained(
                try self.announce(attribute(type == 5 ? 0x40 : 0x80, type, value), internalPeer())
            )
        }
    }

    @Test("CVE-2023-41359, FRR: an AIGP attribute whose entry is longer than it")
    func accumulatedMetric() throws {
        for value in [[1], [1, 0], [1, 0, 11], [1, 0, 0], [1, 0, 2], [1, 255, 255, 0], [2, 0, 3, 1]] as [[UInt8]] {
            let decoder = try self.announce(attribute(0x80, 26, value), internalPeer { $0.acceptsAIGP = true })
            self.expectContained(decoder)
        }
    }

    @Test("BIRD, October 2025: an only-to-customer attribute of another length than four withdraws")
    func onlyToCustomer() throws {
        for length in [0, 1, 3, 5, 1024] {
            let decoder = try self.announce(attribute(0xC0, 35, Array(repeating: 1, count: length)))
            #expect(decoder.failure?.type == .onlyToCustomer && decoder.withdrawnIPv4.count == 1)
        }
    }

    @Test("CVE-2011-3327, CVE-2010-1674, Quagga: extended communities of unknown kinds, and of a wrong length")
    func extendedCommunities() throws {
        let decoder = try self.announce(attribute(0xC0, 16, [0x7F, 0xFF, 1, 2, 3, 4, 5, 6, 0xC5, 0, 0, 0, 0, 0, 0, 0]))
        #expect(decoder.failure == nil && decoder.announcedIPv4.count == 1)
        _ = PathAttributes(canonical: decoder.attributes).description
        for length in [0, 1, 7, 9] {
            let decoder = try self.announce(attribute(0xC0, 16, Array(repeating: 1, count: length)))
            #expect(decoder.failure != nil && decoder.withdrawnIPv4.count == 1)
        }
    }

    @Test("CVE-2026-37461, GoBGP: IPv6 address specific communities that are cut short")
    func addressSpecificCommunities() throws {
        for length in [1, 19, 21, 39] {
            self.expectContained(try self.announce(attribute(0xC0, 25, Array(repeating: 1, count: length))))
        }
    }

    @Test("CVE-2010-1675, Quagga: AS_PATHLIMIT, long out of use, is dropped or carried")
    func pathLimit() throws {
        for value in [[], [1], [1, 0, 0, 0, 9], [255, 255]] as [[UInt8]] {
            self.expectContained(try self.announce(attribute(0xC0, 21, value)))
        }
    }

    @Test("CVE-2018-5379, CVE-2013-6051, Quagga: cluster lists and unknown attributes that come twice count once")
    func repeatedAttributes() throws {
        let twice = attribute(0x80, 10, [1, 1, 1, 1]) + attribute(0x80, 10, [2, 2, 2, 2])
        let unknown = attribute(0xC0, 99, [1]) + attribute(0xC0, 99, [2, 2])
        let decoder = try self.announce(twice + unknown, internalPeer())
        #expect(decoder.failure == nil && decoder.discardedCount == 2)
        #expect(PathAttributes(canonical: decoder.attributes).clusterList == [RouterID(rawValue: 0x0101_0101)])
    }

    // MARK: AS_PATH

    @Test("CVE-2010-2949, Quagga: an AS_PATH of segments without numbers, or of a segment longer than it")
    func emptySegments() throws {
        for value in [[2, 0], [1, 0, 2, 0], [2], [2, 200, 0, 0, 0xFD, 0xE9], [9, 1, 0, 0, 0xFD, 0xE9]] as [[UInt8]] {
            let decoder = try decode(update(originIGP + attribute(0x40, 2, value) + nextHop, nlri: tenOne))
            #expect(decoder.failure?.type == .asPath && decoder.withdrawnIPv4.count == 1)
        }
    }

    @Test(
        "CVE-2017-15865, FRR: an attribute whose length goes past the attributes is answered with nothing of the memory"
    )
    func lengthPastAttributes() throws {
        let decoder = try decode(update(mandatory + [0xD0, 8, 0x0F, 0xFF, 1, 2], nlri: tenOne))
        #expect(decoder.failure?.cause == .overrun && decoder.withdrawnIPv4.count == 1)
    }

    @Test("CVE-2017-16227, Quagga, and CVE-2009-1572: a path of many segments is written as long as it says")
    func longPath() throws {
        let segment: [UInt8] =
            [2, 255] + Array(repeating: [0xFF, 0xFF, 0xFF, 0xFE] as [UInt8], count: 255).flatMap(\.self)
        let head: [UInt8] = [2, 1, 0, 0, 0xFD, 0xE9]
        let value = head + segment + segment + segment
        let decoder = try decode(update(originIGP + attribute(0x40, 2, value) + nextHop, nlri: tenOne))
        try #require(decoder.failure == nil)
        let set = PathAttributes(canonical: decoder.attributes)
        for hasFourOctetAS in [true, false] {
            var encoder = UpdateEncoder<IPv4Prefix>(
                UpdateEncoding(maximumLength: 65_535, hasFourOctetAS: hasFourOctetAS, sendsPathIDs: false)
            )
            var output: [UInt8] = []
            let next = BGPNextHop(.v4(IPv4Address(192, 0, 2, 1)))
            try encoder.announce(decoder.announcedIPv4, attributes: set, nextHop: next, into: &output)
            let sent = messages(output)
            #expect(sent.count == 1 && sent.map { $0.body.count + 19 }.reduce(0, +) == output.count)
            let again = try decode(sent[0].body, external { $0.hasFourOctetAS = hasFourOctetAS })
            #expect(again.failure == nil)
            #expect(PathAttributes(canonical: again.attributes).asPath == set.asPath)
        }
    }

    @Test("CVE-2026-41643, GoBGP: a malformed AS4_PATH before the AS_PATH from a two-octet neighbour is discarded")
    func malformedPathBeforePath() throws {
        let attributes =
            attribute(0xC0, 17, [2, 200, 0, 0, 0, 1]) + originIGP + attribute(0x40, 2, [2, 1, 0xFD, 0xE9]) + nextHop
        let decoder = try decode(update(attributes, nlri: tenOne), external { $0.hasFourOctetAS = false })
        #expect(decoder.failure == nil && decoder.announcedIPv4.count == 1)
        #expect(decoder.discarded.map(\.type.rawValue) == [17])
    }

    // MARK: Next hop, prefixes, families

    @Test("CVE-2026-30405, GoBGP: a NEXT_HOP shorter than four octets withdraws")
    func shortNextHop() throws {
        for length in 0..<4 {
            let broken = originIGP + path + attribute(0x40, 3, Array(repeating: 1, count: length))
            let decoder = try decode(update(broken, nlri: tenOne))
            #expect(decoder.failure?.type == .nextHop && decoder.withdrawnIPv4.count == 1)
        }
    }

    @Test("CVE-2026-37462, GoBGP: lengths of the message's parts that exceed it reset with 3/1")
    func partLengths() {
        for body in [[0, 0], [0, 0, 0], [0, 5, 0, 0], [0, 0, 0, 5, 0x40], [255, 255, 255, 255]] as [[UInt8]] {
            #expect(self.error(body) == .update(.malformedAttributeList))
        }
    }

    @Test("CVE-2023-41358, FRR: prefixes after an attribute block of length zero are no announcement")
    func prefixesWithoutAttributes() throws {
        let decoder = try decode(update([], nlri: tenOne))
        #expect(decoder.failure?.cause == .missing && !decoder.isAnnouncing)
        #expect(decoder.withdrawnIPv4.count == 1)
    }

    @Test("CVE-2023-46753, FRR: an UPDATE of nothing but an unknown transitive attribute and prefixes is withdrawn")
    func onlyUnknownAttribute() throws {
        let decoder = try decode(update(attribute(0xC0, 31, Array(repeating: 1, count: 16)), nlri: tenOne))
        #expect(decoder.failure?.cause == .missing && decoder.withdrawnIPv4.count == 1)
        let internalDecoder = try decode(update(attribute(0xC0, 31, [1]), nlri: tenOne), internalPeer())
        #expect(internalDecoder.failure?.cause == .missing && internalDecoder.withdrawnIPv4.count == 1)
    }

    @Test(
        "CVE-2023-46752, FRR: a malformed MP_REACH_NLRI ends in a reset or a withdrawal, with whatever stands behind it"
    )
    func malformedReach() {
        let values: [[UInt8]] = [
            [], [0, 2], [0, 2, 1], [0, 2, 1, 16], [0, 2, 1, 255, 1], [0, 2, 1, 16] + globalNextHop,
            [0, 2, 1, 0, 0] + documentation, [0, 2, 1, 15] + globalNextHop + [0] + documentation,
        ]
        for value in values {
            let body = update(attribute(0x80, 14, value) + mandatory, nlri: tenOne)
            do throws(Notification) {
                let decoder = try decode(body)
                #expect(decoder.failure != nil && !decoder.isAnnouncing, "\(value)")
            } catch {
                #expect(error.code == .update, "\(value)")
            }
        }
    }

    @Test("CVE-2023-47234, FRR: MP_UNREACH_NLRI beside prefixes that lack the mandatory attributes")
    func unreachWithoutMandatory() throws {
        let decoder = try decode(update(attribute(0x80, 15, [0, 2, 1] + documentation), nlri: tenOne))
        #expect(decoder.failure?.cause == .missing && !decoder.isAnnouncing)
        #expect(decoder.withdrawnIPv4.count == 1 && decoder.withdrawnIPv6.count == 1)
    }

    @Test("CVE-2023-47235, FRR: what looks like an End-of-RIB and has prefixes or broken attributes is none")
    func endOfRIBWithMore() throws {
        let unreach = attribute(0x80, 15, [0, 2, 1])
        let withPrefixes = try decode(update(unreach, nlri: tenOne))
        #expect(withPrefixes.endOfRIB == nil && withPrefixes.failure != nil && !withPrefixes.isAnnouncing)
        #expect(
            self.error(update(unreach + attribute(0x40, 1, [9]))) == .update(.invalidOrigin, data: [0x40, 1, 1, 9])
        )
        #expect(try decode(update(unreach + attribute(0x40, 1, [0]))).endOfRIB == nil)
        #expect(try decode(update(unreach)).endOfRIB == .ipv6Unicast)
    }

    @Test(
        "CVE-2023-38406, CVE-2023-38407, CVE-2023-41909, FRR, CVE-2025-43972, GoBGP: flow specifications of any length",
        arguments: [[], [0], [0, 0], [255], [0xF0], [0xFF, 0xFF, 1], [3, 1, 24], [1, 12], [200, 1, 2]] as [[UInt8]]
    )
    func flowSpecification(nlri: [UInt8]) throws {
        // Nobody negotiated them: they are no business of this session.
        for family in [[0, 1, 133], [0, 2, 133], [0, 1, 134]] as [[UInt8]] {
            let reach = attribute(0x80, 14, family + [0, 0] + nlri)
            let decoder = try decode(update(reach + attribute(0x80, 15, family + nlri)))
            #expect(!decoder.isAnnouncing && decoder.withdrawnIPv4.isEmpty && decoder.withdrawnIPv6.isEmpty)
            #expect(decoder.endOfRIB == nil && decoder.ignoredFamilyCount == 2)
        }
    }

    @Test("CVE-2016-2342, Quagga: a prefix of a VPN longer than it may be, in a family that nobody negotiated")
    func vpnPrefix() throws {
        let nlri = [255] + Array(repeating: UInt8(1), count: 40)
        let reach = attribute(0x80, 14, [0, 1, 128, 12] + Array(repeating: 0, count: 12) + [0] + nlri)
        let decoder = try decode(update(reach + mandatory))
        #expect(!decoder.isAnnouncing && decoder.ignoredFamilyCount == 1)
    }
}
