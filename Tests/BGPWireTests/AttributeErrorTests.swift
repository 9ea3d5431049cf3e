import BGPWire
import IPAddressing
import Testing

/// One expectation per row of RFC 7606 §7 and of the general rules of §3 to §5.
@Suite("UPDATE errors (RFC 7606)")
struct AttributeErrorTests {
    func error(_ body: [UInt8], _ context: UpdateContext = external()) -> Notification? {
        failure { () throws(Notification) in _ = try decode(body, context) }
    }

    /// Decodes an announcement of 10.1.0.0/16 and 2001:db8::/32 with the given attributes beside MP_REACH_NLRI.
    func announce(_ attributes: [UInt8], _ context: UpdateContext = external()) throws -> UpdateDecoder {
        try decode(update(attributes + reachIPv6, nlri: tenOne), context)
    }

    /// Expects that both prefixes became withdrawals for this reason.
    func expectWithdrawn(
        _ decoder: UpdateDecoder,
        _ type: PathAttributeType,
        _ cause: AttributeError.Cause,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(decoder.failure?.type == type, sourceLocation: location)
        #expect(decoder.failure?.cause == cause, sourceLocation: location)
        #expect(decoder.withdrawnIPv4.map(\.description) == ["10.1.0.0/16"], sourceLocation: location)
        #expect(decoder.withdrawnIPv6.map(\.description) == ["2001:db8::/32"], sourceLocation: location)
        #expect(!decoder.isAnnouncing, sourceLocation: location)
        #expect(decoder.attributes.isEmpty, sourceLocation: location)
    }

    /// Expects that the attribute was left out and the routes kept.
    func expectDiscarded(
        _ decoder: UpdateDecoder,
        _ type: PathAttributeType,
        _ cause: AttributeError.Cause,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(decoder.failure == nil, sourceLocation: location)
        #expect(decoder.discarded.map(\.type) == [type], sourceLocation: location)
        #expect(decoder.discarded.map(\.cause) == [cause], sourceLocation: location)
        #expect(decoder.announcedIPv4.count == 1 && decoder.announcedIPv6.count == 1, sourceLocation: location)
        #expect(!PathAttributes(canonical: decoder.attributes).contains(type), sourceLocation: location)
    }

    // General rules.

