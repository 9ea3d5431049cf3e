"""The decision process, step by step, in both orders of arrival."""
import itertools

from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

group("Decision process")

P, Q = "203.0.113.0/24", "198.51.100.0/24"
TWICE = dict(asn=65200)         # two neighbours in one AS


def wins(title, first, second, better, worse, options=None, observer=None, **config):
    """Two checks: `better` of the first peer beats `worse` of the second, whichever comes first."""
    for order in ("before", "after"):
        @check(f"{title} (announced {order} the other)",
               config=Config(first, second, observer or Neighbor(), **config), **(options or {}))
        def _(t, order=order):
            opening = [dict(better.get("open", {})), dict(worse.get("open", {}))]
            sessions = [t.up(0, **opening[0]), t.up(1, **opening[1]), t.up(2)]
            routes = [{k: (v(t) if callable(v) else v) for k, v in r.items() if k != "open"} for r in (better, worse)]
            routes[0]["communities"], routes[1]["communities"] = ["1:1"], ["2:2"]
            for index in ((0, 1) if order == "before" else (1, 0)):
                sessions[index].announce(P, **routes[index])
                if index != (0 if order == "after" else 1):
                    sessions[2].expect_route(P)
            sessions[2].expect_route(P, lambda r: r.communities == ["1:1"], "the better route")
            t.settle(sessions[1], sessions[2])
            expect(sessions[2].route(P).communities == ["1:1"], "the better route", sessions[2].route(P))


def inner():
    return Neighbor(internal=True)


def outer(**options):
    return Neighbor(**options)


wins("RFC 4271 §9.1.1: the higher LOCAL_PREF wins", inner(), inner(), dict(local_pref=200), dict(local_pref=100))
wins("RFC 4271 §9.1.1: LOCAL_PREF counts before the length of the path", inner(), inner(),
     dict(local_pref=101, path=[65010, 65011, 65012]), dict(local_pref=100, path=[65010]))
wins("RFC 4271 §9.1.1: LOCAL_PREF counts as an unsigned number", inner(), inner(), dict(local_pref=4294967295), dict(local_pref=1))
wins("RFC 4271 §9.1.1: an external route has LOCAL_PREF 100, more than 99 of an internal one", outer(), inner(),
     {}, dict(local_pref=99, path=[]))
wins("RFC 4271 §9.1.1: LOCAL_PREF 101 of an internal route beats an external one", inner(), outer(),
     dict(local_pref=101, path=[65010, 65011]), {})
wins("RFC 4271 §9.1.2.2a: the shorter AS path wins", outer(), outer(), dict(path=lambda t: [t.peers[0].asn]),
     dict(path=lambda t: [t.peers[1].asn, 65010]))
wins("RFC 4271 §9.1.2.2a: repeated numbers count each", outer(), outer(), dict(path=lambda t: [t.peers[0].asn, 65010]),
     dict(path=lambda t: [t.peers[1].asn] * 3))
wins("RFC 4271 §9.1.2.2a: the length of the path counts before the origin", outer(), outer(),
     dict(origin=2), dict(path=lambda t: [t.peers[1].asn, 65010], origin=0))
wins("RFC 4271 §9.1.2.2b: origin IGP beats EGP", outer(), outer(), dict(origin=0), dict(origin=1))
wins("RFC 4271 §9.1.2.2b: origin EGP beats INCOMPLETE", outer(), outer(), dict(origin=1), dict(origin=2))
wins("RFC 4271 §9.1.2.2b: the origin counts before MED", outer(**TWICE), outer(**TWICE), dict(origin=0, med=100),
     dict(origin=1, med=1))
wins("RFC 4271 §9.1.2.2c: the lower MED of one neighbour AS wins", outer(**TWICE), outer(**TWICE), dict(med=10), dict(med=20))
wins("RFC 4271 §9.1.2.2c: MED counts as an unsigned number", outer(**TWICE), outer(**TWICE), dict(med=1), dict(med=4294967295))
wins("RFC 4271 §9.1.2.2c: a missing MED counts as 0", outer(**TWICE), outer(**TWICE), {}, dict(med=1))
wins("RFC 4271 §9.1.2.2c: MED counts for internal routes of one neighbour AS", inner(), inner(),
     dict(path=[65200], med=5), dict(path=[65200], med=6))
