import BGPWire
import Foundation
import IPAddressing
import RouteModel
import SpeakerSettings
import Testing

@testable import ConfigLanguage
@testable import Policy

@Suite("Agreement with BIRD on what filters do")
struct FilterOracleTests {
    /// Filter bodies; the route has a path, communities and a LOCAL_PREF, but no MED.
    static let snippets: [String] = [
        "accept;", "reject;", "", "if net ~ 10.0.0.0/8 then accept;", "if net ~ [10.0.0.0/8+] then accept; reject;",
        "if net ~ [10.0.0.0/8] then accept;", "if net ~ [10.1.2.0/30-] then accept;",
        "if net ~ [10.0.0.0/8{25,32}] then accept;", "if net ~ [10.1.2.128/25{24,24}] then accept;",
        "if net ~ [10.1.2.128/25{8,23}] then accept;", "if 10.0.0.0/8 ~ net then accept;",
        "if net.ip ~ [10.1.0.0..10.1.3.0] then accept;", "if net.ip ~ 10.1.2.0/24 then accept;",
        "if net.len = 24 && net.type = NET_IP4 then accept;",
        "if bgp_med > 5 then accept; else accept;", "if bgp_med < 5 then accept; accept;",
        "if bgp_med = 5 then reject; accept;", "if bgp_med != 5 then accept;",
        "if defined(bgp_med) then reject; accept;",
        "if ! defined(bgp_med) then accept;", "bgp_med = bgp_med + 1; accept;", "bgp_med = 5; unset(bgp_med); accept;",
        "if bgp_med ~ [1..5] then reject; accept;", "if !(bgp_med ~ [1..5]) then accept;",
        "if defined(bgp_large_community) then accept;", "if defined(bgp_ext_community) then accept;",
        "if bgp_ext_community ~ [(rt, 1, *)] then reject; accept;", "bgp_med = bgp_large_community.len; accept;",
        "if defined(krt_metric) then reject; accept;", "krt_metric = 7; if krt_metric = 7 then accept;",
        "bgp_med = bgp_local_pref * 2 - 1; accept;", "bgp_med = 2 - 5; accept;",
        "bgp_med = 4000000000 + 4000000000; accept;",
        "bgp_med = 65536 * 65537; accept;", "bgp_med = 100 / 7; accept;", "int z = 0; bgp_med = 1 / z; accept;",
        "int z = 1; bgp_med = 3; if z = 0 then bgp_med = 4; accept;",
        "if bgp_med >= 5 then bgp_local_pref = 1; else bgp_local_pref = 2; accept;",
        "bgp_med = bgp_path.len; accept;", "bgp_med = bgp_path.first; accept;", "bgp_med = bgp_path.last; accept;",
        "bgp_med = bgp_path.last_nonaggregated; accept;", "bgp_path.prepend(7); bgp_path.prepend(8); accept;",
        "bgp_path.delete(65002); accept;", "bgp_path.delete([65002..65003]); accept;",
        "bgp_path.filter([65001]); accept;",
        "bgp_path.empty; bgp_med = bgp_path.first; accept;", "bgp_path = prepend(bgp_path, 3); accept;",
        "if bgp_path ~ [= 65001 * =] then accept;", "if bgp_path ~ [= * 65002 =] then accept;",
        "if bgp_path ~ [= ? 65002 ? =] then accept;", "if bgp_path ~ [= 65001 65002 =] then accept;",
        "if bgp_path ~ [= * 65000..65002 * =] then accept;", "if bgp_path ~ [= * [65002, 1] ? =] then accept;",
        "if bgp_path ~ [65003] then accept;", "if 65002 ~ bgp_path then accept;", "if 5 ~ bgp_path then accept;",
        "if bgp_path ~ [= 65001 + 65002 * =] then accept;",
        "bgp_community.add((1,2)); accept;", "bgp_community.add((65001,10)); accept;",
        "bgp_community.delete((65001,10)); accept;", "bgp_community.delete([(65001,*)]); accept;",
        "bgp_community.filter([(*,20..30)]); accept;", "bgp_community.empty; accept;",
        "if bgp_community ~ [(65001, 10..11)] then accept;", "if (65001,10) ~ bgp_community then accept;",
        "if (65001,11) ~ bgp_community then accept;", "bgp_med = bgp_community.len; accept;",
        "bgp_community = add(-empty-, (3,4)); bgp_community.add((1,2)); accept;",
        "if bgp_community.min = (65001,10) then accept;", "if bgp_community.max = (65002,20) then accept;",
        "bgp_large_community.add((1,2,3)); bgp_large_community.add((0,2,3)); accept;",
        "bgp_large_community.add((1,2,3)); if bgp_large_community ~ [(1,2,*)] then accept;",
        "bgp_ext_community.add((rt,65001,10)); if (rt,65001,10) ~ bgp_ext_community then accept;",
        "bgp_ext_community.add((rt,70000,10)); if bgp_ext_community ~ [(rt,70000,5..15)] then accept;",
        "bgp_ext_community.add((ro,1.2.3.4,10)); if (ro,1.2.3.4,10) ~ bgp_ext_community then accept;",
        "bgp_ext_community.add((generic,0x43000001,10)); if (generic,0x43000001,10) ~ bgp_ext_community then accept;",
        "case bgp_local_pref { 1: reject; 100..200: bgp_med = 9; else: bgp_med = 3; } accept;",
        "case bgp_local_pref { 1, 2: reject; else: bgp_med = 3; } accept;",
        "case bgp_local_pref { 1: accept; } reject;",
        "case source { RTS_BGP: reject; RTS_STATIC: accept; }", "if source ~ [RTS_BGP, RTS_STATIC] then accept;",
        "if proto ~ \"s*\" then accept;", "if proto ~ \"x?\" then accept;", "if ifname = \"\" then accept;",
        "if dest = RTD_BLACKHOLE then accept;", "if true || false && false then accept;",
        "if false && true || true then accept;", "if (1,2) < (1,3) && 1.2.3.4 < 1.2.4.0 then accept;",
        "bgp_med = (5,6).asn + (5,6).data + (7,8,9).data2; accept;", "if 10.1.2.3.mask(8) = 10.0.0.0 then accept;",
        "bgp_med = fact(5); accept;", "bgp_med = pick(true); accept;", "if pick(true) = 1 then accept;",
        "if decide(3) then reject; reject;", "decide(3); reject;", "decide(9); accept;",
        "bgp_origin = ORIGIN_EGP; if bgp_origin = ORIGIN_EGP then accept;",
        "if defined(bgp_origin) then accept; reject;",
        "preference = 70; if preference = 70 then accept;", "return false;",
        "int x = 5; { int x = 7; bgp_med = x; } bgp_local_pref = x; accept;",
        "bool b = false; b = bgp_local_pref > 5; if b then accept;", "return true;", "if from = :: then accept;",
        "if gw = :: then accept;", "pair p = (1,1); p = (bgp_local_pref, 5); bgp_community.add(p); accept;",
        "if net.len > 8 then if net.len > 30 then reject; else accept;",
        "if bgp_path = bgp_path then accept;", "if bgp_community = bgp_community then accept;",
        "clist c = -empty-; bgp_med = 3; if defined(c) then bgp_med = 4; accept;",
        "bgppath p = +empty+; p = prepend(p, 5); bgp_path = p; accept;",
        "clist c = -empty-; c = add(c, (1,2)); bgp_community = c; accept;",
        "if bgp_next_hop = 1.2.3.4 then reject; accept;",
        "return bgp_local_pref > 5;", "return 5;", "if undef() < 3 then accept;", "if defined(-empty-) then accept;",
        "bgp_path.empty; if defined(bgp_path) then accept;", "if 5 < bgp_med then accept;",
        "if bgp_med <= 5 then accept;",
        "if undef() = 3 then reject; accept;", "if bgp_local_pref ~ [] then reject; accept;",
    ]

