import Virtual

/// A point of virtual time.
package struct NIODeadline: Hashable, Comparable, Sendable {
    package var uptimeNanoseconds: UInt64

    package static let distantPast = NIODeadline(uptimeNanoseconds: 0)
    package static func now() -> NIODeadline { NIODeadline(uptimeNanoseconds: VirtualTime.now) }
    package static func uptimeNanoseconds(_ value: UInt64) -> NIODeadline { NIODeadline(uptimeNanoseconds: value) }
    package static func < (a: NIODeadline, b: NIODeadline) -> Bool { a.uptimeNanoseconds < b.uptimeNanoseconds }
    package static func + (a: NIODeadline, b: TimeAmount) -> NIODeadline {
        NIODeadline(uptimeNanoseconds: UInt64(clamping: Int64(clamping: a.uptimeNanoseconds) + b.nanoseconds))
    }
    package static func - (a: NIODeadline, b: NIODeadline) -> TimeAmount {
        .nanoseconds(Int64(clamping: a.uptimeNanoseconds) - Int64(clamping: b.uptimeNanoseconds))
    }
}

/// A span of virtual time.
package struct TimeAmount: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package static let zero = TimeAmount(nanoseconds: 0)
    package static func nanoseconds(_ value: Int64) -> TimeAmount { TimeAmount(nanoseconds: value) }
    package static func milliseconds(_ value: Int64) -> TimeAmount { TimeAmount(nanoseconds: value * 1_000_000) }
    package static func seconds(_ value: Int64) -> TimeAmount { TimeAmount(nanoseconds: value * 1_000_000_000) }
    package static func minutes(_ value: Int64) -> TimeAmount { .seconds(value * 60) }
    package static func < (a: TimeAmount, b: TimeAmount) -> Bool { a.nanoseconds < b.nanoseconds }
    package static func + (a: TimeAmount, b: TimeAmount) -> TimeAmount { .nanoseconds(a.nanoseconds + b.nanoseconds) }
    package static func * (a: TimeAmount, b: Int64) -> TimeAmount { .nanoseconds(a.nanoseconds * b) }
}
