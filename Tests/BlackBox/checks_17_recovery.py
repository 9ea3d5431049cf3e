"""Restarts, limits, next hops and slow readers while other things happen: reloads, commands, refreshes, losses."""
import random
import time

from checks_11_restart import LONG, NO_LLGR, RESTART, STALE, long_offer, long_start, offer, start, stays
from checks_15_options import same
from checks_16_sequences import INNER, RECEIVES, SENDS, has, names
from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
P6 = "2001:db8:1::/48"
BOTH = ("ipv4", "ipv6")

group("Sequences: graceful restart")


@check("RFC 4724 §4.2: a restart time of 0 keeps nothing", Neighbor(), Neighbor())
def _(t):
    peer, observer = start(t, seconds=0)
    peer.close()
    observer.expect_no_route(P, patience=2)


@check("RFC 4724 §4.2: sessions that end before they are established do not end the restart", Neighbor(), Neighbor(), slow=2)
def _(t):
    peer, observer = start(t)
    peer.close()
    for _ in range(3):
        peer = t.connect(0)
        peer.answers_keepalives = False
        peer.send_open(also=offer(RESTART))
        peer.quiet(0.1)
        peer.close()
    stays(observer, P, Q, seconds=0.3)
    peer = t.up(0, also=offer(RESTART))
    peer.announce([P, Q])
    peer.end_of_rib()
    t.settle(peer, observer)
    gone = [key for seen in observer.updates for key in seen.withdrawn]
    expect(not gone and observer.route(P) and observer.route(Q), "both, never withdrawn", gone)


@check("RFC 4724 §4.2: a stale route stays the best one, and gives way when it is withdrawn", *[Neighbor()] * 3)
def _(t):
    peer, observer = start(t)
    other = t.up(2)
    peer.close()
    other.announce(P, path=[t.peers[2].asn, 65010, 65011])
    t.settle(other, observer)
    expect(t.peers[0].asn in observer.route(P).path, "the stale route", observer.route(P))
    peer = t.up(0, also=offer(RESTART))
    peer.withdraw(P)
    observer.expect_route(P, lambda r: t.peers[2].asn in r.path, "the other route")
    peer.end_of_rib()
    observer.expect_no_route(Q)
    expect(observer.route(P), P, observer.story)


@check("RFC 4724 §4.2: a family that the new session lacks goes, the other waits for its End-of-RIB", *[Neighbor(families=BOTH)] * 2)
def _(t):
    families = ((IPV4, 0x80), (IPV6, 0x80))
    observer, peer = t.up(1), t.up(0, also=offer(0, 30, families))
    peer.announce(P)
    peer.announce6(P6)
    peer.end_of_rib()
    peer.end_of_rib(IPV6)
    observer.expect_route(P)
    observer.expect_route(P6)
    peer.close()
    peer = t.up(0, capabilities=[mp(1), as4(t.peers[0].asn), *offer(RESTART, 30, families)])
    observer.expect_no_route(P6, patience=2)
    expect(observer.route(P), P, observer.story)
    peer.end_of_rib()
    observer.expect_no_route(P)


@check("RFC 4724 §4.2: a new import policy acts on stale routes", Neighbor(), Neighbor(), only=("martlet",))
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, Q, seconds=0.3)
    config = t.dut.config
    config.neighbors[0].imports = "filter { if net = 203.0.113.0/24 then reject; bgp_community.add((5, 5)); accept; }"
    t.dut.reload(config)
    observer.expect_no_route(P)
    observer.expect_route(Q, lambda r: r.communities == ["5:5"], "5:5")


@check("RFC 4724 §4.2: an administrative shutdown of a neighbour that restarts ends the wait at once", Neighbor(), Neighbor())
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, Q, seconds=0.3)
    before = len(observer.updates)
    t.dut.shut_down(t.peers[0])
    observer.expect(lambda: len(observer.updates) > before, "withdrawals", patience=0.4 * t.dut.slowness)
    observer.expect_no_route(P, patience=1)
    observer.expect_no_route(Q, patience=1)


