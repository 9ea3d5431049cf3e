import BGPWire
import CLinux
import ControlAPI
import Foundation
import Glibc
import IPAddressing
import Synchronization
import TestSupport
import Testing

extension Interop {
    /// Answers of any size at the control interface beside routing that goes on.
    @Suite("Streams of routes")
    struct StreamTests {
        private static let local = IPv4Address(10, 20, 0, 1)
        private static let numbers: [ASNumber] = [64_513, 64_514]

        /// A speaker with a raw sender `.2` and a raw receiver `.3` in other autonomous systems.
        private static func withPeers(
            _ body: (Lab, MartletProcess, _ sender: RawPeer, _ receiver: RawPeer) async throws -> Void
        ) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                try there.ip("address add 10.20.0.3/24 dev eth1")
                var text = "router id 10.20.0.1;\nprotocol device {}\n"
                for (index, number) in Self.numbers.enumerated() {
                    text += """
                        protocol bgp peer\(index) {
                          local 10.20.0.1 as 64512; neighbor 10.20.0.\(index + 2) as \(number); passive on;
                          ipv4 { import all; export all; };
                        }

                        """
                }
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: text)
                var peers: [RawPeer] = []
                for (index, number) in Self.numbers.enumerated() {
                    let ends = RawPeer.Ends(
                        local: IPv4Address(10, 20, 0, UInt8(index + 2)),
                        asNumber: number,
                        remote: Self.local,
                        remoteAS: 64_512
                    )
                    peers.append(try await RawPeer.connect(ends, in: there, lab))
                }
                defer { for peer in peers { peer.disconnect() } }
                try await body(lab, martlet, peers[0], peers[1])
            }
        }

        /// `count` prefixes of length 24 from 20.0.0.0 on.
        private static func prefixes(_ count: Int) -> some Sequence<IPv4Prefix> {
            (0..<UInt32(count)).lazy.map {
                IPv4Prefix(address: IPv4Address(rawValue: 0x1400_0000 + $0 << 8), length: 24)
            }
        }

        private static func fill(_ lab: Lab, _ count: Int, _ sender: RawPeer, _ receiver: RawPeer) async throws {
            try await blocking {
                try sender.announce(Self.prefixes(count))
                try sender.sendEndOfRIB()
            }
            try await lab.require("all \(count) routes went through", timeout: .seconds(120)) {
                if let end = receiver.state.end ?? sender.state.end { throw Command.Failure(end) }
                return receiver.state.announced >= count
            }
        }

        /// Runs `bgpctl show routes --json` and counts its lines without keeping them.
        private static func countRoutes(_ martlet: MartletProcess) throws -> Int {
            let process = Process()
            process.executableURL = URL(filePath: try MartletProcess.binary("bgpctl"))
            process.arguments = ["--socket", martlet.socketPath, "show", "routes", "--json"]
            process.standardInput = FileHandle.nullDevice
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let descriptor = pipe.fileHandleForReading.fileDescriptor
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            var lines = 0
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                lines += buffer[..<count].withUnsafeBytes { bytes in bytes.reduce(0) { $0 + ($1 == 10 ? 1 : 0) } }
            }
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw Command.Failure("bgpctl: \(process.terminationStatus)") }
            return lines
        }

        /// Changes one of the routes, in another part of the table each time, and returns how long it took to the receiver.
        private static func change(
            _ number: Int,
            _ lab: Lab,
            _ sender: RawPeer,
            _ receiver: RawPeer
        ) async throws -> Duration {
            let mark = Community(64_512, UInt16(number + 1))
            let changed = IPv4Prefix(
                address: IPv4Address(rawValue: 0x1400_0000 + UInt32(number * 45_000) << 8),
                length: 24
            )
            let begin = ContinuousClock.now
            try sender.announce([changed], communities: [mark])
            try await lab.require("change \(number) arrives", timeout: .seconds(10)) {
                receiver.state.arrivals[mark] != nil
            }
            return try #require(receiver.state.arrivals[mark]) - begin
        }

        @Test("Streams of a million routes and a client that stopped reading cost neither memory nor time of routing")
        func millionRoutes() async throws {
            let (count, wanted) = (1_000_000, 20)
            try await Self.withPeers { lab, martlet, sender, receiver in
                try await Self.fill(lab, count, sender, receiver)
                // What the arrival of the routes left to be given back is not the streams' doing.
                try await Task.sleep(for: .seconds(2))
                let own = MemorySampler(martlet.process.processIdentifier, "RssAnon:")
                own.start()
                defer { own.stop() }
                // The first answers and changes bring in pages of the program's own file, which the kernel can take back.
                #expect(try martlet.bgpctl("show", "routes", "--json", "20.0.0.0/24").code == 0)
                try HalfReader(martlet.socketPath).close()
                _ = try await Self.change(0, lab, sender, receiver)
                let memory = MemorySampler(martlet.process.processIdentifier, "VmRSS:")
                memory.start()
                defer { memory.stop() }
                let slow = try HalfReader(martlet.socketPath)
                defer { slow.close() }
                // At least one stream runs until there are enough changes.
                let isEnough = Mutex(false)
                let streaming = Task {
                    try await blocking {
                        var counts: [Int] = []
                        repeat { counts.append(try Self.countRoutes(martlet)) } while !isEnough.withLock { $0 }
                        return counts
                    }
                }
                var delays: [Duration] = []
                for number in 0..<wanted {
                    try await Task.sleep(for: .milliseconds(60))
                    delays.append(try await Self.change(number + 1, lab, sender, receiver))
                }
                isEnough.withLock { $0 = true }
                let counts = try await streaming.value
                delays.sort()
                print(
                    "\(count) routes, \(counts.count) streams: changes took \(delays[wanted / 2]) in the median,",
                    "\(delays[wanted - 1]) at most; memory grew by \(memory.growth >> 10) kB,",
                    "anonymous memory from the first answer on by \(own.growth >> 10) kB"
                )
                #expect(counts.allSatisfy { $0 == count }, "\(counts)")
                #expect(delays[wanted / 2] < .milliseconds(50), "\(delays)")
                #expect(memory.count > 20)
                #expect(memory.growth < 8 << 20, "\(memory.growth) bytes")
                #expect(own.growth < 8 << 20, "\(own.growth) bytes")
                #expect(slow.isOpen, "the slow reader was cut off")
            }
        }
    }
}