wins("RFC 4271 §9.1.2.2c: MED counts before external over internal", inner(), outer(**TWICE), dict(path=[65200], med=5), dict(med=6))
wins("RFC 4271 §9.1.2.2c: MED of different neighbour ASes is not compared", inner(), inner(),
     dict(path=[65210], med=100, open=dict(identifier="192.0.2.1")), dict(path=[65211], med=1, open=dict(identifier="192.0.2.2")))
wins("RFC 4271 §9.1.2.2d: an external route beats an internal one", outer(), inner(), {}, dict(path=[65101]))
wins("RFC 4271 §9.1.2.2e: the lower metric to the next hop wins", inner(), inner(),
     dict(next_hop="192.0.2.10"), dict(next_hop="192.0.2.20", open=dict(identifier="1.1.1.1")),
     recursive=[("192.0.2.10/32", "10.{w.host}.0.11", 10), ("192.0.2.20/32", "10.{w.host}.0.12", 20)])
wins("RFC 4271 §9.1.2.2f: of internal routes that of the lower identifier wins", inner(), inner(),
     dict(open=dict(identifier="192.0.2.1")), dict(open=dict(identifier="192.0.2.2")))
wins("RFC 4271 §9.1.2.2f: identifiers compare as unsigned numbers", inner(), inner(),
     dict(open=dict(identifier="100.0.0.1")), dict(open=dict(identifier="200.0.0.1")))
wins("RFC 4271 §9.1.2.2g: of equal identifiers the lower peer address wins", inner(), inner(),
     dict(open=dict(identifier="192.0.2.1")), dict(open=dict(identifier="192.0.2.1")))


@check("RFC 4451 §2: the best of three routes with MED of two ASes does not depend on the order of arrival",
       slow=2, config=Config(*[Neighbor(internal=True, raw={"bird": "deterministic med on;"})] * 3, Neighbor(),
                             raw={"frr": " bgp deterministic-med"}))
def _(t):
    # Without groups by neighbour AS each pair has another winner: A beats B by identifier, B beats C by identifier,
    # C beats A by MED.
    identifiers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    sessions = [t.up(i, identifier=identifiers[i]) for i in range(3)] + [t.up(3)]
    routes = [dict(path=[65201], med=20, communities=["1:1"]), dict(path=[65202], med=0, communities=["2:2"]),
              dict(path=[65201], med=10, communities=["3:3"])]
    winners = set()
    for number, order in enumerate(itertools.permutations(range(3))):
        text = f"10.{100 + number}.0.0/16"
        for index in order:
            sessions[index].announce(text, **routes[index])
            t.settle(sessions[index], sessions[3], prefix=f"198.18.{number * 3 + index}.0/24")
        winners.add(sessions[3].expect_route(text).communities[0])
    expect(winners == {"2:2"}, "2:2, the winner between the groups' winners", winners)


@check("RFC 5004 §3: an external route does not give way to an equal one of a lower identifier, where that is wanted",
       config=Config(*[Neighbor(raw={"bird": "prefer older on;", "martlet": "prefer older on;"})] * 2, Neighbor()))
def _(t):
    first, second, observer = t.up(0, identifier="192.0.2.2"), t.up(1, identifier="192.0.2.1"), t.up(2)
    first.announce(P, communities=["1:1"])
    observer.expect_route(P)
    second.announce(P, communities=["2:2"])
    t.settle(second, observer)
    expect(observer.route(P).communities == ["1:1"], "the present route", observer.route(P))


@check("RFC 4271 §9.1: when the best route is withdrawn the next best takes its place without a withdrawal",
       Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P)
    observer.expect_route(P)
    second.announce(P, path=[t.peers[1].asn, 65010])
    t.settle(second, observer)
    before = len(observer.updates)
    first.withdraw(P)
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path, "the second's")
    gone = [u for u in observer.updates[before:] if (IPV4, P, None) in u.withdrawn]
    expect(not gone, "no withdrawal", f"{len(gone)}")


@check("RFC 4271 §9.1: when the best route becomes worse another one takes its place", Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P)
    second.announce(P, path=[t.peers[1].asn, 65010])
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    first.announce(P, path=[t.peers[0].asn, 65010, 65011])
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path, "the second's")


