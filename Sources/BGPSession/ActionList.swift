/// A short list without heap storage: what one transition asks for.
///
/// `capacity` is the length of the longest list any transition makes; tests hold every transition to it.
public struct ActionList<let capacity: Int, Element: Sendable>: Sendable {
    private var storage: InlineArray<capacity, Element?>

    /// How many elements there are.
    public private(set) var count: Int

    /// Creates an empty list.
    public init() {
        self.storage = InlineArray(repeating: nil)
        self.count = 0
    }

    /// Adds an element at the end.
    public mutating func append(_ element: Element) {
        self.storage[self.count] = element
        self.count &+= 1
    }

    /// The elements as an array, for tests and tools.
    public var array: [Element] { Array(self) }
}

extension ActionList: RandomAccessCollection {
    /// Zero.
    public var startIndex: Int { 0 }

    /// The count.
    public var endIndex: Int { self.count }

    /// The element at a position below the count.
    public subscript(position: Int) -> Element {
        guard position < self.count, let element = self.storage[position] else {
            preconditionFailure("position past the end of an action list")
        }
        return element
    }
}

extension ActionList: Equatable where Element: Equatable {
    /// Equal elements in equal order.
    public static func == (lhs: Self, rhs: Self) -> Bool { lhs.elementsEqual(rhs) }
}
