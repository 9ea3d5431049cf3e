import IPAddressing

/// A speaker whose configuration changes as the input says while its neighbours announce, withdraw, come and go.
///
/// After each change the speaker runs what it was told and has nothing left to do; when it comes to rest its structures
/// are sound, and observers hold what the settings of the moment are willing to export.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReload(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var choices = Choices(Array(UnsafeBufferPointer(start: start, count: count)))
    var settings = RandomSettings(octets: choices.octets(RandomSettings.count))
    let bench = SpeakerBench(settings.text, neighbors, reloads: true)
    bench.inputCount = count
    var steps = 0
    while !choices.isEmpty {
        if !bench.step(&choices) {
            // Mostly a small change, now and then one of everything.
            let choice = choices.octet()
            if choice & 7 == 0 {
                settings = RandomSettings(octets: choices.octets(RandomSettings.count))
            } else {
                settings.octets[Int(choice >> 3) % RandomSettings.count] ^= choices.octet()
            }
            let how = choices.octet()
            bench.reload(settings.text, isSoft: how & 7 == 1, fails: how & 7 == 2)
            if how & 8 != 0 { bench.check(input: count) }
        }
        steps += 1
        if steps.isMultiple(of: 16) { bench.check(input: count) }
    }
    bench.check(input: count)
    return 0
}

private let neighbors = [
    Neighbor("n1", "192.0.2.10", 65_010), Neighbor("n2", "192.0.2.11", 65_011), Neighbor("n3", "192.0.2.12", 65_000),
    Neighbor("n4", "2001:db8::13", 65_013), Neighbor("o1", "192.0.2.21", 65_000, isObserver: true),
    Neighbor("o2", "192.0.2.22", 65_022, isObserver: true, isRouteServerClient: true),
]

/// A configuration as a function of some octets; every one of them checks.
private struct RandomSettings {
    static let count = 32
    var octets: [UInt8]

    init(octets: [UInt8]) { self.octets = octets + Array(repeating: 0, count: Self.count - octets.count) }

    private func bit(_ octet: Int, _ bit: Int) -> Bool { self.octets[octet % Self.count] >> bit & 1 != 0 }
    private func when(_ octet: Int, _ bit: Int, _ text: String) -> String { self.bit(octet, bit) ? text : "" }
    private func onOff(_ octet: Int, _ bit: Int) -> String { self.bit(octet, bit) ? "on" : "off" }
    private func pick(_ octet: Int, _ list: [String]) -> String {
        list[Int(self.octets[octet % Self.count]) % list.count]
    }

    private static let filters = [
        "all", "all", "none", "where net.len < 23", "where bgp_path.len < 4",
        "filter { bgp_local_pref = 200; accept; }",
        "filter { bgp_community.add((65000, 7)); accept; }",
        "filter { if net ~ [ 203.0.0.0/21+ ] then reject; bgp_med = 3; accept; }",
        "filter shared", "where shared_test(3)",
        "filter { if source = RTS_STATIC then reject; bgp_path.prepend(65000); accept; }",
        "filter { preference = 150; accept; }", "filter { if proto = \"n1\" then reject; accept; }",
        "filter { if defined(bgp_aigp) then unset(bgp_aigp); unset(bgp_med); accept; }",
    ]

    private func policies(_ octet: Int) -> String {
        "import \(self.pick(octet, Self.filters)); export \(self.pick(octet + 1, Self.filters)); preference \(100 + Int(self.octets[octet + 2] >> 6));"
    }

    /// A channel of a BGP neighbour.
    private func channel(_ family: String, _ octet: Int, isObserver: Bool = false) -> String {
        let table = self.bit(octet + 2, 0) ? "t\(family.suffix(1))" : "master\(family.suffix(1))"
        var text = "\(family) { table \(table); \(self.policies(octet))"
        text += self.when(octet + 2, 1, " next hop self;")
        text += self.when(octet + 2, 2, " add paths on;")
        if self.bit(octet + 2, 2) { text += self.when(octet + 2, 3, " add paths best 2;") }
        if table.hasPrefix("master") { text += self.when(octet + 2, 4, " secondary;") }
        if !isObserver {
            text += self.when(
                octet + 2,
                5,
                " receive limit 6 action \(self.pick(octet, ["block", "restart", "disable", "warn"]));"
            )
            text += self.when(
                octet + 1,
                7,
                " import limit 4 action \(self.pick(octet + 1, ["block", "restart", "disable", "warn"]));"
            )
        }
        text += self.when(
            octet + 1,
            6,
            " export limit 9 action \(self.pick(octet + 2, ["restart", "disable", "warn"]));"
        )
        return text + " };"
    }

