internal import BGPWire
internal import IPAddressing
internal import MRTFormat

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Turns records into lines of text or JSON.
struct RecordPrinter {
    /// Only what concerns this prefix or more specific ones.
    let selection: IPPrefix?
    let isJSON: Bool
    /// Routes and messages whose contents could not be used; they are printed with the cause.
    private(set) var unusableCount = 0

    private var peers: [PeerIndexTable.Peer] = []
    private var attributes = RIBAttributeDecoder()
    private var updates = UpdateDecoder()
    private let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()

    init(selection: IPPrefix?, isJSON: Bool) {
        self.selection = selection
        self.isJSON = isJSON
    }

    /// The lines of a record; none for a record that the selection leaves out.
    mutating func lines(of record: MRTRecord) throws -> [String] {
        var line = RecordLine(seconds: record.time.seconds, microseconds: record.time.microseconds)
        switch record.content {
        case .peerIndexTable(let table):
            self.peers = table.peers
            guard self.selection == nil else { return [] }
            line.type = "peers"
            line.collector = table.collector.description
            line.view = table.viewName
            line.peers = table.peers.map { RecordLine.Peer($0) }
            return [try self.text(line)]
        case .rib(let rib):
            if let selection = self.selection, !selection.contains(rib.prefix) { return [] }
            line.type = "route"
            line.prefix = rib.prefix.description
            line.sequence = rib.sequence
            return try rib.entries.map { entry in
                var line = line
                line.seconds = entry.originatedTime
                line.pathID = rib.form == .specificAddPath || rib.form == .genericAddPath ? entry.pathID : nil
                line.peer =
                    self.peers.indices.contains(Int(entry.peerIndex))
                    ? RecordLine.Peer(self.peers[Int(entry.peerIndex)]) : nil
                // Collectors' own routes have none.
                guard !entry.attributes.isEmpty else { return try self.text(line) }
                do throws(RIBAttributeError) {
                    let route = try self.attributes.decode(entry.attributes, isIPv4: rib.prefix.isIPv4)
                    line.nextHop = route.nextHop.description
                    line.attributes = RecordLine.Attributes(route.attributes)
                } catch {
                    self.unusableCount += 1
                    line.error = "\(error)"
                }
                return try self.text(line)
            }
        case .message(let message):
            line.type = message.isLocal ? "sent" : "message"
            line.session(message.session)
            self.describe(message, &line)
            guard self.concerns(line) else { return [] }
            return [try self.text(line)]
        case .stateChange(let change):
            guard self.selection == nil else { return [] }
            line.type = "state"
            line.session(change.session)
            line.oldState = change.oldState.description
            line.newState = change.newState.description
            return [try self.text(line)]
        }
    }

    private func text(_ line: RecordLine) throws -> String {
        guard self.isJSON else { return line.text }
        return String(decoding: try self.encoder.encode(line), as: UTF8.self)
    }

    /// Whether a message's line names a prefix of the selection.
    private func concerns(_ line: RecordLine) -> Bool {
        guard let selection = self.selection else { return true }
        return ((line.announced ?? []) + (line.withdrawn ?? [])).contains { text in
            IPPrefix(text.prefix { $0 != " " }).map { selection.contains($0) } ?? false
        }
    }

    /// Adds what a recorded message says.
    private mutating func describe(_ message: BGP4MPMessage, _ line: inout RecordLine) {
        let span = message.octets.span.bytes
        let header: MessageHeader?
        do throws(Notification) {
            header = try MessageHeader.parse(span, maximumLength: MessageHeader.extendedMaximumLength)
        } catch {
            self.unusableCount += 1
            line.error = "\(error)"
            return
        }
        guard let header, header.length == message.octets.count else {
            self.unusableCount += 1
            line.error = "the message is not whole"
            return
        }
        line.message = "\(header.type)".uppercased()
        let body = span.extracting(MessageHeader.size..<header.length)
        switch header.type {
        case .update: self.describeUpdate(body, message, &line)
        case .notification: line.notification = Notification.decode(body: body).map { "\($0)" }
        case .open, .keepalive, .routeRefresh: break
        }
    }

