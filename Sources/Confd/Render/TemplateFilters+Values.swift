internal import Foundation
internal import Glibc
internal import IPAddressing
internal import Stencil

/// Filters for numbers, lists, addresses, names and the host.
extension TemplateFilters {
    /// Longest list that `seq` makes.
    private static let longestSequence = 100_000

    static func addValueFilters(to filters: Extension) {
        self.addNumberFilters(to: filters)
        self.addListFilters(to: filters)
        self.addHostFilters(to: filters)
        self.addAddressFilters(to: filters)
    }

    private static func addNumberFilters(to filters: Extension) {
        let operations: [(String, @Sendable (Int, Int) -> (partialValue: Int, overflow: Bool))] = [
            ("add", { $0.addingReportingOverflow($1) }), ("sub", { $0.subtractingReportingOverflow($1) }),
            ("mul", { $0.multipliedReportingOverflow(by: $1) }), ("div", { $0.dividedReportingOverflow(by: $1) }),
            ("mod", { $0.remainderReportingOverflow(dividingBy: $1) }),
        ]
        for (name, operation) in operations {
            filters.registerFilter(name) { (value: Any?, arguments: [Any?]) in
                let result = operation(try self.number(value, name), try self.number(arguments.first ?? nil, name))
                guard !result.overflow else { throw TemplateSyntaxError("\(name): the result is no number") }
                return result.partialValue
            }
        }
        filters.registerFilter("atoi") { (value: Any?) in try self.number(value, "atoi") }
        filters.registerFilter("seq") { (value: Any?, arguments: [Any?]) in
            let (first, last) = (try self.number(value, "seq"), try self.number(arguments.first ?? nil, "seq"))
            guard first <= last else { return [Int]() }
            let (count, isTooLarge) = last.subtractingReportingOverflow(first)
            guard !isTooLarge, count < self.longestSequence else {
                throw TemplateSyntaxError("seq: longer than \(self.longestSequence)")
            }
            return Array(first...last)
        }
        filters.registerFilter("parseBool") { (value: Any?) in
            if let flag = value as? Bool { return flag }
            switch try self.text(value, "parseBool") {
            case "1", "t", "T", "true", "TRUE", "True": return true
            case "0", "f", "F", "false", "FALSE", "False": return false
            case let text: throw TemplateSyntaxError("parseBool: \(text) is no truth value")
            }
        }
    }

    private static func addListFilters(to filters: Extension) {
        filters.registerFilter("reverse") { (value: Any?) in
            guard let elements = value as? [Any] else { throw TemplateSyntaxError("reverse: not a list") }
            return Array(elements.reversed())
        }
        filters.registerFilter("sortByLength") { (value: Any?) in
            guard let texts = value as? [String] else { throw TemplateSyntaxError("sortByLength: not a list of texts") }
            return texts.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        }
        filters.registerFilter("sortKVByLength") { (value: Any?) in
            guard let pairs = value as? [[String: String]] else {
                throw TemplateSyntaxError("sortKVByLength: not what gets gives")
            }
            return pairs.sorted {
                let (left, right) = ($0["key"] ?? "", $1["key"] ?? "")
                return (left.utf8.count, left) < (right.utf8.count, right)
            }
        }
        filters.registerFilter("map") { (value: Any?, arguments: [Any?]) in
            let parts = [value] + arguments
            guard parts.count.isMultiple(of: 2) else { throw TemplateSyntaxError("map: a key without value") }
            var map: [String: Any] = [:]
            for index in stride(from: 0, to: parts.count, by: 2) {
                map[try self.text(parts[index], "map")] = parts[index + 1]
            }
            return map
        }
        filters.registerFilter("base64Encode") { (value: Any?) in
            Data(try self.text(value, "base64Encode").utf8).base64EncodedString()
        }
        filters.registerFilter("base64Decode") { (value: Any?) in
            guard let data = Data(base64Encoded: try self.text(value, "base64Decode")),
                let text = String(validating: data, as: UTF8.self)
            else { throw TemplateSyntaxError("base64Decode: not the base64 of a text") }
            return text
        }
    }

