import Glibc
import TestSupport
import Testing

extension Interop {
    /// Loss and return of sessions.
    @Suite("Loss and return")
    struct LossTests {
        @Test(
            "The routes of a neighbor that was killed go, and both ends have everything again when it is back",
            arguments: OtherDaemon.allCases
        )
        func killed(kind: OtherDaemon) async throws {
            let session = SimpleSession()
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: session.martlet)
                for name in ["first", "second"] {
                    let other = try await session.start(kind, name, in: there, lab)
                    try await lab.require("the session is established") { try other.isEstablished() }
                    #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: kind)])
                    try await lab.require("it has the route") { session.isAnnounced(try other.routes()) }
                    other.process.signal(SIGKILL)
                    #expect(try await Interop.routes(of: martlet, count: 0) == [])
                    try await lab.require("it is dead") { !other.process.isRunning }
                }
            }
        }

        @Test(
            "A neighbor that hears nothing more drops the routes after its hold time, and both ends recover",
            arguments: OtherDaemon.allCases
        )
        func silence(kind: OtherDaemon) async throws {
            let session = SimpleSession()
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: session.martlet)
                let other = try await session.start(kind, "other", in: there, lab)
                try await lab.require("it has the route") { session.isAnnounced(try other.routes()) }
                martlet.process.signal(SIGSTOP)
                do {
                    defer { martlet.process.signal(SIGCONT) }
                    try await lab.require("its hold time is over", timeout: .seconds(14)) { try other.routes() == [] }
                }
                try await lab.require("the session is established again", timeout: .seconds(60)) {
                    try other.isEstablished()
                }
                try await lab.require("it has the route again") { session.isAnnounced(try other.routes()) }
                #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: kind)])
            }
        }

        @Test(
            "A link that is cut ends the session at both ends, and it comes back with the link",
            arguments: OtherDaemon.allCases
        )
        func cutLink(kind: OtherDaemon) async throws {
            let session = SimpleSession()
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: session.martlet)
                let other = try await session.start(kind, "other", in: there, lab)
                try await lab.require("it has the route") { session.isAnnounced(try other.routes()) }
                #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: kind)])
                try here.ip("link set eth1 down")
                #expect(try await Interop.routes(of: martlet, count: 0) == [])
                try await lab.require("the other end dropped the route", timeout: .seconds(14)) {
                    try other.routes() == []
                }
                try here.ip("link set eth1 up")
                try await lab.require("the session is established again", timeout: .seconds(60)) {
                    try other.isEstablished()
                }
                try await lab.require("it has the route again") { session.isAnnounced(try other.routes()) }
                #expect(try await Interop.routes(of: martlet, count: 1) == [session.learned(from: kind)])
            }
        }
    }
}
