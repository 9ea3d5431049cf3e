internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread that listens to the kernel's notifications.
///
/// Events are delivered in batches on the monitor's own thread, in the kernel's order. A consumer that blocks makes the
/// kernel's buffer run over, which shows as ``KernelEvent/overrun``: loss is never silent.
public final class KernelMonitor: Sendable {
    /// Which notifications are wanted.
    public struct Topics: OptionSet, Hashable, Sendable {
        /// Bits.
        public var rawValue: UInt8

        /// Creates a set.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// Links.
        public static let links = Topics(rawValue: 1)
        /// Addresses of both families.
        public static let addresses = Topics(rawValue: 2)
        /// Neighbour tables.
        public static let neighbors = Topics(rawValue: 4)
        /// IPv4 routes.
        public static let routesV4 = Topics(rawValue: 8)
        /// IPv6 routes.
        public static let routesV6 = Topics(rawValue: 16)
        /// Everything but neighbours.
        public static let standard: Topics = [.links, .addresses, .routesV4, .routesV6]

        /// RTNLGRP_* numbers.
        var groups: [UInt32] {
            var groups: [UInt32] = []
            if self.contains(.links) { groups.append(1) }
            if self.contains(.neighbors) { groups.append(3) }
            if self.contains(.addresses) { groups += [5, 9] }
            if self.contains(.routesV4) { groups.append(7) }
            if self.contains(.routesV6) { groups.append(11) }
            return groups
        }
    }

    private let wakeUp: WakeUp
    private let thread = Mutex<OwnThread?>(nil)

    /// Starts listening; once this returns, no later change is missed.
    ///
    /// - Parameters:
    ///   - topics: What to listen to.
    ///   - receiveBuffer: Octets to ask for; 16 MiB hold some 20,000 unread route events.
    ///   - prepare: Runs first on the monitor's thread; may enter a network namespace.
    ///   - deliver: Takes events, never an empty batch. A failing socket is reported as an overrun and opened again.
    /// - Throws: What `prepare` throws, or why the socket cannot be opened.
    public init(
        topics: Topics = .standard,
        receiveBuffer: Int32 = 16 << 20,
        prepare: @escaping @Sendable () throws(NetlinkError) -> Void = {},
        deliver: @escaping @Sendable ([KernelEvent]) -> Void
    ) throws(NetlinkError) {
        let wakeUp = try WakeUp()
        let opened = try WakeUp()
        self.wakeUp = wakeUp
        let opening = SharedValue<(isDone: Bool, error: NetlinkError?)>((false, nil))
        let stopping = SharedValue(false)
        self.stopping = stopping
        let thread = try OwnThread(name: "kernel-monitor") {
            do throws(NetlinkError) {
                try prepare()
                var socket = try Self.open(topics, receiveBuffer)
                opening.set((true, nil))
                opened.signal()
                while !stopping.get() {
                    do throws(NetlinkError) {
                        try Self.listen(socket, wakeUp, stopping, deliver)
                    } catch {
                        deliver([.overrun])
                        wakeUp.wait(milliseconds: 1000)
                        if let again = try? Self.open(topics, receiveBuffer) {
                            socket = again
                            deliver([.overrun])
                        }
                    }
                }
            } catch {
                opening.set((true, error))
                opened.signal()
            }
        }
        while !opening.get().isDone { opened.wait() }
        if let error = opening.get().error {
            thread.join()
            throw error
        }
        self.thread.withLock { $0 = thread }
    }

    private let stopping: SharedValue<Bool>

    deinit {
        self.stopping.set(true)
        self.wakeUp.signal()
        self.thread.withLock { $0.take() }?.detach()
    }

    /// Stops listening; after it returns nothing is delivered any more, unless it is called by `deliver` itself.
    public func stop() {
        self.stopping.set(true)
        self.wakeUp.signal()
        guard let thread = self.thread.withLock({ $0.take() }) else { return }
        if thread.isCurrent { thread.detach() } else { thread.join() }
    }

    private static func open(_ topics: Topics, _ receiveBuffer: Int32) throws(NetlinkError) -> NetlinkSocket {
        let socket = try NetlinkSocket(slots: 32, slotSize: 16 * 1024, receiveBuffer: receiveBuffer)
        for group in topics.groups { try socket.join(group) }
        return socket
    }

    private static func listen(
        _ socket: NetlinkSocket,
        _ wakeUp: WakeUp,
        _ stopping: SharedValue<Bool>,
        _ deliver: ([KernelEvent]) -> Void
    ) throws(NetlinkError) {
        while !stopping.get() {
            var descriptors = [
                pollfd(fd: socket.fd, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeUp.fd, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&descriptors, 2, -1)
            if descriptors[1].revents != 0 { wakeUp.clear() }
            var events: [KernelEvent] = []
            switch try socket.read(wait: false) {
            case .nothing: continue
            case .lost: events.append(.overrun)
            case .datagrams(let count):
                for index in 0..<count {
                    guard var messages = socket.messages(index) else {
                        events.append(.overrun)
                        continue
                    }
                    while let message = messages.next() {
                        if let event = KernelEvent(message) { events.append(event) }
                    }
                    if messages.isMalformed { events.append(.overrun) }
                }
            }
            if !events.isEmpty, !stopping.get() { deliver(events) }
        }
    }
}
