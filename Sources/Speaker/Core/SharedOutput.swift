internal import NIOCore
internal import Routing
internal import Synchronization

/// One flush of a group, written into messages once: on the loop that needs them first, while the core goes on.
final class SharedOutput: Sendable {
    /// The messages: one buffer, whose storage NIO shares between the sessions' write queues, and who gets what.
    struct Messages: Sendable {
        var buffer: ByteBuffer
        /// In the order of the group's members; those that get nothing are left out.
        var deliveries: [GroupOutput.Delivery]
    }

    private enum State: Sendable {
        case packed(PackedOutput)
        case written(Messages)
    }

    private static let nothing = Messages(buffer: ByteBuffer(), deliveries: [])

    private let state: Mutex<State>

    init(_ output: PackedOutput) {
        self.state = Mutex(.packed(output))
    }

    /// The messages; a loop waits while another one writes them.
    var messages: Messages {
        self.state.withLock { state in
            switch state {
            case .written(let messages): return messages
            case .packed(let packed):
                // What was packed has one owner now, and is changed in place.
                state = .written(Self.nothing)
                let output = packed.encoded()
                let messages = Messages(buffer: ByteBuffer(bytes: output.bytes), deliveries: output.deliveries)
                state = .written(messages)
                return messages
            }
        }
    }
}
