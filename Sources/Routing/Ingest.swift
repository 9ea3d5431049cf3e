internal import BGPWire
internal import IPAddressing
internal import RouteModel

extension CoreState {
    /// Puts one path of a source in place, or takes it away, and decides the destination again.
    ///
    /// The references of `new` pass to the table; those of the path it replaces are dropped.
    mutating func update<P>(_ table: inout Table<P>, _ number: UInt32, _ slot: PathSlot?, _ new: Path?) {
        let before = table.destinations[number]
        let old = slot.map { table.path(number, $0) }
        let touchesBest = before.hasBest && slot == .inline
        var winner = Verdict.elect
        var hasMED = before.flags.contains(.hasMED)
        if let new, !hasMED, new.accepted != 0,
            !self.store[new.accepted].flags.isDisjoint(with: [.multiExitDiscriminator, .aigp])
        {
            hasMED = true
            table.destinations[number].flags.insert(.hasMED)
        }
        if before.hasBest, !touchesBest, !self.hasMixedOptions {
            winner = self.verdict(old: old, new: new, best: before.path, hasMED: hasMED)
        }

        var place = slot
        switch (slot, new) {
        case (let slot?, let new?): table.setPath(number, slot, new)
        case (nil, let new?):
            place = table.appendPath(number, new)
            guard place != nil else {
                self.release(new.received)
                self.release(new.accepted)
                return
            }
        case (let slot?, nil):
            table.removePath(number, slot)
            // Whatever took its place was not the best path: there is no incumbent.
            if touchesBest { table.destinations[number].flags.remove(.hasBest) }
        case (nil, nil): return
        }
        self.count(old, new)
        self.settle(&table, number, winner, place, before, kinds: .path)

        let wasDirect = old.map { self.isDirect($0) } ?? false
        let isDirect = new.map { self.isDirect($0) } ?? false
        if wasDirect || isDirect, !table.watchers.isEmpty {
            table.watchers(in: before.prefix) { self.targets.markDirty($0) }
        }
        if let old {
            self.release(old.received)
            self.release(old.accepted)
        }
        if new == nil { table.releaseIfUnused(number) }
    }

    /// What a change of a path that is not the best one means for the best one.
    enum Verdict {
        /// The best path stays.
        case keep
        /// The changed path is the best now.
        case take
        /// All steps have to be run.
        case elect
    }

    /// `hasMED` says that MED or AIGP may tell some of the paths apart, which third paths can decide.
    private func verdict(old: Path?, new: Path?, best: Path, hasMED: Bool) -> Verdict {
        let options = hasMED ? nil : self.uniformOptions
        let isRanked = options != nil && self.records[Int(best.source)].isBGP
        if !isRanked, let old, self.isEligible(old), self.compareBeforeMED(old, best) <= 0 { return .elect }
        guard let new, self.isEligible(new) else { return .keep }
        var order = self.compareBeforeMED(new, best)
        if order == 0, isRanked, let options, self.isUniform { order = self.compareAfterMED(new, best, options) }
        return order < 0 ? .take : order > 0 ? .keep : .elect
    }

    /// Moves the best path to the front, keeps counters and writes the change down.
    ///
    /// `before` is the destination before the change, `place` where the changed path lies.
    mutating func settle<P>(
        _ table: inout Table<P>,
        _ number: UInt32,
        _ verdict: Verdict,
        _ place: PathSlot?,
        _ before: Destination<P>,
        kinds changed: ChangeKinds
    ) {
        switch verdict {
        case .keep: break
        case .take:
            if let place { table.promote(number, place) }
        case .elect:
            let present = table.destinations[number]
            let best: PathSlot? =
                !present.hasPath
                ? nil
                : !present.hasSeveralPaths
                    ? (self.isEligible(table.destinations[number].path) ? .inline : nil)
                    : self.elect(table, number)
            if let best {
                table.promote(number, best)
                table.destinations[number].flags.insert(.hasBest)
            } else {
                table.destinations[number].flags.remove(.hasBest)
            }
        }
        let after = table.destinations[number]
        var kinds = changed
        if before.hasBest != after.hasBest {
            kinds.insert(.best)
        } else if after.hasBest {
            if before.path.source != after.path.source || before.path.pathID != after.path.pathID {
                kinds.insert(.best)
            } else if before.path.accepted != after.path.accepted {
                kinds.insert(.attributes)
            }
        }
        if before.hasBest { self.counters[Int(before.path.source)].best -= 1 }
        if after.hasBest { self.counters[Int(after.path.source)].best += 1 }
        if !kinds.isEmpty { table.record(number, kinds) }
    }

