import Foundation
import Glibc
import Synchronization

/// Network namespaces, links and daemons for one test; everything is gone after ``close()``, on deinit and at process exit.
///
/// Needs root (or a user namespace) and iproute2. Names carry the process id, so that parallel runs do not meet; what a killed
/// run left behind is removed by the next one.
public final class Lab: Sendable {
    /// A network namespace.
    public struct Namespace: Hashable, Sendable {
        /// Its name for `ip netns`.
        public let name: String

        /// Runs `ip -batch` with `lines` in the namespace.
        public func ip(_ lines: String...) throws {
            try Command.check(
                ipPath,
                ["-netns", self.name, "-batch", "-"],
                input: lines.joined(separator: "\n") + "\n"
            )
        }

        /// Runs a program in the namespace and waits for it.
        @discardableResult
        public func run(_ path: String, _ arguments: String..., timeout: Double = 60) throws -> Command.Result {
            try self.run(path, arguments, timeout: timeout)
        }

        /// Runs a program in the namespace and waits for it.
        @discardableResult
        public func run(_ path: String, _ arguments: [String], timeout: Double = 60) throws -> Command.Result {
            try Command.run(ipPath, ["netns", "exec", self.name, path] + arguments, timeout: timeout)
        }
    }

    /// Folder for configuration files, sockets and logs; short enough for socket addresses.
    public let folder: String
    private let state = Mutex(State())

    private struct State {
        var namespaces: [Namespace] = []
        var daemons: [DaemonProcess] = []
        var isClosed = false
        var links = 0
    }

    /// The namespaces, in the order they were added.
    public var namespaces: [Namespace] { self.state.withLock { $0.namespaces } }

    /// Creates an empty lab.
    public init() throws {
        Cleanup.shared.prepare()
        var template = Array("/tmp/mtlabXXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Command.Failure("mkdtemp: \(String(cString: strerror(errno)))") }
        self.folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Daemons that drop privileges keep their sockets here.
        chmod(self.folder, 0o755)
        Cleanup.shared.add(folder: self.folder)
    }

    deinit {
        self.close()
    }

    /// Runs `body` with a lab; an error it throws is thrown again together with the ends of all daemons' logs.
    public static func run<Result: Sendable>(_ body: (Lab) async throws -> Result) async throws -> Result {
        let lab = try Lab()
        defer { lab.close() }
        do {
            return try await body(lab)
        } catch {
            throw Command.Failure("\(error)\n\(lab.logs)")
        }
    }

    /// Creates a namespace with loopback up.
    public func addNamespace() throws -> Namespace {
        let namespace = Namespace(name: Cleanup.shared.nextName())
        try Command.check(ipPath, ["netns", "add", namespace.name])
        Cleanup.shared.add(namespace: namespace.name)
        self.state.withLock { $0.namespaces.append(namespace) }
        try namespace.ip("link set lo up")
        return namespace
    }

    /// Connects two namespaces by a veth pair and gives both ends addresses, such as `10.0.0.1/24`.
    ///
    /// Both ends get the same name, which is returned. IPv6 addresses are usable at once (no duplicate detection).
    @discardableResult
    public func connect(
        _ first: Namespace,
        _ firstAddresses: [String],
        _ second: Namespace,
        _ secondAddresses: [String]
    ) throws -> String {
        let name = self.state.withLock { state in
            state.links += 1
            return "eth\(state.links)"
        }
        try first.ip("link add \(name) type veth peer name \(name) netns \(second.name)")
        for (namespace, addresses) in [(first, firstAddresses), (second, secondAddresses)] {
            try self.raise(name, in: namespace, addresses)
        }
        return name
    }

    /// Creates a bridge in `namespace`.
    public func addBridge(_ name: String, in namespace: Namespace, _ addresses: [String] = []) throws {
        try namespace.ip("link add \(name) type bridge")
        try self.raise(name, in: namespace, addresses)
    }

    private func raise(_ link: String, in namespace: Namespace, _ addresses: [String]) throws {
        try namespace.ip("link set \(link) up")
        for address in addresses {
            try namespace.ip("address add \(address) dev \(link)\(address.contains(":") ? " nodad" : "")")
        }
    }

    /// Writes a file into ``folder`` and returns its path.
    public func write(_ name: String, _ text: String) throws -> String {
        let path = self.folder + "/" + name
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }

    /// Starts a daemon that stays in the foreground, in a namespace; its output goes to a log in ``folder``.
    public func start(
        _ name: String,
        in namespace: Namespace,
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:]
    ) throws -> DaemonProcess {
        let daemon = try DaemonProcess(
            name: name,
            path: ipPath,
            arguments: ["netns", "exec", namespace.name, path] + arguments,
            environment: environment,
            log: "\(self.folder)/\(name).log"
        )
        self.state.withLock { $0.daemons.append(daemon) }
        return daemon
    }

