import IPAddressing

/// A speaker with four neighbours that say what the input spells, one after the other, and three observers.
///
/// Beside the promises that the bench checks: observers keep their sessions whatever the others do, and hold what the
/// speaker is willing to export, read as strictly as a neighbour can.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSpeaker(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var choices = Choices(Array(UnsafeBufferPointer(start: start, count: count)))
    let flags = choices.octet()
    let bench = SpeakerBench(configuration(flags), neighbors, reloads: false)
    bench.inputCount = count
    var steps = 0
    while !choices.isEmpty {
        // What a reload is to another target is time to this one.
        if !bench.step(&choices) { bench.pass(10) }
        steps += 1
        if steps.isMultiple(of: 24) { bench.check(input: count) }
    }
    bench.check(input: count)
    if flags & 15 == 15 { bench.checkEnd(input: count) }
    return 0
}

private let neighbors = [
    Neighbor("n1", "192.0.2.10", 65_010), Neighbor("n2", "192.0.2.11", 65_011), Neighbor("n3", "192.0.2.12", 65_000),
    Neighbor("n4", "2001:db8::13", 65_013), Neighbor("o1", "192.0.2.21", 65_000, isObserver: true),
    Neighbor("o2", "192.0.2.22", 65_022, isObserver: true),
    Neighbor("o3", "2001:db8::23", 65_023, isObserver: true, isRouteServerClient: true),
]

/// Much of what a speaker can be told, some of it by the input.
private func configuration(_ flags: UInt8) -> String {
    func when(_ bit: UInt8, _ text: String) -> String { flags & bit != 0 ? text : "" }
    return """
        router id 10.0.0.1;
        ipv4 table master4 sorted;
        ipv6 table master6 sorted;
        debug protocols \(flags & 4 != 0 ? "all" : "off");
        protocol device { }
        protocol direct { ipv4; ipv6; }
        protocol kernel k4 { learn; ipv4 { import all; export all; }; merge paths on; }
        protocol kernel k6 { ipv6 { import none; export where source = RTS_BGP; }; }
        protocol static s4 { ipv4; route 198.18.0.0/15 blackhole; route 198.51.0.0/16 via 192.0.2.9; route 203.0.0.0/20 recursive 203.0.3.1; }
        protocol static s6 { ipv6; route 2001:db8:ffff::/48 unreachable; }
        filter inward {
          if bgp_path.len > 6 then reject;
          if (65535, 1) ~ bgp_community then bgp_local_pref = 50;
          if net ~ [ 203.0.0.0/21+ ] then { bgp_community.add((65000, 1)); bgp_med = 7; }
          accept;
        }
        filter outward {
          if (65000, 3) ~ bgp_community then reject;
          if source = RTS_STATIC then bgp_path.prepend(65000);
          accept;
        }
        template bgp common {
          local as 65000;
          min graceful restart time 0; max graceful restart time 60; max long lived stale time 120;
          error wait time 1, 5; connect delay time 1; connect retry time 5;
          attribute limit 20000;
          \(when(8, "long lived graceful restart on; graceful restart on;"))
        }
        protocol bgp n1 from common { neighbor 192.0.2.10 as 65010; enable extended messages \(flags & 16 != 0 ? "on" : "off");
          \(when(32, "local role provider;"))
          ipv4 { import filter inward; export all; add paths rx; receive limit 40 action \(flags & 64 != 0 ? "restart" : "block"); };
          ipv6 { import all; export all; }; }
        protocol bgp n2 from common { neighbor 192.0.2.11 as 65011; rs client; enforce first as on; passive on;
          ipv4 { import all; export filter outward; add paths on; extended next hop on; secondary; };
          ipv6 { import all; export all; }; }
        protocol bgp n3 from common { neighbor 192.0.2.12 as 65000; rr client;
          ipv4 { import all; export all; next hop self ebgp; gateway recursive; aigp originate; };
          ipv6 { import filter inward; export all; }; }
        protocol bgp n4 from common { neighbor 2001:db8::13 as 65013; allow local as 1;
          ipv4 { import all; export all; extended next hop on; next hop keep; };
          ipv6 { import all; export filter outward; add paths tx; import limit 5 action \(flags & 128 != 0 ? "disable" : "block"); }; }
        protocol bgp o1 from common { neighbor 192.0.2.21 as 65000; rr client; passive on; enable extended messages on;
          ipv4 { import none; export all; next hop self; add paths tx; };
          ipv6 { import none; export all; }; }
        protocol bgp o2 from common { neighbor 192.0.2.22 as 65022; passive on;
          ipv4 { import none; export filter outward; };
          ipv6 { import none; export all; add paths tx; add paths best 2; }; }
        protocol bgp o3 from common { neighbor 2001:db8::23 as 65023; rs client; passive on;
          ipv4 { import none; export all; extended next hop on; secondary; };
          ipv6 { import none; export all; secondary; }; }
        """
}
