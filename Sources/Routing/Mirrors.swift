internal import BGPWire
public import IPAddressing
public import RouteModel

/// What makes a consumer one direction of a pipe: all paths of its table that its policy accepts have an image in
/// another table.
///
/// An image keeps source, preference, attributes and resolution of the path, as the policy left them, and is compared with
/// other paths as its original would be. Images belong to sources of their own, one for each source of the table.
public struct MirrorSettings: Hashable, Sendable {
    /// The table of the images; of the consumer's family.
    public var table: TableID
    /// A number that both directions of a pipe have in common and no other pipe has, not zero: neither direction takes
    /// images that the other made.
    public var owner: UInt32
    /// How often a path may have been taken over; what has been so often is left alone.
    public var maximumGeneration: UInt8

    /// Creates settings.
    public init(table: TableID, owner: UInt32, maximumGeneration: UInt8) {
        self.table = table
        self.owner = owner
        self.maximumGeneration = maximumGeneration
    }
}

/// What one call of ``RoutingCore/mirror(_:limit:room:)`` did.
public struct MirrorOutcome: Hashable, Sendable {
    /// Destinations that were looked at.
    public var count = 0
    /// Paths that had no room.
    public var blocked = 0
}

/// What a mirror makes of a path, and why.
public struct MirrorDecision: Sendable {
    /// Source of the path.
    public var source: SourceID
    /// Its path identifier.
    public var pathID: UInt32
    /// What becomes of it.
    public var outcome: Outcome

    /// Outcomes.
    public enum Outcome: Sendable {
        /// It has an image in the other table.
        case taken
        /// It is to have one, and has none yet, or there is no room.
        case waiting
        /// Its own table does not have it: it was rejected on import.
        case rejectedOnImport
        /// The policy rejects it as it is here.
        case policy(RouteDraft)
        /// It came from the other table by the same way.
        case ownImage
        /// It went through as many mirrors as it may.
        case tooManyPipes
        /// The other table has the same source's routes already, by another way.
        case alreadyThere
    }
}

/// Where an image comes from.
struct ImageRecord {
    var owner: UInt32 = 0
    var generation: UInt8 = 0
    /// Serial number and table of the source that the first of its images was made of.
    var root: UInt64 = 0
    var rootTable: TableID?
}

/// The images of one source.
struct Mirror {
    /// nil when the other table has the source's routes already.
    var source: SourceID?
    /// Serial number of the original.
    var original: UInt64
}

/// One accepted path as a mirror takes it.
private struct MirroredPath {
    var source: Int
    var pathID: UInt32
    var attributes: PathAttributes
    var target: RouteTarget
    var local: LocalAttributes
}

extension RoutingCore {
    /// Brings images up to date, about `limit` destinations of them.
    ///
    /// With `room` at most so many paths get an image that had none.
    public mutating func mirror(_ id: ConsumerID, limit: Int, room: Int? = nil) -> MirrorOutcome {
        var outcome = MirrorOutcome()
        guard id.index < self.engine.consumers.count, self.engine.consumers[id.index].isLive,
            let settings = self.engine.consumers[id.index].mirror
        else { return outcome }
        self.dropImagesOfRemovedSources(id.index)
        let evaluate = self.policies.evaluator
        var room = room
        for (prefix, paths) in self.engine.drainPaths(id.index, limit, evaluate) {
            outcome.count += 1
            var kept: Set<UInt64> = []
            let present = self.engine.images(of: prefix, in: settings.table, owner: settings.owner)
            for path in paths {
                guard let image = self.image(of: path.source, id.index, settings) else { continue }
                let key = UInt64(image.rawValue) << 32 | UInt64(path.pathID)
                if !present.contains(key), let left = room {
                    guard left > 0 else {
                        outcome.blocked += 1
                        continue
                    }
                    room = left - 1
                }
                kept.insert(key)
                self.announce(image, prefix, path)
            }
            for key in present.subtracting(kept) {
                self.withdraw(SourceID(Int(key >> 32)), prefix, UInt32(key & 0xFFFF_FFFF))
            }
        }
        return outcome
    }

    /// How many images a mirror has.
    public func mirroredCount(_ id: ConsumerID) -> Int {
        guard id.index < self.engine.consumers.count else { return 0 }
        return self.engine.consumers[id.index].mirrors.values.reduce(0) {
            $0 + ($1.source.map { Int(self.counters($0).received) } ?? 0)
        }
    }

