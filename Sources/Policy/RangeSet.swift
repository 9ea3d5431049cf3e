public import BGPWire
public import IPAddressing

/// What ``FilterRangeSet`` holds.
public protocol FilterSetElement: Comparable, Hashable, Sendable {
    /// A number that never gets smaller where elements get larger; several may have the same.
    var ordinal: UInt64 { get }
}

/// A set given by ranges, kept sorted and without overlap so that equal sets compare equal.
public struct FilterRangeSet<Element: FilterSetElement>: Sendable {
    private let storage: Storage

    /// Disjoint ranges in ascending order.
    public var ranges: [ClosedRange<Element>] { self.storage.ranges }

    /// Creates the union of `ranges`.
    public init(_ ranges: some Sequence<ClosedRange<Element>>) {
        var merged: [ClosedRange<Element>] = []
        for range in ranges.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.storage = Storage(merged)
    }

    /// Whether `element` lies in one of the ranges.
    public func contains(_ element: Element) -> Bool { self.storage.contains(element) }

    /// What sets share and never change: the ranges, and for large sets where those of each interval of ordinals begin.
    private final class Storage: Sendable {
        let ranges: [ClosedRange<Element>]
        /// How many ranges begin before each interval of `1 << shift` ordinals from `base` on; one more at the end.
        private let starts: [UInt32]
        private let base: UInt64
        private let top: UInt64
        private let shift: UInt64

        /// From how many ranges on an index pays.
        private static var leastIndexed: Int { 6 }

        init(_ ranges: [ClosedRange<Element>]) {
            self.ranges = ranges
            guard ranges.count >= Self.leastIndexed, ranges.count < 1 << 31, let first = ranges.first,
                let last = ranges.last
            else {
                (self.starts, self.base, self.top, self.shift) = ([], 0, .max, 0)
                return
            }
            let base = first.lowerBound.ordinal
            let span = last.lowerBound.ordinal - base
            // Twice as many intervals as ranges: most hold one range or none.
            let wanted = UInt64.bitWidth - (2 * ranges.count - 1).leadingZeroBitCount
            let shift = UInt64(max(0, UInt64.bitWidth - span.leadingZeroBitCount - wanted))
            var starts = [UInt32](repeating: 0, count: Int(span >> shift) + 2)
            for range in ranges { starts[Int((range.lowerBound.ordinal - base) >> shift) + 1] += 1 }
            for index in 1..<starts.count { starts[index] += starts[index - 1] }
            (self.starts, self.base, self.top, self.shift) = (starts, base, last.upperBound.ordinal, shift)
        }

        @inline(__always)
        func contains(_ element: Element) -> Bool {
            var (low, high) = (0, self.ranges.count)
            if !self.starts.isEmpty {
                let ordinal = element.ordinal
                guard ordinal >= self.base, ordinal <= self.top else { return false }
                // The last range may reach farther than the intervals.
                let slot = min(Int((ordinal &- self.base) >> self.shift), self.starts.count &- 2)
                (low, high) = (Int(self.starts[slot]), Int(self.starts[slot &+ 1]))
            }
            // The first range that begins behind the element; only the one before it can hold it.
            while low < high {
                let middle = (low &+ high) >> 1
                if self.ranges[middle].lowerBound <= element { low = middle &+ 1 } else { high = middle }
            }
            return low > 0 && element <= self.ranges[low &- 1].upperBound
        }
    }
}

extension FilterRangeSet: Hashable {
    /// Whether both have the same ranges.
    public static func == (lhs: FilterRangeSet, rhs: FilterRangeSet) -> Bool {
        lhs.storage === rhs.storage || lhs.storage.ranges == rhs.storage.ranges
    }

    /// Hashes the ranges.
    public func hash(into hasher: inout Hasher) { hasher.combine(self.storage.ranges) }
}

extension UInt32: FilterSetElement {
    /// The number.
    public var ordinal: UInt64 { UInt64(self) }
}

extension UInt64: FilterSetElement {
    /// The number.
    public var ordinal: UInt64 { self }
}

extension Community: FilterSetElement {
    /// The value.
    public var ordinal: UInt64 { UInt64(self.rawValue) }
}

extension ExtendedCommunity: FilterSetElement {
    /// The value.
    public var ordinal: UInt64 { self.rawValue }
}

extension LargeCommunity: FilterSetElement {
    /// The administrator and the first local part.
    public var ordinal: UInt64 { UInt64(self.globalAdministrator) << 32 | UInt64(self.data1) }
}

extension IPAddress: FilterSetElement {
    /// An IPv4 address, or the upper half of an IPv6 address behind all of those.
    public var ordinal: UInt64 {
        switch self {
        case .v4(let address): UInt64(address.rawValue)
        case .v6(let address): 1 << 63 | address.high >> 1
        }
    }
}
