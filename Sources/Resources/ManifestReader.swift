import IPAddressing

/// Collects what decoding one document has to say.
final class DiagnosticCollector {
    /// More remarks than this about one document are not kept.
    static let maximumCount = 200
    /// Longer paths and messages are cut: names in them come from the manifest.
    static let maximumLength = 512

    var key: ResourceKey?
    private(set) var diagnostics: [ManifestDiagnostic] = []
    private(set) var hasErrors = false

    func report(_ severity: ManifestDiagnostic.Severity, _ path: String, _ value: ManifestValue?, _ message: String) {
        if severity == .error { self.hasErrors = true }
        guard self.diagnostics.count < Self.maximumCount else { return }
        self.diagnostics.append(
            ManifestDiagnostic(
                severity,
                key: self.key,
                path: Self.cut(path),
                position: value?.position,
                message: Self.cut(message)
            )
        )
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > Self.maximumLength else { return text }
        return String(decoding: text.utf8.prefix(Self.maximumLength), as: UTF8.self) + "…"
    }
}

/// Reads the fields of one map; a field that is wrong is reported and reads as absent.
///
/// Every field that is asked for counts as known; ``finish(_:)`` reports the others.
struct MapReader {
    let value: ManifestValue
    let path: String
    let collector: DiagnosticCollector
    private let fields: [String: ManifestValue.Field]
    private var known: Set<String> = []

    init(_ value: ManifestValue, path: String, collector: DiagnosticCollector) {
        self.value = value
        self.path = path
        self.collector = collector
        switch value.content {
        case .map(let fields):
            self.fields = Dictionary(fields.map { ($0.key, $0) }) { first, _ in first }
        case .null:
            self.fields = [:]
        default:
            self.fields = [:]
            collector.report(.error, path, value, "must be a map, not \(value.shape)")
        }
    }

    func path(_ name: String) -> String { self.path.isEmpty ? name : "\(self.path).\(name)" }

    /// The field's value; nil when absent or null.
    mutating func raw(_ name: String) -> ManifestValue? {
        self.known.insert(name)
        guard let value = self.fields[name]?.value, !value.isNull else { return nil }
        return value
    }

    /// Whether the field is given with any value but null.
    func has(_ name: String) -> Bool { self.fields[name].map { !$0.value.isNull } ?? false }

    func error(_ name: String, _ message: String) {
        self.collector.report(.error, self.path(name), self.fields[name]?.value ?? self.value, message)
    }

    func warn(_ name: String, _ message: String) {
        self.collector.report(.warning, self.path(name), self.fields[name]?.value ?? self.value, message)
    }

    mutating func string(_ name: String) -> String? {
        guard let value = self.raw(name) else { return nil }
        guard let text = value.scalarText else {
            self.error(name, "must be a string, not \(value.shape); put it in quotes")
            return nil
        }
        return text
    }

    /// As ``string(_:)``, with empty text counting as absent.
    mutating func nonEmpty(_ name: String) -> String? {
        guard let text = self.string(name), !text.isEmpty else { return nil }
        return text
    }

    mutating func bool(_ name: String) -> Bool? {
        guard let value = self.raw(name) else { return nil }
        guard case .bool(let flag) = value.content else {
            self.error(name, "must be true or false, not \(value.shape)")
            return nil
        }
        return flag
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = self.raw(name) else { return nil }
        guard case .integer(let number) = value.content else {
            self.error(name, "must be an integer, not \(value.shape)")
            return nil
        }
        guard range.contains(number) else {
            self.error(name, "must lie between \(range.lowerBound) and \(range.upperBound)")
            return nil
        }
        return number
    }

    mutating func enumeration<Value: RawRepresentable>(_ name: String, _ values: [Value]) -> Value?
    where Value.RawValue == String {
        guard let text = self.nonEmpty(name) else { return nil }
        guard let value = values.first(where: { $0.rawValue == text }) else {
            let list = values.map { $0.rawValue }.filter { !$0.isEmpty }.joined(separator: ", ")
            self.error(name, "must be one of \(list)")
            return nil
        }
        return value
    }

