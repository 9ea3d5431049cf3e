import BGPWire
import Foundation
import IPAddressing
import Policy
import RouteModel
import SpeakerSettings
import Testing

@testable import ConfigLanguage

/// Configurations of the language's common subset.
enum OracleCorpus {
    static let accepted: [String] = [
        "router id 10.0.0.1;\nlog stderr all;\nprotocol device { scan time 2; debug all; }",
        "router id from -\"lo\", \"eth*\" 10.0.0.0/8, 192.168.0.0/16; protocol device {}",
        "router id from \"lo\"; router id 1.2.3.4; protocol device {}",
        "router id 1; log syslog name \"x\" { error, warning }; log \"/tmp/martlet-test.log\" { debug }; debug protocols { states, routes }; protocol device {}",
        "router id 1.2.3.4; ipv4 table a; ipv6 table 'b-c'; ipv4 table master4; protocol direct { ipv4 { table a; }; ipv6 { table 'b-c'; }; interface -\"cali*\", -\"kube-ipvs*\", \"*\"; interface \"eth?\" 10.0.0.0/8, -192.168.0.0/16; check link off; }",
        "router id 1.2.3.4; protocol kernel { ipv4 { import all; export none; }; learn; persist; scan time 5; merge paths on limit 4; metric 32; } protocol kernel { ipv6; kernel table 100; merge paths; }",
        """
        router id 1.2.3.4;
        protocol static blocks { ipv4; route 10.0.0.0/8 blackhole; route 10.1.0.0/16 unreachable;
          route 10.2.0.0/16 prohibit; route 10.3.0.0/16 via 192.0.2.1 weight 2 via 192.0.2.2%eth1 onlink;
          route 10.4.0.0/16 via "eth0" { bgp_med = 5; preference = 7; if net.len = 16 then bgp_local_pref = 9; };
          route 10.5.0.0/16 recursive 192.0.2.9; igp table master4; }
        protocol static { ipv6 { preference 7; export all; }; route 2001:db8::/32 via fe80::1%'eth0.5'; }
        """,
        """
        router id 1.2.3.4;
        define AS_LOCAL = 64512; define PEER = 192.0.2.2; define TIME = 30;
        template bgp peers { local 192.0.2.1 port 1790 as AS_LOCAL; hold time TIME; keepalive time (TIME / 3);
          connect delay time 2; connect retry time 5; error wait time 5,30; error forget time 60; startup hold time 240;
          debug { states, routes, filters, events }; description "peer"; password "secret"; passive on;
          ipv4 { import all; export none; import limit 10 action block; export limit off;
            receive limit 7 action restart; import keep filtered on; preference 90; next hop self ebgp;
            next hop keep ibgp; gateway recursive; igp table master4; mandatory on; table master4; add paths off; }; }
        template bgp derived from peers { multihop 5; ttl security on; }
        protocol bgp one from derived { neighbor PEER port 1179 as 65002; enforce first as on;
          ipv4 { export all; next hop address 192.0.2.1; }; }
        protocol bgp from peers { neighbor 192.0.2.3 as AS_LOCAL; rr client; rr cluster id 9.9.9.9; allow local as 2;
          interpret communities off; default bgp_local_pref 50; default bgp_med 3;
          deterministic med on; med metric on; path metric off; igp metric off; prefer older on;
          enable route refresh off; enable extended messages on; graceful restart off;
          long lived graceful restart off; disabled; router id 5.5.5.5;
          bfd off; check link off; strict bind off; }
        protocol bgp two { local as 5; neighbor fe80::1%eth0 external; ipv6 { import none; export none; }; }
        protocol bgp three { local as 5; neighbor 2001:db8::1 internal; source address 2001:db8::2; direct; ipv6;
          ipv4 { extended next hop on; }; }
        protocol bgp four { local as 5; neighbor 192.0.2.9 as 5; graceful restart on; graceful restart time 30;
          long lived graceful restart on; long lived stale time 600;
          ipv4 { graceful restart off; long lived graceful restart off; }; ipv6 { long lived stale time 60; }; }
        protocol bgp five { local as 5; neighbor 192.0.2.10 as 5; graceful restart aware;
          long lived graceful restart aware; ipv4; }
        graceful restart wait 60;
        """,
        """
        router id 1.2.3.4;
        ipv4 table master4 sorted;
        ipv4 table members { sorted on; };
        ipv6 table six sorted;
        template bgp served { local 192.0.2.1 as 64512; rs client;
          ipv4 { table members; import all; export all; secondary; }; }
        protocol bgp c1 from served { neighbor 192.0.2.2 as 65001; ipv4 { add paths on; }; }
        protocol bgp c2 from served { neighbor 192.0.2.3 as 65002; ipv4 { add paths rx; secondary off; }; }
        protocol bgp c3 from served { neighbor 192.0.2.4 as 65003; ipv4 { add paths tx; }; }
        protocol bgp c4 from served { neighbor 192.0.2.5 as 65004; rs client off; ipv4 { table master4; add paths off; }; }
        protocol bgp c5 { local as 64512; neighbor 2001:db8::1 as 65005; rs client on;
          ipv6 { table six; import all; export all; secondary on; }; }
        """,
        """
        router id 1.2.3.4;
        ipv4 table one; ipv4 table two { gc threshold 100; trie off; };
        protocol pipe { table one; peer table two; import all; export where net.len > 8; debug all; disabled; }
        protocol pipe ends { description "x"; table two; peer table master4; import none;
          export filter { krt_prefsrc = 10.0.0.1; accept; }; import limit 10 action block; export limit 20 action warn; }
        protocol static { ipv4 { import limit 5 action block; }; check link; route 10.0.0.0/8 drop; route 11.0.0.0/8 reject; }
        protocol bgp { local as 1; neighbor 1.2.3.4 as 2; vrf default; check link on; disable after error;
          disable after cease { cease, prefix limit hit, connection collision };
          ipv6 { import all; export all; export limit 5 action disable; missing lladdr ignore; }; }
        protocol bgp { local as 1; neighbor 1.2.3.6 as 2; disable after cease; ipv4 { import all; export all; }; }
        """,
        """
        router id 1.2.3.4;
        function is_high(int pref; bool flag) int top; { top = 2147482623; return flag && pref > top; }
        function loop(int a) { if a = 0 then return 0; return loop(a - 1); }
        filter f int x; prefix set ps; {
          x = 5 * (3 + 1) - 2; ps = [10.0.0.0/8+, 172.16.0.0/12{16,24}, 192.168.0.0/16-];
          if is_high(bgp_local_pref, true) then preference = 200;
          if defined(source) && source = RTS_BGP && defined(bgp_local_pref) then { krt_metric = 2147483647 - bgp_local_pref; }
          else { if (!defined(krt_metric)) then { krt_metric = 1024; } bgp_local_pref = 2147483647 - krt_metric; }
          case bgp_med { 1, 2..5: accept; 7: bgp_med = 8; else: bgp_med = 9; }
          case source { RTS_BGP: reject; RTS_STATIC, RTS_DEVICE: accept; }
          bgp_community.add((64512, 100)); bgp_community.delete([(64512, *), (1..2, 3..4)]); bgp_community.filter([(*,*)]);
          bgp_large_community.add((1, 2, 3)); bgp_ext_community.add((rt, 64512, 10)); bgp_ext_community.delete([(ro, 64512, *)]);
          bgp_path.prepend(64512); bgp_path.delete([64512..65535]); bgp_path.empty;
          if bgp_path ~ [= * 64512 ? [1, 2..3] (4 + 1) 6..7 =] || (64512, 1) ~ bgp_community then accept;
          if net ~ ps || net !~ 10.0.0.0/8 || net.ip ~ [10.0.0.0, 10.0.0.5..10.0.0.9] then accept;
          if ifname ~ "cali*" || proto != "x" || net.type = NET_IP6 || from = 1.2.3.4 || gw = :: then reject;
          if bgp_path.len > 3 && bgp_path.first = 5 && bgp_path.last != 6 && bgp_path.last_nonaggregated >= 1 then reject;
          if bgp_large_community ~ [(1, *, *), (1, 2, 3..9)] || bgp_community.len < 5 then reject;
          if (1,2).asn = 1 && (1,2).data = 2 && (1,2,3).data2 = 3 && 10.1.2.3.mask(8) = 10.0.0.0 then reject;
          unset(bgp_med); bgp_origin = ORIGIN_EGP; bgp_next_hop = 192.0.2.1; dest = RTD_BLACKHOLE;
          bgp_community = -empty-; bgp_path = +empty+; bgp_large_community = ---empty---; bgp_ext_community = --empty--;
          bgp_community = add(delete(bgp_community, (1,2)), (3,4));
          loop(5); accept; }
        protocol static { ipv4 { import filter f; export where net.len > 8 && is_high(5, false); }; }
        protocol bgp b { local as 1; neighbor 1.2.3.4 as 2; ipv4 { import filter { accept; }; export filter int z; { z = 1; reject; }; }; }
        """,
    ]

