/// A request that got no proper answer.
public enum ControlClientError: Error, Hashable, Sendable {
    /// Nobody answers at this path, and why.
    case unreachable(String, String)
    /// The answer from this path broke off, and why.
    case interrupted(String, String)
    /// The answer is not what the interface promises.
    case unreadable(String)
}

extension ControlClientError: CustomStringConvertible {
    /// One line for people.
    public var description: String {
        switch self {
        case .unreachable(let path, let reason): "cannot reach the speaker at \(path): \(reason)"
        case .interrupted(let path, let reason): "the answer of the speaker at \(path) broke off: \(reason)"
        case .unreadable(let reason): "cannot read the speaker's answer: \(reason)"
        }
    }
}
