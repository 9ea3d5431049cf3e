import TestSupport
import Testing

extension Interop {
    /// TCP MD5 signatures (RFC 2385).
    @Suite("Passwords")
    struct PasswordTests {
        @Test(
            "A wrong password keeps the session down, the right one brings it up and routes over",
            arguments: OtherDaemon.allCases,
            [Interop.addresses4, Interop.addresses6]
        )
        func password(kind: OtherDaemon, ends: [String]) async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                var session = SimpleSession(ends: ends, passwords: ["correct-horse", "battery-staple"])
                let martlet = try await MartletProcess.start("martlet", in: here, lab, configuration: session.martlet)
                let wrong = try await session.start(kind, "wrong", in: there, lab)
                let isUp = try await eventually(timeout: .seconds(4)) { try wrong.isEstablished() }
                #expect(!isUp)
                try await blocking { wrong.process.stop() }
                session.passwords[1] = "correct-horse"
                let right = try await session.start(kind, "right", in: there, lab)
                try await lab.require("the session is established") { try right.isEstablished() }
                let learned = try await Interop.routes(of: martlet, table: session.table, count: 1)
                #expect(learned == [session.learned(from: kind)])
                try await lab.require("it has the route") { session.isAnnounced(try right.routes()) }
            }
        }
    }
}
