import SpeakerSettings
import Testing

@testable import ConfigLanguage

@Suite("Errors of configurations")
struct ErrorPositionTests {
    @Test("An error prints file, line, column, message, the line and a caret")
    func printed() throws {
        let error = try #require(load("router id 1.2.3.4;\n\tprotocol bgp x { locl as 5; }").errors.first)
        #expect(
            error.description == """
                t.conf:2:19: error: 'locl' is not a statement of protocol bgp; did you mean 'local'?
                \tprotocol bgp x { locl as 5; }
                \t                 ^~~~
                """
        )
    }

    @Test(
        "A broken line is reported where it breaks",
        arguments: [
            ("foo;", "1:1 'foo' is not a statement of the configuration"),
            ("protcol bgp x {}", "1:1 'protcol' is not a statement of the configuration; did you mean 'protocol'?"),
            ("router id ::1;", "1:11 expected a router id as a dotted quad"),
            ("router id 0;", "1:11 a router id must not be zero"),
            (
                "router id from eth0;",
                "1:16 expected an interface name in quotes, or a prefix, found 'eth0'"
            ),
            (
                "log stderr { eror };",
                "1:14 expected a class of log lines (debug, trace, info, remote, warning, error, auth, fatal, bug), found 'eror'"
            ),
            ("listen bgp port 1790;", "1:1 'listen bgp' is of BIRD 1.6: write 'local IP port N' in each protocol bgp"),
            ("table x;", "1:1 a table has a family: 'ipv4 table NAME;' or 'ipv6 table NAME;'"),
            (
                "protocol ospf x {}",
                "1:10 protocol ospf is not supported yet; run another daemon for it and use 'learn' in 'protocol kernel'"
            ),
            (
                "protocol device { interface \"x\"; }",
                "1:19 'interface' in protocol device is not supported yet; write the address where it is used: 'router id', 'local IP', 'next hop address'"
            ),
            ("protocol device {} protocol device {}", "1:20 there is another device protocol"),
            ("protocol static { route 10.0.0.0/8 blackhole; }", "1:1 a static protocol needs a channel: ipv4 or ipv6"),
            (
                "protocol static { ipv4; route 10.0.0.1/8 blackhole; }",
                "1:31 10.0.0.1/8 has host bits set; the network is 10.0.0.0/8"
            ),
            ("protocol static { ipv4; route ::/0 blackhole; }", "1:31 ::/0 does not fit the ipv4 channel"),
            (
                "protocol static { ipv4; route 10.0.0.0/8 via 192.0.2.1 weight 257; }",
                "1:63 weight 257 is out of range (1 to 256)"
            ),
            (
                "protocol static { ipv4 { import limit 5; }; }",
                "1:26 protocol static has no session to end at a limit: write 'action block'"
            ),
            ("protocol pipe { table master4; }", "1:1 the other table is missing: 'peer table NAME'"),
            ("protocol pipe { peer table master4; }", "1:1 the primary table is missing: 'table NAME'"),
            ("protocol pipe { table master4; peer table master4; }", "1:1 a pipe connects two tables"),
            (
                "protocol pipe { table master4; peer table master6; }",
                "1:1 'master4' and 'master6' are of different families"
            ),
            (
                "protocol pipe { receive limit 5; }",
                "1:17 a pipe receives nothing: use 'import limit' and 'export limit'"
            ),
            (
                "protocol pipe { import limit 5; }",
                "1:17 protocol pipe has no session to end at a limit: write 'action block' or 'action warn'"
            ),
            ("protocol pipe { mode opaque; }", "1:17 pipes are always transparent: remove 'mode'"),
            (
                "protocol bgp x { disable after cease { prefix limit }; }",
                "1:40 expected a kind of Cease (cease, prefix limit hit, administrative shutdown, peer deconfigured, administrative reset, connection rejected, configuration change, connection collision, out of resources), found 'prefix'"
            ),
            (
                "protocol static { ipv4 { table master6; }; }",
                "1:32 table 'master6' is of the other family than the channel"
            ),
            (
                "protocol static { ipv4 { table mastr4; }; }",
                "1:32 expected a table, but 'mastr4' is not defined; did you mean 'master4'?"
            ),
            ("protocol static { ipv4; ipv6; }", "1:25 protocol static has one channel, and it is of the other family"),
            (
                "protocol kernel { ipv4; } protocol kernel { ipv4; }",
                "1:45 kernel protocol 'kernel1' is connected to table 'master4' already"
            ),
            (
                "protocol kernel { ipv4; import all; }",
                "1:25 'import' belongs into a channel: ipv4 { import …; }; or ipv6 { import …; };"
            ),
            ("protocol bgp x { neighbor 1.2.3.4 as 5; }", "1:14 the local AS number is missing: 'local as N'"),
            ("protocol bgp x { local as 5; }", "1:14 the neighbour's address is missing: 'neighbor IP as N'"),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4; }",
                "1:39 the neighbour's AS is missing: 'as N', 'internal' or 'external'"
            ),
            (
                "protocol bgp x { local as 5; neighbor range 1.0.0.0/8 as 5; }",
                "1:39 'neighbor range' is not supported yet; write a 'protocol bgp' for each neighbour, with a template"
            ),
            (
                "protocol bgp x { local as 5; neighbor fe80::1 as 6; }",
                "1:39 a link-local address needs an interface, as in fe80::1%eth0"
            ),
            (
                "protocol bgp x { local as 5; neighbor fe80::1%eth0 as 5; }",
                "1:39 a multihop session cannot be bound to a link; internal sessions are multihop unless 'direct' is given"
            ),
            (
                "protocol bgp x { local 1.2.3.4 as 5; neighbor 2001:db8::1 as 6; }",
                "1:24 1.2.3.4 and the neighbour's 2001:db8::1 are of different families"
            ),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4 as 6; rr client; }",
                "1:53 only internal neighbours can be route reflector clients"
            ),
            ("protocol bgp x { hold time 2; }", "1:28 hold time must be 0 or at least 3 seconds (RFC 4271 §4.2)"),
            ("protocol bgp x { neighbor 1.2.3.4 port 65536 as 6; }", "1:40 port 65536 is out of range (1 to 65535)"),
            ("protocol bgp x { multihop 256; }", "1:27 number of hops 256 is out of range (1 to 255)"),
            ("protocol bgp x { add paths on; }", "1:18 'add paths' is an option of channels: ipv4 { add paths on; }"),
            ("protocol bgp x { add paths rx; }", "1:18 'add paths' is an option of channels: ipv4 { add paths on; }"),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; rs client; }",
                "1:53 only external neighbours can be route server clients"
            ),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; ipv4 { add paths best 2; }; }",
                "1:60 'add paths best' limits what is sent: it needs 'add paths tx' or 'add paths on'"
            ),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; ipv4 { add paths best 0; }; }",
                "1:75 number of paths 0 is out of range (1 to 255)"
            ),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; ipv4 { secondary; }; }",
                "1:60 'secondary' needs a sorted table, as in: table master4 sorted;"
            ),
            (
                "ipv4 table t { digest on; };",
                "1:16 a table option is not supported yet; remove it: tables need no tuning, only 'sorted' has a meaning"
            ),
            (
                "protocol bgp x { graceful restart time 4096; }",
                "1:40 graceful restart time 4096 is out of range (0 to 4095)"
            ),
            (
                "protocol bgp x { local as 5; neighbor 1.2.3.4 as 5; graceful restart off; long lived graceful restart; }",
                "1:75 'long lived graceful restart' needs 'graceful restart', which is off (RFC 9494)"
            ),
            (
                "protocol bgp x { ipv4 { long lived stale time 16777216; }; }",
                "1:47 long lived stale time 16777216 is out of range (0 to 16777215)"
            ),
            ("protocol bgp x { stale path time 0; }", "1:34 stale path time 0 is out of range (1 to 65535)"),
            ("protocol bgp x { bfd; }", "1:18 'bfd' is not supported yet; remove it and shorten 'hold time'"),
            ("protocol bgp x { password \"\"; }", "1:27 a password has 1 to 80 octets"),
            ("protocol bgp x { hold time 9 s; }", "1:30 expected ';', found 's'"),
            ("protocol bgp x { error wait time 9, 3; }", "1:34 the first wait is longer than the longest"),
            (
                "template bgp a {} protocol static from a {}",
                "1:40 'a' is a bgp protocol and cannot be the template of one of kind static"
            ),
            ("protocol device from b {}", "1:22 expected a template, but 'b' is not defined"),
            ("filter f { } filter f { }", "1:21 'f' is already defined as a filter"),
            ("define then = 1;", "1:8 expected a name for the constant, found the keyword 'then'"),
            ("define x = 1/0;", "1:13 division by zero"),
            ("filter f { if bgp_med then accept; }", "1:15 the condition must be of type bool, not int"),
            (
                "filter f { if net ~ [10.0.0.0/8, ::/0] then accept; }",
                "1:34 IPv4 and IPv6 prefixes cannot be in one set"
            ),
            ("filter f { bgp_med = (1,2); }", "1:22 'bgp_med' is of type int and cannot take a value of type pair"),
            ("filter f { if 1 < 2 < 3 then accept; }", "1:21 comparisons do not chain; use parentheses"),
            ("filter f { net = 10.0.0.0/8; }", "1:12 'net' cannot be changed"),
            ("filter f { printf 1; }", "1:12 'printf' is not a statement of a filter; did you mean 'print'?"),
            (
                "filter f { bt_assert(true); }",
                "1:12 'bt_assert' belongs to BIRD's tests of itself; use 'print' to see a value"
            ),
            ("filter f { mac m; }", "1:12 type 'mac' is about Ethernet routes, which this speaker does not have"),
            (
                "attribute bool a;",
                "1:11 there are no attributes of type bool, only of int, quad, ip, string, bytestring, bgppath, clist, eclist, lclist"
            ),
            ("attribute strin a;", "1:11 'strin' is not a type; did you mean 'string'?"),
            ("attribute bgp 8 bytestring a;", "1:15 attribute 8 is COMMUNITIES, which filters know already"),
            ("attribute bgp 200 int a;", "1:19 the attribute must be of type bytestring, not int"),
            (
                "filter f { rip_metric = 1; }",
                "1:12 'rip_metric' belongs to protocol rip, which this speaker does not have"
            ),
            (
                "filter f { if net.rd = 1:2 then accept; }",
                "1:19 '.rd' is about VPN routes, which filters of this speaker never see"
            ),
            (
                "filter f { gw = 1.2.3.4; }",
                "1:12 'gw' cannot be changed; the way out follows from 'bgp_next_hop', or from the routes of 'protocol static'"
            ),
            (
                "filter f { bgp_aggregator = 1; }",
                "1:12 'bgp_aggregator' cannot be changed; it can be tested with 'defined' and removed with 'unset'"
            ),
            (
                "filter f { krt_mtu = 1; }",
                "1:12 'krt_mtu': of kernel routes only 'krt_metric', 'krt_source' and 'krt_prefsrc' can be read and set"
            ),
            (
                "filter f { for int x in net do print x; }",
                "1:25 'for' goes through a path or a list, not through prefix"
            ),
            (
                "filter f { for pair x in bgp_path do print x; }",
                "1:21 'x' is of type pair, the elements are of type int"
            ),
            (
                "filter f { case bgp_med { 1..5: accept; 3: reject; } }",
                "1:41 another branch has some of these values too"
            ),
            ("filter f { case net { else: accept; } }", "1:17 'case' is not defined for prefix"),
            (
                "filter f { if roa_check(t) = ROA_VALID then accept; }",
                "1:25 expected a table of roa4 or roa6, but 't' is not defined"
            ),
            ("filter f { bgp_path.len; }", "1:21 the method gives int and 'bgp_path' is of type bgppath"),
            (
                "define x = 01:23:45:67:89:ab;",
                "1:12 MAC addresses are about Ethernet routes, which this speaker does not have"
            ),
            ("define x = \"a\" ++ 5;", "1:16 '++' is not defined for string and int"),
            ("filter f { acept; }", "1:12 'acept' is not a statement of a filter; did you mean 'accept'?"),
            ("filter f { if bgp_pth.len > 3 then reject; }", "1:15 'bgp_pth' is not defined; did you mean 'bgp_path'?"),
            ("filter f { if (1, 70000) ~ bgp_community then accept; }", "1:15 half of a pair out of range"),
            ("filter f { if 10 / 0 = 1 then accept; }", "1:18 division by zero"),
            ("filter f { if bgp_community ~ (1,2) then accept; }", "1:29 '~' is not defined for clist and pair"),
            (
                "function f(int a) { return a; } filter g { if f(true) = 1 then accept; }",
                "1:49 argument 1 of 'f' must be of type int, not bool"
            ),
            (
                "function f(int a) { return a; } filter g { if f() = 1 then accept; }",
                "1:49 'f' takes 1 arguments, not 0"
            ),
            ("define a = \"x", "1:12 string is not closed on its line"),
            ("/* never", "1:1 comment is not closed"),
            ("define a = 4294967296;", "1:12 number out of range"),
            ("define a = 1.2.3;", "1:12 malformed IPv4 address '1.2.3'"),
            ("define a = 5abc;", "1:12 malformed number '5abc'"),
            ("define a = §;", "1:12 unexpected character '§'"),
        ]
    )
    func positions(_ text: String, _ expected: String) {
        #expect(errors(text).first == expected)
    }

    @Test("A session with another AS needs both policies")
    func externalPolicies() {
        #expect(
            errors("protocol bgp x { local as 5; neighbor 1.2.3.4 as 6; ipv4; }") == [
                "1:53 a session with another AS needs an explicit import policy (RFC 8212)",
                "1:53 a session with another AS needs an explicit export policy (RFC 8212)",
            ]
        )
    }

    @Test(
        "What is refused says what to do instead",
        arguments: [
            "mrtdump protocols all;", "eval 1;", "roa table x;", "vpn4 table x;",
            "flow4 table x;", "mpls domain x;", "cli \"x\" {};", "threads 2;", "hostname \"x\";",
            "protocol rpki x {}", "protocol bmp x {}", "protocol mrt x {}", "protocol rip x {}", "protocol ospf x {}",
            "protocol babel x {}", "protocol radv x {}", "protocol perf x {}", "protocol l3vpn x {}",
            "protocol direct { vrf \"x\"; }", "protocol direct { ipv4 multicast; }",
            "protocol direct { ipv4 { description \"x\"; }; }", "protocol bgp { onlink; }",
            "protocol bgp { disable rx; }",
            "protocol bgp { dynamic name \"x\"; }", "protocol bgp { require hostname; }",
            "protocol bgp { authentication ao; }", "protocol bgp { ipv4 { validate on; }; }",
            "protocol bgp { ipv4 { base table x; }; }", "protocol bgp { ipv4 { export limit 5 action block; }; }",
            "protocol bgp { ipv6 { link local next hop format single; }; }",
            "protocol rpki { }", "protocol device { interface \"x\" { preferred 1.2.3.4; }; }",
        ]
    )
    func advised(_ text: String) throws {
        let error = try #require(load(text).errors.first)
        #expect(error.message.contains("; "), "\(error.message)")
    }

    @Test("All errors are reported, each once")
    func recovery() {
        let text = """
            protocol bgp x { hold time 1; ipv4 { prefrence 5; import filter { acept; bgp_med = true; reject; };
              export some; }; multihop 0; }
            foo { bar; };
            define a = b;
            """
        #expect(
            load(text).errors.map { "\($0.line):\($0.column)" } == [
                "1:28", "1:38", "1:67", "1:84", "2:10", "2:28", "3:1", "4:12",
            ]
        )
    }

    @Test("Reporting stops after a bounded number of errors")
    func bounded() {
        let found = load(String(repeating: "x;\n", count: 10_000)).errors
        #expect(found.count == Parser.errorLimit + 1)
        #expect(found.last?.message == "too many errors; the rest is not checked")
    }

    @Test("Nesting is bounded", arguments: ["(", "[", "!", "((((1,"])
    func nesting(_ open: String) {
        let found = errors("define a = " + String(repeating: open, count: 100_000) + ";")
        #expect(!found.isEmpty)
    }

    @Test("A configuration without protocol is refused")
    func empty() {
        #expect(errors("router id 1.2.3.4;") == ["1:19 the configuration has no protocol"])
    }

    @Test("A warning points out operators that bind alike")
    func mixedOperators() throws {
        let result = load("protocol device {}\nfilter f { if true || false && false then accept; }")
        #expect(result.settings != nil)
        #expect(result.diagnostics.map(\.severity) == [.warning])
        #expect(result.diagnostics.map(\.column) == [29])
    }
}

