import Glibc

/// A log that forms every line of level info and above and keeps none of it; with `FUZZ_SHOW_LOG` it prints them.
public struct Logger: Sendable {
    /// How much a line matters.
    public enum Level: Int, Comparable, Sendable {
        case trace, debug, info, notice, warning, error, critical

        /// Whether `a` matters less.
        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// What happened.
    public struct Message: ExpressibleByStringInterpolation, Sendable, CustomStringConvertible {
        /// Its text.
        public var description: String

        /// Creates it from text.
        public init(stringLiteral value: String) { self.description = value }
    }

    /// A detail.
    public enum MetadataValue: ExpressibleByStringInterpolation, Sendable {
        case string(String)

        /// Creates it from text.
        public init(stringLiteral value: String) { self = .string(value) }
    }

    /// Details by name.
    public typealias Metadata = [String: MetadataValue]

    /// Lines below it are not formed.
    public var logLevel = Level.info
    private var metadata: Metadata = [:]

    /// Octets written so far by all loggers; a peer must not be able to fill a disk.
    nonisolated(unsafe) public static var octets = 0

    /// Whether an input that fails is looked at by hand.
    private static let shows = getenv("FUZZ_SHOW_LOG") != nil

    /// Creates a logger.
    public init(label: String) {}

    /// Details that every line has.
    public subscript(metadataKey key: String) -> MetadataValue? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    /// Forms a line.
    public func log(level: Level, _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata? = nil) {
        guard level >= self.logLevel else { return }
        if Self.shows { print("\(level): \(message()) \(metadata() ?? [:])") }
        Self.octets += message().description.utf8.count
        for case (let key, .string(let value)) in metadata() ?? [:] { Self.octets += key.utf8.count + value.utf8.count }
    }

    /// Forms a line of level debug.
    public func debug(_ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata? = nil) {
        self.log(level: .debug, message(), metadata: metadata())
    }
    /// Forms a line of level info.
    public func info(_ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata? = nil) {
        self.log(level: .info, message(), metadata: metadata())
    }
    /// Forms a line of level notice.
    public func notice(_ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata? = nil) {
        self.log(level: .notice, message(), metadata: metadata())
    }
    /// Forms a line of level warning.
    public func warning(_ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata? = nil) {
        self.log(level: .warning, message(), metadata: metadata())
    }
    /// Forms a line of level error.
    public func error(_ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata? = nil) {
        self.log(level: .error, message(), metadata: metadata())
    }
}
