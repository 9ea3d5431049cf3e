internal import Glibc
internal import Logging
internal import SpeakerSettings
internal import Synchronization

/// Where log lines go: standard error until a configuration's `log` statements say otherwise.
///
/// The destinations can change while the daemon runs, so handlers hold the router and not a destination.
final class LogRouter: Sendable {
    fileprivate struct Sink {
        var settings: LogSettings
        var descriptor: CInt
    }

    private let sinks: Mutex<[Sink]>
    /// Log files of the configuration that are not open.
    private let missing = Mutex<Set<String>>([])

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
        let destinations = self.open(statements)
        self.use(destinations)
        return destinations.failures
    }

    /// Destinations that are open and not yet in use; pass them to ``use(_:)`` or ``discard(_:)``.
    struct Destinations {
        fileprivate var sinks: [Sink] = []
        /// What could not be opened, in words.
        fileprivate(set) var failures: [String] = []
        fileprivate var missing: Set<String> = []
        /// What could not be opened although it is new or worked before, in words.
        fileprivate(set) var newFailures: [String] = []
    }

    /// Opens destinations without using them.
    func open(_ statements: [LogSettings]) -> Destinations {
        let known = self.missing.withLock { $0 }
        var result = Destinations()
        for statement in statements {
            switch statement.destination {
            case .standardError:
                result.sinks.append(Sink(settings: statement, descriptor: 2))
            case .syslog:
                result.sinks.append(Sink(settings: statement, descriptor: -1))
            case .file(let path):
                let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
                if descriptor >= 0 {
                    result.sinks.append(Sink(settings: statement, descriptor: descriptor))
                } else {
                    let text = "cannot open log file \(path): \(String(cString: strerror(errno)))"
                    result.failures.append(text)
                    if !known.contains(path) { result.newFailures.append(text) }
                    result.missing.insert(path)
                }
            }
        }
        return result
    }

    /// Closes destinations that are not to be used.
    func discard(_ destinations: Destinations) {
        for sink in destinations.sinks where sink.descriptor > 2 { close(sink.descriptor) }
    }

    /// Replaces the destinations.
    func use(_ destinations: Destinations) {
        for case .syslog(let name?) in destinations.sinks.map(\.settings.destination) { Self.setSyslogName(name) }
        let opened = destinations.sinks.isEmpty ? [Self.standardError] : destinations.sinks
        self.sinks.withLock { sinks in
            for sink in sinks where sink.descriptor > 2 { close(sink.descriptor) }
            sinks = opened
        }
        self.missing.withLock { $0 = destinations.missing }
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