    @Test(
        "§4 Lengths that exceed the message reset with 3/1",
        arguments: [[], [0], [0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [255, 255, 0, 0], [0, 0, 255, 255]] as [[UInt8]]
    )
    func messageLengths(body: [UInt8]) {
        #expect(self.error(body) == .update(.malformedAttributeList))
    }

    @Test(
        "§3 c Wrong Optional, Transitive or Partial bits withdraw",
        arguments: [
            (.origin, attribute(0xC0, 1, [0])), (.origin, attribute(0x00, 1, [0])), (.origin, attribute(0x60, 1, [0])),
            (.multiExitDiscriminator, attribute(0xC0, 4, [0, 0, 0, 1])),
            (.multiExitDiscriminator, attribute(0xA0, 4, [0, 0, 0, 1])),
            (.communities, attribute(0x80, 8, [0, 1, 0, 1])), (.communities, attribute(0x40, 8, [0, 1, 0, 1])),
            (.largeCommunities, attribute(0x80, 32, Array(repeating: 1, count: 12))),
            (.trafficEngineering, attribute(0xC0, 24, Array(repeating: 0, count: 36))),
        ] as [(PathAttributeType, [UInt8])]
    )
    func flags(type: PathAttributeType, bytes: [UInt8]) throws {
        self.expectWithdrawn(try self.announce(bytes + mandatory), type, .flags)
    }

    @Test("§3 c Wrong flags of MP_REACH_NLRI withdraw its prefixes")
    func reachFlags() throws {
        let reach = attribute(0xC0, 14, [0, 2, 1, 16] + globalNextHop + [0] + documentation)
        self.expectWithdrawn(try decode(update(reach + mandatory, nlri: tenOne)), .mpReachNLRI, .flags)
    }

    @Test(
        "§3 c Wrong flags withdraw also where another malformation discards",
        arguments: [
            (.atomicAggregate, attribute(0xC0, 6, [])), (.atomicAggregate, attribute(0x00, 6, [])),
            (.aggregator, attribute(0x40, 7, [0, 0, 0, 1, 1, 1, 1, 1])),
            (.aggregator, attribute(0x80, 7, [0, 0, 0, 1, 1, 1, 1, 1])),
        ] as [(PathAttributeType, [UInt8])]
    )
    func flagsOfDiscarded(type: PathAttributeType, bytes: [UInt8]) throws {
        self.expectWithdrawn(try self.announce(mandatory + bytes), type, .flags)
    }

    @Test(
        "§3 c Wrong flags withdraw also what an external peer's attribute would be discarded for",
        arguments: [(.localPreference, 0xC0, 5), (.originatorID, 0x40, 9), (.clusterList, 0xC0, 10)]
            as [(PathAttributeType, UInt8, UInt8)]
    )
    func flagsOfForeign(type: PathAttributeType, flags: UInt8, code: UInt8) throws {
        self.expectWithdrawn(try self.announce(mandatory + attribute(flags, code, [1, 1, 1, 1])), type, .flags)
    }

    @Test("§3 c What calls itself MP_REACH_NLRI and well-known is no reason to reset when it cannot be read")
    func doubtfulReach() throws {
        // An ORIGIN that takes the first octet of AS_PATH with it, whose length then looks like a type.
        let path = attribute(0x40, 2, [2, 3] + [0, 0, 0xFD, 0xE9] + [0, 0, 0, 1] + [0, 0, 0, 2])
        let decoder = try decode(update([0x40, 1, 2, 0] + path + nextHop, nlri: tenOne))
        #expect(decoder.failure?.type == .origin && decoder.failure?.cause == .length)
        #expect(decoder.withdrawnIPv4.map(\.description) == ["10.1.0.0/16"] && decoder.withdrawnIPv6.isEmpty)
        // Prefixes of what is given up half-way are not withdrawn.
        let half = attribute(0x00, 15, [0, 1, 1, 8, 20, 33, 1, 1])
        let other = try decode(update(mandatory + half, nlri: tenOne))
        #expect(other.withdrawnIPv4.map(\.description) == ["10.1.0.0/16"] && other.failure?.cause == .flags)
        let overrun = try decode(update(mandatory + [0x00, 14, 200, 0, 2], nlri: tenOne))
        #expect(overrun.failure?.cause == .overrun && overrun.withdrawnIPv4.count == 1)
    }

    @Test("RFC 6793 §4.1: from a four-octet speaker AS4_PATH is discarded whatever its flags")
    func flagsDiscard() throws {
        self.expectDiscarded(
            try self.announce(mandatory + attribute(0x40, 17, [2, 1, 0, 0, 0, 1])),
            .as4Path,
            .flags
        )
    }

    @Test(
        "§5.2 A malformed attribute resets with its own error when nothing is announced",
        arguments: [
            (attribute(0x40, 1, [7]), .update(.invalidOrigin, data: [0x40, 1, 1, 7])),
            (attribute(0xC0, 1, [0]), .update(.attributeFlagsError, data: [0xC0, 1, 1, 0])),
            (attribute(0x80, 4, [1]), .update(.attributeLengthError, data: [0x80, 4, 1, 1])),
            (attribute(0xC0, 8, [1]), .update(.attributeLengthError, data: [0xC0, 8, 1, 1])),
            (attribute(0x40, 2, [7, 1, 0, 0, 0, 1]), .update(.malformedASPath)),
            (attribute(0x40, 2, [2, 0]), .update(.malformedASPath)),
            (attribute(0x40, 99, [1]), .update(.unrecognizedWellKnownAttribute, data: [0x40, 99, 1, 1])),
            ([0xC0, 8, 200, 1], .update(.malformedAttributeList)), ([0xC0], .update(.malformedAttributeList)),
        ] as [([UInt8], Notification)]
    )
    func hiddenPrefixes(attributes: [UInt8], notification: Notification) {
        #expect(self.error(update(attributes)) == notification)
        #expect(self.error(update(withdrawn: tenOne, attributes)) == notification)
        let unreach = attribute(0x80, 15, [0, 2, 1] + documentation)
        #expect(self.error(update(unreach + attributes)) == notification)
        let reachNone = attribute(0x80, 14, [0, 2, 1, 16] + globalNextHop + [0])
        #expect(self.error(update(reachNone + attributes)) == notification)
    }

    @Test("§5.2 Prefixes of a family that is not negotiated, or that are skipped, are prefixes")
    func foreignPrefixes() throws {
        let foreign = attribute(0x80, 14, [0, 2, 128, 16] + globalNextHop + [0] + documentation)
        #expect(try decode(update(foreign + attribute(0x40, 1, [7]))).failure?.cause == .originValue)
        #expect(try decode(update(attribute(0x40, 1, [7]), nlri: [8, 127])).failure?.cause == .originValue)
    }

    @Test(
        "§5.2 What is discarded, or refused for what it says, does not reset for want of prefixes",
        arguments: [
            attribute(0x40, 6, [1]), attribute(0xC0, 7, [1]), attribute(0x40, 2, [2, 1, 0, 0, 0, 9]),
            attribute(0x40, 2, [1, 1, 0, 0, 0xFD, 0xE9]), attribute(0x40, 1, [0]) + attribute(0x40, 1, [7]),
        ]
    )
    func harmlessWithoutPrefixes(attributes: [UInt8]) throws {
        _ = try decode(update(attributes))
    }

    @Test("§3 c Partial is allowed on optional transitive attributes and kept")
    func partial() throws {
        let decoder = try self.announce(mandatory + attribute(0xE0, 8, [0, 1, 0, 1]))
        #expect(decoder.failure == nil)
        #expect(decoder.attributes == originIGP + path + attribute(0xE0, 8, [0, 1, 0, 1]))
    }

    @Test("§4 A last attribute that overruns the block withdraws, prefixes being found by the block's length")
    func overrun() throws {
        let decoder = try self.decodeBroken(tail: [0xC0, 8, 200, 0, 1, 0, 1])
        self.expectWithdrawn(decoder, .communities, .overrun)
        self.expectWithdrawn(try self.decodeBroken(tail: [0xD0, 8, 200, 0]), .communities, .overrun)
    }

    @Test("§4 One to three octets left over withdraw", arguments: [[0x40], [0x40, 5], [0x50, 5, 0]] as [[UInt8]])
    func strayOctets(tail: [UInt8]) throws {
        self.expectWithdrawn(try self.decodeBroken(tail: tail), PathAttributeType(rawValue: 0), .strayOctets)
    }

    func decodeBroken(tail: [UInt8]) throws -> UpdateDecoder {
        try decode(update(reachIPv6 + mandatory + tail, nlri: tenOne))
    }

    @Test("§5.3 An MP attribute that overruns the block resets with 3/9", arguments: [14, 15] as [UInt8])
    func multiprotocolOverrun(type: UInt8) {
        let tail: [UInt8] = [0x80, type, 200, 0, 2, 1]
        #expect(self.error(update(mandatory + tail, nlri: tenOne)) == .update(.optionalAttributeError, data: tail))
    }

    @Test(
        "§3 d A missing ORIGIN, AS_PATH or NEXT_HOP withdraws",
        arguments: [(.origin, path + nextHop), (.asPath, originIGP + nextHop), (.nextHop, originIGP + path)]
            as [(PathAttributeType, [UInt8])]
    )
    func missing(type: PathAttributeType, attributes: [UInt8]) throws {
        self.expectWithdrawn(try self.announce(attributes), type, .missing)
    }

    @Test("§3 d A missing LOCAL_PREF from an internal peer is no error")
    func missingLocalPreference() throws {
        #expect(try self.announce(mandatory, internalPeer()).failure == nil)
    }

    @Test("§3 g Of a repeated attribute the first counts")
    func duplicate() throws {
        let decoder = try self.announce(mandatory + attribute(0x40, 1, [2]))
        #expect(decoder.failure == nil)
        #expect(decoder.discarded.map(\.cause) == [.duplicate])
        #expect(PathAttributes(canonical: decoder.attributes).origin == .igp)
    }

    @Test("RFC 8092 §2: repeated large communities are taken once, in order", arguments: [3, 20, 300])
    func repeatedLargeCommunities(count: Int) throws {
        let values = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            .flatMap { [UInt8](repeating: 0, count: 10) + [$0 / 128, $0] }
        let distinct = min(count, 256) * 12
        let expected = Array(values.prefix(distinct))
        let repeated = expected + expected.prefix(12) + expected.suffix(12)
        for bytes in [repeated, expected] {
            let head: [UInt8] = [0xD0, 32, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)]
            let decoder = try self.announce(mandatory + head + bytes)
            #expect(decoder.failure == nil && decoder.discarded.isEmpty)
            let found = PathAttributes(canonical: decoder.attributes).largeCommunities
            #expect(found.count == distinct / 12)
            #expect(found.first?.data2 == 0)
            #expect(found.last?.data2 == UInt32(expected[distinct - 2]) << 8 | UInt32(expected[distinct - 1]))
        }
    }

