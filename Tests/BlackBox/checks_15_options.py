"""Options of sessions, channels and pipes that no rule of another file needs, each with what it changes on the wire."""
import socket
import subprocess

from checks_11_restart import LONG, STALE, long_offer
from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q = "203.0.113.0/24", "198.51.100.0/24"
P6 = "2001:db8:1::/48"


def same(text):
    """A statement of the language that Martlet and BIRD share."""
    return {"martlet": text, "bird": text}


def option(title, *neighbors, only=("martlet", "bird"), **options):
    """A check in the language that Martlet and BIRD share, unless the option is younger than BIRD 2.0.12."""
    return check(title, *neighbors, only=only, **options)


def decided(t, first, second):
    """The community of the winner between routes of the first two peers, whichever came first."""
    left, right, observer = t.all_up()
    winners = set()
    for prefix, order in ((P, (0, 1)), (Q, (1, 0))):
        for index in order:
            session, route = ((left, first), (right, second))[index]
            session.announce(prefix, **route)
            t.settle(session, observer, prefix=f"198.18.{index}.{'0' if prefix == P else '128'}/25")
        winners.add(observer.expect_route(prefix).communities[0])
    return winners


group("Options: decision")


@option("RFC 4271 §9.1.2.2a: with `path metric off` the length of AS_PATH does not count",
        *[Neighbor(raw=same("path metric off;"))] * 2, Neighbor())
def _(t):
    long_path = [t.peers[0].asn, 65010, 65011]
    won = decided(t, dict(path=long_path, communities=["1:1"]), dict(communities=["2:2"]))
    expect(won == {"1:1"}, "the longer path, of the lower identifier", won)


@option("RFC 4271 §9.1.2.2c: with `med metric on` MED of different neighbour ASes is compared",
        *[Neighbor(raw=same("med metric on;"))] * 2, Neighbor())
def _(t):
    won = decided(t, dict(med=20, communities=["1:1"]), dict(med=10, communities=["2:2"]))
    expect(won == {"2:2"}, "the lower MED, of the higher identifier", won)


@option("RFC 4271 §9.1.2.2e: with `igp metric off` the metric to the next hop does not count",
        config=Config(*[Neighbor(internal=True, raw=same("igp metric off;"))] * 2, Neighbor(),
                      recursive=[("192.0.2.10/32", "10.{w.host}.0.11", 20), ("192.0.2.20/32", "10.{w.host}.0.12", 10)]))
def _(t):
    won = decided(t, dict(path=[65200], next_hop="192.0.2.10", communities=["1:1"]),
                  dict(path=[65200], next_hop="192.0.2.20", communities=["2:2"]))
    expect(won == {"1:1"}, "the larger metric, of the lower identifier", won)


group("Options: routes")


@option("RFC 1997: with `interpret communities off` a route with NO_EXPORT is exported",
        Neighbor(), Neighbor(raw=same("interpret communities off;")), Neighbor())
def _(t):
    sender, open_minded, strict = t.all_up()
    sender.announce(P, communities=["65535:65281"])
    open_minded.expect_route(P, lambda r: "65535:65281" in (r.communities or []), "with NO_EXPORT")
    t.absent(sender, strict, P)


@option("RFC 4271 §5.1.3: with `next hop keep` an external peer on another link gets the next hop as it came",
        Neighbor(), Neighbor(net=1, channel=same("next hop keep;")), Neighbor(net=1))
def _(t):
    sender, kept, own = t.all_up()
    sender.announce(P)
    kept.expect_route(P, lambda r: r.next_hop == [t.peers[0].address4], t.peers[0].address4)
    own.expect_route(P, lambda r: r.next_hop == [t.peers[2].dut4], t.peers[2].dut4)


@option("RFC 4271 §5.1.3: `next hop address` is what the speaker puts in place of its own",
        Neighbor(), Neighbor(net=1, channel=same("next hop address 192.0.2.77; next hop self;")))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P, lambda r: r.next_hop == ["192.0.2.77"], "192.0.2.77")


@option("RFC 4271 §3.2: tables of a name of their own are apart from the master tables",
        config=Config(Neighbor(channel=same("table apart;")), Neighbor(channel=same("table apart;")), Neighbor(),
                      raw=same("ipv4 table apart;")))
def _(t):
    sender, inside, outside = t.all_up()
    sender.announce(P)
    inside.expect_route(P)
    outside.quiet(GRACE)
    expect(outside.route(P) is None, "nothing in the master table", outside.route(P))


@option("RFC 4760 §1: IPv6 tables of a name of their own are apart from the master tables",
        config=Config(*[Neighbor(families=("ipv6",), transport=6, channel=same("table apart;"))] * 2,
                      Neighbor(families=("ipv6",), transport=6), raw=same("ipv6 table apart;")))
def _(t):
    sender, inside, outside = t.all_up()
    sender.announce6(P6)
    inside.expect_route(P6)
    outside.quiet(GRACE)
    expect(outside.route(P6) is None, "nothing in the master table", outside.route(P6))


