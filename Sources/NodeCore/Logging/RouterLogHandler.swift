internal import Logging
internal import SpeakerSettings

/// A log handler that prints `level label: message key=value …` through a router.
struct RouterLogHandler: LogHandler {
    let label: String
    let router: LogRouter
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    init(label: String, router: LogRouter, level: Logger.Level) {
        self.label = label
        self.router = router
        self.logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var text = "\(event.level) \(self.label): \(event.message)"
        let all = self.metadata.merging(event.metadata ?? [:]) { _, explicit in explicit }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            let printed = "\(value)"
            let isPlain =
                !printed.isEmpty && printed.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 < 0x7F }
            text += isPlain ? " \(key)=\(printed)" : " \(key)=\"\(printed.escapedForLog)\""
        }
        self.router.write(text, class: Self.logClass(event.level))
    }

    private static func logClass(_ level: Logger.Level) -> LogClass {
        switch level {
        case .trace: .trace
        case .debug: .debug
        case .info, .notice: .info
        case .warning: .warning
        case .error: .error
        case .critical: .fatal
        }
    }
}

extension String {
    /// Quotes, backslashes and control characters made visible: a peer's text cannot forge a line.
    var escapedForLog: String {
        var result = ""
        for scalar in self.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case let control where control.value < 0x20 || control.value == 0x7F:
                result += "\\x" + String(control.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