    @Test("§3 g A repeated MP_REACH_NLRI or MP_UNREACH_NLRI resets with 3/1")
    func duplicateMultiprotocol() {
        let unreach = attribute(0x80, 15, [0, 2, 1])
        #expect(self.error(update(reachIPv6 + reachIPv6 + mandatory)) == .update(.malformedAttributeList))
        #expect(self.error(update(unreach + unreach)) == .update(.malformedAttributeList))
    }

    @Test("§3 h An unrecognised well-known attribute withdraws")
    func unrecognizedWellKnown() throws {
        let decoder = try self.announce(mandatory + attribute(0x40, 99, [1]))
        self.expectWithdrawn(decoder, PathAttributeType(rawValue: 99), .unrecognizedWellKnown)
    }

    @Test(
        "§3 j Prefixes that cannot be read reset with 3/10",
        arguments: [[33, 1, 1, 1, 1, 1], [255], [24, 10, 1], [16], [16, 10, 1, 8]] as [[UInt8]]
    )
    func badPrefixes(field: [UInt8]) {
        #expect(self.error(update(withdrawn: field)) == .update(.invalidNetworkField))
        #expect(self.error(update(mandatory, nlri: field)) == .update(.invalidNetworkField))
    }

    @Test("§3 j A truncated path identifier resets with 3/10")
    func badPathID() {
        let context = external { $0.ipv4.receivesPathIDs = true }
        #expect(self.error(update(mandatory, nlri: [0, 0, 0, 1]), context) == .update(.invalidNetworkField))
    }

