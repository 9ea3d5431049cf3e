public import BGPSession

extension SessionEndReason {
    /// The reason in words, those of the system where it has some.
    public var words: String {
        guard case .connectionFailed(let code?) = self else { return self.description }
        return "connection failed: \(systemErrorText(code))"
    }
}
