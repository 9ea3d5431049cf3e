import Datastore
import Foundation
import Resources
import TestSupport
import Testing

@testable import EtcdDatastore

extension LiveEtcd {
    @Suite("Security")
    struct SecurityTests {
        /// What a listing fails with.
        private static func failure(_ settings: EtcdSettings) async throws -> String {
            try await withStore(settings) { store in
                do {
                    _ = try await store.list([.ipPool])
                    return "no failure"
                } catch {
                    return "\(error)"
                }
            }
        }

        @Test("Certificates are presented and checked")
        func certificates() async throws {
            let folder = NSTemporaryDirectory() + "martlet-etcd-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let certificates = try Certificates(in: folder, "ours")
            let others = try Certificates(in: folder, "others")
            let etcd = try await Etcd.start(certificates: certificates)
            defer { etcd.close() }
            var settings = shortSettings(etcd.endpoints)
            settings.authorityFile = certificates.path("ca.pem")
            #expect(try await Self.failure(settings) != "no failure", "the server requires a client certificate")
            settings.certificateFile = others.path("client.pem")
            settings.keyFile = others.path("client.key")
            #expect(
                try await Self.failure(settings) != "no failure",
                "another authority signed the client's certificate"
            )
            settings.certificateFile = certificates.path("client.pem")
            settings.keyFile = certificates.path("client.key")
            try await withStore(settings) { store in
                try await store.create(pool(1, version: 1))
                let follower = Follower(store)
                try await store.update(pool(1, version: 2), ifRevision: nil)
                try await follower.waits(for: "the change") { version($0.objects[poolKey(1)]) == 2 }
            }
            settings.authorityFile = others.path("ca.pem")
            #expect(try await Self.failure(settings).contains("CERTIFICATE_VERIFY_FAILED"))
            // Signed by the right authority, for another address.
            let misnamed = try Certificates(in: folder, "misnamed", address: "127.0.0.9")
            let impostor = try await Etcd.start(certificates: misnamed, isExpectedToAnswer: false)
            defer { impostor.close() }
            settings.endpoints = impostor.endpoints.compactMap { EtcdEndpoint($0) }
            settings.authorityFile = misnamed.path("ca.pem")
            settings.certificateFile = misnamed.path("client.pem")
            settings.keyFile = misnamed.path("client.key")
            let isRefused = try await eventually {
                let failure = try await Self.failure(settings)
                if failure == "no failure" { Issue.record("a certificate for another address was accepted") }
                return failure.contains("failedToValidateHostname") || failure.contains("unableToValidateCertificate")
            }
            #expect(isRefused)
        }

        @Test("A certificate that cannot be read is told at once")
        func missingFile() {
            var settings = shortSettings(["https://127.0.0.1:1"])
            settings.authorityFile = "/nonexistent/ca.pem"
            #expect(throws: DatastoreError.self) { try EtcdDatastore(settings: settings, logger: quietLogger) }
            settings.authorityFile = nil
            settings.certificateFile = "/nonexistent/client.pem"
            #expect(throws: DatastoreError.self) { try EtcdDatastore(settings: settings, logger: quietLogger) }
        }

