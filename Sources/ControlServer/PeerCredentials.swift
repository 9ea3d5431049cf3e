import Glibc
import Hummingbird
import NIOCore

/// Who may use the socket: root, the user the server runs as, and one group if configured.
struct AccessRule: Sendable {
    var uid: uid_t
    var gid: gid_t?

    func admits(_ peer: PeerCredentials) -> Bool {
        peer.uid == 0 || peer.uid == self.uid || (self.gid != nil && peer.gid == self.gid)
    }
}

/// `struct ucred` of the kernel (unix(7)), which Glibc's module leaves out.
struct PeerCredentials: Sendable, BitwiseCopyable {
    var pid: pid_t
    var uid: uid_t
    var gid: gid_t
}

/// A connection, kept to ask the kernel who is at its other end.
struct ConnectionContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.channel = source.channel
    }

    /// Credentials of the peer at the time it connected; nil when the connection is gone.
    func peerCredentials() async -> PeerCredentials? {
        guard let provider = self.channel as? any SocketOptionProvider else { return nil }
        // SO_PEERCRED fills exactly one `struct ucred`.
        let future: EventLoopFuture<PeerCredentials> = provider.unsafeGetSocketOption(
            level: NIOBSDSocket.OptionLevel(rawValue: SOL_SOCKET),
            name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        )
        return try? await future.get()
    }
}
