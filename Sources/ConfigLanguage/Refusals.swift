/// What to do instead of the things that BIRD has and this speaker has not.
enum Refusals {
    /// A hint behind an error about `what`; empty where there is none.
    static func advice(for what: String) -> String {
        for (words, hint) in self.hints where words.contains(where: { what.contains($0) }) { return "; " + hint }
        return ""
    }

    private static let hints: [([String], String)] = [
        (["bfd"], "remove it and shorten 'hold time'"),
        (
            ["protocol rpki"],
            "fill a 'roa4 table' or 'roa6 table' by a 'protocol static' in a file that your validator writes, include it and reload"
        ),
        (["rpki", "'roa"], "remove it and filter by prefix sets"),
        (["export limit"], "use 'action warn', 'restart' or 'disable', or 'receive limit' at the neighbour"),
        (
            ["'interface' in protocol device"],
            "write the address where it is used: 'router id', 'local IP', 'next hop address'"
        ),
        (["in a channel"], "write it in the protocol"),
        (["'require'"], "remove it: 'bgpctl show neighbors NAME' says what was negotiated"),
        (
            ["link local next hop format"],
            "write 'double', or remove it: without a global address both halves of the next hop are the link-local one"
        ),
        (["'validate'", "'base'"], "remove it: it is about flow specifications"),
        (["onlink"], "give the interface an address with a prefix around the neighbour's"),
        (["interface range"], "write a 'protocol bgp' with 'interface' for each, with a template"),
        (["disable rx"], "remove it, or use 'import none'"),
        (["'mrtdump"], "remove it; 'bgpctl dump mrt FILE' writes tables"),
        (["vrf"], "run a speaker in a network namespace or in the VRF with 'ip vrf exec'"),
        (["neighbor range", "dynamic"], "write a 'protocol bgp' for each neighbour, with a template"),
        (["authentication", "keys"], "use 'password' (TCP MD5)"),
        (["protocol mrt", "mrtdump"], "remove it; 'bgpctl dump mrt FILE' writes a table whenever it is called"),
        (["protocol bmp"], "remove it and read the control interface"),
        (
            ["protocol rip", "protocol ospf", "protocol babel"],
            "run another daemon for it and use 'learn' in 'protocol kernel'"
        ),
        (["protocol radv"], "run radvd for it"),
        (["protocol aggregator"], "write the aggregate as a 'static' route and announce that"),
        (["log udp"], "write 'log syslog', whose daemon sends on what it gets"),
        (["'debug"], "write 'debug' in the protocols, or 'debug protocols'"),
        (["a table option"], "remove it: tables need no tuning, only 'sorted' has a meaning"),
        (["'eval'"], "use 'print' in a filter to see a value"),
        (
            [
                "vpn4", "vpn6", "flow4", "flow6", "mpls", "l3vpn", "multicast", "evpn", "'eth'", "sadr",
                "protocol bridge",
                "'aspa'", "'neighbor'",
            ],
            "run another daemon for it: this speaker has IPv4 and IPv6 unicast"
        ),
        (["'password'"], "write 'password' in each protocol"),
        (["'cli'"], "access is a matter of the control socket's owner and group: '--control-group'"),
        (["'thread"], "remove it: there is a thread for each processor"),
        (["hostname"], "remove it: nothing depends on it"),
        (["protocol perf"], "'make bench' measures"),
        (["rotation of log files"], "remove the size and rotate with logrotate"),
    ]
}
