import Synchronization

/// Where lines go that filters print: one place for the whole program, as for its log.
public enum FilterLog {
    private static let sink = Mutex<(@Sendable (String) -> Void)?>(nil)

    /// Sends lines to `sink` from now on; nil drops them.
    public static func install(_ sink: (@Sendable (String) -> Void)?) {
        self.sink.withLock { $0 = sink }
    }

    /// Writes a line.
    static func write(_ line: String) {
        let sink = self.sink.withLock { $0 }
        sink?(line)
    }
}
