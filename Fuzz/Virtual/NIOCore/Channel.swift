package import Glibc
import Virtual

package struct IOError: Error {
    package var errnoCode: CInt

    package init(errnoCode: CInt) { self.errnoCode = errnoCode }
}

package enum ChannelError: Error {
    case operationUnsupported
    case ioOnClosedChannel
    case connectTimeout
}

package struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()

    package init(ipAddress: String, port: Int) throws {
        let parts = ipAddress.split(separator: "%")
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        if inet_pton(AF_INET, ipAddress, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
            withUnsafeMutableBytes(of: &self.storage) { to in withUnsafeBytes(of: v4) { to.copyMemory(from: $0) } }
        } else if inet_pton(AF_INET6, String(parts.first ?? ""), &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = UInt16(truncatingIfNeeded: port).bigEndian
            v6.sin6_scope_id = parts.count > 1 ? UInt32(parts[1]) ?? 0 : 0
            withUnsafeMutableBytes(of: &self.storage) { to in withUnsafeBytes(of: v6) { to.copyMemory(from: $0) } }
        } else {
            throw ChannelError.operationUnsupported
        }
    }

    package func withSockAddr<Value>(_ body: (UnsafePointer<sockaddr>, Int) throws -> Value) rethrows -> Value {
        try withUnsafePointer(to: self.storage) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, MemoryLayout<sockaddr_storage>.size)
            }
        }
    }
}

package struct NIOAny {
    let buffer: ByteBuffer
}

package protocol ChannelDuplexHandler: AnyObject {
    associatedtype InboundIn
    associatedtype OutboundIn
    associatedtype OutboundOut

    func handlerAdded(context: ChannelHandlerContext)
    func handlerRemoved(context: ChannelHandlerContext)
    func channelRead(context: ChannelHandlerContext, data: NIOAny)
    func channelReadComplete(context: ChannelHandlerContext)
    func channelInactive(context: ChannelHandlerContext)
    func errorCaught(context: ChannelHandlerContext, error: any Error)
    func read(context: ChannelHandlerContext)
}

extension ChannelDuplexHandler {
    package func unwrapInboundIn(_ data: NIOAny) -> ByteBuffer { data.buffer }
}

/// A handler's way to its channel; the one handler there is has nobody before or behind it.
package final class ChannelHandlerContext {
    private unowned let channel: VirtualChannel

    init(_ channel: VirtualChannel) { self.channel = channel }

    package func read() { self.channel.wantsRead() }
    package func close(promise: EventLoopPromise<Void>?) { self.channel.close(promise: promise) }
    package func fireChannelReadComplete() {}
    package func fireChannelInactive() {}
}

package typealias SocketOptionLevel = CInt
package typealias SocketOptionName = CInt

package protocol SocketOptionProvider {
    func unsafeSetSocketOption<Value: Sendable>(level: SocketOptionLevel, name: SocketOptionName, value: Value)
        -> EventLoopFuture<Void>
}

package protocol Channel: AnyObject, Sendable {
    var eventLoop: any EventLoop { get }
    var localAddress: SocketAddress? { get }
    var remoteAddress: SocketAddress? { get }
    var pipeline: ChannelPipeline { get }
    var isActive: Bool { get }
    func write(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>?)
    func flush()
    func close(promise: EventLoopPromise<Void>?)
}

extension Channel {
    package func writeAndFlush(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>?) {
        self.write(buffer, promise: promise)
        self.flush()
    }

    package func writeAndFlush(_ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let promise = EventLoopPromise<Void>()
        self.writeAndFlush(buffer, promise: promise)
        return promise.futureResult
    }
}

package enum NIOBSDSocket {
    package typealias Handle = CInt
}

package struct ChannelPipeline {
    let channel: VirtualChannel

    package var syncOperations: ChannelPipeline { self }
    /// There is no socket below: writes go through the channel.
    package func withUnsafeTransportIfAvailable<Transport, Value>(
        of type: Transport.Type,
        _ body: (Transport) throws -> Value
    ) rethrows -> Value? { nil }
    package func addHandler(_ handler: any ChannelDuplexHandler) throws { self.channel.add(handler) }
}

