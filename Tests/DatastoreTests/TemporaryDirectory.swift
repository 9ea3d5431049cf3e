import Glibc
import Testing

@testable import Datastore

/// A directory of its own for one test, removed with everything in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/martlet-test-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { Self.remove(self.path) }

    private static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            unlink(path)
            return
        }
        for name in Files.names(in: path) { self.remove("\(path)/\(name)") }
        rmdir(path)
    }
}

/// Writes as an editor that truncates and writes in place does.
func overwrite(_ path: String, _ text: String) throws {
    let file = try #require(fopen(path, "w"))
    fputs(text, file)
    fclose(file)
}

/// The manifest of the pool with this number.
func poolText(_ number: Int, disabled: Bool = false) -> String {
    """
    apiVersion: projectcalico.org/v3
    kind: IPPool
    metadata:
      name: pool-\(number)
    spec:
      cidr: 10.\(number).0.0/16
      disabled: \(disabled)

    """
}

/// Waits until `condition` holds, for at most five seconds.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<500 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