    @inline(__always)
    private mutating func count(_ old: Path?, _ new: Path?) {
        if (old?.pathID ?? new?.pathID ?? 0) != 0 { self.countIdentifier(old, new) }
        if let old {
            if self.counters[Int(old.source)].stale != 0, old.epoch != new?.epoch, self.isStale(old) {
                self.counters[Int(old.source)].stale -= 1
            }
            self.counters[Int(old.source)].received -= 1
            if old.accepted != 0 { self.counters[Int(old.source)].accepted -= 1 }
        }
        if let new {
            self.counters[Int(new.source)].received += 1
            if new.accepted != 0 { self.counters[Int(new.source)].accepted += 1 }
        }
    }

    /// Keeps the identifier of a path for as long as there is one.
    mutating func countIdentifier(_ old: Path?, _ new: Path?) {
        switch (old, new) {
        case (nil, let new?): self.identifiers.retain(new.source, new.pathID)
        case (let old?, nil): self.identifiers.release(old.source, old.pathID)
        default: break
        }
    }

    /// Announces prefixes that share one received set; the caller keeps its own reference to the set.
    ///
    /// `outcome` is what the import side says if that is known already; its reference passes to this call.
    mutating func announce<P>(
        _ table: inout Table<P>,
        _ source: Int,
        _ received: AttributeID,
        _ nlri: Span<NLRI<P>>,
        _ outcome: ImportOutcome?,
        _ evaluate: PolicyEvaluator
    ) {
        let policy = self.sources[source].policy
        let isShared = outcome != nil || policy.constant != nil || policy.isMemoisable
        var shared = outcome
        var firsts = FirstPaths(limit: isShared ? self.room(source) : 0)
        for index in nlri.indices {
            let item = nlri[index]
            let number = table.findOrInsert(item.prefix)
            if firsts.count < firsts.limit, item.pathID == 0, !table.destinations[number].hasPath {
                if firsts.count == 0 {
                    let outcome = shared ?? self.importOutcome(received, source, { item.prefix.erased }, evaluate)
                    shared = outcome
                    firsts.set = self.firstPath(outcome, received, source)
                }
                firsts.count += 1
                self.placeFirst(&table, number, item.prefix, firsts.set)
                continue
            }
            self.account(&firsts)
            let slot = table.slot(number, source: UInt16(source), pathID: item.pathID)
            var path = Path(received: received, pathID: item.pathID, source: UInt16(source))
            path.epoch = self.sources[source].epoch
            if let slot {
                let old = table.path(number, slot)
                // What is kept as a last resort becomes an ordinary path again below, what found no room may find some.
                if old.received == received, old.epoch == path.epoch || !self.sources[source].isAging,
                    old.reason != RejectReason.limit.rawValue
                {
                    if old.epoch != path.epoch {
                        path = old
                        path.epoch = self.sources[source].epoch
                        table.setPath(number, slot, path)
                        self.counters[source].stale -= 1
                    }
                    continue
                }
            } else if self.counters[source].received >= self.sources[source].receiveLimit
                || table.pathCount(number) >= self.sources[source].pathLimit
                    && table.pathCount(number, source: UInt16(source)) >= self.sources[source].pathLimit
            {
                self.counters[source].dropped += 1
                if self.dropped.count < Self.droppedLimit { self.dropped.append(item.prefix.erased) }
                table.releaseIfUnused(number)
                continue
            }
            let isNew = slot.map { table.path(number, $0).accepted == 0 } ?? true
            if isNew, self.counters[source].accepted >= self.sources[source].importLimit {
                path.reason = RejectReason.limit.rawValue
            } else if isShared {
                let outcome =
                    shared ?? self.importOutcome(received, source, { item.prefix.erased }, evaluate)
                shared = outcome
                path.accepted = outcome.accepted
                path.reason = outcome.reason?.rawValue ?? 0
                // The shared outcome keeps the reference it came with until the end of the batch.
                if path.accepted != 0 { self.store.retain(path.accepted) }
            } else {
                let outcome = self.importOutcome(received, source, { item.prefix.erased }, evaluate)
                path.accepted = outcome.accepted
                path.reason = outcome.reason?.rawValue ?? 0
            }
            self.store.retain(received)
            self.update(&table, number, slot, path)
            if firsts.limit > 0 { firsts.limit -= 1 }
        }
        self.account(&firsts)
        if let shared { self.release(shared.accepted) }
    }

