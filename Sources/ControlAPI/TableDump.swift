/// Which tables to dump: the query of `GET /v1/mrt`.
public struct TableDumpQuery: Hashable, Sendable {
    /// Table; nil means every table.
    public var table: String?
    /// Only tables of this family.
    public var family: RouteQuery.Family?

    /// Creates a query.
    public init(table: String? = nil, family: RouteQuery.Family? = nil) {
        self.table = table
        self.family = family
    }

    /// The query part of a URL, with its question mark; empty for the query that asks for everything.
    public var queryString: String { RouteQuery(table: self.table, family: self.family).queryString }

    /// Reads the query part of a URL, without its question mark.
    ///
    /// Throws an error of code `invalid-request` that names the culprit.
    public init(queryString: String) throws(ControlError) {
        let query = try RouteQuery(queryString: queryString)
        guard query == RouteQuery(table: query.table, family: query.family) else {
            throw ControlError(.invalidRequest, "a dump takes the query parameters table and family alone")
        }
        self.init(table: query.table, family: query.family)
    }
}

/// A dump under way: MRT records in pieces, each asked for when the one before is taken.
public protocol TableDump: Sendable {
    /// The next piece of whole records, not empty; nil at the end.
    mutating func next() async throws -> [UInt8]?
}
