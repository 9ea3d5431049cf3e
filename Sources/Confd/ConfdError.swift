/// What can go wrong between the resources and the running speaker; texts never contain rendered content.
public enum ConfdError: Error, Hashable, Sendable {
    /// A template resource is wrong. `line` is nil where the position is not known.
    case manifest(file: String, line: Int?, reason: String)
    /// A template is wrong or cannot be rendered with the present values.
    case template(file: String, line: Int?, reason: String)
    /// A file operation failed.
    case file(path: String, operation: String, errorNumber: Int32)
    /// Two files of the set have one destination.
    case duplicateDestination(String)
    /// A check refused the staged files; nothing was replaced.
    case checkFailed(resource: String, reason: String)
    /// The files are in place, but the reload failed; it is tried again.
    case reloadFailed(command: String, reason: String)
    /// Several of the above in one cycle.
    case several([ConfdError])
}

extension ConfdError: CustomStringConvertible {
    /// `file:line: reason`, one line for each error.
    public var description: String {
        switch self {
        case .manifest(let file, let line, let reason), .template(let file, let line, let reason):
            file + (line.map { ":\($0)" } ?? "") + ": " + reason
        case .file(let path, let operation, let number): "\(path): \(operation): \(FileTree.text(ofError: number))"
        case .duplicateDestination(let path): "\(path): rendered by two template resources"
        case .checkFailed(let resource, let reason): "\(resource): check failed, nothing replaced: \(reason)"
        case .reloadFailed(let command, let reason): "reload \(command) failed: \(reason)"
        case .several(let errors): errors.map(\.description).joined(separator: "\n")
        }
    }
}