@check("RFC 4724 §4.2: a refresh of another peer gets the stale routes", Neighbor(), Neighbor())
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, Q, seconds=0.2)
    before = len(observer.updates)
    observer.send(refresh())
    observer.expect(lambda: any(key[1] == P for seen in observer.updates[before:] for key in seen.announced), P)
    stays(observer, P, Q, seconds=0.2)


def restarting(flags=0, paths=True):
    return dict(also=[*([add_path((IPV4, 2))] if paths else []), *offer(flags)])


@check("RFC 7911 §3: after a restart the paths that did not come again go, by identifier", Neighbor(add_path="rx"), Neighbor(add_path="tx"))
def _(t):
    peer, observer = t.up(0, **restarting()), t.up(1, **RECEIVES)
    for number in (0, 1, 2, 4294967295):
        peer.announce(P, path_id=number, communities=[f"1:{number % 65536}"])
    peer.end_of_rib()
    first = has(observer, "1:0", "1:1", "1:2", "1:65535")
    peer.close()
    observer.quiet(0.3)
    expect(names(observer) == first, first, names(observer))
    peer = t.up(0, **restarting(RESTART))
    peer.announce(P, path_id=1, communities=["1:1"])
    peer.announce(P, path_id=4294967295, communities=["1:65535"])
    observer.quiet(0.2)
    expect(names(observer) == first, first, names(observer))
    peer.end_of_rib()
    rest = has(observer, "1:1", "1:65535")
    expect(rest["1:1"] == first["1:1"], first, rest)


@check("RFC 7911 §4: a peer that is back without path identifiers replaces the paths from before", Neighbor(add_path="rx"), Neighbor(add_path="tx"))
def _(t):
    peer, observer = t.up(0, **restarting()), t.up(1, **RECEIVES)
    for number in range(3):
        peer.announce(P, path_id=number, communities=[f"1:{number}"])
    peer.end_of_rib()
    has(observer, "1:0", "1:1", "1:2")
    peer.close()
    peer = t.up(0, **restarting(RESTART, paths=False))
    peer.announce(P, communities=["1:7"])
    peer.end_of_rib()
    has(observer, "1:7")
    peer.close()
    peer = t.up(0, **restarting(RESTART))
    peer.announce(P, path_id=5, communities=["1:5"])
    peer.announce(P, path_id=6, communities=["1:6"])
    peer.end_of_rib()
    has(observer, "1:5", "1:6")
    peer.withdraw(P, path_id=5)
    peer.withdraw(P, path_id=6)
    observer.expect_no_route(P)


@check("RFC 4724 §4.2: clients of a route server have the second best route while the best one's sender is back without it", only=("martlet", "bird"),
       config=Config(*[Neighbor(rs_client=True, channel=same("secondary on;"))] * 3, raw=same("ipv4 table master4 sorted;")))
def _(t):
    first, second, third = t.up(0, also=offer()), t.up(1), t.up(2)
    first.announce(P, communities=["1:1"])
    first.end_of_rib()
    second.announce(P, communities=["2:2"], path=[t.peers[1].asn, 65010])

    def wins(session, name):
        session.expect_route(P, lambda r: r.communities == [name], name)
    for session, name in ((first, "2:2"), (second, "1:1"), (third, "1:1")):
        wins(session, name)
    first.close()
    third.quiet(0.3)
    wins(third, "1:1")
    first = t.up(0, also=offer(RESTART))
    wins(first, "2:2")
    first.end_of_rib()
    wins(third, "2:2")
    second.expect_no_route(P)
    first.announce(P, communities=["1:2"])
    for session, name in ((second, "1:2"), (third, "1:2"), (first, "2:2")):
        wins(session, name)


