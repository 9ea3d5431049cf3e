internal import CLinux
internal import CNetlinkRoute
internal import Glibc
internal import IPAddressing

/// The running kernel, in the network namespace of the thread that created the object.
///
/// All calls belong to that one thread. Routes are written in batches of one datagram: only the last message asks for an
/// acknowledgement, failures come back by sequence number, and everything not reported is done once the last one is
/// answered.
public final class LinuxKernel: NetlinkKernel {
    /// Largest number of messages in a datagram.
    public static let largestBatch = 1000

    private let socket: NetlinkSocket
    private var writer = MessageWriter()
    private var sequence: UInt32 = 1
    private let batchLimit: Int
    private let batchOctets = 96 * 1024
    private let dumpAttempts = 10
    /// Dumps that were read again because the kernel's tables changed meanwhile.
    private(set) var interruptedDumps = 0

    /// Opens the way to the kernel.
    public init() throws(NetlinkError) {
        self.socket = try NetlinkSocket(slots: 8, slotSize: 32 * 1024, receiveBuffer: 8 << 20)
        self.socket.setReadTimeout(seconds: 20)
        // Should every message of a batch fail, each answer takes about 1.3 KiB of the buffer.
        self.batchLimit = min(max(self.socket.receiveBuffer / 2048, 64), Self.largestBatch)
    }

    // MARK: Routes

    /// The routes that pass `filter`.
    public func routes(_ filter: RouteFilter) throws(NetlinkError) -> [KernelRoute] {
        var routes: [KernelRoute] = []
        for family in IPFamily.allCases where filter.family == nil || filter.family == family {
            let sequence = self.takeSequences(1)
            self.writer.removeAll()
            self.writer.appendRouteDump(
                family: family,
                table: filter.table,
                number: filter.protocolNumber,
                sequence: sequence
            )
            routes += try self.dump(RouteMessage.newRoute, "dump routes", sequence) { payload in
                KernelRoute(payload).flatMap { filter.matches($0) ? $0 : nil }
            }
        }
        return routes
    }

    /// Performs `operations` in order and returns those that failed.
    public func apply(_ operations: [RouteOperation]) throws(NetlinkError) -> [OperationFailure] {
        var failures: [OperationFailure] = []
        var next = 0
        while next < operations.count {
            let first = next
            let sequence = self.takeSequences(UInt32(self.batchLimit))
            self.writer.removeAll()
            var lastStart = 0
            while next < operations.count, next - first < self.batchLimit, self.writer.bytes.count < self.batchOctets {
                lastStart = self.writer.bytes.count
                self.writer.append(operations[next], sequence: sequence &+ UInt32(next - first))
                next += 1
            }
            self.writer.addFlags(RouteMessage.acknowledge, toMessageAt: lastStart)
            try self.socket.send(self.writer.bytes, "write \(next - first) routes")
            try self.collect(first: sequence, count: next - first, "write \(next - first) routes") {
                index,
                code,
                text in
                let operation = operations[first + index]
                failures.append(
                    OperationFailure(
                        index: first + index,
                        error: NetlinkError(code: code, text: text, request: operation.description)
                    )
                )
            }
        }
        return failures
    }

    // MARK: Links, addresses, neighbours

    /// All links.
    public func links() throws(NetlinkError) -> [Link] {
        try self.dumpSmall(RouteMessage.getLink, RouteMessage.newLink, header: 16, family: 0, "dump links") {
            Link($0)
        }
    }

    /// All addresses of both families.
    public func addresses() throws(NetlinkError) -> [LinkAddress] {
        try self.dumpSmall(RouteMessage.getAddress, RouteMessage.newAddress, header: 8, family: 0, "dump addresses") {
            LinkAddress($0)
        }
    }

    /// Neighbour entries of one family.
    public func neighbors(family: IPFamily, interface: UInt32?) throws(NetlinkError) -> [Neighbor] {
        try self.dumpSmall(
            RouteMessage.getNeighbor,
            RouteMessage.newNeighbor,
            header: 12,
            family: family.rawValue,
            "dump neighbours"
        ) { payload in
            Neighbor(payload).flatMap { interface == nil || interface == $0.interface ? $0 : nil }
        }
    }