    static let functions = """
        function fact(int n) { if n = 0 then return 1; return n * fact(n - 1); }
        function pick(bool b) { if b then return 1; return 2; }
        function decide(int n) { if n > 5 then return false; accept; }
        function undef() { return bgp_med; }

        """

    /// One table, static protocol and filter for each snippet.
    static var configuration: String {
        var text = "router id 1.2.3.4;\n" + Self.functions
        for (index, snippet) in Self.snippets.enumerated() {
            text += """
                ipv4 table t\(index);
                filter f\(index) { \(snippet) }
                protocol static s\(index) { ipv4 { table t\(index); import filter f\(index); };
                  route 10.1.2.0/24 blackhole { bgp_local_pref = 150; bgp_path.prepend(65003); bgp_path.prepend(65002);
                  bgp_path.prepend(65001); bgp_community.add((65001,10)); bgp_community.add((65002,20)); }; }

                """
        }
        return text
    }

    /// What of a route is compared.
    struct Outcome: Equatable, CustomStringConvertible {
        var preference: String?
        var localPreference: String?
        var med: String?
        var path: String?
        var communities: String?
        var largeCommunities: String?

        var description: String {
            guard let preference = self.preference else { return "rejected" }
            return "preference \(preference) local_pref \(self.localPreference ?? "-") med \(self.med ?? "-")"
                + " path [\(self.path ?? "-")] communities [\(self.communities ?? "-")] large [\(self.largeCommunities ?? "-")]"
        }
    }

