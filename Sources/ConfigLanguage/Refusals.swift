/// What to do instead of the things that BIRD has and this speaker has not.
enum Refusals {
    /// A hint behind an error about `what`; empty where there is none.
    static func advice(for what: String) -> String {
        for (words, hint) in self.hints where words.contains(where: { what.contains($0) }) { return "; " + hint }
        return ""
    }

    private static let hints: [([String], String)] = [
        (["bfd"], "remove it and shorten 'hold time'"),
        (["rpki", "protocol rpki", "'roa"], "remove it and filter by prefix sets"),
        (["export limit"], "limit what the export filter accepts, or use 'receive limit' at the neighbour"),
        (["protocol pipe"], "connect the protocols of both tables to one table, or export one to the other by BGP"),
        (["vrf"], "run a speaker in a network namespace or in the VRF with 'ip vrf exec'"),
        (["neighbor range", "dynamic"], "write a 'protocol bgp' for each neighbour, with a template"),
        (["authentication", "keys"], "use 'password' (TCP MD5)"),
        (["import table"], "remove it: received routes are always kept"),
        (["export table"], "remove it: 'bgpctl show routes --neighbor NAME exported' shows what is sent"),
        (["protocol mrt", "mrtdump"], "remove it; 'martlet mrt' reads and injects dumps"),
        (["protocol bmp"], "remove it and read the control interface"),
        (
            ["protocol rip", "protocol ospf", "protocol babel"],
            "run another daemon for it and use 'learn' in 'protocol kernel'"
        ),
        (["protocol radv"], "run radvd for it"),
        (["router id from"], "write the router id: router id A.B.C.D;"),
        (["rotation of log files"], "remove the size and rotate with logrotate"),
    ]
}
