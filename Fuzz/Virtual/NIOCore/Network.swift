import Glibc
import Virtual

/// Connections under way: what this host dials and what it is offered.
package enum VirtualNetwork {
    /// A dialled connection that the other end has not answered.
    package struct Attempt {
        package let remote: SocketAddress
        package let channel: VirtualChannel
        let promise: EventLoopPromise<any Channel>

        /// The other end accepts.
        package func accept() {
            guard self.channel.isOpen else { return }
            self.promise.succeed(self.channel)
            self.channel.activate()
        }

        /// The other end refuses.
        package func refuse(_ error: Int32 = ECONNREFUSED) {
            guard self.channel.isOpen else { return }
            self.promise.fail(IOError(errnoCode: error))
            self.channel.close(promise: nil)
        }
    }

    nonisolated(unsafe) package static var attempts: [Attempt] = []
    nonisolated(unsafe) private static var offered: [CInt: (local: SocketAddress, remote: SocketAddress)] = [:]
    nonisolated(unsafe) private static var accepted: [CInt: VirtualChannel] = [:]
    nonisolated(unsafe) private static var next = firstDescriptor

    /// Above what the process can have open: closing one closes nothing.
    private static let firstDescriptor: CInt = 1 << 28

    package static func reset() {
        self.attempts = []
        self.offered = [:]
        self.accepted = [:]
        self.next = self.firstDescriptor
    }

    /// A connection from `remote` that waits to be accepted.
    package static func offer(local: SocketAddress, remote: SocketAddress) -> CInt {
        self.next += 1
        self.offered[self.next] = (local, remote)
        return self.next
    }

    /// The channel that a descriptor became, once.
    package static func takeAccepted(_ descriptor: CInt) -> VirtualChannel? {
        self.accepted.removeValue(forKey: descriptor)
    }

    /// This host's address of an offered connection.
    package static func local(of descriptor: CInt) -> SocketAddress? { self.offered[descriptor]?.local }

    static func adopt(_ descriptor: CInt, _ loop: any EventLoop) -> VirtualChannel? {
        guard let ends = self.offered.removeValue(forKey: descriptor) else { return nil }
        let channel = VirtualChannel(loop, local: ends.local, remote: ends.remote)
        self.accepted[descriptor] = channel
        return channel
    }
}

package struct ChannelOptionName<Value> {}

package struct AdaptiveRecvByteBufferAllocator: Sendable {
    package init(minimum: Int, initial: Int, maximum: Int) {}
}

package struct TCPOption: Sendable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    package static let tcp_nodelay = TCPOption()
}

extension ChannelOptionName where Value == AdaptiveRecvByteBufferAllocator {
    package static var recvAllocator: ChannelOptionName { ChannelOptionName() }
}

extension ChannelOptionName where Value == Int {
    package static var maxMessagesPerRead: ChannelOptionName { ChannelOptionName() }
    package static func tcpOption(_ option: TCPOption) -> ChannelOptionName { ChannelOptionName() }
}

package final class ClientBootstrap {
    private let loop: any EventLoop
    private var timeout = TimeAmount.seconds(10)
    private var initializer: ((any Channel) -> EventLoopFuture<Void>)?
    private var local: SocketAddress?

    package init(group: any EventLoop) { self.loop = group }

    package func connectTimeout(_ timeout: TimeAmount) -> ClientBootstrap {
        self.timeout = timeout
        return self
    }

    package func channelOption<Value>(_ option: ChannelOptionName<Value>, value: Value) -> ClientBootstrap { self }

    package func channelInitializer(_ initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>)
        -> ClientBootstrap
    {
        self.initializer = initializer
        return self
    }

    package func bind(to address: SocketAddress) -> ClientBootstrap {
        self.local = address
        return self
    }

    package func connect(to remote: SocketAddress) -> EventLoopFuture<any Channel> {
        let promise = EventLoopPromise<any Channel>()
        let channel = VirtualChannel(self.loop, local: self.local ?? VirtualRoute.local(for: remote), remote: remote)
        let initialized = self.initializer?(channel)
        let attempt = VirtualNetwork.Attempt(remote: remote, channel: channel, promise: promise)
        channel.onClose { promise.fail(ChannelError.ioOnClosedChannel) }
        let timeout = VirtualTime.schedule(at: (NIODeadline.now() + self.timeout).uptimeNanoseconds) {
            promise.fail(ChannelError.connectTimeout)
            channel.close(promise: nil)
        }
        promise.futureResult.whenComplete { _ in timeout.cancel() }
        initialized?.whenComplete { result in
            switch result {
            case .success: VirtualNetwork.attempts.append(attempt)
            case .failure(let error):
                promise.fail(error)
                channel.close(promise: nil)
            }
        }
        return promise.futureResult
    }

    package func withConnectedSocket(_ descriptor: CInt) -> EventLoopFuture<any Channel> {
        let promise = EventLoopPromise<any Channel>()
        guard let channel = VirtualNetwork.adopt(descriptor, self.loop) else {
            promise.fail(IOError(errnoCode: EBADF))
            return promise.futureResult
        }
        _ = self.initializer?(channel)
        VirtualTime.execute {
            guard channel.isOpen else { return promise.fail(ChannelError.ioOnClosedChannel) }
            promise.succeed(channel)
            channel.activate()
        }
        return promise.futureResult
    }
}

/// The addresses that this host uses towards others, one per family.
package enum VirtualRoute {
    nonisolated(unsafe) package static var locals: [SocketAddress] = []

    static func local(for remote: SocketAddress) -> SocketAddress? {
        func family(_ address: SocketAddress) -> sa_family_t {
            address.withSockAddr { address, _ in address.pointee.sa_family }
        }
        return self.locals.first { family($0) == family(remote) }
    }
}