@check("RFC 4271 §9.1: when a worse route becomes better it takes the place of the best", Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[t.peers[0].asn, 65010])
    second.announce(P, path=[t.peers[1].asn, 65010, 65011])
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    second.announce(P)
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path, "the second's")


@check("RFC 4271 §9.1: the routes of a lost session give way to those of others", Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce([P, Q])
    second.announce([P, Q], path=[t.peers[1].asn, 65010])
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    first.close()
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path)
    observer.expect_route(Q, lambda r: t.peers[1].asn in r.path)


@check("RFC 4271 §9.1: a route of ours is preferred to a learned one", Neighbor(), Neighbor(), statics=[P])
def _(t):
    sender, observer = t.all_up()
    observer.expect_route(P, lambda r: r.path == [AS])
    sender.announce(P)
    t.settle(sender, observer)
    expect(observer.route(P).path == [AS], "ours", observer.route(P))


group("Next hops")


def unusable(title, neighbor=None, config=None, alone=None, **attributes):
    @check(title, config=config or Config(neighbor or Neighbor(), Neighbor()), alone=alone)
    def _(t):
        sender, observer = t.all_up()
        sender.announce(P)
        observer.expect_route(P)
        sender.announce(P, **{k: v(t) if callable(v) else v for k, v in attributes.items()})
        observer.expect_no_route(P)
        t.absent(sender, observer, P)
        sender.expect_alive()


for _hop in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"):
    unusable(f"RFC 4271 §6.3: a route with next hop {_hop} is not used and the session stays", next_hop=_hop)
unusable("RFC 4271 §6.3: a route whose next hop is our own address is not used and the session stays",
         next_hop=lambda t: t.peers[0].dut4)
for _host, _what in ((255, "broadcast"), (0, "network")):
    unusable(f"RFC 4271 §6.3: a route whose next hop is the link's {_what} address is not used and the session stays",
             next_hop=lambda t, h=_host: f"{t.worker.net(0)}.{h}")
    unusable(f"RFC 4271 §6.3: an internal route whose next hop is the link's {_what} address is not used",
             config=Config(Neighbor(internal=True), Neighbor()), next_hop=lambda t, h=_host: f"{t.worker.net(0)}.{h}",
             alone="no host has the address; others are set up here without the tables that tell them, BIRD announces what it cannot reach")
unusable("RFC 4271 §5.1.3: an external route whose next hop is not on the link is not used and the session stays",
         config=Config(Neighbor(), Neighbor()), next_hop="192.0.2.9")
unusable("RFC 4271 §9.1.2: an internal route whose next hop cannot be resolved is not used",
         config=Config(Neighbor(internal=True), Neighbor()), next_hop="192.0.2.9",
         alone="such a route MUST be excluded; others are set up here without the tables that tell them, BIRD announces what it cannot reach")


@check("RFC 4271 §9.1.2: a route whose next hop cannot be resolved gives way to one whose can", Neighbor(internal=True),
       Neighbor(internal=True), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    second.announce(P, communities=["2:2"])
    observer.expect_route(P)
    first.announce(P, local_pref=500, next_hop="192.0.2.9", communities=["1:1"])
    t.settle(first, observer)
    expect(observer.route(P) and observer.route(P).communities == ["2:2"], "the second's", observer.route(P))


@check("RFC 4271 §5.1.3: another next hop on the shared link is accepted", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, next_hop=f"{t.worker.net(0)}.16")
    observer.expect_route(P)


@check("RFC 4271 §9.1.2: an internal route's next hop is resolved through other routes",
       config=Config(Neighbor(internal=True), Neighbor(), recursive=[("192.0.2.0/24", "10.{w.host}.0.11", 10)]))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, next_hop="192.0.2.9")
    observer.expect_route(P)


@check("RFC 4271 §5.1.3: an external peer on another link gets our address as next hop", Neighbor(), Neighbor(net=1))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).next_hop == [t.peers[1].dut4], t.peers[1].dut4, observer.route(P))


