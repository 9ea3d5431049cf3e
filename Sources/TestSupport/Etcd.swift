import Foundation
import Glibc

/// One member of an etcd on loopback ports, or in a namespace.
public final class EtcdMember: @unchecked Sendable {
    /// Name in the cluster.
    public let name: String
    /// Address for clients.
    public let clientURL: String
    /// Address for other members.
    public let peerURL: String
    private let folder: String
    private let arguments: [String]
    // Tests start, stop and ask a member from one task.
    private var process: DaemonProcess?

    fileprivate init(name: String, clientURL: String, peerURL: String, folder: String, arguments: [String]) {
        self.name = name
        self.clientURL = clientURL
        self.peerURL = peerURL
        self.folder = folder
        self.arguments = arguments
    }

    /// Starts it, with the data it had.
    public func start(extra: [String] = []) throws {
        self.process = try DaemonProcess(
            name: self.name,
            path: Etcd.server,
            arguments: self.arguments + extra,
            environment: [:],
            log: "\(self.folder)/\(self.name).log"
        )
    }

    /// Kills it at once.
    public func kill() {
        self.process?.signal(SIGKILL)
        self.process?.stop()
        self.process = nil
    }

    /// Freezes it, or lets it go on.
    public func freeze(_ isFrozen: Bool) { self.process?.signal(isFrozen ? SIGSTOP : SIGCONT) }

    /// What it wrote.
    public var log: String { self.process?.logTail ?? "" }
}

/// An etcd of one or more members for one test, with everything gone at the end.
public final class Etcd: @unchecked Sendable {
    static let server = "/usr/bin/etcd"
    static let control = "/usr/bin/etcdctl"

    /// The members.
    public let members: [EtcdMember]
    /// Folder with data, certificates and logs.
    public let folder: String
    private let options: [String]

    /// Addresses of all members.
    public var endpoints: [String] { self.members.map(\.clientURL) }

    /// Starts `count` members and waits until they answer, unless nobody is expected to get an answer.
    ///
    /// With certificates clients speak TLS and have to present one.
    public static func start(
        members count: Int = 1,
        arguments: [String] = [],
        certificates: Certificates? = nil,
        isExpectedToAnswer: Bool = true
    ) async throws -> Etcd {
        let etcd = try Etcd(count, arguments, certificates)
        for member in etcd.members { try member.start() }
        guard isExpectedToAnswer else { return etcd }
        guard try await eventually(timeout: .seconds(30), { try etcd.isHealthy }) else {
            let logs = etcd.members.map(\.log).joined(separator: "\n")
            throw Command.Failure("etcd does not answer\n\(logs)")
        }
        return etcd
    }