    @Test("Each snippet comes to the same verdict and attributes")
    func compare() throws {
        let bird = try Bird()
        defer { bird.remove() }
        let text = Self.configuration
        let loaded = load(text)
        #expect(loaded.errors.map(\.description) == [])
        let settings = try #require(loaded.settings)
        let theirs = try Self.askBird(bird, text)
        for (index, snippet) in Self.snippets.enumerated() {
            let ours = try Self.evaluate(settings, index)
            #expect(ours == theirs[index] ?? Outcome(), "\(index): \(snippet)")
        }
    }

    private static func evaluate(_ settings: SpeakerSettings, _ index: Int) throws -> Outcome {
        guard case .static(let instance) = settings.protocols[index], let route = instance.routes.first else {
            throw TestFailure()
        }
        var draft = RouteDraft(
            prefix: route.prefix,
            origin: RouteOrigin(source: .static, protocolName: instance.common.name),
            attributes: PathAttributes(),
            target: .blackhole,
            local: LocalAttributes(preference: instance.channel.preference)
        )
        guard route.attributes.prepare(&draft), instance.channel.importPolicy.evaluate(&draft) == .accept else {
            return Outcome()
        }
        func list(_ parts: [String]) -> String? { parts.isEmpty ? nil : parts.joined(separator: " ") }
        return Outcome(
            preference: String(draft.local.preference),
            localPreference: draft.attributes.localPreference.map { String($0) },
            med: draft.attributes.multiExitDiscriminator.map { String($0) },
            path: draft.attributes.asPath.flatMap { $0.description.isEmpty ? nil : $0.description },
            communities: list(
                draft.attributes.communities.sorted().map { "(\($0.rawValue >> 16),\($0.rawValue & 0xFFFF))" }
            ),
            largeCommunities: list(
                draft.attributes.largeCommunities.sorted().map {
                    "(\($0.globalAdministrator), \($0.data1), \($0.data2))"
                }
            )
        )
    }

    /// Runs BIRD on the configuration without touching the host, and reads all tables through its socket.
    private static func askBird(_ bird: Bird, _ text: String) throws -> [Int: Outcome] {
        let file = bird.directory + "/f.conf"
        let socket = bird.directory + "/s"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/bird")
        process.arguments = ["-f", "-c", file, "-s", socket, "-P", bird.directory + "/pid"]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        defer {
            // It has nothing to clean up, and 2.0.12 may wait on its way out.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        var output = ""
        for _ in 0..<100 {
            let result = try Bird.run("/usr/sbin/birdc", ["-s", socket, "show", "route", "table", "all", "all"])
            output = result.output
            if result.status == 0, output.contains("Table t0:") { break }
            usleep(50_000)
        }
        return Self.parse(output)
    }

    private static func parse(_ output: String) -> [Int: Outcome] {
        var result: [Int: Outcome] = [:]
        var table: Int?
        for line in output.split(separator: "\n") {
            if line.hasPrefix("Table ") {
                table = Int(line.dropFirst(7).prefix { $0.isNumber })
                continue
            }
            guard let table else { continue }
            if line.contains("[s"), let open = line.lastIndex(of: "(") {
                result[table, default: Outcome()].preference = String(line[open...].filter(\.isNumber))
            }
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2, !parts[1].isEmpty else { continue }
            switch parts[0] {
            case "BGP.local_pref": result[table]?.localPreference = parts[1]
            case "BGP.med": result[table]?.med = parts[1]
            case "BGP.as_path": result[table]?.path = parts[1]
            case "BGP.community":
                let list = parts[1].split(separator: " ").map(String.init)
                result[table]?.communities = list.sorted { Self.numbers($0) < Self.numbers($1) }.joined(separator: " ")
            case "BGP.large_community":
                let list = parts[1].replacingOccurrences(of: ") (", with: ")|(").split(separator: "|").map(String.init)
                result[table]?.largeCommunities = list.sorted().joined(separator: " ")
            default: break
            }
        }
        return result
    }

    private static func numbers(_ text: String) -> Int {
        text.split { !$0.isNumber }.compactMap { Int($0) }.reduce(0) { $0 << 16 | $1 }
    }
}