    /// `programClusterRoutes`: a value that a later Calico may know counts as none, as it does there, but not in silence.
    mutating func routeOwner(_ name: String) -> BGPConfiguration.ProgramClusterRoutes? {
        guard let text = self.nonEmpty(name) else { return nil }
        if let value = BGPConfiguration.ProgramClusterRoutes(rawValue: text) { return value }
        let list = BGPConfiguration.ProgramClusterRoutes.allCases.map(\.rawValue).joined(separator: ", ")
        self.warn(name, "\(text) is none of \(list); the default is used")
        return nil
    }

    mutating func asNumber(_ name: String) -> ASNumber? {
        guard let value = self.raw(name) else { return nil }
        switch value.content {
        case .integer(let number):
            if let number = UInt32(exactly: number) { return ASNumber(rawValue: number) }
        case .string(let text):
            if text.isEmpty { return nil }
            if let number = ASNumber(text) { return number }
        case .float:
            self.error(name, "is a number with a fraction; put an AS number in dot notation in quotes")
            return nil
        default: break
        }
        self.error(name, "must be an AS number from 0 to 4294967295, or high.low in quotes")
        return nil
    }

    mutating func address(_ name: String) -> IPAddress? {
        guard let text = self.nonEmpty(name) else { return nil }
        guard let address = IPAddress(text) else {
            self.error(name, "must be an IPv4 or IPv6 address")
            return nil
        }
        return address
    }

    /// An address of one family.
    mutating func address(_ name: String, isIPv4: Bool) -> IPAddress? {
        guard let address = self.address(name) else { return nil }
        guard address.isIPv4 == isIPv4 else {
            self.error(name, "must be an \(isIPv4 ? "IPv4" : "IPv6") address")
            return nil
        }
        return address
    }

    /// A prefix without host bits.
    mutating func prefix(_ name: String) -> IPPrefix? {
        guard let text = self.nonEmpty(name) else { return nil }
        if let prefix = IPPrefix(strict: text) { return prefix }
        if let masked = IPPrefix(text) {
            self.error(name, "has host bits set; the prefix is \(masked)")
        } else {
            self.error(name, "must be a prefix such as 10.0.0.0/16 or fd00::/48")
        }
        return nil
    }

    mutating func selector(_ name: String) -> Selector? {
        guard let text = self.nonEmpty(name) else { return nil }
        guard text.utf8.count <= 1024 else {
            self.error(name, "is longer than 1024 bytes")
            return nil
        }
        do {
            return try Selector(parsing: text)
        } catch {
            self.error(name, "is no selector: \(error)")
            return nil
        }
    }

    /// A duration such as `1m30s`, rounded to whole seconds that lie in `range`.
    mutating func seconds(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let text = self.nonEmpty(name) else { return nil }
        guard let seconds = wholeSeconds(duration: text) else {
            self.error(name, "must be a duration such as 30s or 1m30s")
            return nil
        }
        guard range.contains(seconds) else {
            self.error(name, "must lie between \(range.lowerBound)s and \(range.upperBound)s")
            return nil
        }
        return seconds
    }

    mutating func map(_ name: String) -> MapReader? {
        guard let value = self.raw(name) else { return nil }
        return MapReader(value, path: self.path(name), collector: self.collector)
    }

    /// The elements of a list with the path of each.
    mutating func elements(_ name: String, atMost limit: Int = 10_000) -> [(path: String, value: ManifestValue)]? {
        guard let value = self.raw(name) else { return nil }
        guard case .array(let elements) = value.content else {
            self.error(name, "must be a list, not \(value.shape)")
            return nil
        }
        guard elements.count <= limit else {
            self.error(name, "has more than \(limit) elements")
            return nil
        }
        return elements.enumerated().map { ("\(self.path(name))[\($0.offset)]", $0.element) }
    }

    mutating func strings(_ name: String, atMost limit: Int = 10_000) -> [String]? {
        self.elements(name, atMost: limit)?.compactMap { path, element in
            guard let text = element.string else {
                self.collector.report(.error, path, element, "must be a string, not \(element.shape)")
                return nil
            }
            return text
        }
    }

    mutating func prefixes(_ name: String) -> [IPPrefix]? {
        self.elements(name)?.compactMap { path, element in
            guard let text = element.string, let prefix = IPPrefix(strict: text) ?? IPAddress(text)?.hostPrefix else {
                self.collector.report(.error, path, element, "must be a prefix without host bits")
                return nil
            }
            return prefix
        }
    }

