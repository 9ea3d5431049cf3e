internal import ArgumentParser
internal import Datastore
internal import EtcdDatastore
internal import Glibc
internal import Resources

/// Which datastore is used, and how etcd is reached.
///
/// What no flag says, the environment does, by the names Calico's components use; then the file of `--datastore-config`,
/// or calicoctl's own where there is one.
struct EtcdOptions: ParsableArguments {
    @Option(help: "directory or etcdv3; etcdv3 where endpoints or a domain are given, else directory.")
    var datastoreType: String?

    @Option(help: "YAML file with a CalicoAPIConfig; by default /etc/calico/calicoctl.cfg, if that names etcd.")
    var datastoreConfig: String?

    @Option(help: "Comma-separated addresses of etcd's members, such as https://10.0.0.1:2379.")
    var etcdEndpoints: String?

    @Option(help: "Domain whose SRV records name etcd's members, in place of --etcd-endpoints.")
    var etcdDiscoverySrv: String?

    @Option(help: "User of etcd.")
    var etcdUsername: String?

    @Option(help: "File that holds the user's password.")
    var etcdPasswordFile: String?

    @Option(help: "PEM file of the authority that signs etcd's certificates.")
    var etcdCaCertFile: String?

    @Option(help: "PEM file of the client's certificate.")
    var etcdCertFile: String?

    @Option(help: "PEM file of the client's key.")
    var etcdKeyFile: String?

    /// What was chosen.
    enum Choice: Hashable {
        /// A directory of manifests.
        case directory
        /// An etcd v3 cluster.
        case etcd(EtcdSettings)
    }

    /// Where calicoctl looks for its configuration.
    static let calicoctlFile = "/etc/calico/calicoctl.cfg"

    /// What flags, environment and file come to; `defaultFile` counts where `--datastore-config` names none.
    func choice(environment: [String: String], defaultFile: String? = Self.calicoctlFile) throws -> Choice {
        var file: [String: String] = [:]
        if let named = self.datastoreConfig {
            file = try Self.fields(ofFile: named)
        } else if let defaultFile, access(defaultFile, F_OK) == 0 {
            file = try Self.fields(ofFile: defaultFile, onlyEtcd: true)
        }
        func setting(_ flag: String?, _ variable: String, _ field: String) -> String? {
            // Calico's components look for a name with their prefix first; felix has names of its own.
            let felix = Self.felixNames[variable].flatMap { environment[$0] }
            let values = [flag, environment["CALICO_\(variable)"], environment[variable], felix, file[field]]
            return values.compactMap(\.self).first { !$0.isEmpty }
        }
        // One way to name the members takes the place of another, not only of its like.
        let isNamed = ["ETCD_ENDPOINTS", "ETCD_DISCOVERY_SRV"].contains { name in
            setting(name == "ETCD_ENDPOINTS" ? self.etcdEndpoints : self.etcdDiscoverySrv, name, "") != nil
        }
        if isNamed || environment["FELIX_ETCDADDR"].map({ !$0.isEmpty }) ?? false {
            file["etcdEndpoints"] = nil
            file["etcdDiscoverySrv"] = nil
        }
        let type = setting(self.datastoreType, "DATASTORE_TYPE", "datastoreType")
        var endpoints = setting(self.etcdEndpoints, "ETCD_ENDPOINTS", "etcdEndpoints")
        if endpoints == nil, let address = environment["FELIX_ETCDADDR"], !address.isEmpty {
            endpoints = "\(environment["FELIX_ETCDSCHEME"] ?? "http")://\(address)"
        }
        let domain = setting(self.etcdDiscoverySrv, "ETCD_DISCOVERY_SRV", "etcdDiscoverySrv")
        switch type {
        case "etcdv3": break
        case "directory": return .directory
        case nil: if endpoints == nil, domain == nil { return .directory }
        case let type?:
            throw StartError(description: "the datastore type is \(type); directory and etcdv3 are supported")
        }
        guard endpoints == nil || domain == nil else {
            throw StartError(description: "etcd endpoints and a discovery domain exclude each other")
        }
        var settings = EtcdSettings(discoveryDomain: domain)
        if domain == nil {
            settings.endpoints = try (endpoints ?? "http://127.0.0.1:2379").split(separator: ",").map { text in
                let text = String(text.filter { !$0.isWhitespace })
                guard let endpoint = EtcdEndpoint(text) else {
                    throw StartError(
                        description: "\(text) is no address of an etcd member, such as https://10.0.0.1:2379"
                    )
                }
                return endpoint
            }
        }
        settings.authorityFile = setting(self.etcdCaCertFile, "ETCD_CA_CERT_FILE", "etcdCACertFile")
        settings.certificateFile = setting(self.etcdCertFile, "ETCD_CERT_FILE", "etcdCertFile")
        settings.keyFile = setting(self.etcdKeyFile, "ETCD_KEY_FILE", "etcdKeyFile")
        let password = try self.etcdPasswordFile.map { try Self.password(inFile: $0) }
        switch (
            setting(self.etcdUsername, "ETCD_USERNAME", "etcdUsername"),
            setting(password, "ETCD_PASSWORD", "etcdPassword")
        ) {
        case (let name?, let password?): settings.credentials = EtcdSettings.Credentials(name: name, password: password)
        case (nil, nil): break
        case (nil, _?): throw StartError(description: "an etcd password is given without a user")
        case (_?, nil): throw StartError(description: "an etcd user is given without a password")
        }
        return .etcd(settings)
    }

