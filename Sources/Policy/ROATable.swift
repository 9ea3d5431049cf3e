public import IPAddressing

/// Route origin authorizations by prefix, for origin validation (RFC 6811).
public struct ROATable: Sendable {
    /// The table's name in the configuration.
    public var name: String { self.storage.name }
    private let storage: Storage

    /// One authorization: `number` may announce `prefix` and its parts up to a length.
    public struct Authorization: Hashable, Sendable {
        /// The prefix.
        public var prefix: IPPrefix
        /// Length of the longest part.
        public var maximumLength: UInt8
        /// The AS; 0 authorizes nobody.
        public var number: ASNumber

        /// Creates an authorization.
        public init(prefix: IPPrefix, maximumLength: UInt8, number: ASNumber) {
            self.prefix = prefix
            self.maximumLength = maximumLength
            self.number = number
        }
    }

    /// What validation comes to (RFC 6811 §2).
    public enum Validity: UInt8, Hashable, Sendable {
        /// No authorization covers the prefix.
        case unknown = 0
        /// One covers and matches.
        case valid = 1
        /// Those that cover do not match.
        case invalid = 2
    }

    /// Creates a table.
    public init(name: String, _ authorizations: some Sequence<Authorization> = []) {
        self.storage = Storage(name, authorizations)
    }

    /// Number of authorizations.
    public var count: Int { self.storage.ipv4.entries.count + self.storage.ipv6.entries.count }

    /// Whether `origin` may announce `prefix`.
    public func validity(of prefix: IPPrefix, from origin: ASNumber) -> Validity {
        switch prefix {
        case .v4(let prefix): self.storage.ipv4.validity(prefix.address.rawValue, prefix.length, origin)
        case .v6(let prefix): self.storage.ipv6.validity(prefix.address.bits, prefix.length, origin)
        }
    }

    private struct Entry: Hashable, Sendable, Comparable {
        var maximumLength: UInt8
        var number: ASNumber

        static func < (lhs: Entry, rhs: Entry) -> Bool {
            (lhs.number.rawValue, lhs.maximumLength) < (rhs.number.rawValue, rhs.maximumLength)
        }
    }

    /// What tables share and never change.
    private final class Storage: Sendable {
        let name: String
        let ipv4: Family<UInt32>
        let ipv6: Family<UInt128>
        let fingerprint: Int

        init(_ name: String, _ authorizations: some Sequence<Authorization>) {
            var entries4: [(PrefixTable<UInt32>.Key, Entry)] = []
            var entries6: [(PrefixTable<UInt128>.Key, Entry)] = []
            for one in authorizations {
                let entry = Entry(maximumLength: one.maximumLength, number: one.number)
                switch one.prefix {
                case .v4(let prefix):
                    entries4.append((.init(address: prefix.address.rawValue, length: prefix.length), entry))
                case .v6(let prefix):
                    entries6.append((.init(address: prefix.address.bits, length: prefix.length), entry))
                }
            }
            self.name = name
            self.ipv4 = Family(entries4)
            self.ipv6 = Family(entries6)
            var hasher = Hasher()
            hasher.combine(name)
            hasher.combine(self.ipv4)
            hasher.combine(self.ipv6)
            self.fingerprint = hasher.finalize()
        }
    }

    private struct Family<Bits: FixedWidthInteger & UnsignedInteger & Hashable & Sendable>: Hashable, Sendable {
        let table: PrefixTable<Bits>
        let entries: [Entry]
        /// Where the entries of each prefix begin; one more at the end.
        let starts: [UInt32]

        init(_ given: [(key: PrefixTable<Bits>.Key, entry: Entry)]) {
            var keys: [PrefixTable<Bits>.Key] = []
            var entries: [Entry] = []
            var starts: [UInt32] = []
            for one in given.sorted(by: { $0.key == $1.key ? $0.entry < $1.entry : $0.key < $1.key }) {
                if keys.last != one.key {
                    keys.append(one.key)
                    starts.append(UInt32(entries.count))
                } else if entries.last == one.entry {
                    continue
                }
                entries.append(one.entry)
            }
            starts.append(UInt32(entries.count))
            self.table = PrefixTable(sorted: keys)
            self.entries = entries
            self.starts = starts
        }

        func validity(_ address: Bits, _ length: UInt8, _ origin: ASNumber) -> Validity {
            var isCovered = false
            var index = self.table.longestCover(address, length)
            while index != PrefixTable<Bits>.none {
                for position in self.starts[Int(index)]..<self.starts[Int(index) + 1] {
                    isCovered = true
                    let entry = self.entries[Int(position)]
                    if entry.number == origin, entry.number.rawValue != 0, entry.maximumLength >= length {
                        return .valid
                    }
                }
                index = self.table.parents[Int(index)]
            }
            return isCovered ? .invalid : .unknown
        }
    }
}

extension ROATable: Hashable {
    /// Whether name and authorizations are the same.
    public static func == (lhs: ROATable, rhs: ROATable) -> Bool {
        lhs.storage === rhs.storage
            || (lhs.storage.fingerprint == rhs.storage.fingerprint && lhs.name == rhs.name
                && lhs.storage.ipv4 == rhs.storage.ipv4 && lhs.storage.ipv6 == rhs.storage.ipv6)
    }

    /// Hashes a number computed once.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.storage.fingerprint) }
}