    static let refused: [String] = [
        "protocol bgp x { local as 5; neighbor 1.2.3.4 as 6; ipv4; }",
        "protocol bgp x { local as 5; neighbor 1.2.3.4; }",
        "protocol bgp x { local as 5; neighbor 1.2.3.4 as 6; hold time 2; }",
        "protocol bgp x { local as 5; neighbor 1.2.3.4 as 6; rr client; }",
        "protocol bgp x { local as 5; neighbor fe80::1 as 6; }",
        "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; rs client; }",
        "protocol bgp x { local as 5; neighbor 1.2.3.4 as 6; ipv4 { import all; export all; secondary; }; }",
        "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; import all; }",
        "ipv4 table x; protocol pipe { peer table x; }", "ipv4 table x; protocol pipe { table x; }",
        "ipv4 table x; protocol pipe { table x; peer table x; }",
        "ipv4 table x; protocol pipe { table x; peer table master6; }",
        "ipv4 table x; protocol pipe { table x; peer table master4; receive limit 5; }",
        "ipv4 table x; protocol pipe { table x; peer table master4; ipv4; }",
        "protocol static { route 10.0.0.0/8 blackhole; }",
        "protocol static { ipv4; route 10.0.0.1/8 blackhole; }",
        "protocol static { ipv4; ipv4; }", "protocol static { ipv4 { table none; }; }",
        "protocol kernel { ipv4; } protocol kernel { ipv4; }",
        "protocol device {} protocol device {}", "protocol device { ipv4; }",
        "filter f { if bgp_med then accept; } protocol device {}",
        "filter f { bgp_med = true; } protocol device {}",
        "filter f { if net ~ [10.0.0.0/8, ::/0] then accept; } protocol device {}",
        "filter f { if 1 < 2 < 3 then accept; } protocol device {}",
        "filter f { } filter f { } protocol device {}", "define x = 1; define x = 2; protocol device {}",
        "filter f { if [10.0.0.0/8] ~ net + 1 then accept; } protocol device {}",
    ]
}

