import BGPWire
import IPAddressing
import Testing

@Suite("Path attributes")
struct PathAttributesTests {
    @Test("Extended communities are named by kind, administrator and number")
    func extendedCommunityText() {
        let texts: [(UInt64, String)] = [
            (0x0002_FC00_0000_0007, "rt:64512:7"), (0x0003_FC00_FFFF_FFFF, "ro:64512:4294967295"),
            (0x0102_0A09_0807_0005, "rt:10.9.8.7:5"), (0x0203_FA56_EA01_0008, "ro:4200000001:8"),
            (0x4300_0000_0000_0001, "generic:0x43000000:0x1"), (0x4002_FC00_0000_0007, "generic:0x4002fc00:0x7"),
        ]
        for (value, text) in texts { #expect(ExtendedCommunity(rawValue: value).description == text) }
    }

    @Test("Attributes set in any order stand in ascending order")
    func order() {
        var set = PathAttributes()
        set.communities = [Community(1, 2)]
        set.origin = .incomplete
        set.localPreference = 100
        set.asPath = ASPath(sequence: [1])
        #expect(set.elements.map(\.type) == [.origin, .asPath, .localPreference, .communities])
        set.localPreference = 200
        #expect(set.localPreference == 200)
        #expect(set.elements.count == 4)
        set.localPreference = nil
        #expect(set.elements.map(\.type) == [.origin, .asPath, .communities])
    }

    @Test("Typed values read back as set")
    func typed() {
        var set = PathAttributes()
        set.origin = .egp
        set.multiExitDiscriminator = 7
        set.originatorID = RouterID(rawValue: 9)
        set.clusterList = [RouterID(rawValue: 1), RouterID(rawValue: 2)]
        set.aggregator = Aggregator(number: 5, identifier: RouterID(rawValue: 6))
        set.atomicAggregate = true
        set.onlyToCustomer = 77
        set.extendedCommunities = [ExtendedCommunity(rawValue: 0x0002_0001_0000_0002)]
        set.largeCommunities = [LargeCommunity(globalAdministrator: 1, data1: 2, data2: 3)]
        #expect(set.origin == .egp)
        #expect(set.multiExitDiscriminator == 7)
        #expect(set.originatorID == RouterID(rawValue: 9))
        #expect(set.clusterList == [RouterID(rawValue: 1), RouterID(rawValue: 2)])
        #expect(set.view.clusterListLength == 2)
        let found = [2, 3].map { set.view.clusterListContains(RouterID(rawValue: $0)) }
        #expect(found == [true, false])
        #expect(set.aggregator == Aggregator(number: 5, identifier: RouterID(rawValue: 6)))
        #expect(set.atomicAggregate)
        #expect(set.onlyToCustomer == 77)
        #expect(set.extendedCommunities.map(\.description) == ["rt:1:2"])
        #expect(set.largeCommunities.map(\.description) == ["1:2:3"])
        set.atomicAggregate = false
        set.aggregator = nil
        set.onlyToCustomer = nil
        #expect(!set.atomicAggregate && set.aggregator == nil && set.onlyToCustomer == nil)
    }

    @Test("A value over 255 octets has an extended length, one over 65535 is refused")
    func lengths() {
        var set = PathAttributes()
        set.set(.communities, flags: [.optional, .transitive], value: Array(repeating: 1, count: 256))
        #expect(set.bytes.prefix(4) == [0xD0, 8, 1, 0])
        #expect(set.communities.count == 64)
        let isSet = set.set(.communities, flags: .optional, value: Array(repeating: 1, count: 65_536))
        #expect(!isSet)
        #expect(set.communities.count == 64)
        set.set(.communities, flags: [.optional, .transitive], value: Array(repeating: 1, count: 252))
        #expect(set.bytes.prefix(3) == [0xC0, 8, 252])
    }

    @Test("The description names every attribute, unknown ones in hexadecimal")
    func description() {
        var set = PathAttributes(canonical: originIGP + path)
        set.communities = [Community(65001, 7), .noExport]
        set.set(PathAttributeType(rawValue: 99), flags: [.optional, .transitive, .partial], value: [1, 0xAB])
        #expect(
            set.description
                == "ORIGIN: IGP, AS_PATH: 65001 65002, COMMUNITIES: 65001:7 65535:65281, attribute 99: 01ab [partial]"
        )
    }

    @Test(
        "Octets that are no attributes end the set",
        arguments: [[0x40], [0x40, 1], [0x40, 1, 5, 0], [0x50, 1, 0]] as [[UInt8]]
    )
    func garbage(bytes: [UInt8]) {
        let set = PathAttributes(canonical: bytes)
        #expect(set.elements.isEmpty)
        #expect(set.origin == nil && set.asPath == nil && set.description.isEmpty)
        #expect(set.view.asPath.decisionLength == 0)
        #expect(set.element(at: -1) == nil && set.element(at: .max) == nil)
    }
}

@Suite("AS_PATH")
struct ASPathTests {
    let mixed = ASPath(segments: [
        .init(kind: .confederationSequence, numbers: [65010, 65011]), .init(kind: .sequence, numbers: [1, 2, 1]),
        .init(kind: .set, numbers: [3, 4]),
    ])

    @Test("A set counts one and confederation segments nothing")
    func decisionLength() {
        #expect(self.mixed.decisionLength == 4)
        #expect(ASPath().decisionLength == 0)
    }

    @Test("The neighbour is the first number outside the confederation, if a sequence comes first")
    func neighbor() {
        #expect(self.mixed.neighborAS == 1)
        #expect(ASPath().neighborAS == nil)
        #expect(
            ASPath(segments: [.init(kind: .set, numbers: [3]), .init(kind: .sequence, numbers: [4])]).neighborAS == nil
        )
        #expect(ASPath(segments: [.init(kind: .confederationSequence, numbers: [3])]).neighborAS == nil)
    }

    @Test("The origin is the last number, if a sequence comes last")
    func origin() {
        #expect(self.mixed.originAS == nil)
        #expect(ASPath(sequence: [1, 2]).originAS == 2)
        #expect(ASPath().originAS == nil)
    }

    @Test("Loops are counted in every segment")
    func loops() {
        #expect(self.mixed.loopCount(of: 1) == 2)
        #expect(self.mixed.loopCount(of: 65010) == 1)
        #expect(self.mixed.contains(4))
        #expect(!self.mixed.contains(5))
    }

    @Test("Prepending opens a segment when the first is full or no sequence (RFC 4271 §5.1.2)")
    func prepend() {
        var path = ASPath()
        for _ in 0..<256 { path.prepend(7) }
        #expect(path.segments.map(\.numbers.count) == [1, 255])
        var set = ASPath(segments: [.init(kind: .set, numbers: [3])])
        set.prepend(1)
        set.prepend(2)
        #expect(set.description == "2 1 {3}")
        #expect(self.mixed.description == "(65010 65011) 1 2 1 {3 4}")
    }

    @Test(
        "Octets that are no segments end the path",
        arguments: [[2], [2, 1, 0, 0, 0], [9, 1, 0, 0, 0, 1]] as [[UInt8]]
    )
    func garbage(bytes: [UInt8]) {
        let path = ASPath(canonical: bytes)
        #expect(path.decisionLength == 0 && path.neighborAS == nil && path.originAS == nil && !path.contains(1))
        #expect(path.segments.isEmpty)
    }

    @Test("Segments without numbers trap nothing")
    func emptySegments() {
        let path = ASPath(canonical: [2, 0, 1, 0])
        #expect(path.neighborAS == nil && path.originAS == nil)
    }
}