    mutating func stringMap(_ name: String) -> [String: String] {
        guard let value = self.raw(name) else { return [:] }
        guard case .map(let fields) = value.content else {
            self.error(name, "must be a map, not \(value.shape)")
            return [:]
        }
        var map: [String: String] = [:]
        for field in fields {
            guard let text = field.value.scalarText else {
                let message = "must be a string, not \(field.value.shape); put it in quotes"
                self.collector.report(.error, "\(self.path(name)).\(field.key)", field.value, message)
                continue
            }
            map[field.key] = text
        }
        return map
    }

    /// Reports the fields that nothing asked for: those of `table` as it says, all others as unknown.
    func finish(_ table: [UnsupportedField] = []) {
        for field in self.fields.values.sorted(by: { $0.key < $1.key })
        where !self.known.contains(field.key) && !field.value.isNull {
            let path = self.path(field.key)
            let place = ManifestValue(.null, at: field.position ?? field.value.position)
            switch table.first(where: { $0.name == field.key })?.treatment {
            case .descriptive?: break
            case .noEffect(let neutral)?:
                if neutral.contains(field.value.content) { break }
                self.collector.report(.warning, path, place, "is not supported yet and has no effect")
            case .refused?:
                self.collector.report(
                    .error,
                    path,
                    place,
                    "is not supported yet, and the object is not safe to use without it"
                )
            case nil:
                self.collector.report(.warning, path, place, "is not a known field and has no effect")
            }
        }
    }
}

/// A field that exists in the resource model but is not honoured.
struct UnsupportedField: Sendable {
    /// What is done about it.
    enum Treatment: Sendable {
        /// Nothing could depend on it here: accepted in silence.
        case descriptive
        /// Leaving it out is safe: a warning, unless the value is one of these, which ask for what happens anyway.
        case noEffect(unless: [ManifestValue.Content])
        /// Leaving it out could leak routes or drop protection: the object is refused.
        case refused
    }

    let name: String
    let treatment: Treatment

    static func descriptive(_ names: String...) -> [UnsupportedField] {
        names.map { UnsupportedField(name: $0, treatment: .descriptive) }
    }

    static func noEffect(_ names: String..., unless neutral: [ManifestValue.Content] = []) -> [UnsupportedField] {
        let neutral = neutral + [.array([]), .map([]), .string("")]
        return names.map { UnsupportedField(name: $0, treatment: .noEffect(unless: neutral)) }
    }

    static func refused(_ names: String...) -> [UnsupportedField] {
        names.map { UnsupportedField(name: $0, treatment: .refused) }
    }
}

/// Reads a duration made of decimal numbers with units (`h`, `m`, `s`, `ms`, `us`, `ns`) as seconds, rounding halves up.
///
/// Nil for malformed or negative text and for more than about 290 years.
func wholeSeconds(duration text: String) -> Int64? {
    var rest = Substring(text)
    guard !rest.isEmpty, rest.utf8.count <= 64 else { return nil }
    if rest == "0" { return 0 }
    var nanoseconds: Int64 = 0
    while !rest.isEmpty {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(digits.count)
        var fraction = Substring()
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(fraction.count)
        }
        guard !digits.isEmpty || !fraction.isEmpty else { return nil }
        let unit = rest.prefix { $0.isLetter || $0 == "µ" }
        rest = rest.dropFirst(unit.count)
        let scale: Int64
        switch unit {
        case "h": scale = 3_600_000_000_000
        case "m": scale = 60_000_000_000
        case "s": scale = 1_000_000_000
        case "ms": scale = 1_000_000
        case "us", "µs", "μs": scale = 1000
        case "ns": scale = 1
        default: return nil
        }
        guard let whole = digits.isEmpty ? 0 : Int64(digits) else { return nil }
        let (product, tooLarge) = whole.multipliedReportingOverflow(by: scale)
        var part = Int64(0)
        var weight = scale
        for digit in fraction {
            weight /= 10
            part += Int64(digit.wholeNumberValue ?? 0) * weight
        }
        let (withPart, partTooLarge) = product.addingReportingOverflow(part)
        let (sum, sumTooLarge) = nanoseconds.addingReportingOverflow(withPart)
        guard !tooLarge, !partTooLarge, !sumTooLarge else { return nil }
        nanoseconds = sum
    }
    return nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 >= 500_000_000 ? 1 : 0)
}
