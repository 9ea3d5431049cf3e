/// A request that failed: the JSON body of every answer with a status of 400 or more.
public struct ControlError: Error, Codable, Hashable, Sendable {
    /// What kind of failure.
    public var code: Code
    /// What went wrong, one line for people, naming the culprit.
    public var message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Kinds of failure; each has one HTTP status.
    public enum Code: String, Codable, Hashable, Sendable, CaseIterable {
        /// The request makes no sense: 400.
        case invalidRequest = "invalid-request"
        /// The caller may not use the socket: 403.
        case forbidden
        /// No such neighbour, table or path: 404.
        case notFound = "not-found"
        /// The path does not answer to the method: 405.
        case methodNotAllowed = "method-not-allowed"
        /// It cannot be done in the present state: 409.
        case conflict
        /// The speaker failed: 500.
        case `internal`
        /// The speaker starts or stops: 503.
        case unavailable

        /// HTTP status code.
        public var status: Int {
            switch self {
            case .invalidRequest: 400
            case .forbidden: 403
            case .notFound: 404
            case .methodNotAllowed: 405
            case .conflict: 409
            case .internal: 500
            case .unavailable: 503
            }
        }
    }
}

extension ControlError: CustomStringConvertible {
    /// The message.
    public var description: String { self.message }
}