/// A real BIRD 2 beside which this parser has to stand.
struct Bird {
    let directory: String

    init() throws {
        self.directory = NSTemporaryDirectory() + "martlet-bird-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.directory) }

    /// Runs a program to its end; its status and all it wrote.
    static func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        // Into a file: a pipe would be inherited by whatever another test starts at the same time, and stay open.
        let file = NSTemporaryDirectory() + "martlet-output-\(UUID().uuidString)"
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        process.standardOutput = output
        process.standardError = output
        try process.run()
        process.waitUntilExit()
        try output.close()
        return (process.terminationStatus, try String(contentsOfFile: file, encoding: .utf8))
    }

    func parse(_ text: String) throws -> (accepted: Bool, output: String) {
        let file = self.directory + "/t.conf"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let result = try Self.run("/usr/sbin/bird", ["-p", "-c", file])
        return (result.status == 0, result.output)
    }
}

@Suite("Agreement with BIRD on what is a configuration")
struct OracleTests {
    @Test("What BIRD accepts of the common subset is accepted", arguments: OracleCorpus.accepted)
    func accepted(_ text: String) throws {
        let bird = try Bird()
        defer { bird.remove() }
        let verdict = try bird.parse(text)
        #expect(verdict.accepted, "\(verdict.output)")
        #expect(load(text).errors.map(\.description) == [])
    }

    @Test("What BIRD refuses is refused", arguments: OracleCorpus.refused)
    func refused(_ text: String) throws {
        let bird = try Bird()
        defer { bird.remove() }
        #expect(!(try bird.parse("router id 1.2.3.4;\n" + text).accepted))
        #expect(!load(text).errors.isEmpty)
    }
}