        @Test("A user's token is fetched, renewed when it has expired, and a watch outlives it")
        func users() async throws {
            let etcd = try await Etcd.start(arguments: ["--auth-token-ttl", "1"])
            defer { etcd.close() }
            let root = ["--user", "root:secret"]
            for command in [
                ["user", "add", "root:secret"], ["user", "grant-role", "root", "root"], ["role", "add", "calico"],
                ["role", "grant-permission", "calico", "--prefix=true", "readwrite", "/calico/"],
                ["role", "grant-permission", "calico", "--prefix=true", "readwrite", "/martlet/"],
                ["user", "add", "calico:pass word\"é"], ["user", "grant-role", "calico", "calico"],
                ["user", "add", "nobody:x"], ["auth", "enable"],
            ] {
                let result = try etcd.run(command)
                #expect(result.code == 0, "\(command): \(result)")
            }
            var settings = shortSettings(etcd.endpoints)
            #expect(try await Self.failure(settings).contains("user name is empty"))
            settings.credentials = EtcdSettings.Credentials(name: "calico", password: "wrong")
            let refusal = try await Self.failure(settings)
            #expect(refusal.contains("user calico") && !refusal.contains("wrong"))
            settings.credentials = EtcdSettings.Credentials(name: "nobody", password: "x")
            #expect(try await Self.failure(settings).contains("permission denied"))
            settings.credentials = EtcdSettings.Credentials(name: "calico", password: "pass word\"é")
            settings.probeInterval = .seconds(20)
            try await withStore(settings) { store in
                try await store.create(pool(1, version: 1))
                let follower = Follower(store)
                try await follower.waits(for: "the first listing") { $0.status == .inSync }
                for version in 2...4 {
                    try await Task.sleep(for: .milliseconds(1700))
                    let path = "/calico/resources/v3/projectcalico.org/ippools/pool-1"
                    let text = try pool(1, version: version).manifest.compactJSON
                    #expect(try etcd.run(root + ["put", path, text]).code == 0)
                }
                let state = try await follower.waits(for: "the changes") { version($0.objects[poolKey(1)]) == 4 }
                #expect(state.versions[poolKey(1)] == [1, 2, 3, 4] && state.breaches.isEmpty)
                #expect(state.statuses == [.resyncing, .inSync])
                try await store.update(pool(1, version: 5), ifRevision: nil)
            }
        }
    }

    @Suite("Hostile servers")
    struct HostileServerTests {
        private static let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

        private static func settings(_ server: HostileServer) -> EtcdSettings {
            var settings = shortSettings(["http://127.0.0.1:\(server.port)"])
            settings.maximumAnswer = 1 << 20
            return settings
        }

        @Test("Answers without end, without meaning or without hurry are given up")
        func answers() async throws {
            let zeroes = [UInt8](repeating: UInt8(ascii: "0"), count: 65_536)
            let deep = [UInt8](repeating: UInt8(ascii: "["), count: 65_536)
            for (name, behaviour) in [
                ("endless", HostileServer.Behaviour(first: "\(Self.head)\r\n", then: zeroes, pause: 0)),
                ("nested", HostileServer.Behaviour(first: "\(Self.head)\r\n", then: deep, pause: 0)),
                ("dripping", HostileServer.Behaviour(first: "\(Self.head)\r\n", then: [0x20], pause: 20_000)),
                ("silent", HostileServer.Behaviour(first: "", then: [], pause: 20_000)),
                ("empty", HostileServer.Behaviour(first: "\(Self.head)Content-Length: 0\r\n\r\n", then: [], pause: 0)),
                ("no HTTP", HostileServer.Behaviour(first: "SSH-2.0-x\r\n", then: [], pause: 0)),
                (
                    "redirect",
                    HostileServer.Behaviour(
                        first: "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                        then: [],
                        pause: 0
                    )
                ),
                (
                    "lying length",
                    HostileServer.Behaviour(
                        first: "\(Self.head)Content-Length: 99999999999\r\n\r\n",
                        then: [],
                        pause: 0
                    )
                ),
            ] {
                let server = try HostileServer(behaviour)
                defer { server.close() }
                let start = ContinuousClock.now
                try await withStore(Self.settings(server)) { store in
                    await #expect(throws: DatastoreError.self, "\(name)") { try await store.list([.ipPool]) }
                    await #expect(throws: DatastoreError.self, "\(name)") {
                        _ = try await store.watch([.ipPool], from: Revision("1-1"))
                    }
                }
                #expect(ContinuousClock.now - start < .seconds(10), "\(name)")
            }
        }
    }
}

/// Accepts connections on 127.0.0.1 and sends the same to all, whatever they ask.
final class HostileServer: Sendable {
    struct Behaviour: Sendable {
        var first: String
        /// Sent over and over; nothing closes the connection after the first part.
        var then: [UInt8]
        /// Microseconds between.
        var pause: UInt32
    }

    let port: UInt16
    private let descriptor: Int32

    init(_ behaviour: Behaviour) throws {
        let ports = try LoopbackPort.free(1)
        self.port = ports[0]
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.descriptor = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = ports[0].bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isListening = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(listener, 16) == 0
            }
        }
        try #require(isListening)
        Thread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread {
                    defer { Glibc.close(client) }
                    var request = [UInt8](repeating: 0, count: 4096)
                    guard recv(client, &request, request.count, 0) > 0 else { return }
                    let first = Array(behaviour.first.utf8)
                    send(client, first, first.count, Int32(MSG_NOSIGNAL))
                    // Bounded, in case the other side never closes.
                    for _ in 0..<100_000 {
                        if behaviour.then.isEmpty {
                            if behaviour.pause == 0 { return }
                            var poller = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
                            if poll(&poller, 1, 50) > 0, recv(client, &request, request.count, 0) <= 0 { return }
                        } else {
                            let count = behaviour.then.count
                            guard send(client, behaviour.then, count, Int32(MSG_NOSIGNAL)) > 0 else { return }
                            if behaviour.pause > 0 { usleep(behaviour.pause) }
                        }
                    }
                }.start()
            }
        }.start()
    }

    func close() {
        shutdown(self.descriptor, Int32(SHUT_RDWR))
        Glibc.close(self.descriptor)
    }
}
