import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Speaker

@Suite("Inbox")
struct InboxTests {
    @Test("Many writers lose nothing, and each keeps its order")
    func manyWriters() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let inbox = Inbox<(writer: Int, number: Int)>(loop: group.next())
        let (writers, count) = (4, 20_000)
        let last = Mutex([Int](repeating: -1, count: writers))
        let disorder = Atomic<Int>(0)
        inbox.setReader {
            while true {
                let messages = inbox.receive()
                if messages.isEmpty { return }
                last.withLock { last in
                    for message in messages {
                        if last[message.writer] != message.number - 1 { disorder.add(1, ordering: .relaxed) }
                        last[message.writer] = message.number
                    }
                }
            }
        }
        await withTaskGroup { tasks in
            for writer in 0..<writers {
                tasks.addTask { for number in 0..<count { inbox.send((writer, number)) } }
            }
        }
        for _ in 0..<500 where last.withLock({ $0.contains { $0 != count - 1 } }) {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(last.withLock { $0 } == Array(repeating: count - 1, count: writers))
        #expect(disorder.load(ordering: .relaxed) == 0)
        try await group.shutdownGracefully()
    }

    @Test("A burst wakes the reader once")
    func oneWakeup() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let inbox = Inbox<Int>(loop: loop)
        let wakeups = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        inbox.setReader {
            wakeups.add(1, ordering: .relaxed)
            while true {
                let count = inbox.receive().count
                if count == 0 { return }
                seen.add(count, ordering: .relaxed)
            }
        }
        // From the loop itself, so that the reader cannot run in between.
        try await loop.submit { for number in 0..<1000 { inbox.send(number) } }.get()
        try await loop.submit {}.get()
        #expect(seen.load(ordering: .relaxed) == 1000)
        #expect(wakeups.load(ordering: .relaxed) == 1)
        try await group.shutdownGracefully()
    }

    @Test("What was sent before there is a reader reaches it; a closed inbox keeps nothing")
    func beforeAndAfter() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let inbox = Inbox<Int>(loop: loop)
        let seen = Mutex<[Int]>([])
        inbox.send(7)
        inbox.setReader {
            while case let messages = inbox.receive(), !messages.isEmpty { seen.withLock { $0 += messages } }
        }
        try await loop.submit {}.get()
        #expect(seen.withLock { $0 } == [7])
        inbox.close()
        inbox.send(8)
        try await loop.submit {}.get()
        #expect(seen.withLock { $0 } == [7])
        #expect(inbox.receive().isEmpty)
        try await group.shutdownGracefully()
    }
}
