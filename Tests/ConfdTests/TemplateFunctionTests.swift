import Foundation
import Resources
import Testing

@testable import Confd

@Suite("Functions of templates")
struct TemplateFunctionTests {
    private func render(_ expression: String, _ values: [String: TemplateValue] = [:]) throws -> String {
        var renderer = TemplateRenderer()
        renderer.use(TemplateBundle(files: ["templates/t": "{{ \(expression) }}"]))
        return try renderer.render("t", values: values, view: TemplateRendererTests.view)
    }

    @Test(
        "Numbers, lists, texts and addresses are computed",
        arguments: [
            (#""7"|add:3"#, "10"), (#""7"|sub:9"#, "-2"), (#""7"|mul:3"#, "21"), (#""7"|div:2"#, "3"),
            (#""7"|mod:2"#, "1"), (#""12"|atoi|add:1"#, "13"), (#""1"|seq:3|join:",""#, "1,2,3"),
            (#""3"|seq:1|join:",""#, ""), (#""a,b,c"|split:","|reverse|join:",""#, "c,b,a"),
            (#""ccc,a,bb"|split:","|sortByLength|join:",""#, "a,bb,ccc"), (#""Ab"|base64Encode"#, "QWI="),
            (#""QWI="|base64Decode"#, "Ab"), (#""/"|fileExists"#, "true"), (#""/no/such"|fileExists"#, "false"),
            (#""NO_SUCH_VARIABLE"|getenv:"x""#, "x"), (#""%%"|datetime"#, "%"), (#""t"|parseBool"#, "true"),
            (#""127.0.0.1"|lookupIP|join:",""#, "127.0.0.1"), (#""::1"|lookupIPV6|join:",""#, "::1"),
            (#""lo"|lookupIfaceIPV4"#, "127.0.0.1"),
            (#""10.1.2.3/16"|address"#, "10.1.2.3"), (#""10.1.2.3/16"|network"#, "10.1.0.0/16"),
            (#""10.1.2.3/16"|netmask"#, "255.255.0.0"), (#""10.1.2.3/16"|prefixLength"#, "16"),
            (#""10.1.0.0/16"|addressAt:258"#, "10.1.1.2"), (#""fd00::/64"|addressAt:65536"#, "fd00::1:0"),
            (#""10.0.0.0/8"|subnet:16,5"#, "10.5.0.0/16"), (#""fd00::/56"|subnet:64,255"#, "fd00:0:0:ff::/64"),
            (#""10.1.2.3"|inPrefix:"10.1.0.0/16""#, "true"), (#""10.2.2.3"|inPrefix:"10.1.0.0/16""#, "false"),
            (#""fd00::1"|isIPv4"#, "false"), (#""fd00::1"|isIPv6"#, "true"),
        ]
    )
    func values(_ expression: String, _ expected: String) throws {
        #expect(try self.render(expression) == expected)
    }

    @Test(
        "What cannot be computed is an error with file and line, and never stops the program",
        arguments: [
            #""7"|div:0"#, #""7"|mod:0"#, #""9223372036854775807"|add:1"#, #""x"|add:1"#, #""7"|add"#,
            #""1"|seq:900000000"#, #""-9223372036854775807"|seq:9223372036854775807"#, #""maybe"|parseBool"#,
            #""?"|base64Decode"#, #""10.0.0.0/30"|addressAt:4"#, #""10.0.0.0/30"|addressAt:-1"#,
            #""255.255.255.255/32"|addressAt:1"#, #""10.0.0.0/8"|subnet:4,0"#, #""10.0.0.0/8"|subnet:9,2"#,
            #""10.0.0.0/8"|subnet:33,0"#, #""fd00::/64"|netmask"#, #""host"|network"#, #""a"|map"#,
            #""no-such"|lookupIfaceIPV6"#, #""/no/such"|get"#,
        ]
    )
    func errors(_ expression: String) {
        let error = #expect(throws: ConfdError.self) { try self.render(expression) }
        #expect(error.map { "\($0)".hasPrefix("templates/t:1: ") } ?? false)
    }

    @Test("Services are found by SRV records, by their target, and there are none while nobody answers")
    func services() throws {
        struct Silence: Error {}
        func render(_ expression: String) throws -> String {
            var renderer = TemplateRenderer { name in
                guard name == "_etcd-client._tcp.example.com" || name == "example.com" else { throw Silence() }
                return [
                    ServiceRecord(target: "a", port: 2379, priority: 1, weight: 2),
                    ServiceRecord(target: "b", port: 80),
                ]
            }
            let text =
                "{% for s in \(expression) %}{{ s.target }}:{{ s.port }}:{{ s.priority }}:{{ s.weight }};{% endfor %}"
            renderer.use(TemplateBundle(files: ["templates/t": text]))
            return try renderer.render("t", values: [:], view: nil)
        }
        #expect(try render(#""etcd-client"|lookupSRV:"tcp","example.com""#) == "a:2379:1:2;b:80:0:0;")
        #expect(try render(#"""|lookupSRV:"","example.com""#) == "a:2379:1:2;b:80:0:0;")
        #expect(try render(#""x"|lookupSRV:"tcp","example.com""#) == "")
        #expect(throws: ConfdError.self) { try render(#""x"|lookupSRV:"tcp""#) }
        #expect(throws: ConfdError.self) { try self.render(#""x"|lookupSRV:"tcp","y"|json"#) }
    }

    @Test("Keys come from the environment and from files, and those of the datastore count first")
    func keySources() async throws {
        var bench = try Bench(embedded: false)
        try bench.directory.write(
            "keys.json",
            #"{"web": {"port": 80, "hosts": ["a", "b"], "on": true, "off": null}, "later": 1.5}"#
        )
        try bench.directory.write("more.json", #"{"web": {"port": 8080}, "calico": {"bgp": {"v1": {"global": 1}}}}"#)
        bench.settings.keySources = KeySources(
            environment: ["COLOR": "red"],
            files: [bench.directory.path + "/keys.json", bench.directory.path + "/more.json"]
        )
        let target = bench.directory.path + "/etc/x"
        try bench.directory.write(
            "templates/conf.d/x.toml",
            "[template]\nsrc = \"x\"\ndest = \"\(target)\"\nkeys = [\"/web\", \"/env/COLOR\", \"/later\", \"/calico\"]\n"
        )
        try bench.directory.write(
            "templates/templates/x",
            """
            {{ "/web/port"|getv }} {{ "/web/hosts/1"|getv }} {{ "/web/on"|getv }} {{ "/later"|getv }} \
            {{ "/env/COLOR"|getv }} {{ "/calico/bgp/v1/global/as_num"|getv }}
            """
        )
        let engine = bench.makeEngine()
        try await engine.cycle(try Cluster.nodes(1).snapshot)
        #expect(try bench.directory.read("etc/x") == "8080 b true 1.5 red 64512")
        try bench.directory.write("keys.json", "{")
        await #expect(throws: ConfdError.self) { try await engine.cycle(try Cluster.nodes(1).snapshot) }
        #expect(try bench.directory.read("etc/x") == "8080 b true 1.5 red 64512")
    }

    @Test("A file of its own that cannot be rendered holds up no other file")
    func independence() async throws {
        let bench = try Bench()
        for (name, text) in [("bad", "{{ missing }}"), ("good", "fine\n")] {
            let target = bench.directory.path + "/etc/\(name)"
            try bench.directory.write(
                "templates/conf.d/\(name).toml",
                "[template]\nsrc = \"\(name)\"\ndest = \"\(target)\"\n"
            )
            try bench.directory.write("templates/templates/\(name)", text)
        }
        await #expect(throws: ConfdError.template(file: "templates/bad", line: 1, reason: "undefined variable missing"))
        {
            try await bench.makeEngine().cycle(try Cluster.nodes(1).snapshot)
        }
        #expect(try bench.directory.read("etc/good") == "fine\n")
        #expect(bench.directory.exists("out/speaker.conf") && !bench.directory.exists("etc/bad"))
        #expect(bench.recorder.reloadCount == 1)
    }
}