def piped(generation, length=2):
    """A chain of pipes from the master table on, of which the last has an option; peers at its begin, before its end, at its end."""
    tables = ["master4"] + [f"t{number}" for number in range(1, length + 1)]
    text = " ".join(f"ipv4 table {name};" for name in tables[1:])
    for number in range(length):
        text += f"protocol pipe pipe{number} {{ table {tables[number]}; peer table {tables[number + 1]}; import none; export all; "
        text += (generation if number == length - 1 else "") + " }\n"
    return Config(Neighbor(), Neighbor(channel=same(f"table {tables[-2]};")), Neighbor(channel=same(f"table {tables[-1]};")),
                  raw=same(text))


@option("RFC 4271 §3.2: a route passes through pipes one after the other, in whatever order they are served",
        config=piped("", length=6))
def _(t):
    sender, second, third = t.all_up()
    # Nothing else may happen that would have the daemon look at its pipes again.
    third.expect_end_of_rib()
    third.quiet(GRACE)
    for text in (P, Q):
        sender.announce(text)
        second.expect_route(text)
        third.expect_route(text)


@option("RFC 4271 §3.2: what went through `max generation` pipes goes through no other", config=piped("max generation 1;"), only=("martlet",))
def _(t):
    sender, second, third = t.all_up()
    sender.announce(P)
    second.expect_route(P)
    third.quiet(GRACE)
    expect(third.route(P) is None, "nothing behind the second pipe", third.route(P))


group("Options: sessions")


@option("RFC 5492 §5: with `mandatory` a peer that does not offer the family is refused with 2/7",
        Neighbor(families=("ipv4", "ipv6"), channel=same("mandatory on;")), only=("martlet",))
def _(t):
    session = t.connect()
    session.send_open(capabilities=[mp(*IPV4), capability(2), as4(t.peers[0].asn)])
    session.expect_notification(2, 7)


@option("RFC 8654 §4: with `require extended messages` a peer without them is refused with 2/7",
        Neighbor(raw=same("enable extended messages on; require extended messages on;")), only=("martlet",))
def _(t):
    session = t.connect()
    session.send_open()
    session.expect_notification(2, 7)


@option("RFC 4271 §8.2.1.1: connections go out from `source address`",
        Neighbor(passive=False, multihop=True, raw=same("source address {second};")))
def _(t):
    peer = t.peers[0]
    listener = peer.listen()
    session = peer.accept(listener, patience=10)
    expect(session.sock.getpeername()[0] == t.worker.net(1) + ".1", t.worker.net(1) + ".1", session.sock.getpeername()[0])


@option("RFC 4271 §8.2.1.1: with `strict bind` only the address of `local` is listened on", Neighbor(raw=same("strict bind on;")))
def _(t):
    t.up()
    with socket.socket() as other:
        other.settimeout(3)
        other.bind((t.peers[0].address4, 0))
        refused = other.connect_ex((t.worker.net(1) + ".1", 179))
    expect(refused == 111, "no connection at another address (ECONNREFUSED)", refused)


@option("RFC 4271 §8.2.1.1: `strict bind` is switched on and off with a new configuration", Neighbor(), only=("martlet",))
def _(t):
    session = t.up()
    for text in ("strict bind on;", "strict bind off;"):
        t.dut.reload(t.bind(Config(Neighbor(raw=same(text)))))
        session.expect_closed()
        session = t.up()
    # No second daemon can listen there afterwards.
    second = subprocess.run([*t.worker.inside(), "python3", "-c", "import socket; s = socket.socket(); s.setsockopt(1, 2, 1);"
                             f"s.bind(('{t.peers[0].dut}', 179)); s.listen()"], capture_output=True, text=True)
    expect("in use" in second.stderr, "the port to be in use", second.stderr or "it is free")


group("Options: restarts")


def goes(t, offer):
    """A route of the first peer, which offers to restart and then is gone; the observer."""
    peer, observer = t.up(0, also=offer), t.up(1, also=long_offer())
    peer.announce(P)
    observer.expect_route(P)
    peer.close()
    return observer


def stays(observer):
    """The route outlives the second that the peer asked for."""
    observer.quiet(2.5)
    expect(observer.route(P) is not None, "the route for longer than the peer's second", None)


def restarting(title, text, long=False):
    ours = LONG if long else dict(graceful="on")
    return option(title, Neighbor(**ours, raw=same(text)), Neighbor(**ours), slow=5 if long else 3, only=("martlet",))


@restarting("RFC 4724 §4.2: `max graceful restart time` bounds what the peer asks for", "max graceful restart time 1;")
def _(t):
    goes(t, [graceful(0, 100, [(IPV4, 0x80)])]).expect_no_route(P, patience=8)


@restarting("RFC 4724 §4.2: `min graceful restart time` lengthens what the peer asks for", "min graceful restart time 60;")
def _(t):
    stays(goes(t, [graceful(0, 1, [(IPV4, 0x80)])]))


@restarting("RFC 9494 §4.2: `max long lived stale time` bounds what the peer asks for", "max long lived stale time 1;", long=True)
def _(t):
    observer = goes(t, long_offer(seconds=1000))
    observer.expect_route(P, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=8)
    observer.expect_no_route(P, patience=8)


@restarting("RFC 9494 §4.2: `min long lived stale time` lengthens what the peer asks for", "min long lived stale time 60;", long=True)
def _(t):
    observer = goes(t, long_offer(seconds=1))
    observer.expect_route(P, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=8)
    stays(observer)
