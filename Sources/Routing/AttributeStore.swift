internal import BGPWire
internal import IPAddressing
internal import RouteModel

/// Interned attribute sets: canonical blob, target and local attributes together are the identity.
struct AttributeStore: ~Copyable {
    var records = ChunkedPool<AttributeRecord>()
    var index = HashIndex()
    var arena = ByteArena()
    /// Octets of the sets each source is charged for, by ``AttributeRecord/owner``.
    private(set) var charges: ContiguousArray<Int> = [0]
    /// Distinct sets.
    private(set) var count = 0

    init() { _ = self.records.insert(AttributeRecord()) }

    /// Octets held.
    var memory: Int { self.records.memory + self.index.memory + self.arena.memory }
    /// One past the largest index ever used.
    var endID: AttributeID { self.records.count }

    /// The record of a live set.
    subscript(_ id: AttributeID) -> AttributeRecord {
        @inline(__always)
        get { self.records[id] }
    }

    /// The blob of a live set; valid until the set is released.
    @inline(__always)
    func bytes(_ id: AttributeID) -> Octets {
        self.arena.bytes(self.records[id].blob, count: Int(self.records[id].length))
    }

    /// Finds or adds a set and returns it with one more reference; nil when the blob exceeds 65,536 octets.
    ///
    /// `target` gains a reference when the set is new: `isNew` tells the caller to count it. A set that nobody is charged
    /// for is charged to `owner`.
    mutating func intern(_ bytes: Octets, hash: UInt64, target: TargetID, local: LocalAttributes, owner: UInt16)
        -> (id: AttributeID, isNew: Bool)?
    {
        guard bytes.count <= ByteArena.largest else { return nil }
        var record = AttributeRecord()
        record.setLocal(local)
        record.target = target
        let key = Self.key(hash, record)
        if let id = self.find(key, bytes, record) {
            self.records[id].references += 1
            if self.records[id].owner == 0 { self.charge(id, to: owner) }
            return (id, false)
        }
        record.hash = key
        record.length = UInt32(bytes.count)
        record.blob = self.arena.store(bytes)
        record.references = 1
        record.parse(bytes)
        let id = self.records.take()
        record.generation = self.records[id].generation
        self.records[id] = record
        self.index.insert(key, id)
        self.charge(id, to: owner)
        self.count += 1
        return (id, true)
    }

    @inline(__always)
    private static func key(_ hash: UInt64, _ record: AttributeRecord) -> UInt64 {
        mixBits(
            hash ^ UInt64(record.target) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(record.preference) << 40
                ^ UInt64(record.kernelMetric) << 8 ^ UInt64(record.igpMetric) << 24 ^ UInt64(record.kernelSource)
        )
    }

    /// Reads what looking up sets with these hashes will read, all at once instead of one after the other.
    func warm(_ hashes: Span<UInt64>, target: TargetID, preference: UInt16) -> UInt64 {
        var record = AttributeRecord()
        record.target = target
        record.preference = preference
        var sum: UInt64 = 0
        for index in hashes.indices { sum &+= self.index.touch(Self.key(hashes[index], record)) }
        for index in hashes.indices {
            guard let id = self.index.candidate(Self.key(hashes[index], record)) else { continue }
            sum &+= self.records[id].hash
        }
        return sum
    }

    private func find(_ key: UInt64, _ bytes: Octets, _ record: AttributeRecord) -> AttributeID? {
        self.index.find(key) { id in
            let candidate = self.records[id]
            return candidate.hash == key && candidate.target == record.target && candidate.hasSameLocal(as: record)
                && Int(candidate.length) == bytes.count
                && self.arena.bytes(candidate.blob, count: Int(candidate.length)).isEqual(to: bytes)
        }
    }

    /// Charges a set to another owner; 0 is nobody.
    @inline(__always)
    mutating func charge(_ id: AttributeID, to owner: UInt16) {
        let octets = MemoryLayout<AttributeRecord>.stride + ByteArena.footprint(Int(self.records[id].length))
        while self.charges.count <= Int(owner) { self.charges.append(0) }
        self.charges[Int(self.records[id].owner)] -= octets
        self.charges[Int(owner)] += octets
        self.records[id].owner = owner
    }

    @inline(__always)
    mutating func retain(_ id: AttributeID, _ times: UInt32 = 1) { self.records[id].references += times }

    /// Drops references; returns the target that lost its reference when the set is gone, else 0.
    @inline(__always)
    mutating func release(_ id: AttributeID) -> TargetID {
        self.records[id].references -= 1
        guard self.records[id].references == 0 else { return 0 }
        return self.free(id)
    }

    private mutating func free(_ id: AttributeID) -> TargetID {
        let record = self.records[id]
        self.charge(id, to: 0)
        self.index.remove(record.hash, id)
        self.arena.release(record.blob, count: Int(record.length))
        self.records[id] = AttributeRecord()
        self.records[id].generation = record.generation &+ 1
        self.records.release(id)
        self.count -= 1
        return record.target
    }
}

/// Hash of a canonical attribute section: the decoder's, so that it can bring its own along.
func attributeHash(_ bytes: Octets, seed: UInt64) -> UInt64 {
    bytes.withRawSpan { PathAttributes.hash(of: $0, seed: seed) }
}