    @Test(
        "§5.3 Prefixes that cannot be read inside an MP attribute reset with 3/9 and the attribute",
        arguments: [[129] + Array(repeating: 1, count: 17), [64, 1], [8]] as [[UInt8]]
    )
    func badMultiprotocolPrefixes(field: [UInt8]) {
        let reach = attribute(0x80, 14, [0, 2, 1, 16] + globalNextHop + [0] + field)
        let unreach = attribute(0x80, 15, [0, 2, 1] + field)
        #expect(self.error(update(mandatory + reach)) == .update(.optionalAttributeError, data: reach))
        #expect(self.error(update(unreach)) == .update(.optionalAttributeError, data: unreach))
    }

    @Test("§5.3 Prefixes no route can have are skipped and counted, the others kept")
    func semanticallyWrong() throws {
        let reach = attribute(
            0x80,
            14,
            [0, 2, 1, 16] + globalNextHop + [0] + [8, 0xFF] + [10, 0xFE, 0x80] + [128] + Array(repeating: 0, count: 15)
                + [1]
                + documentation
        )
        let decoder = try decode(update(reach + mandatory, nlri: [8, 127] + [4, 224] + [32, 240, 0, 0, 1] + tenOne))
        #expect(decoder.announcedIPv4.map(\.description) == ["10.1.0.0/16"])
        #expect(decoder.announcedIPv6.map(\.description) == ["2001:db8::/32"])
        #expect(decoder.skippedPrefixCount == 6)
        #expect(
            decoder.skipped.map(\.description)
                == ["ff00::/8", "fe80::/10", "::1/128", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.1/32"]
        )
        #expect(decoder.failure == nil)
    }

