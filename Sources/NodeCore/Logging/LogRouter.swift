internal import Glibc
internal import Logging
internal import SpeakerSettings
internal import Synchronization

/// Where log lines go: standard error until a configuration's `log` statements say otherwise.
///
/// The destinations can change while the daemon runs, so handlers hold the router and not a destination.
final class LogRouter: Sendable {
    private struct Sink {
        var settings: LogSettings
        var descriptor: CInt
    }

    private let sinks: Mutex<[Sink]>

    /// Creates a router that writes every class to standard error.
    init() {
        self.sinks = Mutex([Self.standardError])
    }

    private static var standardError: Sink {
        Sink(settings: LogSettings(destination: .standardError, classes: Set(LogClass.allCases)), descriptor: 2)
    }

    /// Makes `statements` the destinations; none means standard error.
    ///
    /// Files that cannot be opened are returned.
    func configure(_ statements: [LogSettings]) -> [String] {
        var failures: [String] = []
        var opened: [Sink] = []
        for statement in statements {
            switch statement.destination {
            case .standardError:
                opened.append(Sink(settings: statement, descriptor: 2))
            case .syslog(let name):
                if let name { Self.setSyslogName(name) }
                opened.append(Sink(settings: statement, descriptor: -1))
            case .file(let path):
                let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
                if descriptor >= 0 {
                    opened.append(Sink(settings: statement, descriptor: descriptor))
                } else {
                    failures.append("cannot open log file \(path): \(String(cString: strerror(errno)))")
                }
            }
        }
        if opened.isEmpty { opened = [Self.standardError] }
        self.sinks.withLock { sinks in
            for sink in sinks where sink.descriptor > 2 { close(sink.descriptor) }
            sinks = opened
        }
        return failures
    }

    /// The program name must outlive the calls to syslog, so each distinct one is kept for good.
    private static func setSyslogName(_ name: String) {
        guard let copy = strdup(name) else { return }
        openlog(copy, LOG_PID, LOG_DAEMON)
    }

    /// Writes one line, without its time and end, to every destination that takes the class.
    func write(_ text: String, class logClass: LogClass) {
        self.sinks.withLock { sinks in
            for sink in sinks where sink.settings.classes.contains(logClass) {
                guard sink.descriptor >= 0 else {
                    Self.sendToSyslog(text, logClass)
                    continue
                }
                var bytes = Array("\(Self.time()) \(text)\n".utf8)[...]
                // A full disk or closed pipe must not stop the daemon: what cannot be written is dropped.
                while !bytes.isEmpty {
                    let count = bytes.withUnsafeBytes { Glibc.write(sink.descriptor, $0.baseAddress, $0.count) }
                    guard count > 0 else { break }
                    bytes = bytes.dropFirst(count)
                }
            }
        }
    }

    private static func sendToSyslog(_ text: String, _ logClass: LogClass) {
        let priority: CInt =
            switch logClass {
            case .debug, .trace: LOG_DEBUG
            case .info: LOG_INFO
            case .remote, .warning: LOG_WARNING
            case .error, .auth: LOG_ERR
            case .fatal, .bug: LOG_CRIT
            }
        text.withCString { pointer in withVaList([pointer]) { vsyslog(priority, "%s", $0) } }
    }

    /// Local time with milliseconds, RFC 3339.
    private static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        localtime_r(&now.tv_sec, &parts)
        var buffer = [CChar](repeating: 0, count: 40)
        strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let seconds = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let milliseconds = String(1000 + now.tv_nsec / 1_000_000).dropFirst()
        let offset = parts.tm_gmtoff / 60
        let sign = offset < 0 ? "-" : "+"
        let hours = String(100 + abs(offset) / 60).dropFirst()
        let minutes = String(100 + abs(offset) % 60).dropFirst()
        return "\(seconds).\(milliseconds)\(sign)\(hours):\(minutes)"
    }
}
