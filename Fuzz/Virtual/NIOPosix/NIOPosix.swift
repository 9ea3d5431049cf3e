@_exported import NIOCore

package enum System {
    package static let coreCount = 2
}

/// One loop for each thread there would be.
package final class MultiThreadedEventLoopGroup: EventLoopGroup {
    private let loops: [any EventLoop]

    package init(numberOfThreads: Int) { self.loops = (0..<numberOfThreads).map { _ in VirtualLoop() } }

    package func next() -> any EventLoop { self.loops[0] }
    package func makeIterator() -> IndexingIterator<[any EventLoop]> { self.loops.makeIterator() }
    package func shutdownGracefully() async throws {}
}
