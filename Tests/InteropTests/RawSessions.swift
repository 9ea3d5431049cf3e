import BGPWire
import Foundation
import IPAddressing
import TestSupport

/// Several bare BGP speakers in one namespace that say what a test scripts and note what they hear.
///
/// One program plays them all: it opens the sessions one after the other, sends the messages of the script in order, and
/// ends once nothing came for a while.
struct RawSessions {
    /// One of the speakers.
    struct End {
        var address: String
        var asNumber: UInt32
        /// Capabilities besides 65 (four-octet AS), which stands first.
        var capabilities: [Capability] = [.multiprotocol(.ipv4Unicast)]
        /// Whether capability 65 is sent.
        var hasFourOctetAS = true
    }

    /// What one of them heard.
    struct Heard {
        var open: Open?
        /// Messages behind the first KEEPALIVE but KEEPALIVEs.
        var messages: [(type: MessageType, body: [UInt8])] = []

        var notification: BGPWire.Notification? {
            self.messages.first { $0.type == .notification }.flatMap {
                BGPWire.Notification.decode(body: $0.body.span.bytes)
            }
        }

        /// ROUTE-REFRESH messages.
        var refreshes: [RouteRefresh] {
            self.messages.filter { $0.type == .routeRefresh }.compactMap {
                try? RouteRefresh.decode(body: $0.body.span.bytes)
            }
        }

        /// What is announced in the end, by prefix.
        var routes: [String: PathAttributes] = [:]
        /// Next hops of these.
        var nextHops: [String: String] = [:]
        /// How often each prefix was announced.
        var announcements: [String: Int] = [:]

        fileprivate mutating func read() throws {
            for message in self.messages where message.type == .update {
                var context = UpdateContext(
                    ipv4: .init(isNegotiated: true),
                    ipv6: .init(isNegotiated: true),
                    hasFourOctetAS: self.hasFourOctetAS,
                    isInternal: true,
                    peerAS: 1,
                    rejectsASSets: false,
                    acceptsAIGP: true
                )
                context.allowsConfederationSegments = true
                var decoder = UpdateDecoder()
                try decoder.decode(message.body.span.bytes, context)
                if let failure = decoder.failure { throw Command.Failure("\(failure)") }
                for nlri in decoder.withdrawnIPv4 { self.routes["\(nlri.prefix)"] = nil }
                for nlri in decoder.announcedIPv4 {
                    self.routes["\(nlri.prefix)"] = PathAttributes(canonical: decoder.attributes)
                    self.nextHops["\(nlri.prefix)"] = decoder.nextHop.map { "\($0.address)" }
                    self.announcements["\(nlri.prefix)", default: 0] += 1
                }
            }
        }

        fileprivate var hasFourOctetAS = true
    }

