/// Compares what is wanted with what is there, and says what to do about it.
///
/// A value without a clock or a driver: the caller passes the time as a duration since an origin of its choice, performs
/// the operations, and reports what became of each. `Cause` is the caller's error.
///
/// Work is proportional to the number of keys that differ, not to the number of keys.
public struct DeltaTracker<Key: Hashable & Sendable, Value: Equatable & Sendable, Cause: Sendable>: Sendable {
    /// One step towards what is wanted.
    public enum Operation: Sendable {
        /// Nothing was observed under the key.
        case add(Key, Value)
        /// Something of one's own but different was observed.
        case replace(Key, Value)
        /// Something of one's own that is not wanted was observed.
        case delete(Key)

        /// The key.
        public var key: Key {
            switch self {
            case .add(let key, _), .replace(let key, _), .delete(let key): key
            }
        }
    }

    /// How a key stands.
    public enum Status: Sendable {
        /// As wanted; also when neither wanted nor there.
        case settled
        /// To be done, with no failure so far.
        case pending
        /// Failed `failures` times in a row; to be tried again at `retry`.
        case failing(cause: Cause, failures: Int, retry: Duration)
        /// Somebody else holds the place; nothing is tried until ``DeltaTracker/unblock(_:)``.
        case blocked(cause: Cause)
    }

    private enum Trouble {
        case failing(cause: Cause, failures: Int, retry: Duration)
        case blocked(cause: Cause)
    }

    /// What is wanted.
    public private(set) var desired: [Key: Value] = [:]
    /// What was last seen or successfully written, of one's own objects only.
    public private(set) var observed: [Key: Value] = [:]
    /// Keys whose wanted and observed values differ.
    public private(set) var unsettled: Set<Key> = []
    private var troubles: [Key: Trouble] = [:]
    private let backoff: Backoff

    /// Creates an empty tracker.
    public init(backoff: Backoff = Backoff()) {
        self.backoff = backoff
    }

    // MARK: Inputs

    /// Says what is wanted under `key`; nil for nothing.
    ///
    /// A changed wish is tried at once even after failures; a blocked key stays blocked as long as something is wanted.
    public mutating func setDesired(_ key: Key, _ value: Value?) {
        guard self.desired[key] != value else { return }
        self.desired[key] = value
        if case .blocked = self.troubles[key], value != nil {} else { self.troubles[key] = nil }
        self.settle(key)
    }

    /// Says what is there under `key`; nil for nothing of one's own.
    public mutating func setObserved(_ key: Key, _ value: Value?) {
        guard self.observed[key] != value else { return }
        self.observed[key] = value
        if case .blocked = self.troubles[key], value == nil {} else { self.troubles[key] = nil }
        self.settle(key)
    }

    /// Says all that is there, as after a dump.
    public mutating func replaceObserved(with values: [Key: Value]) {
        for key in self.observed.keys.filter({ values[$0] == nil }) { self.setObserved(key, nil) }
        for (key, value) in values { self.setObserved(key, value) }
    }

    private mutating func settle(_ key: Key) {
        if self.desired[key] == self.observed[key] {
            self.unsettled.remove(key)
            self.troubles[key] = nil
        } else {
            self.unsettled.insert(key)
        }
    }

    // MARK: Work

    /// What to do at `now`: deletes first, then adds and replaces, each group in the given order.
    ///
    /// Blocked keys and those that wait for a retry are left out.
    public func pending(at now: Duration, inOrder areInIncreasingOrder: (Key, Key) -> Bool) -> [Operation] {
        var deletes: [Key] = []
        var writes: [Key] = []
        for key in self.unsettled {
            switch self.troubles[key] {
            case .blocked: continue
            case .failing(_, _, let retry) where retry > now: continue
            default: break
            }
            if self.desired[key] == nil { deletes.append(key) } else { writes.append(key) }
        }
        var operations: [Operation] = deletes.sorted(by: areInIncreasingOrder).map { .delete($0) }
        for key in writes.sorted(by: areInIncreasingOrder) {
            guard let value = self.desired[key] else { continue }
            operations.append(self.observed[key] == nil ? .add(key, value) : .replace(key, value))
        }
        return operations
    }

    /// When the next failed key is to be tried again; nil when none waits.
    public var nextRetry: Duration? {
        var next: Duration?
        for trouble in self.troubles.values {
            if case .failing(_, _, let retry) = trouble { next = min(next ?? retry, retry) }
        }
        return next
    }

    /// How `key` stands.
    public func status(of key: Key) -> Status {
        guard self.unsettled.contains(key) else { return .settled }
        switch self.troubles[key] {
        case nil: return .pending
        case .failing(let cause, let failures, let retry):
            return .failing(cause: cause, failures: failures, retry: retry)
        case .blocked(let cause): return .blocked(cause: cause)
        }
    }

    /// Keys that are blocked, in no order.
    public var blocked: [Key] {
        self.troubles.compactMap { key, trouble in if case .blocked = trouble { key } else { nil } }
    }

    // MARK: Outcomes

    /// Reports that `operation` was done.
    public mutating func succeeded(_ operation: Operation) {
        switch operation {
        case .add(let key, let value), .replace(let key, let value):
            self.troubles[key] = nil
            self.observed[key] = value
            self.settle(key)
        case .delete(let key):
            self.troubles[key] = nil
            self.observed[key] = nil
            self.settle(key)
        }
    }

    /// Reports that `operation` failed at `now`; it is tried again after a delay that grows with each failure.
    public mutating func failed(_ operation: Operation, cause: Cause, at now: Duration) {
        guard self.unsettled.contains(operation.key) else { return }
        var failures = 1
        if case .failing(_, let before, _) = self.troubles[operation.key] { failures = before &+ 1 }
        self.troubles[operation.key] = .failing(
            cause: cause,
            failures: failures,
            retry: now + self.backoff.delay(afterFailures: failures)
        )
    }

    /// Reports that another owner holds the place of `key`: it is left alone until ``unblock(_:)``.
    public mutating func block(_ key: Key, cause: Cause) {
        guard self.unsettled.contains(key) else { return }
        self.troubles[key] = .blocked(cause: cause)
    }

    /// Lets a blocked key be tried again, because its rival is gone or may be.
    public mutating func unblock(_ key: Key) {
        if case .blocked = self.troubles[key] { self.troubles[key] = nil }
    }
}