    private mutating func describeUpdate(_ body: RawSpan, _ message: BGP4MPMessage, _ line: inout RecordLine) {
        let context = UpdateContext(
            ipv4: .init(isNegotiated: true, receivesPathIDs: message.hasPathIDs, allowsExtendedNextHop: true),
            ipv6: .init(isNegotiated: true, receivesPathIDs: message.hasPathIDs),
            hasFourOctetAS: message.hasFourOctetAS,
            isInternal: true,
            peerAS: message.session.peerAS,
            enforcesFirstAS: false,
            rejectsASSets: false,
            acceptsAIGP: true
        )
        do throws(Notification) {
            try self.updates.decode(body, context)
        } catch {
            self.unusableCount += 1
            line.error = "\(error)"
            return
        }
        line.announced =
            self.updates.announcedIPv4.map(\.description) + self.updates.announcedIPv6.map(\.description)
        line.withdrawn =
            self.updates.withdrawnIPv4.map(\.description) + self.updates.withdrawnIPv6.map(\.description)
        line.endOfRIB = self.updates.endOfRIB?.description
        if let failure = self.updates.failure {
            self.unusableCount += 1
            line.error = "\(failure)"
        }
        guard self.updates.isAnnouncing else { return }
        line.nextHop = (self.updates.nextHop ?? self.updates.multiprotocolNextHop)?.description
        line.attributes = RecordLine.Attributes(PathAttributes(canonical: self.updates.attributes))
    }
}

/// One line of output: what is known of a record, in JSON under these names.
struct RecordLine: Encodable {
    var type = ""
    var seconds: UInt32
    var microseconds: UInt32?
    var collector: String?
    var view: String?
    var peers: [Peer]?
    var prefix: String?
    var pathID: UInt32?
    var sequence: UInt32?
    var peer: Peer?
    var localAddress: String?
    var localAS: UInt32?
    var oldState: String?
    var newState: String?
    var message: String?
    var notification: String?
    var announced: [String]?
    var withdrawn: [String]?
    var endOfRIB: String?
    var nextHop: String?
    var attributes: Attributes?
    var error: String?

    init(seconds: UInt32, microseconds: UInt32?) {
        self.seconds = seconds
        self.microseconds = microseconds
    }

    struct Peer: Encodable {
        var address: String
        var number: UInt32
        var identifier: String?

        enum CodingKeys: String, CodingKey {
            case address, identifier
            case number = "as"
        }

        init(_ peer: PeerIndexTable.Peer) {
            self.address = peer.address.description
            self.number = peer.number.rawValue
            self.identifier = peer.identifier.description
        }

        init(_ session: BGP4MPSession) {
            self.address = session.peerAddress.description
            self.number = session.peerAS.rawValue
        }
    }

    /// Attributes by name; an object in JSON.
    struct Attributes: Encodable {
        var fields: [(name: String, text: String)]
        var text: String

        init(_ attributes: PathAttributes) {
            self.fields = attributes.fields
            self.text = attributes.description
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(Dictionary(self.fields.map { ($0.name, $0.text) }) { first, _ in first })
        }
    }

    mutating func session(_ session: BGP4MPSession) {
        self.peer = Peer(session)
        self.localAddress = session.localAddress.description
        self.localAS = session.localAS.rawValue
    }

    /// The line for people.
    var text: String {
        var parts = [self.time, self.type]
        func add(_ name: String, _ value: (some CustomStringConvertible)?) {
            if let value { parts.append(name.isEmpty ? "\(value)" : "\(name) \(value)") }
        }
        add("", self.prefix)
        add("path", self.pathID)
        add("collector", self.collector)
        if let view = self.view, !view.isEmpty { add("view", view) }
        if let peer = self.peer { parts.append("from \(peer.address) AS\(peer.number)") }
        add("", self.message)
        add("", self.notification)
        if let old = self.oldState, let new = self.newState { parts.append("\(old) to \(new)") }
        if let announced = self.announced, !announced.isEmpty { add("announced", announced.joined(separator: " ")) }
        if let withdrawn = self.withdrawn, !withdrawn.isEmpty { add("withdrawn", withdrawn.joined(separator: " ")) }
        add("end of RIB", self.endOfRIB)
        add("next hop", self.nextHop)
        add("", self.attributes?.text)
        add("unusable:", self.error)
        for (index, peer) in (self.peers ?? []).enumerated() {
            parts.append("\(index): \(peer.address) AS\(peer.number)")
        }
        return parts.joined(separator: "  ")
    }

    private var time: String {
        let date = Date(timeIntervalSince1970: Double(self.seconds))
        let text = date.formatted(.iso8601)
        guard let microseconds = self.microseconds else { return text }
        let digits = String(microseconds)
        return text.dropLast() + "." + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "Z"
    }
}
