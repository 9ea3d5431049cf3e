import BGPCtlCommands
import Glibc

signal(SIGPIPE, SIG_IGN)

var environment: [String: String] = [:]
if let path = getenv("MARTLET_SOCKET") { environment["MARTLET_SOCKET"] = String(cString: path) }

exit(
    await BGPCtl.run(
        arguments: Array(CommandLine.arguments.dropFirst()),
        environment: environment,
        output: Console(descriptor: 1),
        errors: Console(descriptor: 2)
    )
)
