import Testing

@testable import Confd

@Suite("Template resources")
struct TemplateResourceTests {
    @Test("All keys of a template resource are read")
    func allKeys() throws {
        let text = """
            [template]
            src = "a.stencil"
            dest = "/etc/a.conf"
            keys = ["/one", "/two"]
            prefix = "/calico"
            mode = "0600"
            uid = 1
            gid = 2
            check_cmd = "check {{src}}"
            reload_cmd = "@speaker"
            """
        let resource = try TemplateResource(file: "conf.d/a.toml", text: text)
        #expect(resource.source == "a.stencil")
        #expect(resource.destination == "/etc/a.conf")
        #expect(resource.keys == ["/one", "/two"])
        #expect(resource.prefix == "/calico")
        #expect(resource.mode == 0o600)
        #expect(resource.userID == 1 && resource.groupID == 2)
        #expect(resource.check == .shell("check {{src}}"))
        #expect(resource.reload == .builtIn("speaker"))
    }

    @Test("Owner and group may be names, and an interval says how often to render anew")
    func namesAndInterval() throws {
        let head = "[template]\nsrc = \"a\"\ndest = \"/a\"\n"
        let text = head + "owner = \"root\"\ngroup = \"root\"\ninterval = 30\n"
        let resource = try TemplateResource(file: "conf.d/a.toml", text: text)
        #expect(resource.userID == 0 && resource.groupID == 0 && resource.interval == 30)
        for line in [
            "owner = \"no such user\"", "group = \"no such group\"", "interval = 0", "owner = \"root\"\nuid = 0",
        ] {
            #expect(throws: ConfdError.self) { try TemplateResource(file: "conf.d/a.toml", text: head + line + "\n") }
        }
    }

    @Test("Lines within strings and lists that look like a table's head are none")
    func noHeads() throws {
        let text = """
            [template]
            src = 'a'
            dest = "/b"
            check_cmd = \"""
            [ -f x ] &&
            [{ \\\"""\"""
            keys = [ # [{
              "/x",
            ]
            """
        let resource = try TemplateResource(file: "conf.d/a.toml", text: text)
        #expect(resource.check == .shell("[ -f x ] &&\n[{ \"\"\""))
        #expect(resource.keys == ["/x"])
    }

    @Test("A syntax error names file and line")
    func syntaxError() throws {
        let error = #expect(throws: ConfdError.self) {
            try TemplateResource(file: "conf.d/a.toml", text: "[template]\nsrc = \n")
        }
        #expect(error.map { "\($0)".hasPrefix("conf.d/a.toml:2: ") } ?? false, "\(String(describing: error))")
    }

    @Test(
        "What a template resource must not say is refused",
        arguments: [
            ("", "no [template] table"),
            ("[template]\nsrc = \"a\"", "template.src and template.dest are needed"),
            ("[template]\nsrc = \"a\"\ndest = \"b\"\ncolor = \"x\"", "unknown key template.color"),
            ("[other]\n[template]\nsrc = \"a\"\ndest = \"b\"", "unknown key other"),
            ("[template]\nsrc = \"../a\"\ndest = \"b\"", "template.src must be a path inside the templates directory"),
            ("[template]\nsrc = \"a\"\ndest = \"x/../b\"", "template.dest must be a path without . and .. components"),
            ("[template]\nsrc = \"a\"\ndest = \"b\"\nmode = \"9\"", "template.mode must be an octal string up to 0777"),
            ("[template]\nsrc = \"a\"\ndest = \"b\"\nuid = -1", "template.uid must be a number"),
            ("[template]\nsrc = \"a\"\ndest = \"b\"\nkeys = [1]", "template.keys must be a list of strings"),
            ("[template]\nsrc = \"a\"\ndest = \"b\"\nprefix = \"x\"", "template.prefix must begin with /"),
            ("[template]\nsrc = \"a\"\ndest = \"{{name}}\"", "template.dest may hold {{name}} only with template.each"),
            (
                "[template]\nsrc = \"a\"\ndest = \"b\"\neach = \"x\"",
                "template.dest needs {{name}} once, in its last component, with template.each"
            ),
        ]
    )
    func refused(text: String, reason: String) {
        #expect(throws: ConfdError.manifest(file: "f", line: nil, reason: reason)) {
            try TemplateResource(file: "f", text: text)
        }
    }
}