@check("RFC 4271 §5.1.3: an external peer in another subnet of the same link gets our address as next hop", Neighbor(), Neighbor(net=2))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).next_hop == [t.peers[1].dut4], t.peers[1].dut4, observer.route(P))


@check("RFC 4271 §5.1.3: an external peer on the same link gets our address or that of the router there", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).next_hop[0] in (t.peers[1].dut4, t.peers[0].address4), "one of the two", observer.route(P))


@check("RFC 4271 §5.1.3: a peer never gets its own address as next hop", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, next_hop=t.peers[1].address4)
    t.settle(sender, observer)
    route = observer.route(P)
    expect(route is None or route.next_hop != [t.peers[1].address4], "another next hop or no route", route)


@check("RFC 4271 §5.1.3: an internal peer gets an external route's next hop unchanged", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).next_hop == [t.peers[0].address4], t.peers[0].address4, observer.route(P))


@check("RFC 4271 §5.1.3: with next hop self an internal peer gets our address", Neighbor(), Neighbor(internal=True, next_hop="self"))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).next_hop == [t.peers[1].dut4], t.peers[1].dut4, observer.route(P))


@check("RFC 4271 §5.1.3: routes of ours have our address as next hop, inside and outside", Neighbor(), Neighbor(internal=True),
       statics=[P])
def _(t):
    for session, neighbor in zip(t.all_up(), t.peers):
        expect(session.expect_route(P).next_hop == [neighbor.dut4], neighbor.dut4, session.route(P))


BOTH = ("ipv4", "ipv6")
for _hop in ("::", "::1", "ff02::1"):
    @check(f"RFC 2545 §3: an IPv6 route with next hop {_hop} is not used and the session stays", Neighbor(families=BOTH), Neighbor(families=BOTH))
    def _(t, hop=_hop):
        sender, observer = t.all_up()
        sender.announce6("2001:db8:1::/48")
        observer.expect_route("2001:db8:1::/48")
        sender.announce6("2001:db8:1::/48", next_hop=hop)
        observer.expect_no_route("2001:db8:1::/48")
        sender.expect_alive()


group("Advertising")


@check("RFC 4271 §9.1.3: a route does not go back to the peer that sent it", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    sender.quiet(0.2)
    expect(sender.route(P) is None, f"no {P}", sender.route(P))


@check("RFC 4271 §9.1.3: a peer whose own route becomes the best gets a withdrawal of the former", Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[t.peers[0].asn, 65010])
    second.expect_route(P)
    second.announce(P)
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path)
    # FRR and others send the peer's own route back, with its AS in the path; either way the former must be gone.
    expect(second.wait(lambda: second.route(P) is None or t.peers[1].asn in second.route(P).path), "the former gone", second.route(P))


@check("RFC 4271 §5.1.4: a MED received from one AS does not go to another", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, med=77)
    expect(observer.expect_route(P).med != 77, "no MED 77", observer.route(P))


@check("RFC 4271 §5.1.4: a MED received from another AS goes to internal peers", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, med=77)
    expect(observer.expect_route(P).med == 77, "MED 77", observer.route(P))