/// A client that asks for all routes, reads the beginning of the answer and then no more.
private final class HalfReader: Sendable {
    private let descriptor: CInt

    init(_ path: String) throws {
        self.descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        let request = Array("GET /v1/routes HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        guard connected == 0, send(self.descriptor, request, request.count, 0) == request.count else {
            throw Command.Failure("\(path): \(String(cString: strerror(errno)))")
        }
        var buffer = [UInt8](repeating: 0, count: 100_000)
        let count = recv(self.descriptor, &buffer, buffer.count, CInt(MSG_WAITALL))
        guard count == buffer.count, String(decoding: buffer.prefix(12), as: UTF8.self) == "HTTP/1.1 200" else {
            throw Command.Failure("the answer began with \(String(decoding: buffer.prefix(200), as: UTF8.self))")
        }
    }

    /// Whether more of the answer is there to be read.
    var isOpen: Bool {
        var byte: UInt8 = 0
        return recv(self.descriptor, &byte, 1, CInt(MSG_DONTWAIT)) == 1
    }

    func close() {
        Glibc.close(self.descriptor)
    }
}

/// Looks at a process's resident memory every 20 ms.
private final class MemorySampler: Sendable {
    private struct State {
        var first = 0
        var peak = 0
        var count = 0
        var isStopped = false
    }

    private let process: pid_t
    private let field: String
    private let state: Mutex<State>

    /// Looks at a field of the process's status, such as `VmRSS:`.
    init(_ process: pid_t, _ field: String) {
        self.process = process
        self.field = field
        let now = Self.bytes(process, field)
        self.state = Mutex(State(first: now, peak: now))
    }

    /// The most bytes seen less those at the beginning.
    var growth: Int { self.state.withLock { $0.peak - $0.first } }
    /// Looks taken.
    var count: Int { self.state.withLock { $0.count } }

    func start() {
        let thread = Thread {
            while !self.state.withLock({ $0.isStopped }) {
                let now = Self.bytes(self.process, self.field)
                self.state.withLock { state in
                    state.peak = max(state.peak, now)
                    state.count += 1
                }
                usleep(20_000)
            }
        }
        thread.start()
    }

    func stop() {
        self.state.withLock { $0.isStopped = true }
    }

    /// The field's value; 0 when the process is gone.
    private static func bytes(_ process: pid_t, _ field: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(field) }
        return (line?.split { " \t".contains($0) }.dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }
}
