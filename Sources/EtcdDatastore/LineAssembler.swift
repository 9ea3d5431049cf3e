/// Cuts the parts of a response into lines; a line longer than the limit is an error, whether or not it has ended.
struct LineAssembler {
    private let limit: Int
    private var rest: [UInt8] = []

    init(limit: Int) {
        self.limit = limit
    }

    /// The lines that `part` completes, without their ends; empty lines are left out.
    mutating func take(_ part: some Sequence<UInt8>) throws(EtcdError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        // New octets are searched once; what was carried over holds no line end.
        var start = 0
        let searched = self.rest.count
        self.rest.append(contentsOf: part)
        var index = searched
        while index < self.rest.count {
            if self.rest[index] == UInt8(ascii: "\n") {
                if index > start {
                    guard index - start <= self.limit else { throw .oversized(limit: self.limit) }
                    lines.append(Array(self.rest[start..<index]))
                }
                start = index + 1
            }
            index += 1
        }
        if start > 0 { self.rest.removeFirst(start) }
        guard self.rest.count <= self.limit else { throw .oversized(limit: self.limit) }
        return lines
    }
}