    @Test("§2 Treat-as-withdraw leaves withdrawals of the message in force")
    func withdrawalsStay() throws {
        let body = update(
            withdrawn: [8, 9],
            attribute(0x80, 15, [0, 2, 1, 16, 0x20, 0x02]) + attribute(0x40, 1, [9]) + path + nextHop,
            nlri: tenOne
        )
        let decoder = try decode(body)
        #expect(decoder.withdrawnIPv4.map(\.description) == ["9.0.0.0/8", "10.1.0.0/16"])
        #expect(decoder.withdrawnIPv6.map(\.description) == ["2002::/16"])
    }

    @Test("§3 A reset outweighs treat-as-withdraw found before")
    func severity() {
        #expect(self.error(update(attribute(0x40, 1, [9]), nlri: [33])) == .update(.invalidNetworkField))
    }

    // Rows that withdraw.

    @Test(
        "A malformed attribute withdraws",
        arguments: [
            ("§7.1", .origin, .length, attribute(0x40, 1, []) + path + nextHop),
            ("§7.1", .origin, .length, attribute(0x40, 1, [0, 0]) + path + nextHop),
            ("§7.1", .origin, .originValue, attribute(0x40, 1, [3]) + path + nextHop),
            ("§7.2", .asPath, .segmentType, originIGP + attribute(0x40, 2, [0, 1, 0, 0, 0xFD, 0xE9]) + nextHop),
            ("§7.2", .asPath, .segmentType, originIGP + attribute(0x40, 2, [5, 1, 0, 0, 0xFD, 0xE9]) + nextHop),
            ("§7.2", .asPath, .segmentLength, originIGP + attribute(0x40, 2, [2, 0]) + nextHop),
            ("§7.2", .asPath, .segmentLength, originIGP + attribute(0x40, 2, [2, 2, 0, 0, 0xFD, 0xE9]) + nextHop),
            ("§7.2", .asPath, .segmentLength, originIGP + attribute(0x40, 2, [2, 1, 0, 0, 0xFD, 0xE9, 2]) + nextHop),
            (
                "RFC 7607", .asPath, .zeroAS,
                originIGP + attribute(0x40, 2, [2, 2, 0, 0, 0xFD, 0xE9, 0, 0, 0, 0]) + nextHop
            ),
            (
                "RFC 5065 §5", .asPath, .confederationSegment,
                originIGP + attribute(0x40, 2, [3, 1, 0, 0, 0xFD, 0xE9]) + nextHop
            ),
            ("RFC 4271 §6.3", .asPath, .firstAS, originIGP + attribute(0x40, 2, [2, 1, 0, 0, 0, 1]) + nextHop),
            ("RFC 4271 §6.3", .asPath, .firstAS, originIGP + attribute(0x40, 2, []) + nextHop),
            (
                "RFC 9774", .asPath, .asSet,
                originIGP + attribute(0x40, 2, [2, 1, 0, 0, 0xFD, 0xE9, 1, 1, 0, 0, 0, 1]) + nextHop
            ),
            ("§7.3", .nextHop, .length, originIGP + path + attribute(0x40, 3, [192, 0, 2])),
            ("§7.3", .nextHop, .nextHopAddress, originIGP + path + attribute(0x40, 3, [224, 0, 0, 1])),
            ("§7.3", .nextHop, .nextHopAddress, originIGP + path + attribute(0x40, 3, [0, 0, 0, 1])),
            ("§7.4", .multiExitDiscriminator, .length, mandatory + attribute(0x80, 4, [0, 0, 1])),
            ("§7.8", .communities, .length, mandatory + attribute(0xC0, 8, [])),
            ("§7.8", .communities, .length, mandatory + attribute(0xC0, 8, [1, 2, 3])),
            ("§7.14", .extendedCommunities, .length, mandatory + attribute(0xC0, 16, [])),
            ("§7.14", .extendedCommunities, .length, mandatory + attribute(0xC0, 16, [1, 2, 3, 4])),
            ("RFC 6514", .pmsiTunnel, .length, mandatory + attribute(0xC0, 22, [0, 0, 0, 0])),
            ("RFC 6514", .pmsiTunnel, .length, mandatory + attribute(0xC0, 22, [0, 6, 0, 0, 0, 1, 2, 3])),
            ("RFC 9012", .tunnelEncapsulation, .innerLengths, mandatory + attribute(0xC0, 23, [0, 8, 0, 4, 1])),
            ("§7.17", .trafficEngineering, .length, mandatory + attribute(0x80, 24, [1])),
            ("§7.15", .ipv6ExtendedCommunities, .length, mandatory + attribute(0xC0, 25, [1, 2, 3, 4])),
            ("RFC 8092 §6", .largeCommunities, .length, mandatory + attribute(0xC0, 32, [])),
            ("RFC 8092 §6", .largeCommunities, .length, mandatory + attribute(0xC0, 32, [1, 2, 3, 4])),
            ("RFC 9234 §5", .onlyToCustomer, .length, mandatory + attribute(0xC0, 35, [1, 2])),
        ] as [(String, PathAttributeType, AttributeError.Cause, [UInt8])]
    )
    func withdrawn(section: String, type: PathAttributeType, cause: AttributeError.Cause, bytes: [UInt8]) throws {
        let decoder = try self.announce(bytes)
        self.expectWithdrawn(decoder, type, cause)
        #expect(decoder.failure?.description == "\(type): \(cause.rawValue)", "\(section)")
    }

