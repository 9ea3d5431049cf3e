import BGPWire
import IPAddressing
import Policy
import SpeakerSettings

/// Prints what a configuration comes to.
///
/// Templates, includes and constants in protocols are resolved and every option stands there with its value, in BIRD 2's
/// language whatever the dialect that was read. Read again, the text gives equal settings.
public struct ConfigurationPrinter {
    /// What was read, with errors and warnings.
    public let result: LoadResult

    private let parser: Parser
    private let showsSecrets: Bool
    private var text = ""

    /// Reads the file at `root` and all it includes.
    ///
    /// Passwords are printed with `showsSecrets` only; others read as `"hidden"`.
    public init(
        root: String,
        provider: some SourceProvider,
        dialect: Dialect = .bird2,
        showsSecrets: Bool = false
    ) {
        (self.result, self.parser) = ConfigurationLoader.parse(root: root, provider: provider, dialect: dialect)
        self.showsSecrets = showsSecrets
    }

    /// The effective configuration; nil when there are errors.
    public var effective: String? {
        guard let settings = self.result.settings else { return nil }
        var copy = self
        copy.writeGlobals(settings)
        copy.writeDefinitions()
        for instance in settings.protocols { copy.write(instance) }
        guard let laidOut = try? ConfigurationFormatter.format(Array(copy.text.utf8), path: "") else { return nil }
        return String(decoding: laidOut, as: UTF8.self)
    }
}

// MARK: - Words

extension ConfigurationPrinter {
    /// Writes one statement.
    mutating func say(_ statement: String) { self.text += statement + ";\n" }

    mutating func say(_ option: String, _ isOn: Bool) { self.say(option + (isOn ? " on" : " off")) }

    /// Writes what an option that nobody gave comes to.
    mutating func remark(_ text: String) { self.text += "# " + text + "\n" }

    /// A block: what is said inside stands in braces.
    mutating func block(_ head: String, end: String = "}\n\n", _ body: (inout ConfigurationPrinter) -> Void) {
        self.text += head + " {\n"
        body(&self)
        self.text += end
    }

    /// The name as it has to be written.
    func quoted(_ name: String) -> String {
        var lexer = Lexer(Array(name.utf8), file: 0)
        guard let first = try? lexer.next(), let second = try? lexer.next() else { return "'\(name)'" }
        let isPlain = first.kind == .word(name) && second.kind == .end && !Keywords.reserved.contains(name)
        return isPlain ? name : "'\(name)'"
    }

    func tokens(_ range: Range<Int>) -> String {
        ConfigurationFormatter.format(self.parser.tokens[range], self.parser.files) ?? ""
    }

    var isSecretShown: Bool { self.showsSecrets }
}

// MARK: - Top level

extension ConfigurationPrinter {
    private static func text(_ patterns: [InterfacePattern]) -> String {
        patterns.map { pattern in
            (pattern.isNegative ? "-" : "") + (pattern.glob.map { "\"\($0)\"" } ?? "")
                + (pattern.glob != nil && pattern.prefix != nil ? " " : "")
                + (pattern.prefix.map { "\($0)" } ?? "")
        }
        .joined(separator: ", ")
    }

    private mutating func writeGlobals(_ settings: SpeakerSettings) {
        if let id = settings.routerID {
            self.say("router id \(id)")
        } else if !settings.routerIDPatterns.isEmpty {
            self.say("router id from " + Self.text(settings.routerIDPatterns))
        } else {
            self.remark("router id: an IPv4 address of an interface, chosen at start")
        }
        self.say("graceful restart wait \(settings.restartWait)")
        for log in settings.logs {
            let destination =
                switch log.destination {
                case .standardError: "stderr"
                case .syslog(let name): "syslog" + (name.map { " name \"\($0)\"" } ?? "")
                case .file(let path): "\"\(path)\""
                }
            let classes = LogClass.allCases.filter { log.classes.contains($0) }.map(\.rawValue)
            let isAll = classes.count == LogClass.allCases.count
            self.say("log \(destination) " + (isAll ? "all" : "{ " + classes.joined(separator: ", ") + " }"))
        }
        for table in settings.tables {
            let word = table.family == .ipv4Unicast ? "ipv4" : "ipv6"
            self.say("\(word) table \(self.quoted(table.name))" + (table.isSorted ? " sorted" : ""))
        }
        for table in self.parser.transcript.originTables {
            self.say("\(table.isIPv4 ? "roa4" : "roa6") table \(self.quoted(table.name))")
        }
        self.text += "\n"
    }

    private mutating func writeDefinitions() {
        for range in self.parser.transcript.definitions { self.text += self.tokens(range) + "\n" }
        for origin in self.parser.transcript.origins {
            self.block("protocol static \(self.quoted(origin.name))") { printer in
                let word = origin.isIPv4 ? "roa4" : "roa6"
                printer.block(word, end: "};\n") { $0.say("table \($0.quoted(origin.table))") }
                for entry in origin.list {
                    printer.say("route \(entry.prefix) max \(entry.maximumLength) as \(entry.number.rawValue)")
                }
            }
        }
    }

