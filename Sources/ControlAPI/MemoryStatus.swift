/// What holds the memory of the process: `GET /v1/memory`.
public struct MemoryStatus: Codable, Hashable, Sendable {
    /// Structures in a fixed order; the last one is the runtime.
    public var structures: [Structure]
    /// Sum of the structures in bytes.
    public var accountedBytes: UInt64
    /// Resident memory of the process in bytes, as the kernel counts it.
    public var residentBytes: UInt64

    /// Creates a status; the sum is made from the structures.
    public init(structures: [Structure], residentBytes: UInt64) {
        self.structures = structures
        self.accountedBytes = structures.reduce(0) { $0 &+ $1.bytes }
        self.residentBytes = residentBytes
    }

    /// One line of the account.
    public struct Structure: Codable, Hashable, Sendable {
        /// Name, such as `attribute sets`.
        public var name: String
        /// Bytes held.
        public var bytes: UInt64

        /// Creates a line.
        public init(name: String, bytes: UInt64) {
            self.name = name
            self.bytes = bytes
        }
    }
}
