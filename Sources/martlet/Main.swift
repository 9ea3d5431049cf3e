internal import Glibc
internal import NodeCore

/// The daemon: every role is a subcommand.
@main
struct Main {
    static func main() async {
        // Writing to a peer or client that went away is an error code, not the end of the daemon.
        signal(SIGPIPE, SIG_IGN)
        await MartletCommand.start()
    }
}
