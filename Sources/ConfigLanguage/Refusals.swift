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
        (["export limit"], "use 'action warn', 'restart' or 'disable', or 'receive limit' at the neighbour"),
        (["learn all"], "routes of the kernel itself are those of 'protocol direct'"),
        (
            ["'interface' in protocol device"],
            "write the address where it is used: 'router id', 'local IP', 'next hop address'"
        ),
        (["free bind"], "remove it: a session waits until its own address is there"),
        (["in a channel"], "write it in the protocol"),
        (
            ["'require'"],
            "remove it: 'bgpctl show neighbors NAME' says what was negotiated; 'mandatory' demands a family"
        ),
        (["next hop prefer"], "remove it: the link-local next hop is preferred where there is one"),
        (["'mrtdump"], "remove it; 'bgpctl dump mrt FILE' writes tables"),
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
        (["a table option"], "remove it: tables need no tuning, only 'sorted' has a meaning"),
        (["'eval'"], "use 'print' in a filter to see a value"),
        (
            ["vpn4", "vpn6", "flow4", "flow6", "mpls", "l3vpn", "multicast"],
            "run another daemon for it: this speaker has IPv4 and IPv6 unicast"
        ),
        (["'password'"], "write 'password' in each protocol"),
        (["'cli'"], "access is a matter of the control socket's owner and group: '--control-group'"),
        (["'thread"], "remove it: there is a thread for each processor"),
        (["hostname"], "remove it: nothing depends on it"),
        (["setkey"], "remove it: 'password' is all that is needed"),
        (["protocol perf"], "'make bench' measures"),
        (["router id from"], "write the router id: router id A.B.C.D;"),
        (["rotation of log files"], "remove the size and rotate with logrotate"),
    ]
}
