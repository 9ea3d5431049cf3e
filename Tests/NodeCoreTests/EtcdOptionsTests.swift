import ArgumentParser
import EtcdDatastore
import Foundation
import Testing

@testable import NodeCore

@Suite("Options of the datastore")
struct EtcdOptionsTests {
    private static func choice(
        _ arguments: [String],
        _ environment: [String: String] = [:],
        calicoctl: String? = nil
    ) throws -> EtcdOptions.Choice {
        try EtcdOptions.parse(arguments).choice(environment: environment, defaultFile: calicoctl)
    }

    private static func settings(_ arguments: [String], _ environment: [String: String] = [:]) throws -> EtcdSettings {
        guard case .etcd(let settings) = try Self.choice(arguments, environment) else {
            Issue.record("a directory")
            return EtcdSettings()
        }
        return settings
    }

    @Test("Without any of them the datastore is a directory")
    func directory() throws {
        #expect(try Self.choice([]) == .directory)
        #expect(try Self.choice(["--datastore-type", "directory"], ["ETCD_ENDPOINTS": "http://a:1"]) == .directory)
    }

    @Test("Calico's variables are understood, with its prefix first, and flags go before them")
    func environment() throws {
        let environment = [
            "DATASTORE_TYPE": "etcdv3", "ETCD_ENDPOINTS": "http://a:1, https://b:2", "ETCD_USERNAME": "u",
            "ETCD_PASSWORD": "p", "ETCD_CA_CERT_FILE": "ca", "ETCD_CERT_FILE": "cert", "ETCD_KEY_FILE": "key",
        ]
        let settings = try Self.settings([], environment)
        #expect(settings.endpoints.map(\.description) == ["http://a:1", "https://b:2"])
        #expect(settings.credentials == EtcdSettings.Credentials(name: "u", password: "p"))
        #expect(settings.authorityFile == "ca" && settings.certificateFile == "cert" && settings.keyFile == "key")
        let prefixed = try Self.settings([], environment.merging(["CALICO_ETCD_ENDPOINTS": "http://c:3"]) { $1 })
        #expect(prefixed.endpoints.map(\.description) == ["http://c:3"])
        let flagged = try Self.settings(["--etcd-endpoints", "http://d:4", "--etcd-ca-cert-file", "x"], environment)
        #expect(flagged.endpoints.map(\.description) == ["http://d:4"] && flagged.authorityFile == "x")
        #expect(try Self.settings([], ["ETCD_DISCOVERY_SRV": "example.org"]).discoveryDomain == "example.org")
        #expect(
            try Self.settings([], ["DATASTORE_TYPE": "etcdv3"]).endpoints.map(\.description) == [
                "http://127.0.0.1:2379"
            ]
        )
    }

    @Test("Felix's own names are understood where there is no other")
    func felixNames() throws {
        let felix = [
            "FELIX_DATASTORETYPE": "etcdv3", "FELIX_ETCDENDPOINTS": "https://a:1", "FELIX_ETCDCAFILE": "ca",
            "FELIX_ETCDCERTFILE": "cert", "FELIX_ETCDKEYFILE": "key",
        ]
        let settings = try Self.settings([], felix)
        #expect(settings.endpoints.map(\.description) == ["https://a:1"])
        #expect(settings.authorityFile == "ca" && settings.certificateFile == "cert" && settings.keyFile == "key")
        let other = try Self.settings([], felix.merging(["ETCD_ENDPOINTS": "http://b:2"]) { $1 })
        #expect(other.endpoints.map(\.description) == ["http://b:2"])
        let address = ["FELIX_ETCDADDR": "c:3", "FELIX_ETCDSCHEME": "https"]
        #expect(try Self.settings([], address).endpoints.map(\.description) == ["https://c:3"])
        #expect(try Self.choice([], ["FELIX_DATASTORETYPE": "directory", "FELIX_ETCDADDR": "c:3"]) == .directory)
    }

    @Test("A CalicoAPIConfig is read; what is not supported in it is an error with its place")
    func file() throws {
        let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func write(_ spec: String) throws {
            let text = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n\(spec)"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        try write("  datastoreType: etcdv3\n  etcdEndpoints: https://a:1\n  etcdCACertFile: ca\n")
        let settings = try Self.settings(["--datastore-config", path])
        #expect(settings.endpoints.map(\.description) == ["https://a:1"] && settings.authorityFile == "ca")
        let other = try Self.settings(["--datastore-config", path], ["ETCD_ENDPOINTS": "http://b:2"])
        #expect(other.endpoints.map(\.description) == ["http://b:2"])
        try write("  datastoreType: etcdv3\n  kubeconfig: /x\n")
        #expect {
            try Self.choice(["--datastore-config", path])
        } throws: { error in
            "\(error)".contains(":6:3: spec.kubeconfig is not supported")
        }
    }

    @Test("calicoctl's own file is read where no other is named: flags and variables go before it")
    func calicoctl() throws {
        let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString).cfg"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func write(_ spec: String) throws {
            let text = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n\(spec)"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        func endpoints(_ arguments: [String], _ environment: [String: String] = [:]) throws -> [String] {
            guard case .etcd(let settings) = try Self.choice(arguments, environment, calicoctl: path) else { return [] }
            return settings.endpoints.map(\.description)
        }
        // A file that is not there is none.
        #expect(try Self.choice([], calicoctl: path) == .directory)
        try write("  etcdEndpoints: https://a:1\n  etcdCACertFile: ca\n")
        #expect(try endpoints([]) == ["https://a:1"])
        #expect(try endpoints([], ["ETCD_ENDPOINTS": "https://b:2"]) == ["https://b:2"])
        #expect(
            try endpoints(["--etcd-endpoints", "https://c:3"], ["ETCD_ENDPOINTS": "https://b:2"]) == ["https://c:3"]
        )
        #expect(try Self.choice([], ["DATASTORE_TYPE": "directory"], calicoctl: path) == .directory)
        guard case .etcd(let found) = try Self.choice([], ["ETCD_DISCOVERY_SRV": "example.org"], calicoctl: path) else {
            Issue.record("a directory")
            return
        }
        // A domain takes the place of the file's endpoints, and the rest of the file holds.
        #expect(found.discoveryDomain == "example.org" && found.endpoints.isEmpty && found.authorityFile == "ca")
        // Another file that is named takes its place.
        let other = path + ".yaml"
        defer { try? FileManager.default.removeItem(atPath: other) }
        try FileManager.default.copyItem(atPath: path, toPath: other)
        try write("  datastoreType: etcdv3\n  etcdEndpoints: https://d:4\n")
        #expect(try endpoints(["--datastore-config", other]) == ["https://a:1"])
        // What leads calicoctl to Kubernetes leads nowhere here, whatever else it says.
        try write("  datastoreType: kubernetes\n  kubeconfig: /x\n")
        #expect(try Self.choice([], calicoctl: path) == .directory)
        try write("  kubeconfig: /x\n")
        #expect(try Self.choice([], calicoctl: path) == .directory)
        // A file that cannot be understood is an error, as it is for calicoctl.
        try write("  datastoreType: etcdv3\n  etcdKey: inline\n")
        #expect(throws: StartError.self) { try Self.choice([], calicoctl: path) }
        try "]".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: StartError.self) { try Self.choice([], calicoctl: path) }
    }

    @Test(
        "What cannot work is an error",
        arguments: [
            ["DATASTORE_TYPE": "kubernetes"], ["ETCD_ENDPOINTS": "ftp://a"],
            ["ETCD_ENDPOINTS": "http://a:1", "ETCD_DISCOVERY_SRV": "b"],
            ["ETCD_ENDPOINTS": "http://a:1", "ETCD_USERNAME": "u"],
            ["ETCD_ENDPOINTS": "http://a:1", "ETCD_PASSWORD": "p"],
        ]
    )
    func refused(_ environment: [String: String]) {
        #expect(throws: StartError.self) { try Self.choice([], environment) }
    }

    @Test("The password comes from a file, without its line end")
    func passwordFile() throws {
        let path = NSTemporaryDirectory() + "martlet-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "s3cret \n".write(toFile: path, atomically: true, encoding: .utf8)
        let settings = try Self.settings([
            "--etcd-endpoints", "http://a:1", "--etcd-username", "u", "--etcd-password-file", path,
        ])
        #expect(settings.credentials?.password == "s3cret ")
    }
}