    /// Performs `operations` in order and returns those that failed.
    public func apply(_ operations: [NeighborOperation]) throws(NetlinkError) -> [OperationFailure] {
        var failures: [OperationFailure] = []
        for (index, operation) in operations.enumerated() {
            if let error = try self.request(operation.description, operation.message) {
                failures.append(OperationFailure(index: index, error: error))
            }
        }
        return failures
    }

    /// Sets a link administratively up or down.
    public func setLink(_ index: UInt32, up: Bool) throws(NetlinkError) {
        let request = "set link #\(index) \(up ? "up" : "down")"
        let error = try self.request(request) { message in
            guard let current = rtnl_link_alloc(), let change = rtnl_link_alloc() else { return -NLE_NOMEM }
            defer {
                rtnl_link_put(current)
                rtnl_link_put(change)
            }
            rtnl_link_set_ifindex(current, Int32(clamping: index))
            let flag: UInt32 = 1  // IFF_UP
            if up {
                rtnl_link_set_flags(change, flag)
            } else {
                rtnl_link_unset_flags(change, flag)
            }
            return rtnl_link_build_change_request(current, change, 0, &message)
        }
        if let error { throw error }
    }

    // MARK: Sysctls

    /// The value of a sysctl of the calling thread's namespace.
    public func readSysctl(_ key: SysctlKey) throws(NetlinkError) -> String { try Sysctl.read(key) }

    /// Sets a sysctl of the calling thread's namespace.
    public func writeSysctl(_ key: SysctlKey, _ value: String) throws(NetlinkError) { try Sysctl.write(key, value) }

    // MARK: Exchange

    private func takeSequences(_ count: UInt32) -> UInt32 {
        // 0 marks notifications, so a block never wraps.
        if self.sequence > UInt32.max - count { self.sequence = 1 }
        defer { self.sequence += count }
        return self.sequence
    }

    /// Sends one message that `build` makes with libnl, and returns the kernel's refusal.
    private func request(
        _ text: String,
        _ build: (inout OpaquePointer?) -> Int32
    ) throws(NetlinkError) -> NetlinkError? {
        var message: OpaquePointer?
        let result = build(&message)
        guard result >= 0, let message, let header = nlmsg_hdr(message) else {
            return NetlinkError(code: EINVAL, text: String(cString: nl_geterror(result)), request: text)
        }
        defer { nlmsg_free(message) }
        let sequence = self.takeSequences(1)
        header.pointee.nlmsg_seq = sequence
        header.pointee.nlmsg_pid = 0
        header.pointee.nlmsg_flags |= RouteMessage.request | RouteMessage.acknowledge
        try self.socket.send(message, text)
        var refusal: NetlinkError?
        try self.collect(first: sequence, count: 1, text) { _, code, words in
            refusal = NetlinkError(code: code, text: words, request: text)
        }
        return refusal
    }

    /// Reads answers until the last of `count` requests is answered.
    private func collect(
        first: UInt32,
        count: Int,
        _ request: String,
        _ fail: (_ index: Int, _ code: Int32, _ text: String?) -> Void
    ) throws(NetlinkError) {
        while true {
            let read = try self.socket.read(wait: true)
            guard case .datagrams(let datagrams) = read else {
                if case .lost = read { throw NetlinkError(code: ENOBUFS, text: "answers were lost", request: request) }
                throw NetlinkError(code: ETIMEDOUT, text: "no answer", request: request)
            }
            var isDone = false
            for datagram in 0..<datagrams {
                guard let messages = self.socket.messages(datagram) else { continue }
                for message in messages where message.type == NetlinkMessage.error {
                    // Answers to an earlier exchange that was given up are not ours.
                    let index = Int(message.sequence &- first)
                    guard index < count else { continue }
                    let (code, text) = message.acknowledgement
                    if code != 0 { fail(index, code, text) }
                    if index == count - 1 { isDone = true }
                }
            }
            if isDone { return }
        }
    }

    private func dumpSmall<T>(
        _ type: UInt16,
        _ answer: UInt16,
        header: Int,
        family: UInt8,
        _ request: String,
        _ decode: (NetlinkBytes) -> T?
    ) throws(NetlinkError) -> [T] {
        let sequence = self.takeSequences(1)
        self.writer.removeAll()
        self.writer.beginMessage(type: type, flags: RouteMessage.request | RouteMessage.dump, sequence: sequence)
        self.writer.append(family)
        for _ in 1..<header { self.writer.append(UInt8(0)) }
        self.writer.endMessage()
        return try self.dump(answer, request, sequence, decode)
    }

