import BGPWire
import ConfigLanguage
import Foundation
import IPAddressing
import Policy
import RouteModel
import SpeakerSettings

/// Times filters: a prefix set of 100,000 entries alone, and what a route server does with a route.
///
/// `FilterBenchmark [--bird FOLDER]`: with the folder of a `bird` and a `birdc`, BIRD judges the same routes by the same
/// filter (`show route filter`), and the cost of showing them without one is taken off. Compare figures of one run only.
@main
struct FilterBenchmark {
    static func main() {
        do {
            try Self.run()
        } catch {
            print("failed: \(error)")
            exit(1)
        }
    }

    private static func run() throws {
        let arguments = CommandLine.arguments
        let routes = Workload.routes
        let settings = try Self.settings(Workload.configuration)
        Self.report("prefix set of \(Workload.prefixCount) entries", settings["p_prefixes"], routes)
        Self.report("prefix set, a miss", settings["p_others"], routes)
        Self.report("one comparison", settings["p_least"], routes)
        Self.report("13 checks of prefix, path and communities", settings["p_checks"], routes)
        Self.report("\(Workload.controls.count) control communities", settings["p_controls"], routes)
        Self.report("3 changes of attributes", settings["p_marks"], routes)
        Self.report("route server, \(Workload.statementCount) statements", settings["p_server"], routes)
        if let index = arguments.firstIndex(of: "--bird"), index + 1 < arguments.count {
            try BirdRun(folder: arguments[index + 1]).measure()
        }
    }

    /// The import filters of the static protocols, by name.
    static func settings(_ text: String) throws -> [String: FilterProgram] {
        let clock = ContinuousClock()
        var result: LoadResult?
        let took = clock.measure {
            result = ConfigurationLoader.load(root: "f", provider: InMemorySources(["f": text]))
        }
        print("read and checked \(text.utf8.count >> 10) KiB of configuration in \(took)")
        guard let result, let settings = result.settings else {
            throw Failure(text: result?.errors.map(\.description).joined(separator: "\n") ?? "")
        }
        var filters: [String: FilterProgram] = [:]
        for case .static(let instance) in settings.protocols {
            filters[instance.common.name] = instance.channel.importPolicy
        }
        return filters
    }

    struct Failure: Error { var text: String }

    static func report(_ what: String, _ filter: FilterProgram?, _ routes: [RouteDraft]) {
        guard let filter else { return print("\(what): missing") }
        let clock = ContinuousClock()
        var best = Duration.seconds(1000)
        var accepted = 0
        for _ in 0..<15 {
            accepted = 0
            let took = clock.measure {
                for route in routes {
                    var draft = route
                    if filter.evaluate(&draft) == .accept { accepted += 1 }
                }
            }
            best = min(best, took)
        }
        let nanoseconds = Double(best.components.attoseconds) / 1e9 / Double(routes.count)
        print("\(what): \(String(format: "%.0f", nanoseconds)) ns a route, \(accepted) of \(routes.count) accepted")
    }
}
