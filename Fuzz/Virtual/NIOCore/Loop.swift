import Virtual

/// What NIO calls an event loop, on the one queue of ``VirtualTime``.
package protocol EventLoop: EventLoopGroup, SerialExecutor {}

/// Loops to choose from.
package protocol EventLoopGroup: AnyObject, Sendable {
    func makeIterator() -> IndexingIterator<[any EventLoop]>
}

package final class VirtualLoop: EventLoop {
    package init() {}

    package func makeIterator() -> IndexingIterator<[any EventLoop]> { [self].makeIterator() }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        VirtualTime.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    // There is one thread, and nothing runs beside what runs.
    package func checkIsolated() {}
}

/// Runs what is isolated to no actor on the same queue.
package final class VirtualTaskExecutor: TaskExecutor {
    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        VirtualTime.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

extension EventLoop {
    package var executor: any SerialExecutor { self }
    package var now: NIODeadline { .now() }

    package func execute(_ work: @escaping @Sendable () -> Void) { VirtualTime.execute(work) }

    @discardableResult
    package func scheduleTask(in time: TimeAmount, _ work: @escaping @Sendable () -> Void) -> Scheduled<Void> {
        self.scheduleTask(deadline: .now() + time, work)
    }

    @discardableResult
    package func scheduleTask(deadline: NIODeadline, _ work: @escaping @Sendable () -> Void) -> Scheduled<Void> {
        Scheduled(alarm: VirtualTime.schedule(at: deadline.uptimeNanoseconds, work))
    }

    @discardableResult
    package func scheduleRepeatedTask(
        initialDelay: TimeAmount,
        delay: TimeAmount,
        _ work: @escaping @Sendable (RepeatedTask) -> Void
    ) -> RepeatedTask {
        let task = RepeatedTask(delay: delay, work)
        task.start(in: initialDelay)
        return task
    }

    package func makePromise<Value: Sendable>(of type: Value.Type) -> EventLoopPromise<Value> { EventLoopPromise() }

    package func makeFailedFuture<Value: Sendable>(_ error: any Error) -> EventLoopFuture<Value> {
        let promise = EventLoopPromise<Value>()
        promise.fail(error)
        return promise.futureResult
    }

    package func makeCompletedFuture<Value: Sendable>(_ work: () throws -> Value) -> EventLoopFuture<Value> {
        let promise = EventLoopPromise<Value>()
        promise.complete(Result(catching: work))
        return promise.futureResult
    }
}

package struct Scheduled<Value: Sendable>: Sendable {
    let alarm: VirtualTime.Alarm

    package func cancel() { self.alarm.cancel() }
}

package final class RepeatedTask: @unchecked Sendable {
    private let delay: TimeAmount
    private var work: (@Sendable (RepeatedTask) -> Void)?
    private var alarm: VirtualTime.Alarm?

    init(delay: TimeAmount, _ work: @escaping @Sendable (RepeatedTask) -> Void) {
        self.delay = delay
        self.work = work
    }

    func start(in time: TimeAmount) {
        self.alarm = VirtualTime.schedule(at: (NIODeadline.now() + time).uptimeNanoseconds) {
            guard let work = self.work else { return }
            work(self)
            if self.work != nil { self.start(in: self.delay) }
        }
    }

    package func cancel() {
        self.work = nil
        self.alarm?.cancel()
    }
}

/// Callbacks run where the result is given, or at once.
package final class EventLoopFuture<Value: Sendable>: @unchecked Sendable {
    private var result: Result<Value, any Error>?
    private var callbacks: [(Result<Value, any Error>) -> Void] = []

    fileprivate func complete(_ result: Result<Value, any Error>) {
        guard self.result == nil else { return }
        self.result = result
        let callbacks = self.callbacks
        self.callbacks = []
        for callback in callbacks { callback(result) }
    }

    package func whenComplete(_ callback: @escaping @Sendable (Result<Value, any Error>) -> Void) {
        if let result = self.result { callback(result) } else { self.callbacks.append(callback) }
    }

    package func flatMapThrowing<Other: Sendable>(_ work: @escaping @Sendable (Value) throws -> Other)
        -> EventLoopFuture<Other>
    {
        let promise = EventLoopPromise<Other>()
        self.whenComplete { result in promise.complete(Result { try work(result.get()) }) }
        return promise.futureResult
    }

    package static func andAllSucceed(_ futures: [EventLoopFuture], on loop: any EventLoop) -> EventLoopFuture<Void> {
        // Options of virtual sockets are set at once.
        loop.makeCompletedFuture {
            for case .failure(let error)? in futures.map(\.result) { throw error }
        }
    }
}

package struct EventLoopPromise<Value: Sendable>: Sendable {
    package let futureResult = EventLoopFuture<Value>()

    package func succeed(_ value: Value) { self.futureResult.complete(.success(value)) }
    package func fail(_ error: any Error) { self.futureResult.complete(.failure(error)) }
    package func complete(_ result: Result<Value, any Error>) { self.futureResult.complete(result) }
}

extension EventLoopPromise<Void> {
    package func succeed() { self.futureResult.complete(.success(())) }
}

/// A value that stays on its loop.
package final class NIOLoopBound<Value>: @unchecked Sendable {
    package var value: Value

    package init(_ value: Value, eventLoop: any EventLoop) { self.value = value }
}

package struct CircularBuffer<Element> {
    private var elements: [Element] = []

    package init() {}
    package mutating func append(_ element: Element) { self.elements.append(element) }
    package mutating func popFirst() -> Element? { self.elements.isEmpty ? nil : self.elements.removeFirst() }
}

extension CircularBuffer: Sendable where Element: Sendable {}
