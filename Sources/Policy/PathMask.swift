public import BGPWire
import IPAddressing

/// An AS path mask, `[= 64512 * ? =]`.
public struct PathMask: Hashable, Sendable {
    /// Elements in order.
    public var elements: [Element]

    /// Creates a mask.
    public init(_ elements: [Element]) {
        self.elements = elements
    }

    /// Elements, and the ranges of those that are sets.
    var size: Int {
        self.elements.reduce(self.elements.count) { size, element in
            if case .number(let ranges) = element { size + ranges.ranges.count } else { size }
        }
    }

    /// The set, if the mask matches where a number of it stands anywhere: `[= * 64512 * =]`.
    var anywhere: FilterRangeSet<UInt32>? {
        guard self.elements.count == 3, self.elements[0] == .anyRun, self.elements[2] == .anyRun,
            case .number(let ranges) = self.elements[1]
        else { return nil }
        return ranges
    }

    /// One element.
    public enum Element: Hashable, Sendable {
        /// A number in one of the ranges.
        case number(FilterRangeSet<UInt32>)
        /// `?`: any one number.
        case anyOne
        /// `*`: any run of numbers, also none.
        case anyRun
        /// `+`: the element before it once more, or more often.
        case repeatPrevious
    }

    /// Whether the mask matches the whole of `path`.
    public func matches(_ path: ASPath) -> Bool { path.withView { self.matches($0) } }

    /// Whether the mask matches the whole of a path in place.
    ///
    /// An AS_SET stands for any sequence of its numbers, and of several in a row all but the first also for nothing, as
    /// in BIRD; confederation segments count like the others.
    func matches(_ path: borrowing ASPathView) -> Bool {
        // Bit i: the first i elements match what was read so far.
        self.elements.count < 64
            ? self.match(path, States64(count: self.elements.count)) : self.match(path, StateList(self.elements.count))
    }

    private func match<States: MaskStates>(_ path: borrowing ASPathView, _ empty: States) -> Bool {
        var active = empty
        active.insert(0)
        self.skipRuns(&active)
        var isAfterSet = false
        path.forEachSegment { kind, numbers in
            guard !active.isEmpty else { return }
            switch kind {
            case .sequence, .confederationSequence:
                isAfterSet = false
                var offset = 0
                while offset < numbers.byteCount, !active.isEmpty {
                    let number = numbers.uint32(offset)
                    active = self.step(active, empty) { $0.contains(number) }
                    offset &+= 4
                }
            case .set, .confederationSet:
                func step(_ states: States) -> States {
                    self.step(states, empty) { ranges in
                        var offset = 0
                        while offset < numbers.byteCount {
                            if ranges.contains(numbers.uint32(offset)) { return true }
                            offset &+= 4
                        }
                        return false
                    }
                }
                var all = isAfterSet ? active : empty
                var next = step(active)
                while all.formUnion(next) { next = step(next) }
                active = all
                isAfterSet = true
            }
        }
        return active.contains(self.elements.count)
    }

    @inline(__always)
    private func step<States: MaskStates>(
        _ active: States,
        _ empty: States,
        _ test: (FilterRangeSet<UInt32>) -> Bool
    ) -> States {
        var next = empty
        for index in 0..<self.elements.count where active.contains(index) {
            switch self.elements[index] {
            case .anyRun: next.insert(index)
            case .anyOne: next.insert(index + 1)
            case .number(let ranges): if test(ranges) { next.insert(index + 1) }
            case .repeatPrevious:
                guard index > 0 else { continue }
                switch self.elements[index - 1] {
                case .number(let ranges): if test(ranges) { next.insert(index) }
                case .anyOne: next.insert(index)
                case .anyRun, .repeatPrevious: break
                }
            }
        }
        self.skipRuns(&next)
        return next
    }

    @inline(__always)
    private func skipRuns<States: MaskStates>(_ active: inout States) {
        for index in 0..<self.elements.count where active.contains(index) {
            switch self.elements[index] {
            case .anyRun, .repeatPrevious: active.insert(index + 1)
            case .anyOne, .number: break
            }
        }
    }
}

/// A set of small numbers.
private protocol MaskStates {
    var isEmpty: Bool { get }
    func contains(_ state: Int) -> Bool
    mutating func insert(_ state: Int)
    /// Adds those of `other`; returns whether there were new ones.
    mutating func formUnion(_ other: Self) -> Bool
}

private struct States64: MaskStates {
    private var bits: UInt64 = 0

    init(count: Int) {}

    var isEmpty: Bool { self.bits == 0 }
    @inline(__always)
    func contains(_ state: Int) -> Bool { self.bits >> UInt64(truncatingIfNeeded: state) & 1 == 1 }
    @inline(__always)
    mutating func insert(_ state: Int) { self.bits |= 1 << UInt64(truncatingIfNeeded: state) }
    mutating func formUnion(_ other: States64) -> Bool {
        let old = self.bits
        self.bits |= other.bits
        return self.bits != old
    }
}

private struct StateList: MaskStates {
    private var flags: [Bool]

    init(_ count: Int) { self.flags = [Bool](repeating: false, count: count + 1) }

    var isEmpty: Bool { !self.flags.contains(true) }
    func contains(_ state: Int) -> Bool { self.flags[state] }
    mutating func insert(_ state: Int) { self.flags[state] = true }
    mutating func formUnion(_ other: StateList) -> Bool {
        var isChanged = false
        for index in self.flags.indices where other.flags[index] && !self.flags[index] {
            self.flags[index] = true
            isChanged = true
        }
        return isChanged
    }
}

extension PathMask: CustomStringConvertible {
    /// The mask as configurations write it.
    public var description: String {
        let parts = self.elements.map { element in
            switch element {
            case .anyOne: "?"
            case .anyRun: "*"
            case .repeatPrevious: "+"
            case .number(let ranges):
                if ranges.ranges.count == 1, let range = ranges.ranges.first {
                    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)..\(range.upperBound)"
                } else {
                    FilterValue.intSet(ranges).formatted
                }
            }
        }
        return "[= " + parts.map { $0 + " " }.joined() + "=]"
    }
}
