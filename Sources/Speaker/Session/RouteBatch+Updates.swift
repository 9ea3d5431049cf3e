internal import BGPWire
internal import IPAddressing

extension RouteBatch {
    /// Adds the outcome of one UPDATE: withdrawals first, then announcements, judged where there is a judge.
    mutating func append(_ decoder: borrowing UpdateDecoder, _ judges: ImportJudges) {
        if !decoder.withdrawnIPv4.isEmpty {
            let start = self.ipv4.count
            self.ipv4.append(contentsOf: decoder.withdrawnIPv4)
            self.segments.append(Segment(kind: .withdraw, isIPv4: true, nlri: start..<self.ipv4.count))
        }
        if !decoder.withdrawnIPv6.isEmpty {
            let start = self.ipv6.count
            self.ipv6.append(contentsOf: decoder.withdrawnIPv6)
            self.segments.append(Segment(kind: .withdraw, isIPv4: false, nlri: start..<self.ipv6.count))
        }
        if decoder.isAnnouncing {
            let start = self.attributes.count
            self.attributes.append(contentsOf: decoder.attributes)
            let attributes = start..<self.attributes.count
            func segment(_ isIPv4: Bool, _ nextHop: BGPNextHop?, _ nlri: Range<Int>) -> Segment {
                Segment(
                    kind: .announce,
                    isIPv4: isIPv4,
                    attributesHash: decoder.attributesHash,
                    attributes: attributes,
                    nextHop: nextHop,
                    nlri: nlri
                )
            }
            if !decoder.announcedIPv4.isEmpty {
                let first = self.ipv4.count
                self.ipv4.append(contentsOf: decoder.announcedIPv4)
                let middle = first + decoder.multiprotocolIPv4Count
                if middle > first {
                    self.announce(segment(true, decoder.multiprotocolNextHop, first..<middle), decoder, judges.ipv4)
                }
                if self.ipv4.count > middle {
                    self.announce(segment(true, decoder.nextHop, middle..<self.ipv4.count), decoder, judges.ipv4)
                }
            }
            if !decoder.announcedIPv6.isEmpty {
                let first = self.ipv6.count
                self.ipv6.append(contentsOf: decoder.announcedIPv6)
                self.announce(
                    segment(false, decoder.multiprotocolNextHop, first..<self.ipv6.count),
                    decoder,
                    judges.ipv6
                )
            }
        }
        if let family = decoder.endOfRIB {
            self.segments.append(Segment(kind: .endOfRIB, isIPv4: family == .ipv4Unicast))
        }
    }

    private mutating func announce(_ segment: Segment, _ decoder: borrowing UpdateDecoder, _ judge: ImportJudge?) {
        guard let judge, let nextHop = segment.nextHop else {
            self.segments.append(segment)
            return
        }
        if segment.isIPv4 {
            self.judgeIPv4 = judge.generation
        } else {
            self.judgeIPv6 = judge.generation
        }
        judge.judge(segment, PathAttributes(canonical: decoder.attributes), nextHop, &self)
    }
}