@check("RFC 4724 §4.2: stale routes are shown as received from their neighbour", Neighbor(), Neighbor(), only=("martlet",))
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, Q, seconds=0.2)
    text = t.dut.bgpctl("show", "routes", "--neighbor", t.peers[0].name, "received")
    expect(P in text and Q in text, "both routes", text)


group("Sequences: long-lived graceful restart")

WRITTEN = "RFC 9494 says MUST; others look at capability 64 alone or keep the routes"


def aged(t, **attributes):
    """A peer whose routes are a last resort, and an observer."""
    peer, observer = long_start(t, **attributes)
    peer.close()
    observer.expect_route(P, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=8)
    return peer, observer


for _what, _capabilities in (("lacks F for the family", [long_lived([(IPV4, 0, 20)])]),
                             ("does not list the family", [long_lived([(IPV6, 0x80, 20)])]), ("is not there", [])):
    @check(f"RFC 9494 §4.2: routes kept as a last resort go when the new capability {_what}, whatever that of graceful restart says",
           Neighbor(**LONG), Neighbor(**LONG), slow=2, alone=WRITTEN)
    def _(t, capabilities=_capabilities):
        peer, observer = aged(t)
        t.up(0, also=[graceful(RESTART, 1, [(IPV4, 0x80)]), *capabilities])
        observer.expect_no_route(P, patience=2)


@check("RFC 9494 §4.2: routes kept as a last resort go when the new OPEN lacks graceful restart", Neighbor(**LONG), Neighbor(**LONG), slow=2)
def _(t):
    peer, observer = aged(t)
    t.up(0)
    observer.expect_no_route(P, patience=2)


@check("RFC 9494 §4.2: with a restart time of 0 routes are a last resort at once", Neighbor(**LONG), Neighbor(**LONG))
def _(t):
    peer, observer = t.up(0, also=long_offer(restart=0)), t.up(1, also=long_offer())
    peer.announce(P)
    peer.end_of_rib()
    observer.expect_route(P)
    peer.close()
    observer.expect_route(P, lambda r: STALE in (r.communities or []), "LLGR_STALE")


@check("RFC 9494 §4.2: a long-lived time of 0 keeps nothing beyond the restart time", Neighbor(**LONG), Neighbor(**LONG), slow=2)
def _(t):
    peer, observer = long_start(t, seconds=0)
    peer.close()
    observer.expect_no_route(P, patience=4)


@check("RFC 9494 §4.2: each family has a long-lived time of its own, or none", *[Neighbor(families=BOTH, **LONG)] * 2, slow=4)
def _(t):
    def both(*entries):
        return dict(also=[graceful(0, 1, [(IPV4, 0x80), (IPV6, 0x80)]), long_lived(list(entries))])
    entries = ((IPV4, 0x80, 1), (IPV6, 0x80, 20))
    peer, observer = t.up(0, **both(*entries)), t.up(1, **both(*entries))
    peer.announce(P)
    peer.announce6(P6)
    peer.end_of_rib()
    peer.end_of_rib(IPV6)
    observer.expect_route(P)
    observer.expect_route(P6)
    peer.close()
    observer.expect_route(P6, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=5)
    observer.expect_no_route(P, patience=5)
    expect(observer.route(P6), P6, observer.story)


@check("RFC 9494 §4.2: routes that came again are stale anew when the peer is lost once more, the others stay", Neighbor(**LONG), Neighbor(**LONG), slow=2)
def _(t):
    back = dict(also=[graceful(RESTART, 1, [(IPV4, 0x80)]), long_lived([(IPV4, 0x80, 20)])])
    peer, observer = t.up(0, also=long_offer()), t.up(1, also=long_offer())
    peer.announce([P, Q])
    peer.end_of_rib()
    observer.expect_route(Q)
    peer.close()
    observer.expect_route(Q, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=8)
    peer = t.up(0, **back)
    peer.announce(P)
    observer.expect_route(P, lambda r: STALE not in (r.communities or []), "no LLGR_STALE")
    peer.close()
    observer.expect_route(P, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=8)
    expect(STALE in observer.route(Q).communities, "LLGR_STALE", observer.route(Q))
    peer = t.up(0, **back)
    peer.announce(P)
    peer.end_of_rib()
    observer.expect_no_route(Q)
    observer.expect_route(P, lambda r: STALE not in (r.communities or []), "no LLGR_STALE")