    /// Waits until `condition` holds; throws an error that names `what` when it does not within `timeout`.
    public func require(
        _ what: String,
        timeout: Duration = .seconds(30),
        _ condition: () async throws -> Bool
    ) async throws {
        guard try await eventually(timeout: timeout, condition) else { throw Command.Failure("timed out: \(what)") }
    }

    /// The ends of the logs of all daemons.
    public var logs: String {
        self.state.withLock { $0.daemons }.map { "--- \($0.name)\n\($0.logTail)" }.joined(separator: "\n")
    }

    /// Stops daemons, removes namespaces and files; further calls do nothing.
    public func close() {
        let (namespaces, daemons) = self.state.withLock { state -> ([Namespace], [DaemonProcess]) in
            guard !state.isClosed else { return ([], []) }
            state.isClosed = true
            return (state.namespaces, state.daemons)
        }
        for daemon in daemons { daemon.signal(SIGTERM) }
        for daemon in daemons { daemon.stop() }
        for namespace in namespaces { Cleanup.shared.remove(namespace: namespace.name) }
        Cleanup.shared.remove(folder: self.folder)
    }
}

let ipPath = "/usr/sbin/ip"

/// What must be gone when the process ends, however it ends.
final class Cleanup: Sendable {
    static let shared = Cleanup()

    private let state = Mutex(State())

    private struct State {
        var counter = 0
        var isPrepared = false
        var namespaces: Set<String> = []
        var folders: Set<String> = []
        var processes: Set<pid_t> = []
    }

    /// Registers the exit handler and removes namespaces whose process is gone.
    func prepare() {
        let isFirst = self.state.withLock { state -> Bool in
            defer { state.isPrepared = true }
            return !state.isPrepared
        }
        guard isFirst else { return }
        atexit { Cleanup.shared.removeAll() }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? [] {
            let parts = name.dropFirst(2).split(separator: "x")
            guard name.hasPrefix("mt"), parts.count == 2, let owner = pid_t(parts[0]), Int(parts[1]) != nil else {
                continue
            }
            if kill(owner, 0) != 0, errno == ESRCH { _ = try? Command.run(ipPath, ["netns", "del", name]) }
        }
    }

    func nextName() -> String {
        self.state.withLock { state in
            state.counter += 1
            return "mt\(getpid())x\(state.counter)"
        }
    }

    func add(namespace: String) { self.state.withLock { _ = $0.namespaces.insert(namespace) } }
    func add(folder: String) { self.state.withLock { _ = $0.folders.insert(folder) } }
    func add(process: pid_t) { self.state.withLock { _ = $0.processes.insert(process) } }
    func remove(process: pid_t) { self.state.withLock { _ = $0.processes.remove(process) } }

    func remove(namespace: String) {
        guard self.state.withLock({ $0.namespaces.remove(namespace) }) != nil else { return }
        _ = try? Command.run(ipPath, ["netns", "del", namespace])
    }

    func remove(folder: String) {
        guard self.state.withLock({ $0.folders.remove(folder) }) != nil else { return }
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func removeAll() {
        let state = self.state.withLock { $0 }
        for process in state.processes { kill(process, SIGKILL) }
        for namespace in state.namespaces { self.remove(namespace: namespace) }
        for folder in state.folders { self.remove(folder: folder) }
    }
}