@Suite("Included files")
struct IncludeTests {
    @Test("Patterns are relative to the including file, sorted, and may match nothing")
    func patterns() throws {
        let sources = InMemorySources([
            "/etc/m/main.conf": "include \"peers/*.conf\";\ninclude \"none*.conf\";\nprotocol device {}",
            "/etc/m/peers/b.conf": "define second = first + 1;",
            "/etc/m/peers/a.conf": "define first = 1;",
            "/etc/m/peers/.hidden.conf": "broken",
            "/etc/m/peers/a.txt": "broken",
        ])
        let result = ConfigurationLoader.load(root: "/etc/m/main.conf", provider: sources)
        #expect(result.errors == [])
        #expect(
            result.sources.map(\.path) == ["/etc/m/main.conf", "/etc/m/peers/a.conf", "/etc/m/peers/b.conf"]
        )
        #expect(Set(result.sources.map(\.digest)).count == 3)
    }

    @Test("An error in an included file names that file")
    func errorInside() {
        let result = load("protocol device {}\ninclude \"x.conf\";", files: ["x.conf": "\n bad;"])
        #expect(result.errors.map { "\($0.path):\($0.line):\($0.column)" } == ["x.conf:2:2"])
    }

    @Test("A file that is missing is an error where it is named")
    func missing() {
        #expect(
            errors("protocol device {}\ninclude \"x.conf\";") == [
                "2:9 cannot read 'x.conf': No such file or directory"
            ]
        )
    }

    @Test("A file cannot include itself, by any spelling")
    func loops() {
        #expect(
            errors("include \"a\";", files: ["a": "include \"./t.conf\";"]).first
                == "1:9 't.conf' includes itself"
        )
    }

    @Test("Includes nest to a bounded depth")
    func depth() {
        var files: [String: String] = [:]
        for level in 0..<20 { files["f\(level)"] = "include \"f\(level + 1)\";" }
        #expect(errors("include \"f0\";", files: files).first == "1:9 includes are nested more than 8 deep")
    }

    @Test("The root must be readable")
    func root() {
        let result = ConfigurationLoader.load(root: "nowhere", provider: InMemorySources([:]))
        #expect(result.settings == nil)
        #expect(result.errors.map(\.message) == ["cannot read 'nowhere': No such file or directory"])
    }
}
