import BGPWire
import Foundation
import Testing

@testable import Speaker

@Suite("Mark of a run")
struct RestartMarkerTests {
    private static func withFile(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mark-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.appending(path: "speaker.restart").path)
    }

    @Test(
        "What one run writes the next one reads",
        arguments: [[], [AddressFamily.ipv4Unicast], [.ipv6Unicast], [.ipv4Unicast, .ipv6Unicast]]
    )
    func roundTrip(families: Set<AddressFamily>) throws {
        try Self.withFile { path in
            #expect(RestartMarker(contentsOf: path) == nil)
            let marker = RestartMarker(kernelFamilies: families)
            try marker.write(to: path)
            #expect(RestartMarker(contentsOf: path) == marker)
            RestartMarker.remove(path)
            #expect(RestartMarker(contentsOf: path) == nil)
        }
    }

    @Test("The mark of a time before the host came up, and anything that is none, does not count")
    func foreign() throws {
        try Self.withFile { path in
            try RestartMarker(kernelFamilies: [.ipv4Unicast]).write(to: path)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let lines = text.split(separator: "\n").map(String.init)
            let others = [
                "", "\n", "martlet", lines[0] + "\n00000000-0000-0000-0000-000000000000\n" + lines[2] + "\n",
                lines[0] + "\n" + lines[1] + "\n", lines[0] + "\n" + lines[1] + "\nkernel ipv5\n",
                lines[0] + "\n" + lines[1] + "\nkernels ipv4\n", lines[0] + "\n" + lines[1] + "\n kernel ipv4\n",
                "martlet speaker 2\n" + lines[1] + "\n" + lines[2] + "\n", String(repeating: "x", count: 100_000),
            ]
            for other in others {
                try other.write(toFile: path, atomically: false, encoding: .utf8)
                #expect(RestartMarker(contentsOf: path) == nil, "\(other.prefix(80))")
            }
        }
    }

    @Test("A mark that cannot be written is an error and leaves what there was")
    func failure() throws {
        #expect(throws: SocketError.self) {
            try RestartMarker(kernelFamilies: []).write(to: "/nonexistent/speaker.restart")
        }
    }
}