    /// Opens sessions with `remote`, sends messages by the index of the speaker, and returns what each heard.
    static func run(
        in namespace: Lab.Namespace,
        to remote: String = "10.20.0.1",
        _ ends: [End],
        _ steps: [(end: Int, message: [UInt8])],
        quiet: Double = 1
    ) async throws -> [Heard] {
        for end in ends { try namespace.ip("address replace \(end.address)/24 dev eth1") }
        let script: [String: Any] = [
            "remote": remote, "quiet": quiet,
            "ends": ends.map { ["address": $0.address, "open": Self.hexadecimal(Self.open($0))] },
            "steps": steps.map { [$0.end, Self.hexadecimal($0.message)] as [Any] },
        ]
        let text = String(decoding: try JSONSerialization.data(withJSONObject: script), as: UTF8.self)
        let result = try await blocking { try namespace.run("/usr/bin/python3", "-c", Self.program, text, timeout: 60) }
        guard result.code == 0,
            let lists = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String]]
        else { throw Command.Failure("raw sessions: \(result)") }
        return try zip(ends, lists).map { end, list in
            var heard = Heard()
            heard.hasFourOctetAS = end.hasFourOctetAS
            for text in list {
                let bytes = Self.octets(text)
                guard let type = MessageType(rawValue: bytes[0]) else { continue }
                let body = Array(bytes.dropFirst())
                if type == .open { heard.open = try Open.decode(body: body.span.bytes) }
                if type != .open, type != .keepalive { heard.messages.append((type, body)) }
            }
            try heard.read()
            return heard
        }
    }

    private static func open(_ end: End) -> [UInt8] {
        var message: [UInt8] = []
        Open(
            myAS: UInt16(exactly: end.asNumber) ?? 23_456,
            holdTime: 90,
            identifier: RouterID(end.address) ?? RouterID(rawValue: 1),
            capabilities: (end.hasFourOctetAS ? [.fourOctetAS(ASNumber(rawValue: end.asNumber))] : [])
                + end.capabilities
        ).encode(into: &message)
        return message
    }

    /// An UPDATE that announces prefixes by the speaker's own address.
    static func announce(
        _ prefixes: [String],
        by end: End,
        path: [ASPath.Segment],
        _ edit: (inout PathAttributes) -> Void = { _ in }
    ) throws -> [UInt8] {
        var attributes = PathAttributes()
        attributes.origin = .igp
        attributes.asPath = ASPath(segments: path)
        edit(&attributes)
        var output: [UInt8] = []
        var encoder = UpdateEncoder<IPv4Prefix>(UpdateEncoding(hasFourOctetAS: end.hasFourOctetAS))
        guard let address = IPAddress(end.address) else { throw Command.Failure(end.address) }
        try encoder.announce(
            prefixes.compactMap { IPPrefix($0).flatMap { IPv4Prefix($0) } }.map { NLRI($0) },
            attributes: attributes,
            nextHop: BGPNextHop(address),
            into: &output
        )
        return output
    }

    /// An UPDATE with attributes as they are given.
    static func update(attributes: [UInt8], nlri: [UInt8]) -> [UInt8] {
        let body = [0, 0, UInt8(attributes.count >> 8), UInt8(attributes.count & 255)] + attributes + nlri
        let length = body.count + 19
        return Array(repeating: 0xFF, count: 16) + [UInt8(length >> 8), UInt8(length & 255), 2] + body
    }

    static func octets(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }

    static func hexadecimal(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static let program = """
        import json, select, socket, sys, time
        script = json.loads(sys.argv[1])
        KEEPALIVE = b"\\xff" * 16 + b"\\x00\\x13\\x04"
        ends = []
        for end in script["ends"]:
            deadline = time.time() + 20
            while True:
                try:
                    link = socket.create_connection((script["remote"], 179), 5, (end["address"], 0))
                    link.sendall(bytes.fromhex(end["open"]))
                    break
                except OSError:
                    if time.time() > deadline: raise
                    time.sleep(0.2)
            ends.append({"link": link, "data": b"", "heard": [], "open": True})
        def read(end):
            try: chunk = end["link"].recv(1 << 20)
            except OSError: chunk = b""
            if not chunk:
                end["open"] = False
                return False
            end["data"] += chunk
            isNew = False
            while len(end["data"]) >= 19:
                size = int.from_bytes(end["data"][16:18], "big")
                if len(end["data"]) < size: break
                kind = end["data"][18]
                end["heard"].append((end["data"][18:19] + end["data"][19:size]).hex())
                end["data"] = end["data"][size:]
                if kind == 1: end["link"].sendall(KEEPALIVE)
                if kind != 4: isNew = True
            return isNew
        def pump(seconds, until=lambda: False):
            last = time.time()
            stop = last + 20
            while time.time() < last + seconds and time.time() < stop and not until():
                ready = [end for end in ends if end["open"]]
                if not ready: return
                links = select.select([end["link"] for end in ready], [], [], 0.05)[0]
                for end in ready:
                    if end["link"] in links and read(end): last = time.time()
        pump(8, lambda: all(not end["open"] or any(x == "04" for x in end["heard"]) for end in ends))
        pump(0.4)
        for index, message in script["steps"]:
            if ends[index]["open"]:
                try: ends[index]["link"].sendall(bytes.fromhex(message))
                except OSError: ends[index]["open"] = False
            pump(0.15)
        pump(script["quiet"])
        print(json.dumps([end["heard"] for end in ends]))
        """
}

extension Interop {
    /// Runs Martlet with a configuration and bare speakers beside it.
    static func withRawSessions(
        _ configuration: String,
        _ body: (Lab, MartletProcess, Lab.Namespace) async throws -> Void
    ) async throws {
        try await Lab.run { lab in
            let (here, there) = try self.pair(lab)
            let martlet = try await MartletProcess.start(
                "martlet",
                in: here,
                lab,
                configuration: "router id 10.20.0.1;\nprotocol device {}\n" + configuration
            )
            try await body(lab, martlet, there)
        }
    }

    /// A session with a bare speaker.
    static func rawSession(
        _ name: String,
        _ number: Int,
        as remoteAS: UInt32,
        localAS: UInt32 = 64_512,
        _ options: String = "",
        channel: String = "import all; export all;"
    ) -> String {
        """
        protocol bgp \(name) {
          local 10.20.0.1 as \(localAS); neighbor 10.20.0.\(number) as \(remoteAS); passive on; \(self.timers) \(options)
          ipv4 { \(channel) };
        }

        """
    }
}