    @Test(
        "A malformed attribute from an internal peer withdraws",
        arguments: [
            ("§7.5", .localPreference, attribute(0x40, 5, [0, 0, 1])),
            ("§7.9", .originatorID, attribute(0x80, 9, [1, 2, 3])),
            ("§7.10", .clusterList, attribute(0x80, 10, [])), ("§7.10", .clusterList, attribute(0x80, 10, [1, 2, 3])),
        ] as [(String, PathAttributeType, [UInt8])]
    )
    func withdrawnInternal(section: String, type: PathAttributeType, bytes: [UInt8]) throws {
        self.expectWithdrawn(try self.announce(mandatory + bytes, internalPeer()), type, .length)
    }

    @Test("§7.11 A next hop in MP_REACH_NLRI that is no unicast address withdraws")
    func reachNextHop() throws {
        let reach = attribute(0x80, 14, [0, 2, 1, 16, 0xFF, 2] + Array(repeating: 0, count: 14) + [0] + documentation)
        self.expectWithdrawn(try decode(update(reach + mandatory, nlri: tenOne)), .mpReachNLRI, .nextHopAddress)
    }

    // Rows that discard.

    @Test(
        "Attributes an external peer must not send are discarded, whatever they hold",
        arguments: [
            ("§7.5", .localPreference, attribute(0x40, 5, [0, 0, 0, 200])),
            ("§7.5", .localPreference, attribute(0x40, 5, [1])),
            ("§7.9", .originatorID, attribute(0x80, 9, [1, 2, 3, 4])), ("§7.10", .clusterList, attribute(0x80, 10, [])),
        ] as [(String, PathAttributeType, [UInt8])]
    )
    func fromExternal(section: String, type: PathAttributeType, bytes: [UInt8]) throws {
        self.expectDiscarded(try self.announce(mandatory + bytes), type, .fromExternalPeer)
    }

    @Test(
        "A malformed attribute is discarded",
        arguments: [
            ("§7.6", .atomicAggregate, .length, attribute(0x40, 6, [0])),
            ("§7.7", .aggregator, .length, attribute(0xC0, 7, [0, 0, 1, 1, 1, 1])),
            ("RFC 7607", .aggregator, .zeroAS, attribute(0xC0, 7, [0, 0, 0, 0, 1, 1, 1, 1])),
            ("RFC 6793 §4.1", .as4Path, .fromFourOctetSpeaker, attribute(0xC0, 17, [2, 1, 0, 0, 0, 1])),
            (
                "RFC 6793 §4.1", .as4Aggregator, .fromFourOctetSpeaker,
                attribute(0xC0, 18, Array(repeating: 1, count: 8))
            ),
            ("RFC 7311 §3.2", .aigp, .notEnabled, attribute(0x80, 26, [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1])),
            ("RFC 9552", .linkState, .innerLengths, attribute(0x80, 29, [0, 1, 0, 9, 1])),
            ("RFC 8669 §6", .prefixSID, .innerLengths, attribute(0xC0, 40, [1, 0, 7, 1])),
        ] as [(String, PathAttributeType, AttributeError.Cause, [UInt8])]
    )
    func discarded(section: String, type: PathAttributeType, cause: AttributeError.Cause, bytes: [UInt8]) throws {
        self.expectDiscarded(try self.announce(mandatory + bytes), type, cause)
    }

