internal import ArgumentParser
internal import Confd
internal import ControlAPI
internal import Datastore
internal import EtcdDatastore
internal import Glibc
internal import Logging
internal import Resources

/// Which node this is and where its resources are.
struct NodeOptions: ParsableArguments {
    @Option(help: "Name of this node in the datastore; by default that in NODENAME, else the host name.")
    var nodeName: String?

    @Option(help: "Directory of manifests (*.yaml, *.yml, *.json); by default /etc/martlet/manifests.")
    var datastore: String?

    @Option(help: "Directory for what the daemon itself records: endpoint status.")
    var state: String = "/var/lib/martlet"

    @OptionGroup
    var etcd: EtcdOptions

    /// The directory of manifests.
    var directory: String { self.datastore ?? "/etc/martlet/manifests" }

    /// The node's name.
    var name: String {
        if let nodeName { return nodeName }
        if let value = getenv("NODENAME"), value.pointee != 0 { return String(cString: value) }
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, 255) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).lowercased()
    }

    /// Opens the datastore; a ``DatastoreRole`` closes it.
    func open(logger: Logger) throws -> any DiagnosedDatastore {
        do {
            // Who names a directory does not mean what calicoctl talks to.
            let calicoctl = self.datastore == nil ? EtcdOptions.calicoctlFile : nil
            switch try self.etcd.choice(environment: processEnvironment(), defaultFile: calicoctl) {
            case .directory:
                return try DirectoryDatastore(directory: self.directory, stateDirectory: self.state)
            case .etcd(let settings):
                return try EtcdDatastore(settings: settings, logger: logger)
            }
        } catch {
            throw StartError(description: "cannot open the datastore: \(error)")
        }
    }
}

/// The variables that the process was started with.
func processEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        entry += 1
    }
    return variables
}

/// Where confd gets templates and puts files.
struct ConfdOptions: ParsableArguments {
    @Option(help: "Directory for rendered files; the speaker reads speaker.conf in it.")
    var configDirectory: String = "/run/martlet/config"

    @Option(help: "Directory whose conf.d/ and templates/ replace embedded files of the same name.")
    var templates: String = "/etc/martlet/templates"

    @Option(help: "File that gets metrics of template resources after each cycle, for Prometheus' node exporter.")
    var metricsFile: String?

    /// Settings for a node.
    func settings(nodeName: String) -> ConfdSettings {
        var settings = ConfdSettings(nodeName: nodeName, outputDirectory: self.configDirectory)
        settings.templates = TemplateSource(directory: self.templates)
        settings.metricsFile = self.metricsFile
        settings.serviceLookup = { name in
            try ServiceLookup.records(name).map {
                ServiceRecord(target: $0.target, port: $0.port, priority: $0.priority, weight: $0.weight)
            }
        }
        var variables: [String: String] = [:]
        for name in PlanEnvironment.variableNames + [ConfdSettings.endpointStatusVariable] {
            if let value = getenv(name) { variables[name] = String(cString: value) }
        }
        settings.environment = PlanEnvironment(variables: variables)
        settings.endpointStatusPrefix =
            variables[ConfdSettings.endpointStatusVariable].flatMap { $0.isEmpty ? nil : $0 }
        return settings
    }

    /// The check of a staged set of files by the speaker's own parser.
    static func check(_ staged: String, _ reader: ConfigurationReader) throws {
        let configuration = reader.check(staged)
        guard configuration.settings != nil else {
            throw ConfigurationRefused(errors: configuration.diagnostics.map(\.control.description))
        }
    }
}

/// Something on this host keeps a role from starting.
struct StartError: Error, CustomStringConvertible {
    var description: String
}
