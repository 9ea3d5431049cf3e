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
    ///
    /// An AS_SET stands for each of its numbers at one position; confederation segments count like the others.
    public func matches(_ path: ASPath) -> Bool {
        let count = self.elements.count
        // active[i]: the first i elements match what was read so far.
        var active = [Bool](repeating: false, count: count + 1)
        active[0] = true
        self.skipRuns(&active)
        for segment in path.segments {
            switch segment.kind {
            case .sequence, .confederationSequence:
                for number in segment.numbers {
                    self.advance(&active) { $0.contains(number.rawValue) }
                }
            case .set, .confederationSet:
                self.advance(&active) { ranges in segment.numbers.contains { ranges.contains($0.rawValue) } }
            }
        }
        return active[count]
    }

    private func advance(_ active: inout [Bool], matching test: (FilterRangeSet<UInt32>) -> Bool) {
        var next = [Bool](repeating: false, count: active.count)
        for index in 0..<self.elements.count {
            switch self.elements[index] {
            case .anyRun:
                if active[index] { next[index] = true }
            case .anyOne:
                if active[index] { next[index + 1] = true }
            case .number(let ranges):
                if active[index], test(ranges) { next[index + 1] = true }
            case .repeatPrevious:
                guard active[index], index > 0 else { continue }
                switch self.elements[index - 1] {
                case .number(let ranges): if test(ranges) { next[index] = true }
                case .anyOne: next[index] = true
                case .anyRun, .repeatPrevious: break
                }
            }
        }
        active = next
        self.skipRuns(&active)
    }

    private func skipRuns(_ active: inout [Bool]) {
        for index in 0..<self.elements.count where active[index] {
            switch self.elements[index] {
            case .anyRun, .repeatPrevious: active[index + 1] = true
            case .anyOne, .number: break
            }
        }
    }
}