@check("RFC 9494 §4.4: of routes that are all a last resort the usual steps choose, and a new import policy acts on them",
       *[Neighbor(**LONG)] * 3, slow=3, only=("martlet",))
def _(t):
    first, observer, second = (t.up(index, also=long_offer()) for index in range(3))
    first.announce(P)
    second.announce(P, path=[t.peers[2].asn, 65010, 65011])
    for peer in (first, second):
        peer.end_of_rib()
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    first.close()
    observer.expect_route(P, lambda r: t.peers[2].asn in r.path, "that of the other", patience=8)
    second.close()
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path and STALE in r.communities, "the shorter one", patience=8)
    config = t.dut.config
    config.neighbors[0].imports = "filter { bgp_community.add((5, 5)); accept; }"
    t.dut.reload(config)
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path and {STALE, "5:5"} <= set(r.communities), "5:5 and LLGR_STALE")


@check("RFC 9494 §4.2: a reader that stood still gets thousands of routes as stale, and then what came again", Neighbor(**LONG), Neighbor(**LONG), slow=3)
def _(t):
    peer, observer = t.up(0, also=long_offer()), t.peers[1].establish(buffer=4096, hold=0, also=long_offer())
    for number in range(20):
        peer.announce([f"100.{64 + number}.{i}.0/24" for i in range(250)], communities=[f"{number}:{i}" for i in range(30)])
    peer.end_of_rib()
    observer.reads.clear()
    peer.close()
    time.sleep(1.5)
    observer.reads.set()
    observer.expect(lambda: len(observer.rib) == 5000 and all(STALE in r.communities for r in observer.rib.values()), "5000 stale routes", patience=8)
    peer = t.up(0, also=long_offer())
    peer.announce([f"100.64.{i}.0/24" for i in range(250)])
    peer.end_of_rib()
    observer.expect(lambda: len(observer.rib) == 250 and not any(r.communities for r in observer.rib.values()), "250 that are not", patience=8)


group("Sequences: limits")


@check("RFC 4486 §4: the data of 6/1 name IPv6 where that is over its limit", Neighbor(families=BOTH, channel=same("import limit 1 action disable;")),
       Neighbor(families=BOTH), only=("martlet", "bird"))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    observer.expect_route(P6)
    sender.announce6("2001:db8:2::/48")
    sender.expect_notification(6, 1, (b"", struct.pack(">HBI", 2, 1, 1)))
    observer.expect_no_route(P6)


for _where, _limit in (("accepted", ()), ("received", ("receive",))):
    @check(f"RFC 4486 §4: a limit of {_where} routes that a new configuration puts below their number ends the session with 6/1",
           Neighbor(limit=(10, "disable", *_limit)), Neighbor(), only=("martlet", "bird"))
    def _(t, limit=_limit):
        sender, observer = t.all_up()
        sender.announce([P, Q, R])
        observer.expect_route(R)
        config = t.dut.config
        config.neighbors[0].limit = (2, "disable", *limit)
        t.dut.reload(config)
        sender.expect_notification(6, 1)
        observer.expect_no_route(P)


@check("RFC 4486 §4: a new import policy that accepts more routes than the limit ends the session with 6/1",
       Neighbor(limit=(2, "disable"), imports="filter { if net = 203.0.113.0/24 then reject; accept; }"), Neighbor(), only=("martlet",))
def _(t):
    sender, observer = t.all_up()
    sender.announce([P, Q, R])
    observer.expect_route(R)
    sender.expect_alive(0.2)
    config = t.dut.config
    config.neighbors[0].imports = "all"
    t.dut.reload(config)
    sender.expect_notification(6, 1)