    private func neighbor(_ name: String, _ address: String, _ number: Int, _ octet: Int, isObserver: Bool = false)
        -> String
    {
        guard !self.bit(octet, 7) else { return "" }
        let isInternal = number == 65_000
        var text = "protocol bgp \(name) from common { neighbor \(address) as \(number);"
        text += self.when(octet, 0, isInternal ? " rr client;" : " rs client;")
        text += self.when(octet, 1, " allow local as 1;")
        text += self.when(octet, 2, " default bgp_local_pref 90;")
        text += self.when(octet, 3, " interpret communities off;")
        text += self.when(octet, 4, " enable extended messages on;")
        text += self.when(octet, 5, " med metric on; deterministic med on;")
        if !isObserver { text += self.when(octet, 6, " disabled;") }
        if !isInternal, !isObserver {
            text += self.when(octet + 1, 5, " local role \(self.pick(octet + 3, ["provider", "peer", "customer"]));")
        }
        text += " " + self.channel("ipv4", octet + 1, isObserver: isObserver)
        text += " " + self.channel("ipv6", octet + 2, isObserver: isObserver)
        return text + " }\n"
    }

    var text: String {
        """
        router id 10.0.0.1;
        ipv4 table master4 sorted;
        ipv6 table master6 sorted;
        ipv4 table t4;
        ipv6 table t6;
        function shared_test(int n) -> bool { return bgp_path.len < n + \(self.octets[0] & 3); }
        filter shared { if (65000, \(self.octets[0] >> 4)) ~ bgp_community then reject; bgp_community.add((65000, 9)); accept; }
        protocol device { scan time \(1 + Int(self.octets[1] & 3)); }
        \(self.when(1, 2, "protocol direct { ipv4; ipv6; }"))
        \(self.when(1, 3, "protocol kernel k4 { ipv4 { \(self.policies(28)) }; \(self.when(1, 4, "learn;")) \(self.when(1, 5, "merge paths on;")) scan time \(5 + Int(self.octets[1] >> 6)); }"))
        \(self.when(2, 0, "protocol static s4 { \(self.when(2, 6, "disabled;")) ipv4 { \(self.when(2, 5, "table t4;")) }; route 198.18.0.0/15 blackhole; \(self.when(2, 1, "route 203.0.1.0/24 via 192.0.2.9;")) \(self.when(2, 2, "route 203.0.0.0/20 recursive 203.0.3.1;")) }"))
        \(self.when(2, 3, "protocol static s6 { ipv6; route 2001:db8:1001::/48 unreachable; }"))
        \(self.when(2, 4, "protocol pipe p4 { table master4; peer table t4; import \(self.pick(27, Self.filters)); export \(self.pick(28, Self.filters)); }"))
        \(self.when(2, 7, "protocol pipe p6 { table master6; peer table t6; import all; export all; }"))
        template bgp common {
          local as 65000; passive on;
          min graceful restart time 0; max graceful restart time 60; max long lived stale time 120;
          error wait time 1, 5; connect delay time 1; connect retry time 5; attribute limit 20000;
        }
        \(self.neighbor("n1", "192.0.2.10", 65_010, 3))\
        \(self.neighbor("n2", "192.0.2.11", 65_011, 8))\
        \(self.neighbor("n3", "192.0.2.12", 65_000, 12))\
        \(self.neighbor("n4", "2001:db8::13", 65_013, 16))\
        \(self.neighbor("o1", "192.0.2.21", 65_000, 20, isObserver: true))\
        \(self.neighbor("o2", "192.0.2.22", 65_022, 24, isObserver: true))
        """
    }
}
