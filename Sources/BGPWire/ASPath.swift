public import IPAddressing

/// An AS_PATH value with four-octet numbers (RFC 4271 §4.3, RFC 5065, RFC 6793).
public struct ASPath: Hashable, Sendable {
    /// The segments as in an UPDATE between four-octet speakers: type, count, numbers.
    public private(set) var bytes: [UInt8]

    /// The empty path.
    public init() {
        self.bytes = []
    }

    /// Adopts octets that were validated before.
    public init(canonical bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Creates a path of the given segments; empty ones are left out and long ones split at 255.
    public init(segments: [Segment]) {
        self.bytes = []
        for segment in segments {
            var rest = segment.numbers[...]
            while !rest.isEmpty {
                let head = rest.prefix(255)
                self.bytes += [segment.kind.rawValue, UInt8(head.count)]
                for number in head { self.bytes += number.rawValue.bigEndianBytes }
                rest = rest.dropFirst(255)
            }
        }
    }

    /// Creates a path of one AS_SEQUENCE.
    public init(sequence numbers: [ASNumber]) {
        self.init(segments: [Segment(kind: .sequence, numbers: numbers)])
    }

    /// One path segment.
    public struct Segment: Hashable, Sendable {
        /// The segment's type.
        public var kind: Kind
        /// Its numbers in order.
        public var numbers: [ASNumber]

        /// Creates a segment.
        public init(kind: Kind, numbers: [ASNumber]) {
            self.kind = kind
            self.numbers = numbers
        }

        /// Segment types.
        public enum Kind: UInt8, Hashable, Sendable {
            /// AS_SET, 1.
            case set = 1
            /// AS_SEQUENCE, 2.
            case sequence = 2
            /// AS_CONFED_SEQUENCE, 3 (RFC 5065).
            case confederationSequence = 3
            /// AS_CONFED_SET, 4 (RFC 5065).
            case confederationSet = 4
        }
    }

    /// The segments in order; reading stops at the first octets that are no segment.
    public var segments: [Segment] {
        var result: [Segment] = []
        var offset = 0
        while offset + 2 <= self.bytes.count, let kind = Segment.Kind(rawValue: self.bytes[offset]) {
            let count = Int(self.bytes[offset + 1])
            guard offset + 2 + count * 4 <= self.bytes.count else { break }
            let numbers = (0..<count).map { index in
                let at = offset + 2 + index * 4
                return ASNumber(rawValue: self.bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) })
            }
            result.append(Segment(kind: kind, numbers: numbers))
            offset += 2 + count * 4
        }
        return result
    }

    /// Reads `body` off the octets in place, without allocation.
    @inlinable
    public func withView<Result>(_ body: (borrowing ASPathView) -> Result) -> Result {
        body(ASPathView(self.bytes.rawSpan))
    }

    /// Length for the decision process: AS_SET counts 1, confederation segments 0 (RFC 4271 §9.1.2.2, RFC 5065 §5.3).
    public var decisionLength: Int { self.withView { $0.decisionLength } }

    /// The neighbouring AS: first number of the path if its first segment outside the confederation is an AS_SEQUENCE.
    public var neighborAS: ASNumber? { self.withView { $0.neighborAS } }

    /// The last number of the path if its last segment is an AS_SEQUENCE.
    public var originAS: ASNumber? { self.withView { $0.originAS } }

    /// How often `number` occurs, for loop detection with an allowance (RFC 4271 §9.1.2).
    public func loopCount(of number: ASNumber) -> Int { self.withView { $0.count(of: number) } }

    /// Whether `number` occurs anywhere.
    public func contains(_ number: ASNumber) -> Bool { self.loopCount(of: number) > 0 }

    /// Prepends `number`, opening a new AS_SEQUENCE when the first segment is not one or is full (RFC 4271 §5.1.2).
    public mutating func prepend(_ number: ASNumber) {
        if self.bytes.count >= 2, self.bytes[0] == Segment.Kind.sequence.rawValue, self.bytes[1] < 255 {
            self.bytes[1] += 1
            self.bytes.insert(contentsOf: number.rawValue.bigEndianBytes, at: 2)
        } else {
            self.bytes.insert(
                contentsOf: [Segment.Kind.sequence.rawValue, 1] + number.rawValue.bigEndianBytes,
                at: 0
            )
        }
    }
}

extension ASPath: CustomStringConvertible {
    /// Numbers separated by spaces, sets in braces, confederation segments in parentheses.
    public var description: String {
        self.segments.map { segment in
            let text = segment.numbers.map(\.description).joined(separator: " ")
            return switch segment.kind {
            case .sequence: text
            case .set: "{\(text)}"
            case .confederationSequence: "(\(text))"
            case .confederationSet: "({\(text)})"
            }
        }.joined(separator: " ")
    }
}
