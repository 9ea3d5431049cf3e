import TestSupport
import Testing

extension Interop {
    @Suite("Router id from an interface")
    struct RouterIDTests {
        @Test("It is chosen at start and again at a reload, which restarts sessions only if it differs")
        func choice() async throws {
            try await Lab.run { lab in
                let (here, there) = try Interop.pair(lab)
                try here.ip("address add 10.9.0.1/24 dev lo", "address add 10.20.0.77/24 dev eth1")
                let file = try lab.write(
                    "martlet.conf",
                    """
                    router id from -"lo", "eth*" 10.0.0.0/8;
                    protocol device {}
                    protocol bgp peer {
                      local 10.20.0.1 as 64512; neighbor 10.20.0.2 as 64513; \(Interop.timers)
                      ipv4 { import all; export none; };
                    }
                    """
                )
                let martlet = try await MartletProcess.start("martlet", in: here, lab, file: file)
                let bird = try await Bird.start(
                    "bird",
                    in: there,
                    lab,
                    configuration: """
                        router id 10.20.0.2;
                        protocol device {}
                        protocol bgp peer {
                          local 10.20.0.2 as 64513; neighbor 10.20.0.1 as 64512; \(Interop.timers)
                          ipv4 { import all; export none; };
                        }
                        """
                )
                func requireIdentifier(_ identifier: String) async throws {
                    try await lab.require("the neighbour's id is \(identifier)") {
                        try bird.query("show protocols all peer").split(separator: "\n").contains {
                            $0.contains("Neighbor ID:") && $0.hasSuffix(" \(identifier)")
                        }
                    }
                }
                try await requireIdentifier("10.20.0.1")
                // What is lower, but of an interface that is not asked, changes nothing.
                try here.ip("address add 10.1.0.1/24 dev lo")
                #expect(try martlet.bgpctl("reload").output.contains("nothing changed"))
                try here.ip("address add 10.2.0.1/24 dev eth1")
                try await lab.require("a check names the session") {
                    try martlet.bgpctl("reload", "--check").output.contains("router id changed")
                }
                let result = try martlet.bgpctl("reload")
                #expect(result.code == 0 && result.output.contains("router id changed"), "\(result)")
                try await requireIdentifier("10.2.0.1")
                // Without an address to choose from, the id stays.
                try here.ip("address del 10.2.0.1/24 dev eth1")
                let text = try here.run("/usr/bin/cat", file).output.replacing("\"eth*\"", with: "\"none*\"")
                _ = try lab.write("martlet.conf", text)
                #expect(try martlet.bgpctl("reload").output.contains("nothing changed"))
                try await requireIdentifier("10.2.0.1")
            }
        }
    }
}