    /// What the mirror makes of each path of a destination.
    public func explainMirror(_ id: ConsumerID, _ prefix: IPPrefix) -> [MirrorDecision] {
        guard self.isLive(id), let settings = self.engine.consumers[id.index].mirror else { return [] }
        let consumer = self.engine.consumers[id.index]
        let present = self.engine.images(of: prefix, in: settings.table, owner: settings.owner)
        let evaluate = self.policies.evaluator
        return self.engine.paths(of: prefix, in: consumer.table).map { path in
            let source = Int(path.source)
            var decision = MirrorDecision(source: SourceID(source), pathID: path.pathID, outcome: .waiting)
            let origin = self.engine.state.sources[source]
            guard path.accepted != 0 else {
                decision.outcome = .rejectedOnImport
                return decision
            }
            guard origin.image.owner != settings.owner else {
                decision.outcome = .ownImage
                return decision
            }
            let draft = self.engine.state.draft(path.accepted, source, prefix)
            var judged = draft
            let verdict = consumer.policy.constant ?? evaluate(consumer.policy.slot, &judged)
            guard verdict == .accept else {
                decision.outcome = .policy(draft)
                return decision
            }
            guard let mirror = consumer.mirrors[source], mirror.original == origin.serial else { return decision }
            if let image = mirror.source {
                let key = UInt64(image.rawValue) << 32 | UInt64(path.pathID)
                if present.contains(key) { decision.outcome = .taken }
            } else {
                decision.outcome =
                    origin.image.generation >= settings.maximumGeneration ? .tooManyPipes : .alreadyThere
            }
            return decision
        }
    }

    private mutating func announce(_ image: SourceID, _ prefix: IPPrefix, _ path: MirroredPath) {
        let bytes = path.attributes.bytes
        switch prefix {
        case .v4(let prefix):
            let nlri = [NLRI(prefix, pathID: path.pathID)]
            _ = unsafe self.announce(
                image,
                attributes: bytes.span.bytes,
                target: path.target,
                local: path.local,
                nlri: nlri.span,
                judgement: ImportJudgement(.accepted)
            )
        case .v6(let prefix):
            let nlri = [NLRI(prefix, pathID: path.pathID)]
            _ = unsafe self.announce(
                image,
                attributes: bytes.span.bytes,
                target: path.target,
                local: path.local,
                nlri: nlri.span,
                judgement: ImportJudgement(.accepted)
            )
        }
    }

    private mutating func withdraw(_ image: SourceID, _ prefix: IPPrefix, _ pathID: UInt32) {
        switch prefix {
        case .v4(let prefix):
            let nlri = [NLRI(prefix, pathID: pathID)]
            self.withdraw(image, nlri: nlri.span)
        case .v6(let prefix):
            let nlri = [NLRI(prefix, pathID: pathID)]
            self.withdraw(image, nlri: nlri.span)
        }
    }

    /// The source that has the images of another source's routes, made if there is none.
    private mutating func image(of source: Int, _ consumer: Int, _ settings: MirrorSettings) -> SourceID? {
        let serial = self.engine.state.sources[source].serial
        if let known = self.engine.consumers[consumer].mirrors[source], known.original == serial { return known.source }
        let image = self.makeImage(of: source, consumer, settings)
        self.engine.consumers[consumer].mirrors[source] = Mirror(source: image, original: serial)
        return image
    }

    private mutating func makeImage(of source: Int, _ consumer: Int, _ settings: MirrorSettings) -> SourceID? {
        let original = self.engine.state.sources[source]
        guard original.image.generation < settings.maximumGeneration else { return nil }
        var image = original
        image.image = ImageRecord(
            owner: settings.owner,
            generation: original.image.generation + 1,
            root: original.image.owner == 0 ? original.serial : original.image.root,
            rootTable: original.image.owner == 0 ? original.table : original.image.rootTable
        )
        // Two ways from one source to one table would give it two paths of that source: the first one counts.
        let root = image.image.root
        guard image.image.rootTable != settings.table,
            !self.engine.state.sources.contains(where: {
                $0.isLive && $0.table == settings.table && $0.image.owner != 0 && $0.image.root == root
                    && !$0.task.isRemoving
            })
        else { return nil }
        let slot = self.engine.consumers[consumer].policy.slot
        self.policies.retain(slot: slot)
        image.policy = PolicyTraits(slot: slot, constant: .accept, dependencies: [])
        image.table = settings.table
        image.receiveLimit = .max
        image.importLimit = .max
        image.epoch = 0
        image.marks = 0
        image.group = -1
        image.lastTarget = nil
        image.task = SourceTask()
        var record = self.engine.state.records[source]
        record.isImage = true
        guard let id = self.engine.addSource(record, image) else {
            self.policies.release(slot)
            return nil
        }
        return id
    }

