import ControlAPI
import IPAddressing
import NIOCore

/// Writes routes as lines of JSON.
///
/// By hand, because a large table means millions of lines: a tenth of `JSONEncoder`'s time.
/// The fields are those of `Route`'s own coding; a test compares the two.
enum RouteWriter {
    /// Appends one route and a line end.
    static func write(_ route: Route, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"prefix\":\"")
        self.write(route.prefix, into: &buffer)
        buffer.writeStaticString("\",\"table\":")
        self.write(string: route.table, into: &buffer)
        buffer.writeStaticString(route.best ? ",\"best\":true" : ",\"best\":false")
        buffer.writeStaticString(",\"source\":\"")
        buffer.writeString(route.source.rawValue)
        buffer.writeStaticString("\",\"protocol\":")
        self.write(string: route.protocolName, into: &buffer)
        self.write(",\"from\":\"", route.from, into: &buffer)
        self.write(",\"nextHop\":\"", route.nextHop, into: &buffer)
        self.write(",\"gateway\":\"", route.gateway, into: &buffer)
        self.write(",\"interface\":", route.interface, into: &buffer)
        self.write(",\"discard\":", route.discard, into: &buffer)
        if let path = route.asPath {
            self.write(path, into: &buffer)
            self.write(",\"asPathText\":", route.asPathText, into: &buffer)
        }
        self.write(",\"localPref\":", route.localPref, into: &buffer)
        self.write(",\"med\":", route.med, into: &buffer)
        self.write(",\"origin\":", route.origin?.rawValue, into: &buffer)
        self.write(",\"communities\":[", route.communities, into: &buffer)
        self.write(",\"largeCommunities\":[", route.largeCommunities, into: &buffer)
        self.write(",\"extendedCommunities\":[", route.extendedCommunities, into: &buffer)
        if let originator = route.originatorID {
            buffer.writeStaticString(",\"originatorID\":\"")
            self.write(quad: originator.rawValue, into: &buffer)
            buffer.writeStaticString("\"")
        }
        buffer.writeStaticString(",\"clusterList\":[")
        for (index, cluster) in route.clusterList.enumerated() {
            buffer.writeStaticString(index == 0 ? "\"" : ",\"")
            self.write(quad: cluster.rawValue, into: &buffer)
            buffer.writeStaticString("\"")
        }
        buffer.writeStaticString("]")
        self.writeRareAttributes(route, into: &buffer)
        self.write(",\"preference\":", UInt32(route.preference), into: &buffer)
        self.write(",\"metric\":", route.metric, into: &buffer)
        self.write(",\"rejected\":", route.rejected, into: &buffer)
        self.write(",\"stale\":", route.stale?.rawValue, into: &buffer)
        self.write(",\"pathID\":", route.pathID, into: &buffer)
        self.write(",\"age\":", route.ageSeconds, into: &buffer)
        buffer.writeStaticString("}\n")
    }

    private static func writeRareAttributes(_ route: Route, into buffer: inout ByteBuffer) {
        if route.atomicAggregate { buffer.writeStaticString(",\"atomicAggregate\":true") }
        if let aggregator = route.aggregator {
            self.write(",\"aggregator\":{\"as\":", aggregator.number, into: &buffer)
            self.write(",\"id\":", aggregator.id, into: &buffer)
            buffer.writeStaticString("}")
        }
        if let metric = route.aigp {
            buffer.writeStaticString(",\"aigp\":")
            buffer.writeString(String(metric))
        }
        self.write(",\"onlyToCustomer\":", route.onlyToCustomer, into: &buffer)
        guard !route.otherAttributes.isEmpty else { return }
        buffer.writeStaticString(",\"otherAttributes\":[")
        for (index, attribute) in route.otherAttributes.enumerated() {
            self.write(index == 0 ? "{\"type\":" : ",{\"type\":", UInt32(attribute.type), into: &buffer)
            self.write(",\"name\":", attribute.name, into: &buffer)
            buffer.writeStaticString(attribute.partial ? ",\"partial\":true" : ",\"partial\":false")
            self.write(",\"value\":", attribute.value, into: &buffer)
            buffer.writeStaticString("}")
        }
        buffer.writeStaticString("]")
    }

    private static func write(_ key: StaticString, _ value: UInt32?, into buffer: inout ByteBuffer) {
        guard let value else { return }
        buffer.writeStaticString(key)
        self.write(decimal: value, into: &buffer)
    }

    private static func write(_ key: StaticString, _ value: String?, into buffer: inout ByteBuffer) {
        guard let value else { return }
        buffer.writeStaticString(key)
        self.write(string: value, into: &buffer)
    }

    /// `key` ends with the opening quotation mark.
    private static func write(_ key: StaticString, _ value: IPAddress?, into buffer: inout ByteBuffer) {
        guard let value else { return }
        buffer.writeStaticString(key)
        self.write(value, into: &buffer)
        buffer.writeStaticString("\"")
    }

    /// `key` ends with the opening bracket.
    private static func write(_ key: StaticString, _ values: [String], into buffer: inout ByteBuffer) {
        buffer.writeStaticString(key)
        for (index, value) in values.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            self.write(string: value, into: &buffer)
        }
        buffer.writeStaticString("]")
    }

    private static func write(_ path: [ASPathElement], into buffer: inout ByteBuffer) {
        buffer.writeStaticString(",\"asPath\":[")
        for (index, element) in path.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            switch element {
            case .number(let number):
                self.write(decimal: number, into: &buffer)
            case .set(let numbers):
                self.write("[", numbers, "]", into: &buffer)
            case .confederationSequence(let numbers):
                self.write("{\"confederationSequence\":[", numbers, "]}", into: &buffer)
            case .confederationSet(let numbers):
                self.write("{\"confederationSet\":[", numbers, "]}", into: &buffer)
            }
        }
        buffer.writeStaticString("]")
    }

    private static func write(
        _ head: StaticString,
        _ numbers: [UInt32],
        _ tail: StaticString,
        into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString(head)
        for (index, number) in numbers.enumerated() {
            if index > 0 { buffer.writeStaticString(",") }
            self.write(decimal: number, into: &buffer)
        }
        buffer.writeStaticString(tail)
    }

    private static func write(_ prefix: IPPrefix, into buffer: inout ByteBuffer) {
        self.write(prefix.address, into: &buffer)
        buffer.writeStaticString("/")
        self.write(decimal: UInt32(prefix.length), into: &buffer)
    }

    private static func write(_ address: IPAddress, into buffer: inout ByteBuffer) {
        switch address {
        case .v4(let address): self.write(quad: address.rawValue, into: &buffer)
        case .v6(let address): buffer.writeString(address.description)
        }
    }

    private static func write(quad: UInt32, into buffer: inout ByteBuffer) {
        self.write(decimal: quad >> 24, into: &buffer)
        buffer.writeInteger(UInt8(ascii: "."))
        self.write(decimal: quad >> 16 & 255, into: &buffer)
        buffer.writeInteger(UInt8(ascii: "."))
        self.write(decimal: quad >> 8 & 255, into: &buffer)
        buffer.writeInteger(UInt8(ascii: "."))
        self.write(decimal: quad & 255, into: &buffer)
    }

    private static func write(decimal value: UInt32, into buffer: inout ByteBuffer) {
        var divisor: UInt32 = 1
        while value / divisor >= 10 { divisor &*= 10 }
        var rest = value
        while divisor > 0 {
            buffer.writeInteger(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    /// A JSON string with quotation marks (RFC 8259 §7).
    static func write(string: String, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("\"")
        let isPlain = string.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain {
            buffer.writeString(string)
        } else {
            for byte in string.utf8 {
                switch byte {
                case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
                case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
                case UInt8(ascii: "\n"): buffer.writeStaticString("\\n")
                case 0..<0x20:
                    buffer.writeStaticString(byte < 0x10 ? "\\u000" : "\\u001")
                    let digit = byte & 15
                    buffer.writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                default: buffer.writeInteger(byte)
                }
            }
        }
        buffer.writeStaticString("\"")
    }
}
