import Resources

/// What every answer of etcd begins with.
struct AnswerHeader: Hashable, Sendable {
    /// The cluster: another one means another store.
    var cluster: UInt64
    /// The store's revision.
    var revision: Int64

    init(cluster: UInt64, revision: Int64) {
        self.cluster = cluster
        self.revision = revision
    }

    init(_ answer: ManifestValue) throws(EtcdError) {
        guard let header = answer["header"], case .map = header.content else {
            throw .unreadable("it has no header")
        }
        self.cluster = try header.number("cluster_id")
        self.revision = try header.number("revision")
        guard self.revision >= 0 else { throw .unreadable("the revision is negative") }
    }
}

/// One key with its value.
struct KeyValue: Hashable, Sendable {
    /// Key, as text; etcd's keys are octets, those of the layout are text.
    var key: String
    /// Value.
    var value: [UInt8]
    /// Revision of the last change.
    var revision: Int64
    /// Number of changes since creation.
    var version: Int64

    init(key: String, value: [UInt8], revision: Int64, version: Int64) {
        self.key = key
        self.value = value
        self.revision = revision
        self.version = version
    }

    init(_ value: ManifestValue) throws(EtcdError) {
        let key = try value.octets("key")
        // A key that is no text belongs to no one here; it must not stop the others from being read.
        self.key = String(validating: key, as: UTF8.self) ?? ""
        self.value = try value.octets("value")
        self.revision = try value.number("mod_revision")
        self.version = try value.number("version")
        guard self.revision >= 0, self.version >= 0 else { throw .unreadable("a revision is negative") }
    }
}

/// The answer to a range request.
struct RangeAnswer: Sendable {
    var header: AnswerHeader
    var items: [KeyValue]
    var hasMore: Bool

    init(_ answer: ManifestValue, header: AnswerHeader? = nil) throws(EtcdError) {
        self.header = if let header { header } else { try AnswerHeader(answer) }
        self.items = try answer.elements("kvs") { value throws(EtcdError) in try KeyValue(value) }
        self.hasMore = try answer.flag("more")
    }
}

/// The answer to a transaction.
struct TransactionAnswer: Sendable {
    var header: AnswerHeader
    var succeeded: Bool
    /// What the range requests of the branch taken returned, in order.
    var ranges: [RangeAnswer]

    init(_ answer: ManifestValue) throws(EtcdError) {
        let header = try AnswerHeader(answer)
        self.header = header
        self.succeeded = try answer.flag("succeeded")
        self.ranges = try answer.elements("responses") { value throws(EtcdError) -> RangeAnswer? in
            guard let range = value["response_range"] else { return nil }
            return try RangeAnswer(range, header: header)
        }.compactMap(\.self)
    }
}

/// One line of a watch.
struct WatchAnswer: Sendable {
    var header: AnswerHeader
    var isCreated: Bool
    var isCanceled: Bool
    /// Above zero: history before this revision is gone.
    var compactRevision: Int64
    var cancelReason: String
    /// More of the same revisions may follow.
    var isFragment: Bool
    var events: [Event]

    struct Event: Hashable, Sendable {
        var isDeletion: Bool
        var item: KeyValue
    }

    init(_ line: ManifestValue) throws(EtcdError) {
        if let error = line["error"] { throw EtcdError(error) }
        guard let answer = line["result"] else { throw .unreadable("a line of a watch holds no result") }
        // A cancellation's header may lack the revision; its cluster still counts.
        self.header = try AnswerHeader(answer)
        self.isCreated = try answer.flag("created")
        self.isCanceled = try answer.flag("canceled")
        self.compactRevision = try answer.number("compact_revision")
        self.cancelReason = answer["cancel_reason"]?.string ?? ""
        self.isFragment = try answer.flag("fragment")
        self.events = try answer.elements("events") { value throws(EtcdError) in
            let isDeletion: Bool
            switch value["type"]?.content {
            case nil, .string("PUT")?: isDeletion = false
            case .string("DELETE")?: isDeletion = true
            default: throw .unreadable("an event is neither PUT nor DELETE")
            }
            guard let item = value["kv"] else { throw .unreadable("an event has no key") }
            return Event(isDeletion: isDeletion, item: try KeyValue(item))
        }
    }
}

extension EtcdError {
    /// Reads the error of an answer, whatever shape the gateway's version gives it.
    init(_ error: ManifestValue) {
        let code: Int64 =
            switch (error["code"] ?? error["grpc_code"])?.content {
            case .integer(let code)?: code
            default: 2
            }
        let message = error["message"]?.string ?? error["error"]?.string ?? error.string ?? "unknown error"
        self = .refused(code: code, message: String(message.prefix(512)))
    }
}

extension ManifestValue {
    /// A field that holds a number, written as text or not; 0 when absent.
    fileprivate func number<Number: FixedWidthInteger>(_ name: String) throws(EtcdError) -> Number {
        switch self[name]?.content {
        case nil, .null?: return 0
        case .string(let text)?:
            if let number = Number(text) { return number }
        case .integer(let number)?:
            if let number = Number(exactly: number) { return number }
        default: break
        }
        throw .unreadable("\(name) is no number")
    }

    /// A field of the answer to a lease request that holds a number.
    func leaseNumber(_ name: String) throws(EtcdError) -> Int64 { try self.number(name) }

    fileprivate func flag(_ name: String) throws(EtcdError) -> Bool {
        switch self[name]?.content {
        case nil, .null?: return false
        case .bool(let flag)?: return flag
        default: throw .unreadable("\(name) is no truth value")
        }
    }

    fileprivate func octets(_ name: String) throws(EtcdError) -> [UInt8] {
        guard let value = self[name], !value.isNull else { return [] }
        guard let octets = value.string.flatMap({ decodeBase64($0) }) else {
            throw .unreadable("\(name) is not base64")
        }
        return octets
    }

    fileprivate func elements<Element>(
        _ name: String,
        _ body: (ManifestValue) throws(EtcdError) -> Element
    ) throws(EtcdError) -> [Element] {
        switch self[name]?.content {
        case nil, .null?: return []
        case .array(let elements)?:
            var result: [Element] = []
            result.reserveCapacity(elements.count)
            for element in elements { result.append(try body(element)) }
            return result
        default: throw .unreadable("\(name) is no list")
        }
    }
}