    /// Runs the prepared dump request, again when the kernel says that its tables changed meanwhile.
    private func dump<T>(
        _ answer: UInt16,
        _ request: String,
        _ sequence: UInt32,
        _ decode: (NetlinkBytes) -> T?
    ) throws(NetlinkError) -> [T] {
        for attempt in 0..<self.dumpAttempts {
            if attempt > 0 { usleep(UInt32(1000 << min(attempt, 6))) }
            try self.socket.send(self.writer.bytes, request)
            var objects: [T] = []
            if try self.readDump(answer, request, sequence, { decode($0).map { objects.append($0) } }) {
                return objects
            }
            self.interruptedDumps += 1
        }
        throw NetlinkError(
            code: EINTR,
            text: "interrupted \(self.dumpAttempts) times by changes",
            request: request
        )
    }

    /// Reads one dump; false when it is not consistent.
    private func readDump(
        _ answer: UInt16,
        _ request: String,
        _ sequence: UInt32,
        _ take: (NetlinkBytes) -> Void
    ) throws(NetlinkError) -> Bool {
        var isConsistent = true
        while true {
            let read = try self.socket.read(wait: true)
            guard case .datagrams(let datagrams) = read else {
                if case .lost = read { throw NetlinkError(code: ENOBUFS, text: "answers were lost", request: request) }
                throw NetlinkError(code: ETIMEDOUT, text: "no answer", request: request)
            }
            for datagram in 0..<datagrams {
                guard let messages = self.socket.messages(datagram) else {
                    throw NetlinkError(code: EMSGSIZE, text: "answer too long", request: request)
                }
                for message in messages where message.sequence == sequence {
                    if message.flags & NetlinkMessage.dumpInterrupted != 0 { isConsistent = false }
                    switch message.type {
                    case NetlinkMessage.done:
                        let code = message.payload.load(0, as: Int32.self) ?? 0
                        // A table that nobody used yet does not exist.
                        guard code >= 0 || code == -ENOENT else {
                            throw NetlinkError(code: code == .min ? EPROTO : -code, request: request)
                        }
                        return isConsistent
                    case NetlinkMessage.error:
                        let (code, text) = message.acknowledgement
                        if code == ENOENT { return true }
                        throw NetlinkError(code: code, text: text, request: request)
                    case answer: take(message.payload)
                    default: break
                    }
                }
            }
        }
    }
}

extension NeighborOperation {
    /// Builds the request with libnl; returns its result code.
    fileprivate func message(_ message: inout OpaquePointer?) -> Int32 {
        let (interface, address): (UInt32, IPAddress) =
            switch self {
            case .add(let entry), .replace(let entry): (entry.interface, entry.address)
            case .delete(let interface, let address): (interface, address)
            }
        var writer = MessageWriter()
        writer.append(address)
        let family = address.isIPv4 ? IPFamily.v4 : .v6
        guard let entry = rtnl_neigh_alloc(),
            let destination = nl_addr_build(Int32(family.rawValue), writer.bytes, writer.bytes.count)
        else { return -NLE_NOMEM }
        defer {
            rtnl_neigh_put(entry)
            nl_addr_put(destination)
        }
        rtnl_neigh_set_ifindex(entry, Int32(clamping: interface))
        let result = rtnl_neigh_set_dst(entry, destination)
        guard result >= 0 else { return result }
        switch self {
        case .delete: return rtnl_neigh_build_delete_request(entry, 0, &message)
        case .add(let value), .replace(let value):
            rtnl_neigh_set_state(entry, Int32(value.state.rawValue))
            if let mac = value.mac {
                guard let hardware = nl_addr_build(AF_LLC, mac.octets, 6) else { return -NLE_NOMEM }
                rtnl_neigh_set_lladdr(entry, hardware)
                nl_addr_put(hardware)
            }
            let isReplacement = if case .replace = self { true } else { false }
            let flags = RouteMessage.create | (isReplacement ? RouteMessage.replace : RouteMessage.exclusive)
            return rtnl_neigh_build_add_request(entry, Int32(flags), &message)
        }
    }
}
