internal import BGPSession
internal import NIOCore

/// The channel end of one connection: hands octets to the peer and holds reads back while the core is behind.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let peer: PeerSession
    private let id: ConnectionID
    private var context: ChannelHandlerContext?
    private var error: Int32?
    private var isPaused = false
    private var heldRead = false

    init(peer: PeerSession, id: ConnectionID) {
        self.peer = peer
        self.id = id
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        let id = self.id
        self.isPaused = self.peer.assumeIsolated { $0.received(buffer, on: id) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        let id = self.id
        self.isPaused = self.peer.assumeIsolated { $0.receiveCompleted(on: id) }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if self.isPaused {
            self.heldRead = true
        } else {
            context.read()
        }
    }

    /// Reads again after a pause.
    func resume() {
        self.isPaused = false
        guard self.heldRead else { return }
        self.heldRead = false
        self.context?.read()
    }

    /// Gives the connection up, established or not.
    func close() {
        self.context?.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = (error as? IOError)?.errnoCode
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let (id, error) = (self.id, self.error)
        self.peer.assumeIsolated { $0.connectionEnded(id, error: error) }
        context.fireChannelInactive()
    }
}