    @Test(
        "RFC 7311 §3 A malformed AIGP is discarded where it is enabled",
        arguments: [[1, 0, 2], [1, 0, 10, 0, 0, 0, 0, 0, 0, 1], [1, 0, 11, 0], [2, 0, 0], [1, 0]] as [[UInt8]]
    )
    func aigp(value: [UInt8]) throws {
        let decoder = try self.announce(mandatory + attribute(0x80, 26, value), external { $0.acceptsAIGP = true })
        self.expectDiscarded(decoder, .aigp, .innerLengths)
    }

    @Test("RFC 7311 A sound AIGP is kept where it is enabled")
    func aigpKept() throws {
        let bytes = attribute(0x80, 26, [1, 0, 11, 0, 0, 0, 0, 0, 0, 1, 2])
        let decoder = try self.announce(mandatory + bytes, external { $0.acceptsAIGP = true })
        #expect(PathAttributes(canonical: decoder.attributes).accumulatedIGPMetric == 258)
    }

    @Test("The list of discarded attributes is bounded, their number is not")
    func bounded() throws {
        let decoder = try self.announce(mandatory + Array(repeating: originIGP, count: 100).joined())
        #expect(decoder.discarded.count == 16)
        #expect(decoder.discardedCount == 100)
    }

    // Rows that reset.

    @Test(
        "§7.11 A next hop length not valid for the family resets with 3/9 and the attribute",
        arguments: [0, 4, 12, 15, 17, 24, 31, 33, 255] as [UInt8]
    )
    func nextHopLength(length: UInt8) {
        let reach = attribute(0x80, 14, [0, 2, 1, length] + Array(repeating: 0x20, count: Int(length)) + [0])
        #expect(self.error(update(reach + mandatory)) == .update(.optionalAttributeError, data: reach))
    }

    @Test(
        "§7.11 An MP_REACH_NLRI too short or overrun by its next hop resets with 3/9",
        arguments: [[], [0, 2], [0, 2, 1], [0, 2, 1, 0], [0, 2, 1, 16, 1, 2]] as [[UInt8]]
    )
    func shortReach(value: [UInt8]) {
        let reach = attribute(0x80, 14, value)
        #expect(self.error(update(reach + mandatory)) == .update(.optionalAttributeError, data: reach))
    }

    @Test("§7.12 An MP_UNREACH_NLRI under three octets resets with 3/9", arguments: [[], [0], [0, 2]] as [[UInt8]])
    func shortUnreach(value: [UInt8]) {
        let unreach = attribute(0x80, 15, value)
        #expect(self.error(update(unreach)) == .update(.optionalAttributeError, data: unreach))
    }

    // Switches.

    @Test("The first AS is not checked without the switch, nor from internal peers")
    func firstASSwitch() throws {
        let other = originIGP + attribute(0x40, 2, [2, 1, 0, 0, 0, 1]) + nextHop
        #expect(try self.announce(other, external { $0.enforcesFirstAS = false }).failure == nil)
        #expect(try self.announce(other, internalPeer()).failure == nil)
        #expect(try self.announce(originIGP + attribute(0x40, 2, []) + nextHop, internalPeer()).failure == nil)
    }

    @Test("AS_SET is accepted without the switch (RFC 9774)")
    func asSetSwitch() throws {
        let bytes = originIGP + attribute(0x40, 2, [2, 1, 0, 0, 0xFD, 0xE9, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2]) + nextHop
        let decoder = try self.announce(bytes, external { $0.rejectsASSets = false })
        #expect(PathAttributes(canonical: decoder.attributes).asPath?.description == "65001 {1 2}")
    }
}