/// One end of a TCP connection; the other end is the test's.
package final class VirtualChannel: Channel, SocketOptionProvider, @unchecked Sendable {
    package let eventLoop: any EventLoop
    package let localAddress: SocketAddress?
    package let remoteAddress: SocketAddress?
    package var pipeline: ChannelPipeline { ChannelPipeline(channel: self) }

    private var handler: (any ChannelDuplexHandler)?
    private var context: ChannelHandlerContext?
    package private(set) var isActive = false
    private var isReadWanted = false
    private var isPumping = false
    private var writes: [(ByteBuffer, EventLoopPromise<Void>?)] = []
    private var flushed = 0
    private var incoming: [[UInt8]] = []
    private var end: Int32?
    private var whenClosed: (() -> Void)?

    /// Whether this end has the connection.
    package private(set) var isOpen = true
    /// What this end wrote and the other has not read.
    package var output: [UInt8] = []
    /// Whether the other end reads; what is written meanwhile waits.
    package var isStalled = false { didSet { if !self.isStalled { self.drain() } } }

    init(_ eventLoop: any EventLoop, local: SocketAddress?, remote: SocketAddress?) {
        self.eventLoop = eventLoop
        self.localAddress = local
        self.remoteAddress = remote
    }

    package func unsafeSetSocketOption<Value: Sendable>(level: CInt, name: CInt, value: Value) -> EventLoopFuture<Void>
    {
        self.eventLoop.makeCompletedFuture {}
    }

    func add(_ handler: any ChannelDuplexHandler) {
        let context = ChannelHandlerContext(self)
        self.handler = handler
        self.context = context
        handler.handlerAdded(context: context)
    }

    func activate() {
        guard self.isOpen, !self.isActive, let handler = self.handler, let context = self.context else { return }
        self.isActive = true
        handler.read(context: context)
        self.drain()
    }

    func onClose(_ work: @escaping () -> Void) { self.whenClosed = work }

    // MARK: This end

    package func write(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard self.isOpen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        self.writes.append((buffer, promise))
    }

    package func flush() {
        self.flushed = self.writes.count
        self.drain()
    }

    private func drain() {
        guard self.isOpen, self.isActive, !self.isStalled else { return }
        while self.flushed > 0, self.isOpen {
            let (buffer, promise) = self.writes.removeFirst()
            self.flushed -= 1
            self.output += buffer.array
            promise?.succeed()
        }
    }

    package func close(promise: EventLoopPromise<Void>?) {
        self.closeNow()
        promise?.succeed()
    }

    private func closeNow() {
        guard self.isOpen else { return }
        self.isOpen = false
        let writes = self.writes
        self.writes = []
        self.flushed = 0
        for (_, promise) in writes { promise?.fail(ChannelError.ioOnClosedChannel) }
        let closed = self.whenClosed
        self.whenClosed = nil
        closed?()
        VirtualTime.execute {
            guard let handler = self.handler, let context = self.context else { return }
            if self.isActive { handler.channelInactive(context: context) }
            handler.handlerRemoved(context: context)
            self.handler = nil
        }
    }

    func wantsRead() {
        self.isReadWanted = true
        self.pump()
    }

    private func pump() {
        guard !self.isPumping, self.isReadWanted, !self.incoming.isEmpty || self.end != nil else { return }
        self.isPumping = true
        VirtualTime.execute {
            self.isPumping = false
            guard self.isOpen, self.isActive, self.isReadWanted, let handler = self.handler, let context = self.context
            else { return }
            self.isReadWanted = false
            let buffers = self.incoming.prefix(4)
            self.incoming.removeFirst(buffers.count)
            for buffer in buffers where self.isOpen {
                handler.channelRead(context: context, data: NIOAny(buffer: ByteBuffer(bytes: buffer)))
            }
            guard self.isOpen else { return }
            if !buffers.isEmpty { handler.channelReadComplete(context: context) }
            guard self.isOpen else { return }
            if buffers.isEmpty, let end = self.end {
                if end != 0 { handler.errorCaught(context: context, error: IOError(errnoCode: end)) }
                return self.closeNow()
            }
            handler.read(context: context)
        }
    }

    // MARK: The other end

    /// Sends octets to this end, as one read.
    package func deliver(_ octets: [UInt8]) {
        guard self.isOpen, self.end == nil, !octets.isEmpty else { return }
        self.incoming.append(octets)
        self.pump()
    }

    /// Ends the connection from the other end once what was sent is read: 0 in order, else an error.
    package func finish(_ error: Int32) {
        guard self.isOpen, self.end == nil else { return }
        self.end = error
        self.pump()
    }
}
