/// Why a request to etcd failed.
enum EtcdError: Error, Hashable {
    /// No endpoint answered; the text names the last one and what it did.
    case unreachable(String)
    /// An endpoint refused, with its gRPC code.
    case refused(code: Int64, message: String)
    /// An answer is longer than is taken.
    case oversized(limit: Int)
    /// An answer is not what the protocol says.
    case unreadable(String)

    /// Whether another endpoint may do better and nothing is wrong with the request.
    var isTransient: Bool {
        switch self {
        case .unreachable, .unreadable: true
        // CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE: no leader, stopped, timed out.
        case .refused(let code, _): [1, 4, 14].contains(code)
        case .oversized: false
        }
    }

    /// Whether a newly fetched token may help.
    var concernsToken: Bool {
        guard case .refused(let code, let message) = self else { return false }
        return code == 16 || message.contains("user name is empty") || message.contains("auth token")
            || message.contains("auth store is old")
    }

    /// Whether the asked revision has been forgotten.
    var isCompacted: Bool {
        guard case .refused(11, let message) = self else { return false }
        return message.contains("compacted")
    }
}

extension EtcdError: CustomStringConvertible {
    var description: String {
        switch self {
        case .unreachable(let cause): cause
        case .refused(_, let message): message
        case .oversized(let limit): "an answer is longer than \(limit) octets"
        case .unreadable(let cause): "an answer cannot be read: \(cause)"
        }
    }
}
