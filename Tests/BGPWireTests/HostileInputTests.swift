import BGPWire
import IPAddressing
import Testing

/// Truncated, mutated and random input: an error or an outcome, never a trap.
@Suite("Hostile input")
struct HostileInputTests {
    /// Bodies that use every attribute and field.
    static let updates: [[UInt8]] = [
        update(), update(mandatory, nlri: tenOne), update(withdrawn: tenOne, reachIPv6 + mandatory, nlri: tenOne),
        update(
            reachIPv6 + attribute(0x80, 15, [0, 2, 1] + documentation) + mandatory + attribute(0x80, 4, [0, 0, 0, 1])
                + attribute(0x40, 5, [0, 0, 0, 1]) + attribute(0x40, 6, [])
                + attribute(0xC0, 7, Array(repeating: 1, count: 8))
                + attribute(0xC0, 8, [0, 1, 0, 1]) + attribute(0x80, 9, [1, 1, 1, 1])
                + attribute(0x80, 10, [1, 1, 1, 1])
                + attribute(0xC0, 16, Array(repeating: 1, count: 8)) + attribute(0xC0, 22, [0, 6, 0, 0, 0, 1, 1, 1, 1])
                + attribute(0xC0, 23, [0, 8, 0, 1, 1]) + attribute(0xC0, 25, Array(repeating: 1, count: 20))
                + attribute(0x80, 26, [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1]) + attribute(0x80, 29, [0, 1, 0, 1, 1])
                + attribute(0xC0, 32, Array(repeating: 1, count: 12)) + attribute(0xC0, 35, [0, 0, 0, 1])
                + attribute(0xC0, 40, [1, 0, 1, 1]) + attribute(0xD0, 99, Array(repeating: 1, count: 300)),
            nlri: tenOne + [24, 192, 0, 2] + [0]
        ),
        // From a two-octet speaker.
        update(
            originIGP + attribute(0x40, 2, [2, 3, 0xFD, 0xE9, 0x5B, 0xA0, 0x5B, 0xA0, 1, 1, 0, 9]) + nextHop
                + attribute(0xC0, 7, [0x5B, 0xA0, 1, 1, 1, 1])
                + attribute(0xC0, 17, [2, 2, 0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1, 0, 2])
                + attribute(0xC0, 18, [0, 1, 0, 0, 1, 1, 1, 1]),
            nlri: tenOne
        ),
    ]

    static let contexts: [UpdateContext] = [
        external(), internalPeer { $0.acceptsAIGP = true },
        external {
            $0.hasFourOctetAS = false
            $0.rejectsASSets = false
        },
        external {
            $0.ipv4.receivesPathIDs = true
            $0.ipv6.receivesPathIDs = true
            $0.ipv4.allowsExtendedNextHop = true
        },
        external { $0.ipv4.isNegotiated = false },
    ]