    private static func addHostFilters(to filters: Extension) {
        filters.registerFilter("getenv") { (value: Any?, arguments: [Any?]) in
            let name = try self.text(value, "getenv")
            if let found = getenv(name) { return String(cString: found) }
            return arguments.first.map { "\($0 ?? "")" } ?? ""
        }
        filters.registerFilter("fileExists") { (value: Any?) in
            access(try self.text(value, "fileExists"), F_OK) == 0
        }
        filters.registerFilter("datetime") { (value: Any?) in
            let format = try self.text(value, "datetime")
            var now = time(nil)
            var parts = tm()
            gmtime_r(&now, &parts)
            var buffer = [CChar](repeating: 0, count: 256)
            let count = strftime(&buffer, buffer.count, format, &parts)
            return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        for (name, family) in [("lookupIfaceIPV4", AF_INET), ("lookupIfaceIPV6", AF_INET6)] {
            filters.registerFilter(name) { (value: Any?) in
                let interface = try self.text(value, name)
                guard let first = self.addresses(ofInterface: interface, family).first else {
                    throw TemplateSyntaxError("\(name): \(interface) has no such address")
                }
                return first
            }
        }
        for (name, family) in [("lookupIP", AF_UNSPEC), ("lookupIPV4", AF_INET), ("lookupIPV6", AF_INET6)] {
            filters.registerFilter(name) { (value: Any?) in self.addresses(of: try self.text(value, name), family) }
        }
    }

    /// The addresses of an interface of this host, sorted as text.
    static func addresses(ofInterface name: String, _ family: Int32) -> [String] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var found: Set<String> = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard String(cString: entry.ifa_name) == name, let address = entry.ifa_addr,
                Int32(address.pointee.sa_family) == family
            else { continue }
            let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(buffer.count)
            guard getnameinfo(address, socklen_t(size), &buffer, length, nil, 0, NI_NUMERICHOST) == 0 else { continue }
            let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            found.insert(String(text.prefix { $0 != "%" }))
        }
        return found.sorted()
    }

    /// The addresses of a host name, sorted as text; none when it has none or cannot be asked for now.
    private static func addresses(of name: String, _ family: Int32) -> [String] {
        var hints = addrinfo()
        hints.ai_family = family
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var found: Set<String> = []
        var next = first
        while let entry = next?.pointee {
            var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = getnameinfo(
                entry.ai_addr,
                entry.ai_addrlen,
                &buffer,
                socklen_t(buffer.count),
                nil,
                0,
                NI_NUMERICHOST
            )
            if status == 0 {
                found.insert(String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
            next = entry.ai_next
        }
        return found.sorted()
    }

    private static func addAddressFilters(to filters: Extension) {
        filters.registerFilter("address") { (value: Any?) in
            let text = try self.text(value, "address")
            guard let address = AddressWithLength(text)?.address ?? IPAddress(text) else {
                throw TemplateSyntaxError("address: \(text) is none")
            }
            return address.description
        }
        filters.registerFilter("network") { (value: Any?) in try self.prefix(value, "network").description }
        filters.registerFilter("prefixLength") { (value: Any?) in Int(try self.prefix(value, "prefixLength").length) }
        filters.registerFilter("netmask") { (value: Any?) in
            let prefix = try self.prefix(value, "netmask")
            guard case .v4(let network) = prefix else { throw TemplateSyntaxError("netmask: \(prefix) is not IPv4") }
            return IPv4Address(rawValue: network.length == 0 ? 0 : ~0 << (32 - UInt32(network.length))).description
        }
        filters.registerFilter("isIPv4") { (value: Any?) in try self.prefix(value, "isIPv4").isIPv4 }
        filters.registerFilter("isIPv6") { (value: Any?) in !(try self.prefix(value, "isIPv6").isIPv4) }
        filters.registerFilter("inPrefix") { (value: Any?, arguments: [Any?]) in
            try self.prefix(arguments.first ?? nil, "inPrefix").contains(try self.prefix(value, "inPrefix"))
        }
        filters.registerFilter("addressAt") { (value: Any?, arguments: [Any?]) in
            let prefix = try self.prefix(value, "addressAt")
            let index = try self.number(arguments.first ?? nil, "addressAt")
            guard let address = prefix.address(at: index) else {
                throw TemplateSyntaxError("addressAt: \(prefix) has no address \(index)")
            }
            return address.description
        }
        filters.registerFilter("subnet") { (value: Any?, arguments: [Any?]) in
            let prefix = try self.prefix(value, "subnet")
            let length = try self.number(arguments.first ?? nil, "subnet")
            let index = try self.number(arguments.count > 1 ? arguments[1] : nil, "subnet")
            guard let subnet = prefix.subnet(length: length, at: index) else {
                throw TemplateSyntaxError("subnet: \(prefix) has no part \(index) of length \(length)")
            }
            return subnet.description
        }
    }

    private static func prefix(_ value: Any?, _ filter: String) throws -> IPPrefix {
        let text = try self.text(value, filter)
        if let prefix = IPPrefix(text) ?? IPAddress(text)?.hostPrefix { return prefix }
        throw TemplateSyntaxError("\(filter): \(text) is neither a prefix nor an address")
    }

    private static func number(_ value: Any?, _ filter: String) throws -> Int {
        if let number = value as? Int { return number }
        guard let number = (value as? String).flatMap({ Int($0) }) else {
            throw TemplateSyntaxError("\(filter): a number is needed")
        }
        return number
    }
}

extension IPPrefix {
    /// The address `offset` places behind the first one; nil outside of the prefix.
    func address(at offset: Int) -> IPAddress? {
        guard let offset = UInt64(exactly: offset) else { return nil }
        var octets = self.firstOctets
        var carry = offset
        for index in octets.indices.reversed() where carry > 0 {
            let sum = UInt64(octets[index]) + (carry & 0xFF)
            octets[index] = UInt8(truncatingIfNeeded: sum)
            carry = (carry >> 8) + (sum >> 8)
        }
        guard carry == 0, let address = Self.address(octets), self.contains(address) else { return nil }
        return address
    }

    /// Part `index` of those of a longer length; nil where there is none.
    func subnet(length: Int, at index: Int) -> IPPrefix? {
        let largest = self.isIPv4 ? 32 : 128
        guard length >= Int(self.length), length <= largest, index >= 0 else { return nil }
        let bits = length - Int(self.length)
        guard bits >= 63 || index < 1 << bits else { return nil }
        var octets = self.firstOctets
        for bit in 0..<min(bits, 63) where index >> bit & 1 == 1 {
            let position = length - 1 - bit
            octets[position / 8] |= 0x80 >> UInt8(position % 8)
        }
        return Self.address(octets).map { IPPrefix(address: $0, length: UInt8(length)) }
    }

    private var firstOctets: [UInt8] {
        switch self {
        case .v4(let prefix): (0..<4).map { prefix.octet($0) }
        case .v6(let prefix): (0..<16).map { prefix.octet($0) }
        }
    }

    private static func address(_ octets: [UInt8]) -> IPAddress? {
        if octets.count == 4 { return IPAddress(octets.map(String.init).joined(separator: ".")) }
        let groups = stride(from: 0, to: octets.count, by: 2).map {
            String(UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]), radix: 16)
        }
        return IPAddress(groups.joined(separator: ":"))
    }
}