    /// The settings to reach etcd; an error when another store is chosen.
    func etcdSettings(
        environment: [String: String],
        defaultFile: String? = Self.calicoctlFile
    ) throws -> EtcdSettings {
        guard case .etcd(let settings) = try self.choice(environment: environment, defaultFile: defaultFile) else {
            throw StartError(
                description: "etcd is not configured: give --etcd-endpoints, --etcd-discovery-srv or their variables"
            )
        }
        return settings
    }

    /// Felix's names of the variables that others have, too.
    private static let felixNames = [
        "DATASTORE_TYPE": "FELIX_DATASTORETYPE", "ETCD_ENDPOINTS": "FELIX_ETCDENDPOINTS",
        "ETCD_CA_CERT_FILE": "FELIX_ETCDCAFILE", "ETCD_CERT_FILE": "FELIX_ETCDCERTFILE",
        "ETCD_KEY_FILE": "FELIX_ETCDKEYFILE",
    ]

    private static let fieldNames: Set<String> = [
        "datastoreType", "etcdEndpoints", "etcdDiscoverySrv", "etcdUsername", "etcdPassword", "etcdCACertFile",
        "etcdCertFile", "etcdKeyFile",
    ]

    /// The fields of a CalicoAPIConfig's spec; with `onlyEtcd` none unless it leads to etcd.
    private static func fields(ofFile path: String, onlyEtcd: Bool = false) throws -> [String: String] {
        let documents: [ManifestValue]
        do {
            documents = try ManifestFile.read(path)
        } catch {
            throw StartError(description: error.description)
        }
        guard documents.count == 1, let document = documents.first, document["kind"]?.string == "CalicoAPIConfig",
            case .map(let fields)? = document["spec"]?.content
        else { throw StartError(description: "\(path): is no CalicoAPIConfig") }
        if onlyEtcd {
            // Without a type calicoctl takes endpoints for etcd and anything else for Kubernetes.
            func names(_ key: String) -> Bool {
                fields.contains { $0.key == key && !($0.value.string ?? "").isEmpty }
            }
            let type = fields.first { $0.key == "datastoreType" }?.value.string ?? ""
            guard type == "etcdv3" || (type.isEmpty && (names("etcdEndpoints") || names("etcdDiscoverySrv"))) else {
                return [:]
            }
        }
        var values: [String: String] = [:]
        for field in fields where !field.value.isNull {
            let place = field.position.map { ":\($0)" } ?? ""
            guard Self.fieldNames.contains(field.key) else {
                throw StartError(description: "\(path)\(place): spec.\(field.key) is not supported")
            }
            guard let text = field.value.string else {
                throw StartError(description: "\(path)\(place): spec.\(field.key) must be a string")
            }
            values[field.key] = text
        }
        return values
    }

    /// The first line of a file.
    private static func password(inFile path: String) throws -> String {
        guard let stream = fopen(path, "re") else {
            throw StartError(description: "\(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(stream) }
        var line = [CChar](repeating: 0, count: 4096)
        guard fgets(&line, Int32(line.count), stream) != nil else {
            throw StartError(description: "\(path) holds no password")
        }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let password = text.last == "\n" ? String(text.dropLast()) : text
        guard !password.isEmpty else { throw StartError(description: "\(path) holds no password") }
        return password
    }
}
