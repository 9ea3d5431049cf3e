import IPAddressing
import Resources
import Synchronization
import Testing

@testable import Confd

@Suite("Rendering of templates")
struct TemplateRendererTests {
    static let view = KeyValueView(values: [
        "/bgp/v1/global/as_num": "64512", "/bgp/v1/host/a/ip": "10.0.0.1", "/bgp/v1/host/b/ip": "10.0.0.2",
        "/bgp/v1/host/b/sub/x": "1", "/json": "{\"list\": [1, 2], \"text\": \"t\", \"nothing\": null}",
    ])

    private func render(
        _ text: String,
        _ values: [String: TemplateValue] = [:],
        others: [String: String] = [:]
    ) throws -> String {
        var renderer = TemplateRenderer()
        renderer.use(TemplateBundle(files: others.merging(["templates/t": text]) { $1 }))
        return try renderer.render("t", values: values, view: Self.view)
    }

    @Test("A tag on a line of its own leaves no empty line")
    func trim() throws {
        #expect(try self.render("a\n{% if yes %}\nb\n{% endif %}\nc\n", ["yes": .flag(true)]) == "a\nb\nc\n")
    }

    @Test("An undefined variable is an error with file and line, also among equal lines")
    func undefinedVariable() throws {
        let text = "x\n{{ good }}\n{% if yes %}\n{{ missing.field }}\n{% endif %}\n"
        let error = ConfdError.template(file: "templates/t", line: 4, reason: "undefined variable missing.field")
        #expect(throws: error) { try self.render(text, ["good": .text("g"), "yes": .flag(true)]) }
    }

    @Test("A default makes a variable optional, and so does a test")
    func optionalVariable() throws {
        #expect(try self.render("{{ missing|default:\"d\" }}{% if missing %}x{% endif %}") == "d")
    }

    @Test("An unknown filter is an error with file and line")
    func unknownFilter() throws {
        let error = #expect(throws: ConfdError.self) { try self.render("\n\n{{ \"x\"|nonsense }}\n") }
        #expect(error.map { "\($0)".hasPrefix("templates/t:3: Unknown filter 'nonsense'") } ?? false)
    }

    @Test("A missing end tag is an error with a file and line")
    func missingEnd() throws {
        let error = #expect(throws: ConfdError.self) { try self.render("a\n{% if x %}\n") }
        #expect(error.map { "\($0)".hasPrefix("templates/t:2: ") } ?? false, "\(String(describing: error))")
    }

    @Test("An unclosed tag is an error with its line", arguments: ["{{ a", "{% if a", "{# note", "{{ a %}"])
    func unclosedTag(tag: String) throws {
        let error = #expect(throws: ConfdError.self) { try self.render("line\n" + tag) }
        #expect(error.map { "\($0)".hasPrefix("templates/t:2: tag ") } ?? false)
    }

