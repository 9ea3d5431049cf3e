/// A set given by ranges, kept sorted and without overlap so that equal sets compare equal.
public struct FilterRangeSet<Element: Comparable & Hashable & Sendable>: Hashable, Sendable {
    /// Disjoint ranges in ascending order.
    public let ranges: [ClosedRange<Element>]

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
        self.ranges = merged
    }

    /// Whether `element` lies in one of the ranges.
    public func contains(_ element: Element) -> Bool {
        var low = 0
        var high = self.ranges.count
        while low < high {
            let middle = (low + high) / 2
            let range = self.ranges[middle]
            if element < range.lowerBound {
                high = middle
            } else if element > range.upperBound {
                low = middle + 1
            } else {
                return true
            }
        }
        return false
    }
}
