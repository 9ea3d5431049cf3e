import Virtual

/// The kernel's thread, on the one queue: what is submitted runs later, in order.
package final class KernelThread: @unchecked Sendable {
    private let kernel: any NetlinkKernel
    private var isStopped = false

    package init(name: String, open: @escaping @Sendable () throws(NetlinkError) -> any NetlinkKernel)
        throws(NetlinkError)
    {
        self.kernel = try open()
    }

    @discardableResult
    package func submit(_ work: @escaping @Sendable (any NetlinkKernel) -> Void) -> Bool {
        guard !self.isStopped else { return false }
        VirtualTime.execute { work(self.kernel) }
        return true
    }

    package func perform<Value: Sendable>(
        _ work: @escaping @Sendable (any NetlinkKernel) throws(NetlinkError) -> Value
    ) async throws(NetlinkError) -> Value {
        try work(self.kernel)
    }

    package func stop() { self.isStopped = true }
}

/// The monitors of the process; the test hands them the events of its kernel.
package final class KernelMonitor: @unchecked Sendable {
    package struct Topics: OptionSet, Hashable, Sendable {
        package var rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let links = Topics(rawValue: 1)
        package static let addresses = Topics(rawValue: 2)
        package static let neighbors = Topics(rawValue: 4)
        package static let routesV4 = Topics(rawValue: 8)
        package static let routesV6 = Topics(rawValue: 16)
        package static let standard: Topics = [.links, .addresses, .routesV4, .routesV6]
    }

    nonisolated(unsafe) private static var monitors: [KernelMonitor] = []
    private let deliver: @Sendable ([KernelEvent]) -> Void

    package init(topics: Topics, deliver: @escaping @Sendable ([KernelEvent]) -> Void) throws(NetlinkError) {
        self.deliver = deliver
        Self.monitors.append(self)
    }

    package func stop() { Self.monitors.removeAll { $0 === self } }

    package static func reset() { self.monitors = [] }

    /// Shows events to every monitor, later.
    package static func show(_ events: [KernelEvent]) {
        VirtualTime.execute { for monitor in Self.monitors { monitor.deliver(events) } }
    }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
/// There is no other kernel than the one a test makes.
public func LinuxKernel() throws(NetlinkError) -> any NetlinkKernel {
    throw NetlinkError(code: 38, request: "open a kernel")
}