    /// Whether a path was marked and not announced again.
    @inline(__always)
    func isStale(_ path: Path) -> Bool { path.epoch != self.sources[Int(path.source)].epoch }

    /// Whether a path is kept as a last resort.
    @inline(__always)
    func isAged(_ path: Path) -> Bool {
        let source = Int(path.source)
        guard self.sources[source].isAging else { return false }
        let epoch = self.sources[source].epoch
        return (epoch &- path.epoch) & 15 > (epoch &- self.sources[source].agedEpoch) & 15
    }

    /// The outcome of the import side for a path that is kept as a last resort: LLGR_STALE is added.
    ///
    /// Nil when it may not be kept: NO_LLGR came with it or was added by the import policy.
    private mutating func aged(_ outcome: ImportOutcome, _ received: AttributeID, _ source: Int) -> ImportOutcome? {
        if self.has(.noLongLivedStale, received)
            || outcome.accepted != 0 && self.has(.noLongLivedStale, outcome.accepted)
        {
            self.release(outcome.accepted)
            return nil
        }
        guard outcome.accepted != 0, !self.store[outcome.accepted].flags.contains(.longLivedStale) else {
            return outcome
        }
        let record = self.store[outcome.accepted]
        var attributes = PathAttributes(canonical: self.store.bytes(outcome.accepted).array)
        attributes.append(.longLivedStale as Community)
        let id = self.intern(attributes.bytes, target: record.target, local: record.local, source: source)
        self.release(outcome.accepted)
        return id.map { ImportOutcome(accepted: $0) } ?? ImportOutcome(reason: .attributesTooLong)
    }

    private func has(_ community: Community, _ id: AttributeID) -> Bool {
        let bytes = self.store.bytes(id)
        var cursor = AttributeCursor(bytes)
        while let attribute = cursor.next() {
            guard attribute.type == PathAttributeType.communities.rawValue else { continue }
            return stride(from: attribute.value.lowerBound, to: attribute.value.upperBound - 3, by: 4).contains {
                bytes.number($0) == community.rawValue
            }
        }
        return false
    }

    /// Withdraws prefixes; those the source did not announce are ignored.
    mutating func withdraw<P>(_ table: inout Table<P>, _ source: Int, _ nlri: Span<NLRI<P>>) {
        for index in nlri.indices {
            let item = nlri[index]
            guard let number = table.find(item.prefix) else { continue }
            if table.destinations[number].hasOnePath {
                let path = table.destinations[number].path
                if path.source == UInt16(source), path.pathID == item.pathID { self.removeOnly(&table, number) }
                continue
            }
            guard let slot = table.slot(number, source: UInt16(source), pathID: item.pathID) else { continue }
            self.update(&table, number, slot, nil)
        }
    }

    /// Evaluates a path against the source's present import policy; only differences take effect.
    mutating func reevaluate<P>(
        _ table: inout Table<P>,
        _ number: UInt32,
        _ slot: PathSlot,
        _ evaluate: PolicyEvaluator
    ) {
        var path = table.path(number, slot)
        let source = Int(path.source)
        let prefix = table.destinations[number].prefix
        var outcome: ImportOutcome
        if path.accepted == 0, self.counters[source].accepted >= self.sources[source].importLimit {
            outcome = ImportOutcome(reason: .limit)
        } else {
            outcome = self.importOutcome(path.received, source, { prefix.erased }, evaluate)
        }
        if self.isAged(path) {
            guard let aged = self.aged(outcome, path.received, source) else {
                return self.update(&table, number, slot, nil)
            }
            outcome = aged
        }
        if outcome.accepted == path.accepted, (outcome.reason?.rawValue ?? 0) == path.reason {
            self.release(outcome.accepted)
            return
        }
        path.accepted = outcome.accepted
        path.reason = outcome.reason?.rawValue ?? 0
        self.store.retain(path.received)
        self.update(&table, number, slot, path)
    }
}
