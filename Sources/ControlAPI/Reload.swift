/// Body of `POST /v1/reload`.
public struct ReloadRequest: Codable, Hashable, Sendable {
    /// File to load instead of the running one's.
    public var file: String?
    /// Whether changed filters wait until their instance starts again.
    public var soft: Bool
    /// Whether the file is only checked and compared: nothing is applied.
    public var check: Bool
    /// Seconds after which the reload is undone unless it was confirmed.
    public var confirmWithinSeconds: UInt32?

    /// The longest wait for a confirmation: a day.
    public static let longestWait: UInt32 = 86_400

    /// Creates a body.
    public init(
        file: String? = nil,
        soft: Bool = false,
        check: Bool = false,
        confirmWithinSeconds: UInt32? = nil
    ) {
        self.file = file
        self.soft = soft
        self.check = check
        self.confirmWithinSeconds = confirmWithinSeconds
    }

    /// Reads a body; what is absent has its default.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.file = try container.decodeIfPresent(String.self, forKey: .file)
        self.soft = try container.decodeIfPresent(Bool.self, forKey: .soft) ?? false
        self.check = try container.decodeIfPresent(Bool.self, forKey: .check) ?? false
        self.confirmWithinSeconds = try container.decodeIfPresent(UInt32.self, forKey: .confirmWithinSeconds)
    }
}

/// Answer to `POST /v1/reload`.
public struct ReloadResult: Codable, Hashable, Sendable {
    /// How it ended.
    public var outcome: Outcome
    /// One line for people.
    public var message: String
    /// One entry per protocol instance of either configuration; empty when rejected.
    public var changes: [Change]
    /// What the check found; with `rejected`, at least one error.
    public var diagnostics: [Diagnostic]
    /// When the reload undoes itself unless it is confirmed.
    public var revertsAt: Timestamp?

    /// Creates an answer.
    public init(outcome: Outcome, message: String, changes: [Change] = [], diagnostics: [Diagnostic] = []) {
        self.outcome = outcome
        self.message = message
        self.changes = changes
        self.diagnostics = diagnostics
    }

    /// Outcomes.
    public enum Outcome: String, Codable, Hashable, Sendable {
        /// The new configuration runs.
        case applied
        /// The file means what runs already.
        case unchanged
        /// The file did not check; the running configuration was not touched.
        case rejected
        /// The file checks and could not be applied; the running configuration is what it was.
        case failed
        /// The file checks; the changes are what a reload would do now.
        case checked
        /// The reload before is confirmed.
        case confirmed
    }

    /// What the reload did to one protocol instance.
    public struct Change: Codable, Hashable, Sendable {
        /// Name of the instance; a JSON field `protocol`.
        public var protocolName: String
        /// What was done.
        public var action: Action
        /// Why, for example `ipv4 import`.
        public var reason: String

        /// Creates a change.
        public init(protocolName: String, action: Action, reason: String = "") {
            self.protocolName = protocolName
            self.action = action
            self.reason = reason
        }

        private enum CodingKeys: String, CodingKey {
            case protocolName = "protocol"
            case action
            case reason
        }

        /// Actions.
        public enum Action: String, Codable, Hashable, Sendable {
            /// Left alone.
            case unchanged
            /// Changed while it runs.
            case reconfigured
            /// Stopped and started.
            case restarted
            /// Did not exist before.
            case added
            /// Does not exist any more.
            case removed
        }
    }
}

/// A finding of the configuration check, with its place.
public struct Diagnostic: Codable, Hashable, Sendable {
    /// How bad it is.
    public var severity: Severity
    /// Path of the file.
    public var file: String
    /// Line, from 1; 0 when the finding has no place.
    public var line: Int
    /// Column, from 1; 0 when the finding has no place.
    public var column: Int
    /// What is wrong.
    public var message: String

    /// Creates a finding.
    public init(severity: Severity = .error, file: String, line: Int, column: Int, message: String) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// Severities.
    public enum Severity: String, Codable, Hashable, Sendable {
        /// The configuration cannot run.
        case error
        /// It can, but probably does not mean what was intended.
        case warning
    }
}

extension Diagnostic: CustomStringConvertible {
    /// `file:line:column: error: message`.
    public var description: String {
        let place = self.line > 0 ? "\(self.file):\(self.line):\(self.column)" : self.file
        return "\(place): \(self.severity.rawValue): \(self.message)"
    }
}
