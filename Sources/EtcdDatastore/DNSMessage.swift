/// As much of DNS (RFC 1035) as a question for SRV records (RFC 2782) and its answer need.
enum DNSMessage {
    /// One SRV record.
    struct Service: Hashable, Sendable {
        var priority: UInt16
        var weight: UInt16
        var port: UInt16
        var target: String
    }

    /// What an answer says.
    enum Answer: Hashable, Sendable {
        /// Records; none when the name has none.
        case services([Service])
        /// There is more than fits into a datagram.
        case truncated
    }

    struct Failure: Error, Hashable, CustomStringConvertible {
        var description: String
    }

    private static let serviceType: UInt16 = 33
    private static let internetClass: UInt16 = 1

    /// A question for the SRV records of `name`; nil when it is no name.
    static func question(_ name: String, identifier: UInt16) -> [UInt8]? {
        // Recursion desired, one question.
        var message = Self.octets(identifier) + [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        let labels = name.split(separator: ".")
        guard !labels.isEmpty, name.utf8.count <= 253 else { return nil }
        for label in labels {
            guard (1...63).contains(label.utf8.count) else { return nil }
            message.append(UInt8(label.utf8.count))
            message += Array(label.utf8)
        }
        return message + [0] + self.octets(self.serviceType) + self.octets(self.internetClass)
    }

    private static func octets(_ number: UInt16) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    }

    /// Reads an answer; nil when it belongs to another question.
    static func answer(_ message: [UInt8], to question: [UInt8]) throws(Failure) -> Answer? {
        guard message.count >= 12, message[0] == question[0], message[1] == question[1], message[2] & 0x80 != 0 else {
            return nil
        }
        guard message.count >= question.count,
            message[4...5] == question[4...5],
            // Names are compared without regard to case, and only letters differ in that bit.
            zip(message[12..<question.count], question[12...]).allSatisfy({ $0 | 0x20 == $1 | 0x20 })
        else { return nil }
        if message[2] & 0x02 != 0 { return .truncated }
        switch message[3] & 0x0F {
        case 0: break
        case 3: return .services([])
        case let code: throw Failure(description: "the name server answers with code \(code)")
        }
        var reader = Reader(message, at: question.count)
        var services: [Service] = []
        for _ in 0..<(Int(message[6]) << 8 | Int(message[7])) {
            _ = try reader.name()
            let type = try reader.number()
            let kind = try reader.number()
            try reader.skip(4)
            let end = Int(try reader.number()) + reader.offset
            guard end <= message.count else { throw Failure(description: "a record ends behind the message") }
            if type == self.serviceType, kind == self.internetClass {
                services.append(
                    Service(
                        priority: try reader.number(),
                        weight: try reader.number(),
                        port: try reader.number(),
                        target: try reader.name()
                    )
                )
                guard reader.offset == end else { throw Failure(description: "a record has the wrong length") }
            }
            reader.offset = end
        }
        return .services(services)
    }

    private struct Reader {
        let message: [UInt8]
        var offset: Int

        init(_ message: [UInt8], at offset: Int) {
            self.message = message
            self.offset = offset
        }

        mutating func octet() throws(Failure) -> UInt8 {
            guard self.offset < self.message.count else { throw Failure(description: "the message is cut off") }
            defer { self.offset += 1 }
            return self.message[self.offset]
        }

        mutating func number() throws(Failure) -> UInt16 {
            let high = UInt16(try self.octet())
            return high << 8 | UInt16(try self.octet())
        }

        mutating func skip(_ count: Int) throws(Failure) {
            guard count <= self.message.count - self.offset else {
                throw Failure(description: "the message is cut off")
            }
            self.offset += count
        }

        /// A name, compressed or not; pointers only lead backwards, so that they cannot go round.
        mutating func name() throws(Failure) -> String {
            var labels: [String] = []
            var length = 0
            var place = self.offset
            var end: Int?
            while true {
                guard place < self.message.count else { throw Failure(description: "the message is cut off") }
                let count = Int(self.message[place])
                switch count {
                case 0:
                    self.offset = end ?? place + 1
                    return labels.joined(separator: ".")
                case 1...63:
                    guard place + 1 + count <= self.message.count else {
                        throw Failure(description: "the message is cut off")
                    }
                    length += count + 1
                    guard length <= 255 else { throw Failure(description: "a name is longer than 255 octets") }
                    let octets = self.message[place + 1..<place + 1 + count]
                    guard octets.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ".") }) else {
                        throw Failure(description: "a name holds odd characters")
                    }
                    labels.append(String(decoding: octets, as: UTF8.self))
                    place += 1 + count
                case 0xC0...:
                    guard place + 1 < self.message.count else { throw Failure(description: "the message is cut off") }
                    let target = (count & 0x3F) << 8 | Int(self.message[place + 1])
                    guard target < place else { throw Failure(description: "a name points forwards") }
                    end = end ?? place + 2
                    place = target
                default: throw Failure(description: "a label has an unknown form")
                }
            }
        }
    }
}
