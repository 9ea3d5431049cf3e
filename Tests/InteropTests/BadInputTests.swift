import ControlAPI
import TestSupport
import Testing

extension Interop {
    /// Peers that break the protocol, with a bare TCP connection (RFC 4271 section 6).
    @Suite("Bad input")
    struct BadInputTests {
        /// What a peer sends, and the code, subcode and data of the NOTIFICATION it must get.
        struct Case: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var bytes: String
            var notification: String
        }

        private static let marker = String(repeating: "ff", count: 16)
        private static func open(version: String = "04", asNumber: String = "fc02", holdTime: String = "005a") -> String
        {
            "\(self.marker)001d01\(version)\(asNumber)\(holdTime)0a14000b00"
        }

        static let cases: [Case] = [
            Case(
                testDescription: "a marker that is not all ones",
                bytes: String(repeating: "00", count: 19),
                notification: "0101"
            ),
            Case(
                testDescription: "text of another protocol",
                bytes: "GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                    .joined(),
                notification: "0101"
            ),
            Case(testDescription: "a length below 19", bytes: Self.marker + "001204", notification: "01020012"),
            Case(testDescription: "a length above 4096", bytes: Self.marker + "100102", notification: "01021001"),
            Case(testDescription: "an unknown type", bytes: Self.marker + "001309", notification: "010309"),
            Case(testDescription: "version 3", bytes: Self.open(version: "03"), notification: "02010004"),
            Case(testDescription: "the wrong AS", bytes: Self.open(asNumber: "fde8"), notification: "0202"),
            Case(
                testDescription: "a hold time of one second",
                bytes: Self.open(holdTime: "0001"),
                notification: "0206"
            ),
            Case(
                testDescription: "an UPDATE before the OPEN",
                bytes: Self.marker + "00170200000000",
                notification: "0501"
            ),
            Case(
                testDescription: "an UPDATE before the first KEEPALIVE",
                bytes: Self.open() + Self.marker + "00170200000000",
                notification: "0502"
            ),
        ]

        /// Connects from 10.20.0.11, sends the bytes of the first argument, prints the type and body of each message
        /// that comes until the other end closes.
        private static let peer = """
            import socket, sys
            try:
                peer = socket.create_connection(("10.20.0.1", 179), 5, ("10.20.0.11", 0))
            except ConnectionResetError:
                # The reset can come before connect() returns.
                print("closed")
                sys.exit()
            peer.settimeout(8)
            peer.sendall(bytes.fromhex(sys.argv[1]))
            data = b""
            try:
                while True:
                    chunk = peer.recv(65536)
                    if not chunk: break
                    data += chunk
                end = "closed"
            except ConnectionResetError: end = "closed"
            except TimeoutError: end = "open"
            while len(data) >= 19:
                size = int.from_bytes(data[16:18], "big")
                print(data[18], data[19:size].hex())
                data = data[size:]
            print(end)
            """

        @Test("A protocol error is answered by its NOTIFICATION and no other session notices", arguments: Self.cases)
        func error(_ example: Case) async throws {
            let martlet = """
                protocol bgp peer {
                  local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
                  ipv4 { import all; export all; };
                }
                protocol bgp raw {
                  local 10.20.0.1 as 64512; neighbor 10.20.0.11 as 64514; passive on; \(Interop.timers)
                  ipv4 { import all; export all; };
                }
                """
            let bird = """
                protocol static two { ipv4; route 203.0.113.0/24 blackhole; }
                protocol bgp peer {
                  local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
                  ipv4 { import all; export all; };
                }
                """
            try await Interop.withBird(martlet: martlet, bird: bird) { lab, martlet, bird in
                let before = try await martlet.withClient { try await $0.neighbor("peer") }
                let namespace = try #require(lab.namespaces.last)
                try namespace.ip("address add 10.20.0.11/24 dev eth1")
                let bytes = example.bytes
                let result = try await blocking {
                    try namespace.run("/usr/bin/python3", "-c", Self.peer, bytes, timeout: 20)
                }
                let lines = result.output.split(separator: "\n")
                #expect(lines.first?.hasPrefix("1 04fc00") == true, "\(result)")
                #expect(lines.dropFirst().first { !$0.hasPrefix("4") } == "3 \(example.notification)", "\(result)")
                #expect(lines.last == "closed")
                _ = try bird.query("disable two")
                #expect(try await Interop.routes(of: martlet, count: 0).isEmpty)
                let after = try await martlet.withClient { try await $0.neighbor("peer") }
                #expect(after.establishedAt == before.establishedAt)
                #expect(after.transitions == before.transitions)
                let raw = try await martlet.withClient { try await $0.neighbor("raw") }
                #expect(raw.lastError?.direction == .sent)
            }
        }

        @Test("A stranger's connection is closed without a word")
        func stranger() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                try there.ip("address add 10.20.0.11/24 dev eth1")
                _ = try await MartletProcess.start(
                    "martlet",
                    in: here,
                    lab,
                    configuration: """
                        router id 10.20.0.1;
                        protocol device {}
                        protocol bgp peer {
                          local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513;
                          ipv4 { import all; export all; };
                        }
                        """
                )
                let result = try await blocking {
                    try there.run("/usr/bin/python3", "-c", Self.peer, Self.open(), timeout: 20)
                }
                #expect(result.output == "closed\n", "\(result)")
            }
        }
    }
}