    private mutating func write(_ instance: ProtocolSettings) {
        let name = self.quoted(instance.common.name)
        switch instance {
        case .bgp(let settings): self.block("protocol bgp \(name)") { $0.write(settings) }
        case .kernel(let settings):
            self.block("protocol kernel \(name)") { printer in
                printer.write(settings.common)
                printer.say("kernel table \(settings.kernelTable)")
                printer.say(settings.learnsKernelRoutes ? "learn all" : settings.learns ? "learn on" : "learn off")
                printer.say("persist", settings.persists)
                printer.say("scan time \(settings.scanTime)")
                printer.say(settings.mergePaths.map { "merge paths on limit \($0)" } ?? "merge paths off")
                printer.say("metric \(settings.metric ?? 0)")
                printer.write(settings.channel, of: settings.common.name)
            }
        case .static(let settings):
            self.block("protocol static \(name)") { printer in
                printer.write(settings.common)
                printer.write(settings.channel, of: settings.common.name)
                if let table = settings.igpTable { printer.say("igp table \(printer.quoted(table))") }
                for route in settings.routes { printer.write(route, of: settings.common.name) }
            }
        case .direct(let settings):
            self.block("protocol direct \(name)") { printer in
                printer.write(settings.common)
                for channel in settings.channels { printer.write(channel, of: settings.common.name) }
                if !settings.interfaces.isEmpty { printer.say("interface " + Self.text(settings.interfaces)) }
            }
        case .device(let settings):
            self.block("protocol device \(name)") { printer in
                printer.write(settings.common)
                printer.say("scan time \(settings.scanTime)")
            }
        case .pipe(let settings):
            self.block("protocol pipe \(name)") { printer in
                printer.write(settings.common)
                printer.say("table \(printer.quoted(settings.channel.table))")
                printer.say("peer table \(printer.quoted(settings.peerTable))")
                printer.writePolicies(settings.channel, of: settings.common.name)
                printer.write("import limit", settings.channel.importLimit)
                printer.write("export limit", settings.channel.exportLimit)
                printer.say("max generation \(settings.maximumGeneration)")
            }
        }
    }

    /// What every protocol has.
    mutating func write(_ common: CommonSettings) {
        self.say("disabled", common.isDisabled)
        if let description = common.description { self.say("description \"\(description)\"") }
        self.say("debug " + Self.words(common.debug))
        if let id = common.routerID { self.say("router id \(id)") }
    }

    static func words(_ debug: Set<DebugCategory>) -> String {
        if debug.isEmpty { return "off" }
        if debug.count == DebugCategory.allCases.count { return "all" }
        return "{ " + DebugCategory.allCases.filter { debug.contains($0) }.map(\.rawValue).joined(separator: ", ")
            + " }"
    }

    private mutating func write(_ route: StaticRouteSettings, of name: String) {
        var text = "route \(route.prefix)"
        switch route.target {
        case .blackhole: text += " blackhole"
        case .unreachable: text += " unreachable"
        case .prohibit: text += " prohibit"
        case .recursive(let address): text += " recursive \(address)"
        case .via(let hops):
            for hop in hops {
                text += " via "
                if let address = hop.address {
                    text += "\(address)" + (hop.interfaceName.map { " dev \"\($0)\"" } ?? "")
                } else {
                    text += "\"\(hop.interfaceName ?? "")\""
                }
                if hop.weight != 1 { text += " weight \(hop.weight)" }
                if hop.onlink { text += " onlink" }
            }
        }
        if let block = self.parser.transcript.routes[name]?[route.prefix] { text += " " + self.tokens(block) }
        self.say(text)
    }
}

// MARK: - Channels

extension ConfigurationPrinter {
    mutating func write(_ channel: ChannelSettings, of name: String) {
        let word = channel.family == .ipv4Unicast ? "ipv4" : "ipv6"
        self.block(word, end: "};\n") { $0.writeBody(channel, of: name) }
    }

    /// What channels of all protocols have.
    mutating func writeBody(_ channel: ChannelSettings, of name: String) {
        self.say("table \(self.quoted(channel.table))")
        self.writePolicies(channel, of: name)
        self.say("preference \(channel.preference)")
        self.write("import limit", channel.importLimit)
        self.write("receive limit", channel.receiveLimit)
        self.write("export limit", channel.exportLimit)
        self.say("import keep filtered", channel.keepsFiltered)
    }

    private mutating func writePolicies(_ channel: ChannelSettings, of name: String) {
        let draft = self.parser.transcript.channels[name]?.first { $0.family == channel.family }
        self.say("import " + (draft?.importTokens.map { self.tokens($0) } ?? "all"))
        self.say("export " + (draft?.exportTokens.map { self.tokens($0) } ?? "none"))
    }

    private mutating func write(_ word: String, _ limit: LimitSettings?) {
        guard let limit else { return self.say(word + " off") }
        let warning = limit.warningPercent.map { " warning \($0)" } ?? ""
        let time = limit.restartAfter.map { " after \($0)" } ?? ""
        self.say("\(word) \(limit.count)\(warning) action \(limit.action.rawValue)\(time)")
    }
}