    private init(_ count: Int, _ arguments: [String], _ certificates: Certificates?) throws {
        Cleanup.shared.prepare()
        // Memory, where there is a file system in it: a test must not wait for a disk.
        let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
        var template = Array("\(base)/mtetcdXXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Command.Failure("mkdtemp: \(String(cString: strerror(errno)))") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.folder = folder
        Cleanup.shared.add(folder: folder)
        let ports = try LoopbackPort.free(2 * count)
        let scheme = certificates == nil ? "http" : "https"
        let names = (0..<count).map { "etcd\($0)" }
        let peers = (0..<count).map { "http://127.0.0.1:\(ports[2 * $0 + 1])" }
        let cluster = zip(names, peers).map { "\($0)=\($1)" }.joined(separator: ",")
        self.members = (0..<count).map { index in
            let client = "\(scheme)://127.0.0.1:\(ports[2 * index])"
            return EtcdMember(
                name: names[index],
                clientURL: client,
                peerURL: peers[index],
                folder: folder,
                arguments: [
                    "--name", names[index], "--data-dir", "\(folder)/\(names[index])",
                    "--listen-client-urls", client, "--advertise-client-urls", client,
                    "--listen-peer-urls", peers[index], "--initial-advertise-peer-urls", peers[index],
                    "--initial-cluster", cluster, "--initial-cluster-state", "new", "--log-level", "warn",
                ] + (certificates?.serverArguments ?? []) + arguments
            )
        }
        self.options = certificates?.clientArguments ?? []
    }

    deinit { self.close() }

    /// Stops everything and removes it.
    public func close() {
        for member in self.members { member.kill() }
        Cleanup.shared.remove(folder: self.folder)
    }

    private var isHealthy: Bool {
        get throws {
            try self.members.allSatisfy { try self.run(["endpoint", "health"], at: [$0.clientURL]).code == 0 }
        }
    }

    /// Runs `etcdctl`.
    @discardableResult
    public func run(_ arguments: [String], input: String? = nil, at endpoints: [String]? = nil) throws
        -> Command.Result
    {
        let endpoints = (endpoints ?? self.endpoints).joined(separator: ",")
        return try Command.run(
            "/usr/bin/env",
            ["ETCDCTL_API=3", Self.control, "--endpoints", endpoints] + self.options + arguments,
            input: input,
            timeout: 20
        )
    }

    /// Runs `etcdctl`, which must succeed; returns what it prints.
    @discardableResult
    public func check(_ arguments: String..., input: String? = nil) throws -> String {
        let result = try self.run(arguments, input: input)
        guard result.code == 0 else { throw Command.Failure("etcdctl \(arguments): \(result)") }
        return result.output
    }

    /// Stores a value under a key.
    public func put(_ key: String, _ value: String) throws { try self.check("put", key, value) }

    /// The value of a key; nil when there is none.
    public func value(_ key: String) throws -> String? {
        let text = try self.check("get", "--print-value-only", key)
        return text.isEmpty ? nil : String(text.dropLast())
    }

    /// The member that leads now.
    public func leader() throws -> EtcdMember? {
        try self.members.first { member in
            let text = try self.run(["endpoint", "status", "-w", "json"], at: [member.clientURL]).output
            guard let answer = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]],
                let status = answer.first?["Status"] as? [String: Any],
                let header = status["header"] as? [String: Any],
                let leader = status["leader"] as? NSNumber, let own = header["member_id"] as? NSNumber
            else { return false }
            return leader == own
        }
    }

    /// The store's revision.
    public func revision() throws -> Int64 {
        let text = try self.check("get", "-w", "json", "/nothing")
        let answer = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return ((answer?["header"] as? [String: Any])?["revision"] as? NSNumber)?.int64Value ?? 0
    }

    /// Forgets history up to the present revision.
    public func compact() throws { try self.check("compact", String(try self.revision())) }
}

/// Certificates of a test: an authority, a server, a client.
public struct Certificates: Sendable {
    /// Folder that holds `ca.pem`, `server.pem`, `client.pem` and keys.
    public let folder: String

    /// Makes them with openssl in a new folder below `folder`; the server's is for `address`.
    public init(in folder: String, _ name: String, address: String = "127.0.0.1") throws {
        self.folder = "\(folder)/\(name)"
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        func openssl(_ arguments: [String]) throws { try Command.check("/usr/bin/openssl", arguments) }
        func path(_ file: String) -> String { "\(self.folder)/\(file)" }
        let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try openssl(
            ["req", "-x509"] + newKey
                + ["-keyout", path("ca.key"), "-out", path("ca.pem"), "-subj", "/CN=\(name)", "-days", "2"]
        )
        for (file, extensions) in [
            ("server", "subjectAltName=IP:\(address)\nextendedKeyUsage=serverAuth,clientAuth"),
            ("client", "extendedKeyUsage=clientAuth"),
        ] {
            try openssl(
                ["req"] + newKey
                    + ["-keyout", path("\(file).key"), "-out", path("\(file).csr"), "-subj", "/CN=\(file)"]
            )
            try extensions.write(toFile: path("\(file).ext"), atomically: false, encoding: .utf8)
            try openssl([
                "x509", "-req", "-in", path("\(file).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                "-CAcreateserial", "-out", path("\(file).pem"), "-days", "2", "-extfile", path("\(file).ext"),
            ])
        }
    }

    /// Path of a file in the folder.
    public func path(_ file: String) -> String { "\(self.folder)/\(file)" }

    fileprivate var serverArguments: [String] {
        [
            "--cert-file", self.path("server.pem"), "--key-file", self.path("server.key"),
            "--trusted-ca-file", self.path("ca.pem"), "--client-cert-auth",
        ]
    }

    fileprivate var clientArguments: [String] {
        ["--cert", self.path("client.pem"), "--key", self.path("client.key"), "--cacert", self.path("ca.pem")]
    }
}

/// Ports on 127.0.0.1 that nobody uses.
public enum LoopbackPort {
    /// Finds `count` distinct ports; all are held until the last is found.
    public static func free(_ count: Int) throws -> [UInt16] {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        return try (0..<count).map { _ in
            let (descriptor, port) = try Self.listen()
            descriptors.append(descriptor)
            return port
        }
    }

    /// A listening socket on a port that the system chooses.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 && Glibc.listen(descriptor, 64) == 0
                    && getsockname(descriptor, pointer, &size) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw Command.Failure("no port: \(String(cString: strerror(errno)))")
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
