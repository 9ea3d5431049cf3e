public import IPAddressing

/// An address family, where a request covers one of them.
public enum IPFamily: UInt8, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    /// IPv4: AF_INET.
    case v4 = 2
    /// IPv6: AF_INET6.
    case v6 = 10
}

/// Which routes a dump returns; nil means any.
public struct RouteFilter: Hashable, Sendable {
    /// Family.
    public var family: IPFamily?
    /// Routing table.
    public var table: UInt32?
    /// Who installed them.
    public var protocolNumber: RouteProtocol?

    /// Creates a filter.
    public init(family: IPFamily? = nil, table: UInt32? = nil, protocolNumber: RouteProtocol? = nil) {
        self.family = family
        self.table = table
        self.protocolNumber = protocolNumber
    }

    /// Whether `route` passes.
    public func matches(_ route: KernelRoute) -> Bool {
        (self.family.map { ($0 == .v4) == route.prefix.isIPv4 } ?? true)
            && (self.table.map { $0 == route.table } ?? true)
            && (self.protocolNumber.map { $0 == route.protocolNumber } ?? true)
    }
}

/// One change of a routing table.
public enum RouteOperation: Hashable, Sendable {
    /// Installs a route where none with its key exists; otherwise EEXIST.
    case add(KernelRoute)
    /// Installs a route over whatever has its key, whoever owns that: use it only on a route last seen as one's own.
    case replace(KernelRoute)
    /// Removes the route with this key if it has this protocol; otherwise ESRCH.
    ///
    /// The kernel takes an IPv4 metric of 0 as "any": then the route of this protocol with the lowest metric goes.
    case delete(RouteKey, protocolNumber: RouteProtocol)

    /// The key that is touched.
    public var key: RouteKey {
        switch self {
        case .add(let route), .replace(let route): route.key
        case .delete(let key, _): key
        }
    }
}

extension RouteOperation: CustomStringConvertible {
    /// Text for errors and logs.
    public var description: String {
        switch self {
        case .add(let route): "add route \(route)"
        case .replace(let route): "replace route \(route)"
        case .delete(let key, let number): "delete route \(key) proto \(number)"
        }
    }
}

/// One change of the neighbour table.
public enum NeighborOperation: Hashable, Sendable {
    /// Installs an entry where none exists; otherwise EEXIST.
    case add(Neighbor)
    /// Installs an entry, over an existing one as well.
    case replace(Neighbor)
    /// Removes an entry; ENOENT when there is none.
    case delete(interface: UInt32, address: IPAddress)
}

extension NeighborOperation: CustomStringConvertible {
    /// Text for errors and logs.
    public var description: String {
        switch self {
        case .add(let entry): "add neighbour \(entry.address) dev #\(entry.interface)"
        case .replace(let entry): "replace neighbour \(entry.address) dev #\(entry.interface)"
        case .delete(let interface, let address): "delete neighbour \(address) dev #\(interface)"
        }
    }
}

/// One operation of a batch that failed; the others were done.
public struct OperationFailure: Hashable, Sendable {
    /// Position in the batch.
    public var index: Int
    /// Why.
    public var error: NetlinkError

    /// Creates a failure.
    public init(index: Int, error: NetlinkError) {
        self.index = index
        self.error = error
    }
}

/// Reads and writes the kernel's routes.
///
/// Calls block for as long as the kernel works and are made by one thread. What a thrown error leaves behind is unknown:
/// dump and compare.
public protocol KernelRoutes: AnyObject {
    /// The routes that pass `filter`, as one consistent snapshot per family; cached (cloned) entries are left out.
    func routes(_ filter: RouteFilter) throws(NetlinkError) -> [KernelRoute]

    /// Performs `operations` in order and returns those that failed, by position; all others were done.
    func apply(_ operations: [RouteOperation]) throws(NetlinkError) -> [OperationFailure]
}

/// Reads and writes links, addresses, neighbours and sysctls besides routes.
public protocol NetlinkKernel: KernelRoutes {
    /// All links.
    func links() throws(NetlinkError) -> [Link]

    /// All addresses of both families.
    func addresses() throws(NetlinkError) -> [LinkAddress]

    /// Neighbour entries of one family, on one interface or on all.
    func neighbors(family: IPFamily, interface: UInt32?) throws(NetlinkError) -> [Neighbor]

    /// Performs `operations` in order and returns those that failed.
    func apply(_ operations: [NeighborOperation]) throws(NetlinkError) -> [OperationFailure]

    /// Sets a link administratively up or down.
    func setLink(_ index: UInt32, up: Bool) throws(NetlinkError)

    /// The value of a sysctl without its line end.
    func readSysctl(_ key: SysctlKey) throws(NetlinkError) -> String

    /// Sets a sysctl.
    func writeSysctl(_ key: SysctlKey, _ value: String) throws(NetlinkError)
}
