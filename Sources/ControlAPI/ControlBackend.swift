/// What the control server asks of the speaker.
///
/// Functions throw ``ControlError`` for what the caller should see; any other error is answered as `internal`.
public protocol ControlBackend: Sendable {
    /// The speaker as a whole.
    func status() async throws -> Status

    /// What holds the memory of the process.
    func memory() async throws -> MemoryStatus

    /// What confd makes of the resources; `unavailable` where it runs in another process, or planned nothing yet.
    func plan() async throws -> PlanStatus

    /// Neighbours in order of definition, or the one called `name`; `not-found` when there is none.
    func neighbors(name: String?) async throws -> [NeighborStatus]

    /// Network interfaces in order of index.
    func interfaces() async throws -> [InterfaceStatus]

    /// One slice of a walk over routes, short enough not to delay the routing core (about a thousand routes).
    ///
    /// The server asks for the next slice only when the client has taken the last one, so a slow client pauses the walk.
    /// Routes of one destination come together, the best first. A destination that changes during the walk may
    /// be shown in either form; one that does not change is shown exactly once. `not-found` when the table or
    /// neighbour does not exist. The walk goes on at `continuation`; nil is its start.
    func routes(_ query: RouteQuery, from continuation: RouteContinuation?) async throws -> RoutePage

    /// Why the paths of a destination are where they are and to whom they go; an answer for each table that has it.
    ///
    /// `not-found` when the table or neighbour does not exist.
    func explain(_ query: ExplainQuery) async throws -> [Explanation]

    /// Begins a dump of tables in MRT format (RFC 6396); `not-found` when the table does not exist.
    ///
    /// Like a walk over routes it goes on as fast as the client reads, in slices between which peers are served.
    func tableDump(_ query: TableDumpQuery) async throws -> any TableDump

    /// Loads the configuration again. A configuration that does not check is no error but the outcome `rejected`.
    func reload(_ request: ReloadRequest) async throws -> ReloadResult

    /// Keeps what the last reload did; `conflict` when none waits to be confirmed.
    func confirmReload() async throws -> ReloadResult

    /// Goes back to the configuration before the last reload; `conflict` when there is none.
    func undoReload() async throws -> ReloadResult

    /// Does `action` to the neighbour called `neighbor`; `not-found` when there is none, `conflict` when it cannot be done now.
    func perform(
        _ action: NeighborAction,
        neighbor: String,
        message: String?
    ) async throws -> NeighborActionResult

    /// Stops the speaker for good: Cease 6/2 to neighbours, own kernel routes removed. Returns once this was begun.
    func shutdown() async throws
}