@check("RFC 4486 §4: a limit that restarts and that a new configuration lowers lets the session come back", Neighbor(limit=(5, "restart")),
       Neighbor(), only=("martlet",))
def _(t):
    sender, observer = t.all_up()
    sender.announce([P, Q, R])
    observer.expect_route(R)
    config = t.dut.config
    config.neighbors[0].limit = (1, "restart")
    t.dut.reload(config)
    sender.expect_notification(6, 1)
    observer.expect_no_route(P)
    t.up(0).announce(P)
    observer.expect_route(P)


@check("RFC 4486 §4: what a limit blocked is taken when it comes again and there is room", Neighbor(limit=(2, "block")), Neighbor(), only=("martlet",))
def _(t):
    sender, observer = t.all_up()
    for text in (P, Q, R):
        sender.announce(text)
    t.dut.check_alive()
    observer.expect_route(Q)
    observer.quiet(0.2)
    expect(not observer.route(R), f"no {R}", observer.route(R))
    sender.withdraw(Q)
    observer.expect_no_route(Q)
    sender.announce(R)
    observer.expect_route(R)
    sender.announce(Q)
    observer.quiet(0.2)
    expect(not observer.route(Q), f"no {Q}", observer.route(Q))


@check("RFC 4486 §4: a session ended by a limit comes back after the time that is configured", only=("martlet",), slow=3,
       config=Config(Neighbor(channel={"martlet": "import limit 1 action restart after 2;"}), Neighbor()))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    began = time.monotonic()
    sender.announce(Q)
    sender.expect_notification(6, 1)
    observer.expect_no_route(P)
    t.peers[0].establish(patience=10).announce(P)
    observer.expect_route(P)
    expect(time.monotonic() - began > 1.9, "two seconds", f"{time.monotonic() - began:.1f} s")


@check("RFC 4724 §4.2: stale routes are not counted beside those that come, which are",
       Neighbor(limit=(3, "disable")), Neighbor(), only=("martlet",))
def _(t):
    peer, observer = t.up(0, also=offer()), t.up(1)
    peer.announce([P, Q, R])
    peer.end_of_rib()
    observer.expect_route(R)
    peer.close()
    peer = t.up(0, also=offer(RESTART))
    peer.announce([f"100.64.{n}.0/24" for n in range(3)])
    peer.expect_alive(0.3)
    peer.announce("100.64.3.0/24")
    peer.expect_notification(6, 1)


group("Sequences: next hops")

UNRESOLVED = "others keep routes whose next hop does not resolve, or run without next hop tracking here"
LEARNED = same("protocol kernel k4 { ipv4 { import all; export none; }; learn; }")


@check("RFC 4271 §9.1.2: a next hop follows the kernel's routes that come, go and are covered by others", only=("martlet", "bird"), alone=UNRESOLVED,
       config=Config(*[Neighbor(**INNER)] * 2, Neighbor(), raw=LEARNED))
def _(t):
    first, second, observer = t.all_up()

    def route(*arguments):
        t.worker.enter("ip", "route", *arguments)

    def wins(name):
        observer.expect_route(P, lambda r: r.communities == [name], name)

    first.announce(P, next_hop="192.0.2.77", local_pref=200, communities=["1:1"])
    second.announce(P, communities=["2:2"])
    wins("2:2")
    for _ in range(3):
        route("add", R, "via", t.peers[0].address4)
        wins("1:1")
        route("del", R)
        wins("2:2")
    route("add", R, "via", t.peers[0].address4)
    wins("1:1")
    route("add", "blackhole", "192.0.2.77/32")
    wins("2:2")
    route("del", "192.0.2.77/32")
    wins("1:1")
    second.withdraw(P)
    route("del", R)
    observer.expect_no_route(P)


