import Foundation

/// A BIRD 1.6 in a namespace: one family, one daemon.
///
/// Debian's package excludes that of BIRD 2, so `Scripts/deps` unpacks it into the build folder.
public struct Bird1: Sendable {
    /// The running daemon.
    public let process: DaemonProcess
    private let socket: String
    private let folder: String

    /// Starts the daemon of a family with a configuration file and waits until it answers.
    public static func start(
        _ name: String,
        in namespace: Lab.Namespace,
        _ lab: Lab,
        isIPv4: Bool,
        file: String
    ) async throws -> Bird1 {
        let folder = try Self.folder()
        let socket = "\(lab.folder)/\(name).ctl"
        let process = try lab.start(
            name,
            in: namespace,
            folder + (isIPv4 ? "/bird" : "/bird6"),
            ["-f", "-c", file, "-s", socket, "-P", "\(lab.folder)/\(name).pid"]
        )
        let bird = Bird1(process: process, socket: socket, folder: folder)
        try await lab.require("\(name) answers birdc") { try bird.query("show status").contains("up and running") }
        return bird
    }

    /// What `birdc` prints for a command.
    public func query(_ command: String) throws -> String {
        let arguments = ["-s", self.socket] + command.split(separator: " ").map(String.init)
        return try Command.run(self.folder + "/birdc", arguments).output
    }

    /// Where the daemons are: in `bird1` of the build folder that the tests were built in.
    private static func folder() throws -> String {
        var path = try MartletProcess.binary()
        while path.count > 1 {
            path = (path as NSString).deletingLastPathComponent
            let candidate = path + "/bird1/usr/sbin"
            if FileManager.default.isExecutableFile(atPath: candidate + "/bird6") { return candidate }
        }
        throw Command.Failure("BIRD 1.6 is not unpacked; run Scripts/deps test")
    }
}