    @Test("A template that is not there is an error")
    func noTemplate() {
        var renderer = TemplateRenderer()
        #expect(throws: ConfdError.template(file: "templates/t", line: nil, reason: "no such template")) {
            try renderer.render("t", values: [:], view: nil)
        }
    }

    @Test("Included templates see the values and are strict too")
    func include() throws {
        let others = ["templates/part": "[{{ good }}]"]
        #expect(try self.render("{% include \"part\" %}", ["good": .text("g")], others: others) == "[g]")
        #expect(throws: ConfdError.self) { try self.render("{% include \"part\" %}", others: others) }
    }

    @Test(
        "Filters over keys and texts",
        arguments: [
            ("{{ \"/bgp/v1/global/as_num\"|getv }}", "64512"),
            ("{{ \"/nowhere\"|getv:\"d\" }}", "d"),
            (
                "{% for kv in \"/bgp/v1/host/*/ip\"|gets %}{{ kv.key }}={{ kv.value }};{% endfor %}",
                "/bgp/v1/host/a/ip=10.0.0.1;/bgp/v1/host/b/ip=10.0.0.2;"
            ),
            ("{{ \"/bgp/v1/host/?/ip\"|getvs|join:\",\" }}", "10.0.0.1,10.0.0.2"),
            ("{{ \"/bgp/v1/host\"|ls|join:\",\" }}", "a,b"),
            ("{{ \"/bgp/v1/host/b\"|ls|join:\",\" }}", "ip,sub"),
            ("{{ \"/bgp/v1/host/b\"|lsdir|join:\",\" }}", "sub"),
            ("{% if \"/bgp/v1/global/as_num\"|exists %}yes{% endif %}{% if \"/x\"|exists %}no{% endif %}", "yes"),
            ("{% for n in \"/json\"|getv|jsonlist %}{% endfor %}", nil),
            ("{{ \"a,b\"|split:\",\"|join:\"+\" }}", "a+b"),
            ("{{ \"/a/b/c\"|base }} {{ \"/a/b/c\"|dir }}", "c /a/b"),
            ("{{ \"a.b.c\"|replace:\".\",\"_\" }}", "a_b_c"),
            ("{{ \"abc\"|toUpper }}{{ \"ABC\"|toLower }}", "ABCabc"),
            ("{{ \"abc\"|trimSuffix:\"c\" }}", "ab"),
            ("{% if \"abc\"|contains:\"b\" %}1{% endif %}{% if \"abc\"|hasSuffix:\"b\" %}2{% endif %}", "1"),
            ("{{ \"/nowhere\"|getv }}", nil),
            ("{{ \"x\"|json }}", nil),
        ] as [(String, String?)]
    )
    func filters(text: String, expected: String?) throws {
        guard let expected else {
            #expect(throws: ConfdError.self) { try self.render(text) }
            return
        }
        #expect(try self.render(text) == expected)
    }

    @Test("The json filter gives fields and lists, without those that are null")
    func json() throws {
        let document = TemplateValue.text("{\"list\": [1, 2], \"text\": \"t\", \"nothing\": null}")
        let text = "{% for n in document|json %}{{ n }}{% endfor %}"
        #expect(
            try self.render("{% for n in d|jsonArray %}{{ n }},{% endfor %}", ["d": .text("[1, \"b\", true]")])
                == "1,b,true,"
        )
        #expect(try self.render(text, ["document": document]).contains("list"))
    }

    @Test("A template resource sees its keys with the prefix taken off, for its node only")
    func restrictedView() {
        let view = KeyValueView(values: [
            "/calico/bgp/v1/host/a/ip": "1", "/calico/bgp/v1/host/ab/ip": "2", "/calico/other": "3",
        ])
        let seen = view.restricted(to: ["/bgp/v1/host//NODENAME"], prefix: "/calico", nodeName: "a")
        #expect(seen.values == ["/bgp/v1/host/a/ip": "1"])
    }

    @Test("A pattern with many stars ends soon")
    func pattern() {
        let pattern = Array(String(repeating: "*a", count: 200).utf8)
        let text = Array(String(repeating: "a", count: 5000).utf8) + [UInt8(ascii: "b")]
        #expect(!KeyValueView.matches(pattern, text))
    }

    @Test("Keys of a snapshot are those that confd's templates know")
    func snapshotKeys() throws {
        var cluster = try Cluster.nodes(1)
        try cluster.pool("p", "192.168.0.0/16") { $0.vxlanMode = .always }
        try cluster.block("192.168.0.0/26")
        cluster.configuration("node.a") { $0.listenPort = 178 }
        let values = KeyValueView(cluster.snapshot).values
        #expect(values["/calico/bgp/v1/global/as_num"] == "64512")
        #expect(values["/calico/bgp/v1/host/a/ip_addr_v4"] == "10.0.0.1")
        #expect(values["/calico/bgp/v1/host/a/network_v4"] == "10.0.0.0/24")
        #expect(values["/calico/bgp/v1/host/a/ip_addr_v6"] == "")
        #expect(values["/calico/bgp/v1/host/a/listen_port"] == "178")
        #expect(values["/calico/ipam/v2/host/a/ipv4/block/192.168.0.0-26"] == "{\"state\":\"confirmed\"}")
        #expect(values["/calico/v1/ipam/v4/pool/192.168.0.0-16"]?.contains("\"vxlan_mode\":\"always\"") ?? false)
    }
}