@check("RFC 4271 §9.1.2.2e: metrics to next hops that a new configuration changes move the best route",
       config=Config(*[Neighbor(**INNER)] * 2, Neighbor(), recursive=[("192.0.2.10/32", "10.{w.host}.0.11", 10), ("192.0.2.20/32", "10.{w.host}.0.11", 20)]),
       only=("martlet", "bird"))
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[65200], next_hop="192.0.2.10", communities=["1:1"])
    second.announce(P, path=[65200], next_hop="192.0.2.20", communities=["2:2"])
    config = t.dut.config
    (a, via, _), (b, _, _) = config.recursive
    for hops, name in ((config.recursive, "1:1"), ([(a, via, 30), (b, via, 20)], "2:2"), ([(a, via, 5), (b, via, 20)], "1:1"), ([(b, via, 20)], "2:2")):
        if hops is not config.recursive:
            config.recursive = hops
            t.dut.reload(config)
        observer.expect_route(P, lambda r: r.communities == [name], name)


@check("RFC 4271 §9.1.2.1: routes whose next hops lie in each other are not used", Neighbor(**INNER), Neighbor(), alone=UNRESOLVED)
def _(t):
    sender, observer = t.all_up()
    sender.announce(R, next_hop="192.0.2.1")
    sender.announce(P, next_hop="198.51.100.1")
    sender.announce(Q, next_hop="203.0.113.1")
    t.absent(sender, observer, P, Q, R)


@check("RFC 4271 §5.1.3: a next hop that becomes our own address is not used, and is again when the address goes",
       Neighbor(**INNER), Neighbor(), alone="a route to ourselves cannot forward; others look at the addresses they have when the route comes")
def _(t):
    sender, observer = t.all_up()
    ours = f"{t.worker.net(0)}.77"
    sender.announce(P, next_hop=ours)
    observer.expect_route(P)
    for text in (Q, R):
        t.worker.enter("ip", "addr", "add", f"{ours}/32", "dev", "eth0")
        try:
            observer.expect_no_route(P)
            # One that comes meanwhile waits, too.
            sender.announce(text, next_hop=ours)
            t.absent(sender, observer, text)
        finally:
            t.worker.enter("ip", "addr", "del", f"{ours}/32", "dev", "eth0")
        observer.expect_route(P)
        observer.expect_route(text)


@check("RFC 4271 §6.3: addresses that no host can have are no next hops, even where a default route leads to all",
       config=Config(Neighbor(**INNER), Neighbor(), recursive=[("0.0.0.0/0", "10.{w.host}.0.11", 10)]), alone=UNRESOLVED)
def _(t):
    sender, observer = t.all_up()
    hops = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9", "224.0.0.1", "239.255.0.1", "240.0.0.1", "255.255.255.255"]
    for number, hop in enumerate(hops):
        sender.announce(f"100.64.{number}.0/24", next_hop=hop)
    sender.announce(Q, next_hop="192.0.2.1")
    observer.expect_route(Q)
    t.settle(sender, observer)
    seen = [hop for number, hop in enumerate(hops) if observer.route(f"100.64.{number}.0/24")]
    expect(not seen, "none of them", seen)


@check("RFC 2545 §3: an IPv6 next hop that is our own address is not used", *[Neighbor(families=BOTH)] * 2)
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6, next_hop=t.peers[0].dut6)
    t.absent(sender, observer, P6)
    sender.announce6(P6)
    observer.expect_route(P6)


@check("RFC 2545 §3: what stands behind the global address and is no link-local one is not passed on", Neighbor(families=BOTH),
       Neighbor(families=BOTH), Neighbor(families=BOTH, **INNER))
def _(t):
    sender, *others = t.all_up()
    own = ipaddress.ip_address(t.peers[0].address6).packed
    sender.announce6(P6, next_hop=own + ipaddress.ip_address("2001:db8::99").packed)
    for other in others:
        hops = other.expect_route(P6).next_hop
        expect("2001:db8::99" not in hops, "one next hop, or a link-local one of ours", hops)
    sender.expect_alive()