    /// Decodes and checks what must hold of every result.
    func judge(_ body: [UInt8], _ decoder: inout UpdateDecoder, _ context: UpdateContext) {
        do throws(Notification) {
            try decoder.decode(body.span.bytes, context)
        } catch {
            #expect(error.code == .update)
            #expect([1, 2, 4, 5, 6, 9, 10, 11].contains(error.subcode))
            #expect(error.data.count <= Notification.maximumDataLength)
            return
        }
        #expect(decoder.multiprotocolIPv4Count <= decoder.announcedIPv4.count)
        #expect(decoder.discarded.count <= min(16, decoder.discardedCount))
        guard decoder.isAnnouncing else {
            #expect(decoder.attributes.isEmpty)
            return
        }
        #expect(decoder.failure == nil)
        for index in decoder.announcedIPv4.indices { #expect(decoder.nextHop(ofIPv4At: index) != nil) }
        let set = PathAttributes(canonical: decoder.attributes)
        let elements = set.elements
        // Canonical: complete, ascending, minimal lengths, without what never stands in a set.
        #expect(elements.last?.extent.upperBound == decoder.attributes.count)
        #expect(zip(elements, elements.dropFirst()).allSatisfy { $0.type < $1.type })
        #expect(elements.allSatisfy { $0.flags.contains(.extendedLength) == ($0.value.count > 255) })
        #expect(elements.allSatisfy { $0.flags.rawValue & 0x0F == 0 })
        #expect(!elements.contains { [3, 14, 15, 17, 18].contains($0.type.rawValue) })
        #expect(set.origin != nil && set.asPath != nil)
        #expect(decoder.attributesHash == set.hash(seed: context.hashSeed))
    }

    @Test("Every truncation of every UPDATE yields an error or an outcome")
    func truncatedUpdates() {
        var decoder = UpdateDecoder()
        for body in Self.updates {
            for context in Self.contexts {
                for count in 0...body.count { self.judge(Array(body.prefix(count)), &decoder, context) }
            }
        }
    }

    @Test("Truncated attribute blocks with lengths made right yield an error or an outcome")
    func truncatedBlocks() {
        var decoder = UpdateDecoder()
        for body in Self.updates {
            let withdrawn = Int(body[0]) << 8 | Int(body[1])
            let length = Int(body[withdrawn + 2]) << 8 | Int(body[withdrawn + 3])
            let block = body[(withdrawn + 4)..<(withdrawn + 4 + length)]
            for context in Self.contexts {
                for count in 0...length {
                    self.judge(update(Array(block.prefix(count)), nlri: tenOne), &decoder, context)
                }
            }
        }
    }

    @Test("100,000 mutated UPDATEs yield an error or an outcome")
    func mutatedUpdates() {
        var generator = SplitMix(state: 7)
        var decoder = UpdateDecoder()
        for _ in 0..<100_000 {
            var body = Self.updates[Int(generator.next() % UInt64(Self.updates.count))]
            for _ in 0...generator.next() % 4 { generator.mutate(&body) }
            self.judge(body, &decoder, Self.contexts[Int(generator.next() % UInt64(Self.contexts.count))])
        }
    }

    @Test("50,000 random octet strings harm no decoder")
    func random() {
        var generator = SplitMix(state: 11)
        var decoder = UpdateDecoder()
        for _ in 0..<50_000 {
            let body = (0..<generator.next() % 80).map { _ in UInt8(truncatingIfNeeded: generator.next() >> 8) }
            self.judge(body, &decoder, Self.contexts[0])
            _ = try? decodeOpen(body)
            _ = decodeNotification(body)?.description
            _ = try? decodeRefresh(body)
            _ = try? parseHeader(body, 65_535)
            let set = PathAttributes(canonical: body)
            _ = set.description
            _ = ASPath(canonical: body).description
        }
    }

    static let open: [UInt8] = {
        var stream: [UInt8] = []
        Open(
            localAS: 70000,
            holdTime: 90,
            identifier: RouterID(rawValue: 1),
            capabilities: [
                .multiprotocol(.ipv4Unicast), .addPath([.init(family: .ipv4Unicast, receive: true, send: true)]),
                .gracefulRestart(.init(restartState: false, notification: true, restartTime: 120, families: [])),
                .fqdn(host: [0x61], domain: [0x62]), .softwareVersion([0x63]),
                .extendedNextHop([.init(family: .ipv4Unicast, nextHopAFI: 2)]),
                .longLivedGracefulRestart([.init(family: .ipv4Unicast, forwardingPreserved: true, staleTime: 9)]),
            ]
        ).encode(into: &stream)
        return messages(stream)[0].body
    }()

    @Test("Every truncation of an OPEN is an error")
    func truncatedOpen() {
        for count in 0..<Self.open.count {
            #expect(throws: Notification.self) { try decodeOpen(Array(Self.open.prefix(count))) }
        }
        #expect(throws: Never.self) { try decodeOpen(Self.open) }
    }

    @Test("30,000 mutated OPENs are an error or a value that encodes again")
    func mutatedOpen() throws {
        var generator = SplitMix(state: 13)
        for _ in 0..<30_000 {
            var body = Self.open
            for _ in 0...generator.next() % 3 { generator.mutate(&body) }
            guard let open = try? decodeOpen(body) else { continue }
            var stream: [UInt8] = []
            open.encode(into: &stream)
            #expect(try decodeOpen(messages(stream)[0].body) == open)
        }
    }
}

/// A small deterministic generator.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        return mixBits(self.state)
    }

    /// Changes, removes, inserts or repeats octets.
    mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let at = Int(self.next() % UInt64(bytes.count))
        switch self.next() % 6 {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: self.next())
        case 1: bytes[at] ^= 1 << UInt8(self.next() % 8)
        case 2: bytes[at] = [0, 1, 2, 4, 127, 128, 254, 255][Int(self.next() % 8)]
        case 3: bytes.remove(at: at)
        case 4: bytes.insert(UInt8(truncatingIfNeeded: self.next()), at: at)
        default:
            let end = min(bytes.count, at + Int(self.next() % 20))
            bytes.insert(contentsOf: Array(bytes[at..<end]), at: Int(self.next() % UInt64(bytes.count)))
        }
    }
}
