import Foundation
import IPAddressing

/// BIRD with the same routes as static ones, judged by `show route filter`.
struct BirdRun {
    let folder: String

    /// Routes with attributes as blocks of static routes.
    private static var configuration: String {
        var routes = ""
        for index in 0..<Workload.routeCount {
            let path = Workload.path(index).reversed().map { "bgp_path.prepend(\($0));" }.joined(separator: " ")
            let communities = Workload.communities(index).map { "bgp_community.add((\($0.0),\($0.1)));" }
            routes +=
                "route \(Workload.prefix(index * 3)) blackhole { bgp_origin = ORIGIN_IGP; \(path)"
                + " \(communities.joined(separator: " ")) };\n"
        }
        return "router id 192.0.2.1;\n" + Workload.filters + "protocol static load { ipv4;\n\(routes)}\n"
    }

    func measure() throws {
        let place = NSTemporaryDirectory() + "martlet-filter-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        try Self.configuration.write(toFile: place + "/bird.conf", atomically: true, encoding: .utf8)
        let refusal = try Self.run(self.folder + "/bird", ["-p", "-c", place + "/bird.conf"])
        guard refusal.isEmpty else { throw FilterBenchmark.Failure(text: refusal) }
        let bird = Process()
        bird.executableURL = URL(fileURLWithPath: self.folder + "/bird")
        bird.arguments = ["-f", "-c", place + "/bird.conf", "-s", place + "/s", "-P", place + "/pid"]
        bird.standardError = FileHandle.nullDevice
        try bird.run()
        defer {
            bird.terminate()
            bird.waitUntilExit()
        }
        var output = ""
        for _ in 0..<200 {
            output = try self.ask(place, "show route count")
            if output.contains(" routes for") { break }
            usleep(50_000)
        }
        print("BIRD has \(output.split(separator: "\n").last ?? "")")
        for name in Workload.names {
            let plain = try self.best(bird, place, "show route count")
            let filtered = try self.best(bird, place, "show route filter \(name) count")
            let cost = max(0, filtered - plain) / Double(Workload.routeCount) * 1e9
            print(
                "BIRD, \(name): \(String(format: "%.0f", cost)) ns a route; \(try self.ask(place, "show route filter \(name) count").split(separator: "\n").last ?? "")"
            )
        }
    }

    /// CPU seconds of the daemon for a command, the least of several; each is asked ten times in a row.
    private func best(_ bird: Process, _ place: String, _ command: String) throws -> Double {
        var best = Double.infinity
        for _ in 0..<7 {
            let before = Self.cpu(bird.processIdentifier)
            for _ in 0..<10 { _ = try self.ask(place, command) }
            best = min(best, (Self.cpu(bird.processIdentifier) - before) / 10)
        }
        return best
    }

    /// CPU seconds of a process so far, from the scheduler's count.
    private static func cpu(_ process: Int32) -> Double {
        let text = (try? String(contentsOfFile: "/proc/\(process)/schedstat", encoding: .utf8)) ?? ""
        return (text.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1e9
    }

    private func ask(_ place: String, _ command: String) throws -> String {
        try Self.run(self.folder + "/birdc", ["-s", place + "/s"] + command.split(separator: " ").map(String.init))
    }

    /// What a program writes.
    private static func run(_ path: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