group("Sequences: refreshes")


@check("RFC 7313 §4.2: thousands of BoRR and one EoRR are one refresh, and hundreds of refreshes lose nothing", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[capability(70)]), t.up(1)
    sender.announce([P, Q])
    observer.expect_route(Q)
    sender.send(refresh(subtype=1) * 2000 + refresh(subtype=2))
    observer.expect_no_route(P)
    observer.expect_no_route(Q)
    sender.announce(P)
    observer.expect_route(P)
    sender.send((refresh(subtype=1) + update(prefix(P), sender.attributes()) + refresh(subtype=2)) * 500)
    t.settle(sender, observer)
    expect(observer.route(P), P, observer.story)


group("Sequences: slow readers")


def slow(title, *neighbors, **options):
    """A check with a receiver that stops reading."""
    return check(title, *neighbors, slow=3, **options)


def stalled(t, index, **changes):
    """A session that reads nothing from now on; with a hold time of 0 nobody minds."""
    session = t.peers[index].establish(buffer=4096, hold=0, **changes)
    session.reads.clear()
    return session


def catch_up(sender, *sessions):
    """What was held back is read up to a last route."""
    sender.announce("198.18.0.0/24")
    sender.quiet(0.2)
    for session in sessions:
        session.reads.set()
    for session in sessions:
        session.expect_route("198.18.0.0/24", patience=10)
        session.quiet(0.6)


@slow("RFC 4271 §9.2: readers that stood still have the last state, with all paths and with the best", Neighbor(), Neighbor(),
      Neighbor(), Neighbor(add_path="tx"), Neighbor())
def _(t):
    first, second, quick = t.up(0), t.up(1), t.up(4)
    plain, several = stalled(t, 2), stalled(t, 3, **RECEIVES)
    source, state = random.Random(1), {}
    for number in range(60):
        for sender in (first, second):
            prefixes = list({f"100.{64 + source.randrange(20)}.{source.randrange(250)}.0/24" for _ in range(200)})
            if source.random() < 0.3:
                sender.withdraw(prefixes)
                for text in prefixes:
                    state.pop((sender, text), None)
            else:
                name = f"{source.randrange(1000)}:{number}"
                sender.announce(prefixes, extra=[attribute(222, bytes(source.randrange(1, 200)))], communities=[name])
                state.update({(sender, text): name for text in prefixes})
    catch_up(first, plain, several)
    quick.expect_route("198.18.0.0/24")
    wanted, seen = {}, {}
    for (_, text), name in state.items():
        wanted.setdefault(text, set()).add(name)
    for (_, text, _), route in several.rib.items():
        if text != "198.18.0.0/24":
            seen.setdefault(text, set()).add(route.communities[0])
    wrong = [(text, wanted.get(text), seen.get(text)) for text in {*wanted, *seen} if wanted.get(text) != seen.get(text)]
    expect(not wrong, "all paths", wrong[:3])

    def best(session):
        return {key[1]: route.communities for key, route in session.rib.items()}
    expect(best(plain) == best(quick) and len(best(plain)) == len(wanted) + 1, "what a quick reader has", len(best(plain)))


@slow("RFC 4271 §9.2: a session that dies again and again leaves nothing with readers that stood still", Neighbor(), Neighbor(),
      Neighbor(add_path="tx"))
def _(t):
    sender = t.up(0)
    readers = stalled(t, 1), stalled(t, 2, **RECEIVES)
    for number in range(20):
        sender.announce([f"100.{64 + number}.{i}.0/24" for i in range(250)], communities=[f"{number}:{i}" for i in range(30)])
    sender.quiet(0.3)
    for _ in range(3):
        sender.close()
        sender = t.up(0)
        sender.announce([f"100.64.{i}.0/24" for i in range(250)], med=1)
        sender.quiet(0.1)
    catch_up(sender, *readers)
    for reader in readers:
        expect(len(reader.rib) == 251, "251 routes", len(reader.rib))