@check("RFC 4271 §5.1.5: LOCAL_PREF goes to internal peers, 100 unless set otherwise", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    expect(observer.expect_route(P).local_pref == 100, "100", observer.route(P))


@check("RFC 4271 §5.1.5: LOCAL_PREF does not go to external peers", Neighbor(internal=True), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, local_pref=300)
    expect(LOCAL_PREF not in observer.expect_route(P).attributes, "no LOCAL_PREF", observer.route(P))


@check("RFC 4271 §5.1.1: ORIGIN passes unchanged", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    for origin in (0, 1, 2):
        sender.announce(P, origin=origin)
        observer.expect_route(P, lambda r: r.origin == origin, f"origin {origin}")


@check("RFC 4271 §5.1.6: ATOMIC_AGGREGATE and AGGREGATOR pass unchanged", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    value = (65010).to_bytes(4, "big") + b"\x0a\1\2\3"
    sender.announce(P, extra=[attribute(ATOMIC), attribute(AGGREGATOR, value)])
    route = observer.expect_route(P)
    expect(route.value(ATOMIC) == b"" and route.value(AGGREGATOR) == value, "both", route)


@check("RFC 4271 §4.3: attributes are sent with the flags that the RFC gives them", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, med=5, communities=["1:1"], large=["1:2:3"], extra=[attribute(ATOMIC), attribute(AGGREGATOR, bytes(3) + b"\1\x0a\0\0\1")])
    route = observer.expect_route(P)
    wrong = {k: f for k, (f, _) in route.attributes.items() if f & 0xC0 != FLAGS.get(k, 0xC0) or f & 0x0F}
    expect(not wrong, "flags as defined", wrong)


@check("RFC 4271 §5: attributes are sent in ascending order of their types", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, med=5, communities=["1:1"], large=["1:2:3"], extra=[attribute(213, b"x"), attribute(ATOMIC)])
    kinds = [k for k in observer.expect_route(P).attributes if k not in (MP_REACH, MP_UNREACH)]
    expect(kinds == sorted(kinds), "ascending", kinds)


@check("RFC 4271 §3.1: a changed route replaces the former without a withdrawal", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    for number in range(5):
        sender.announce(P, communities=[f"1:{number}"])
        observer.expect_route(P, lambda r: r.communities == [f"1:{number}"])
    expect(not any(u.withdrawn for u in observer.updates), "no withdrawal", observer.story)


@check("RFC 4271 §9.2: a route that did not change is not sent again", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, communities=["1:1"])
    observer.expect_route(P)
    for _ in range(3):
        sender.announce(P, communities=["1:1"])
    t.settle(sender, observer)
    times = sum(1 for u in observer.updates for k in u.announced if k[1] == P)
    expect(times == 1, "once", times)


@check("RFC 4271 §4.3: prefixes with the same attributes share UPDATEs", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    prefixes = [f"10.{100 + i // 200}.{i % 200}.0/24" for i in range(600)]
    sender.announce(prefixes)
    for text in prefixes:
        observer.expect_route(text)
    count = sum(1 for u in observer.updates if u.announced)
    expect(count <= 30, "few UPDATEs", f"{count} UPDATEs for 600 prefixes")


@check("RFC 4271 §4.3: withdrawals share UPDATEs", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    prefixes = [f"10.{100 + i // 200}.{i % 200}.0/24" for i in range(600)]
    sender.announce(prefixes)
    for text in prefixes:
        observer.expect_route(text)
    sender.close()
    for text in prefixes:
        observer.expect_no_route(text)
    count = sum(1 for u in observer.updates if u.withdrawn)
    expect(count <= 30, "few UPDATEs", f"{count} UPDATEs for 600 prefixes")


@check("RFC 4271 §9.2: a peer that comes later gets all routes that there are and none that were withdrawn", Neighbor(), Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0), t.up(1)
    sender.announce([P, Q])
    observer.expect_route(P)
    sender.withdraw(Q)
    observer.expect_no_route(Q)
    late = t.up(2)
    late.expect_route(P)
    late.quiet(0.2)
    expect(late.route(Q) is None, f"no {Q}", late.route(Q))


@check("RFC 4271 §9.2: after hundreds of changes the last state is what a peer has", Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    for number in range(300):
        for sender, index in ((first, 0), (second, 1)):
            if number % 3 == index:
                sender.withdraw(P)
            else:
                sender.announce(P, path=[t.peers[index].asn] + [65010] * (number % 4), med=number)
    first.withdraw(P)
    second.announce(P, communities=["9:9"])
    observer.expect_route(P, lambda r: r.communities == ["9:9"], "the last")
    second.withdraw(P)
    observer.expect_no_route(P)
    t.absent(second, observer, P)


@check("RFC 4271 §9.2: a withdrawal is passed on at once", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    sender.withdraw(P)
    observer.expect_no_route(P, patience=1.0)


@check("RFC 8212 §3: an export policy of none announces nothing", Neighbor(), Neighbor(exports="none"), Neighbor(), statics=[Q])
def _(t):
    sender, muted, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    observer.expect_route(Q)
    muted.quiet(0.2)
    expect(not muted.rib, "nothing", list(muted.rib))


@check("RFC 8212 §3: an import policy of none uses nothing", Neighbor(imports="none"), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    sender.quiet(0.5)
    expect(observer.route(P) is None, f"no {P}", observer.route(P))
    sender.expect_alive()