    /// Ends images whose originals are gone, and gives those another chance that were one too many.
    private mutating func dropImagesOfRemovedSources(_ consumer: Int) {
        guard self.engine.consumers[consumer].removalsSeen != self.engine.removals else { return }
        self.engine.consumers[consumer].removalsSeen = self.engine.removals
        for (source, mirror) in self.engine.consumers[consumer].mirrors {
            let original = self.engine.state.sources[source]
            if let image = mirror.source, original.isLive, original.serial == mirror.original, self.isLive(image) {
                continue
            }
            self.engine.consumers[consumer].mirrors[source] = nil
            if let image = mirror.source { self.removeSource(image) }
        }
    }
}

extension Engine {
    /// The paths of a destination.
    fileprivate func paths(of prefix: IPPrefix, in table: TableID) -> [Path] {
        switch prefix {
        case .v4(let prefix) where table.isIPv4: self.ipv4Tables[table.index].paths(of: prefix)
        case .v6(let prefix) where !table.isIPv4: self.ipv6Tables[table.index].paths(of: prefix)
        default: []
        }
    }

    /// The images in a table that a pipe made of a destination's paths: sources and identifiers.
    fileprivate func images(of prefix: IPPrefix, in table: TableID, owner: UInt32) -> Set<UInt64> {
        switch prefix {
        case .v4(let prefix) where table.isIPv4:
            self.state.images(self.ipv4Tables[table.index], prefix, owner)
        case .v6(let prefix) where !table.isIPv4:
            self.state.images(self.ipv6Tables[table.index], prefix, owner)
        default: []
        }
    }

    fileprivate mutating func drainPaths(_ index: Int, _ limit: Int, _ evaluate: PolicyEvaluator)
        -> [(IPPrefix, [MirroredPath])]
    {
        let table = self.consumers[index].table
        var consumer = self.consumers[index]
        self.consumers[index].announced = []
        let changes =
            table.isIPv4
            ? self.state.drainPaths(&self.ipv4Tables[table.index], &consumer, limit, evaluate)
            : self.state.drainPaths(&self.ipv6Tables[table.index], &consumer, limit, evaluate)
        self.consumers[index] = consumer
        self.updateCursors(table)
        return changes
    }
}

extension Table {
    fileprivate func paths(of prefix: P) -> [Path] {
        guard let number = self.find(prefix) else { return [] }
        var found: [Path] = []
        self.forEachPath(number) { _, path in
            found.append(path)
            return true
        }
        return found
    }
}

extension CoreState {
    fileprivate func images<P>(_ table: borrowing Table<P>, _ prefix: P, _ owner: UInt32) -> Set<UInt64> {
        guard let number = table.find(prefix) else { return [] }
        var found: Set<UInt64> = []
        table.forEachPath(number) { _, path in
            if self.sources[Int(path.source)].image.owner == owner {
                found.insert(UInt64(path.source) << 32 | UInt64(path.pathID))
            }
            return true
        }
        return found
    }

    fileprivate mutating func drainPaths<P>(
        _ table: inout Table<P>,
        _ consumer: inout RouteConsumer,
        _ limit: Int,
        _ evaluate: PolicyEvaluator
    ) -> [(IPPrefix, [MirroredPath])] {
        consumer.grow(to: Int(table.destinations.count))
        var changes: [(IPPrefix, [MirroredPath])] = []
        var left = max(limit, 1) * 4
        while changes.count < limit, left > 0 {
            left -= 1
            switch consumer.step(&table) {
            case .end: return changes
            case .nothing: continue
            case .destination(let number):
                let paths = self.mirroredPaths(table, consumer, number, evaluate)
                let wasAnnounced = consumer.announced[Int(number)] != 0
                guard !paths.isEmpty || wasAnnounced else { continue }
                changes.append((table.destinations[number].prefix.erased, paths))
                consumer.note(&table, number, hasRoute: !paths.isEmpty)
            }
        }
        return changes
    }

    private func mirroredPaths<P>(
        _ table: borrowing Table<P>,
        _ consumer: RouteConsumer,
        _ number: UInt32,
        _ evaluate: PolicyEvaluator
    ) -> [MirroredPath] {
        guard consumer.policy.constant != .reject, let owner = consumer.mirror?.owner else { return [] }
        let prefix = table.destinations[number].prefix.erased
        var result: [MirroredPath] = []
        table.forEachPath(number) { _, path in
            let source = Int(path.source)
            guard path.accepted != 0, self.sources[source].image.owner != owner else { return true }
            var draft = self.draft(path.accepted, source, prefix)
            if consumer.policy.constant == nil, evaluate(consumer.policy.slot, &draft) == .reject { return true }
            result.append(
                MirroredPath(
                    source: source,
                    pathID: path.pathID,
                    attributes: draft.attributes,
                    target: draft.target,
                    local: draft.local
                )
            )
            return true
        }
        return result
    }
}