@slow("RFC 2918 §4: requests during the first routes, changes and each other end with the right routes", Neighbor(), Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0), t.up(1)
    for number in range(40):
        sender.announce([f"100.{64 + number}.{i}.0/24" for i in range(250)], med=number)
    late = t.connect(2)
    late.send_open(also=[capability(70)])
    late.send(KEEPALIVE_MESSAGE, refresh() * 5)
    for number in range(0, 40, 2):
        sender.withdraw([f"100.{64 + number}.{i}.0/24" for i in range(250)])
    for number in range(0, 40, 4):
        sender.announce([f"100.{64 + number}.{i}.0/24" for i in range(250)], med=100 + number)
        late.send(refresh())
    sender.announce("198.18.0.0/24")
    for session in (observer, late):
        session.expect_route("198.18.0.0/24", patience=8)
        session.quiet(0.7)
        expect(len(session.rib) == 7501, "7501 routes", len(session.rib))
    kinds = [kind for _, kind, _, _ in late.refreshes]
    expect(not kinds or kinds[-1] == 2, "an EoRR as the last", kinds)


@slow("RFC 4271 §9.2: a reader that stood still over new policies, requests and withdrawals has what a quick one has", Neighbor(), Neighbor(),
      Neighbor(), only=("martlet", "bird"))
def _(t):
    sender, quick = t.up(0), t.up(1)
    reader = stalled(t, 2)
    for number in range(30):
        sender.announce([f"100.{64 + number}.{i}.0/24" for i in range(250)], communities=[f"{number}:{i}" for i in range(30)])
    config = t.dut.config
    for number in range(3):
        text = f"filter {{ if source != RTS_BGP || net ~ [100.{64 + number}.0.0/16+] then reject; bgp_community.add((9, {number})); accept; }}"
        config.neighbors[1].exports = config.neighbors[2].exports = text
        t.dut.reload(config)
        reader.send(refresh())
        sender.withdraw([f"100.{84 + number}.{i}.0/24" for i in range(250)])
    catch_up(sender, reader)
    quick.expect_route("198.18.0.0/24")

    def content(session):
        return {key[1]: tuple(route.communities or ()) for key, route in session.rib.items()}
    expect(content(reader) == content(quick) and len(content(quick)) == 26 * 250 + 1, "the same 6501 routes", (len(content(reader)), len(content(quick))))


def resident(t):
    with open(f"/proc/{t.dut.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


@slow("RFC 4271 §9.4: the memory of routes is free again once their session is gone, and later ones take no more", Neighbor(),
      only=("martlet",))
def _(t):
    left = []
    for _ in range(4):
        session = t.up()
        for high in range(50):
            session.send(b"".join(update(session.nlri(f"{20 + high}.{middle}.{low}.0/24"),
                                         session.attributes(path=[session.neighbor.asn, 64000 + middle], communities=[f"{high}:{middle}"]))
                                  for middle in range(4) for low in range(250)))
        if not until(lambda: "50000" in t.dut.bgpctl("show", "neighbors", "p0", "--json"), 30, step=0.2):
            fail("50,000 routes", t.dut.bgpctl("show", "neighbors", "p0"))
        session.close()
        # All that the core holds but what it starts with.
        until(lambda: core_octets(t) < 1 << 20, 20, step=0.2)
        expect(core_octets(t) < 1 << 20, "less than 1 MiB", t.dut.bgpctl("show", "memory"))
        left.append(resident(t))
    expect(left[3] < left[1] + (2 << 20), "as much as after the second session", [octets >> 10 for octets in left])


def core_octets(t):
    """What `show memory` has but the runtime's part, the sum and what is resident."""
    lines = [line.split() for line in t.dut.bgpctl("show", "memory").splitlines()[1:]]
    return sum(int(line[-3]) for line in lines if line[0] not in ("runtime", "sum", "resident"))
