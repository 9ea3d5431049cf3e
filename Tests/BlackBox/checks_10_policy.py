"""Limits, shutdown, roles, confederations, AIGP, route servers, and what a hostile peer can do."""
import signal
import struct
import time

from dut import AS, Config, Neighbor, NotApplicable
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
BOTH = ("ipv4", "ipv6")

group("Limits")


def many(count, start=100):
    return [f"10.{start + i // 200}.{i % 200}.0/24" for i in range(count)]


@check("RFC 4486 §3: more prefixes than the limit end the session with 6/1", Neighbor(limit=(5, "disable")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(many(8))
    sender.expect_notification(6, 1)
    observer.expect_no_route("10.100.0.0/24")


@check("RFC 4486 §4: the data of 6/1 are family and limit, or none", Neighbor(limit=(5, "disable")))
def _(t):
    sender = t.up()
    sender.announce(many(8))
    data = sender.expect_notification(6, 1)
    expect(data in (b"", struct.pack(">HBI", 1, 1, 5)), "1, 1, 5 or nothing", data.hex())


@check("RFC 4486 §4: exactly as many prefixes as the limit are no error", Neighbor(limit=(5, "disable")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(many(5))
    observer.expect_route("10.100.4.0/24")
    sender.expect_alive(0.3)


@check("RFC 4486 §4: announcing the same prefixes again does not count", Neighbor(limit=(5, "disable")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    for number in range(5):
        sender.announce(many(5), communities=[f"1:{number}"])
    observer.expect_route("10.100.4.0/24", lambda r: r.communities == ["1:4"])
    sender.expect_alive(0.2)


@check("RFC 4486 §4: withdrawn prefixes do not count", Neighbor(limit=(5, "disable")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(many(5))
    observer.expect_route("10.100.4.0/24")
    sender.withdraw(many(5))
    sender.announce(many(5, 110))
    observer.expect_route("10.110.4.0/24")
    sender.expect_alive(0.3)


@check("RFC 4486 §4: a limit that only warns keeps session and routes", Neighbor(limit=(5, "warn")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(many(8))
    observer.expect_route("10.100.7.0/24")
    sender.expect_alive(0.2)


@check("RFC 4486 §4: a limit that blocks keeps the session and not more routes than it says", Neighbor(limit=(5, "block")), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(many(8))
    expect(observer.wait(lambda: len(observer.rib) >= 5), "5 routes", len(observer.rib))
    observer.quiet(0.3)
    expect(len(observer.rib) == 5, "5 routes", len(observer.rib))
    sender.expect_alive()


@check("RFC 4486 §4: a limit on received prefixes counts those that the import policy rejects",
       Neighbor(limit=(5, "disable", "receive"), imports="filter { reject; }", channel={"bird": "import keep filtered on;"}),
       only=("martlet", "bird"))
def _(t):
    sender = t.up()
    sender.announce(many(8))
    sender.expect_notification(6, 1)


@check("RFC 4486 §4: a limit that restarts lets the session come back", Neighbor(limit=(5, "restart")), only=("martlet", "bird"))
def _(t):
    sender = t.up()
    sender.announce(many(8))
    sender.expect_notification(6, 1)
    again = t.up(0)
    again.announce(many(3))
    again.expect_alive(0.3)


@check("RFC 4486 §4: limits of two families are apart", Neighbor(limit=(5, "disable"), families=BOTH), Neighbor(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce(many(5))
    sender.announce6([f"2001:db8:{i:x}::/48" for i in range(1, 6)])
    observer.expect_route("10.100.4.0/24")
    observer.expect_route("2001:db8:5::/48")
    sender.expect_alive(0.2)
    sender.announce6([f"2001:db8:{i:x}::/48" for i in range(6, 9)])
    data = sender.expect_notification(6, 1)
    expect(data in (b"", struct.pack(">HBI", 2, 1, 5)), "2, 1, 5 or nothing", data.hex())


group("Cease")


@check("RFC 4486 §4: administrative shutdown is announced with 6/2", Neighbor(), Neighbor())
def _(t):
    session, observer = t.all_up()
    session.announce(P)
    observer.expect_route(P)
    t.dut.shut_down(t.peers[0])
    session.expect_notification(6, 2)
    observer.expect_no_route(P)


@check("RFC 9003 §2: the text of a shutdown stands in its NOTIFICATION with its length", Neighbor())
def _(t):
    session = t.up()
    text = "maintenance until 10:00, sorry"
    t.dut.shut_down(t.peers[0], text)
    data = session.expect_notification(6, 2)
    expect(data == bytes([len(text)]) + text.encode(), f"{len(text)}, {text!r}", data)


@check("RFC 9003 §2: the text may have characters of several octets", Neighbor())
def _(t):
    session = t.up()
    text = "Wartung für Ängström"
    t.dut.shut_down(t.peers[0], text)
    data = session.expect_notification(6, 2)
    expect(data == bytes([len(text.encode())]) + text.encode(), text, data)


@check("RFC 4486 §4: a session that was shut down does not come back by itself", Neighbor(), slow=2)
def _(t):
    session = t.up()
    t.dut.shut_down(t.peers[0])
    session.expect_notification(6, 2)
    try:
        again = t.peers[0].connect(patience=1.5, answered=False)
        again.wait(lambda: again.closed or again.open, 1.0)
        if again.open:
            again.send_open()
            again.expect(lambda: again.closed, "no session")
    except (Failed, OSError) as failure:
        if "no session" in str(failure):
            raise


@check("RFC 4486 §4: administrative reset is announced with 6/4 and the session comes back", Neighbor())
def _(t):
    session = t.up()
    t.dut.reset(t.peers[0])
    session.expect_notification(6, (2, 4))
    t.up(0)


@check("RFC 4486 §4: a neighbour that is taken out of the configuration gets 6/3", Neighbor(), Neighbor())
def _(t):
    gone, stays = t.all_up()
    config = t.bind(Config(Neighbor(), Neighbor()))
    config.neighbors = [config.neighbors[1]]
    t.dut.reload(config)
    gone.expect_notification(6, 3)
    stays.expect_alive(0.3)


@check("RFC 4486 §4: a neighbour whose AS is changed in the configuration gets a Cease", Neighbor(), Neighbor())
def _(t):
    changed, stays = t.all_up()
    t.dut.reload(t.bind(Config(Neighbor(asn=65222), Neighbor())))
    changed.expect_notification(6, (3, 4, 6))
    stays.expect_alive(0.3)
    changed.close()
    t.peers[0].asn = 65222
    t.up(0)


@check("RFC 4271 §6.7: a configuration with another export policy leaves the session up and sends the differences", Neighbor(), statics=[P, Q])
def _(t):
    session = t.up()
    session.expect_route(P)
    session.expect_route(Q)
    t.dut.reload(t.bind(Config(Neighbor(exports=f"where net = {P}"), statics=[P, Q])))
    session.expect_no_route(Q)
    session.expect_alive(0.2)
    expect(session.route(P), f"{P} to stay", session.story)


@check("RFC 4271 §6.7: sessions get a Cease when the daemon is ended", Neighbor(), Neighbor())
def _(t):
    sessions = t.all_up()
    t.stopped = True
    t.dut.terminate()
    for session in sessions:
        session.expect_notification(6)


group("Roles")

ROLES = {"provider": 0, "rs_server": 1, "rs_client": 2, "customer": 3, "peer": 4}
FITTING = {"provider": "customer", "customer": "provider", "rs_server": "rs_client", "rs_client": "rs_server", "peer": "peer"}
def role(name):
    return capability(9, bytes([ROLES[name]]))


def otc(number):
    return attribute(OTC, struct.pack(">I", number))


for _own, _other in FITTING.items():
    @check(f"RFC 9234 §4.1: role {_own} is offered, and a session with {_other} comes up", Neighbor(role=_own))
    def _(t, own=_own, other=_other):
        session = t.connect()
        session.expect_open()
        expect(session.open.value(9) == bytes([ROLES[own]]), f"role {ROLES[own]}", session.open.capabilities)
        session.establish(also=[role(other)])
        session.expect_alive(0.2)

for _own, _other in (("provider", "provider"), ("customer", "peer"), ("peer", "rs_client"), ("rs_server", "customer")):
    @check(f"RFC 9234 §4.2: role {_other} towards {_own} is answered with 2/11", Neighbor(role=_own))
    def _(t, own=_own, other=_other):
        session = t.connect()
        session.expect_open()
        session.send_open(also=[role(other)])
        session.expect_notification(2, 11)


@check("RFC 9234 §4.2: a peer without a role is accepted unless roles are required", Neighbor(role="provider"))
def _(t):
    t.up().expect_alive(0.2)


@check("RFC 9234 §4.2: a peer without a role is answered with 2/11 when roles are required", Neighbor(role="provider", strict_role=True))
def _(t):
    session = t.connect()
    session.expect_open()
    session.send_open()
    session.expect_notification(2, 11)


@check("RFC 9234 §4.2: the same role twice is accepted, two roles are answered with 2/11", Neighbor(role="provider"))
def _(t):
    session = t.up(0, also=[role("customer"), role("customer")])
    session.expect_alive(0.2)
    session.close()
    session = t.connect()
    session.send_open(also=[role("customer"), role("peer")])
    session.expect_notification(2, 11)


def leak(title, own, number, passes, becomes=None):
    """A route with OTC `number` (a function of the case; none without it) from the neighbour to whom we are `own`."""
    @check(title, Neighbor(role=own), Neighbor(internal=True))
    def _(t):
        sender, observer = t.up(0, also=[role(FITTING[own])]), t.up(1)
        value = number(t) if number else None
        sender.announce(P, extra=[otc(value)] if value else [])
        if not passes:
            return t.absent(sender, observer, P)
        route = observer.expect_route(P)
        wanted = becomes(t) if becomes else value
        expect(route.number(OTC) == wanted, f"OTC {wanted}", route)


def peer_as(t):
    return t.peers[0].asn


leak("RFC 9234 §5: a route with OTC from a customer is a leak and not used", "provider", lambda t: 65010, False)
leak("RFC 9234 §5: a route with OTC from a client of the route server is a leak and not used", "rs_server", lambda t: 65010, False)
leak("RFC 9234 §5: a route from a peer with OTC of another AS is a leak and not used", "peer", lambda t: 65010, False)
leak("RFC 9234 §5: a route from a peer with OTC of its own AS is used", "peer", peer_as, True)
leak("RFC 9234 §5: a route from a provider without OTC gets the provider's AS", "customer", None, True, peer_as)
leak("RFC 9234 §5: a route from a peer without OTC gets the peer's AS", "peer", None, True, peer_as)
leak("RFC 9234 §5: a route from a route server without OTC gets the server's AS", "rs_client", None, True, peer_as)
leak("RFC 9234 §5: a route from a provider keeps its OTC", "customer", lambda t: 65010, True)
leak("RFC 9234 §5: a route from a customer without OTC stays without", "provider", None, True)


def sent(title, own, has_otc, passes, wanted=None):
    """A route of an internal peer, with or without OTC, towards the neighbour to whom we are `own`."""
    @check(title, Neighbor(internal=True), Neighbor(role=own), Neighbor())
    def _(t):
        sender, observer, third = t.up(0), t.up(1, also=[role(FITTING[own])]), t.up(2)
        sender.announce(P, extra=[otc(65010)] if has_otc else [], path=[65010])
        third.expect_route(P)
        if not passes:
            return t.absent(sender, observer, P, path=[65010])
        route = observer.expect_route(P)
        expect(route.number(OTC) == wanted, f"OTC {wanted}", route)


for _own, _name in (("customer", "a provider"), ("peer", "a peer"), ("rs_client", "a route server")):
    sent(f"RFC 9234 §5: a route with OTC does not go to {_name}", _own, True, False)
sent("RFC 9234 §5: a route with OTC goes to a customer with the same OTC", "provider", True, True, 65010)
sent("RFC 9234 §5: a route without OTC goes to a customer with our AS as OTC", "provider", False, True, AS)
sent("RFC 9234 §5: a route without OTC goes to a peer with our AS as OTC", "peer", False, True, AS)
sent("RFC 9234 §5: a route without OTC goes to a provider without", "customer", False, True, None)


@check("RFC 9234 §5: without roles OTC passes unchanged", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[otc(65010)])
    expect(observer.expect_route(P).number(OTC) == 65010, "OTC 65010", observer.route(P))


group("Confederations")

MEMBER = dict(asn=65001, confederation=True)
CONFEDERATION = dict(confederation=64900)


def confederation(title, *neighbors, pending=None):
    return check(title, config=Config(*neighbors, **CONFEDERATION), pending=pending)


@confederation("RFC 5065 §4.1: an external peer sees the confederation's AS in OPEN, a member our own", Neighbor(), Neighbor(**MEMBER))
def _(t):
    outer, member = t.connect(0).expect_open(), t.connect(1).expect_open()
    expect((outer.asn, member.asn) == (64900, AS), (64900, AS), (outer.asn, member.asn))


@confederation("RFC 5065 §4.1: a member gets our AS in a confederation segment before the path", Neighbor(), Neighbor(**MEMBER))
def _(t):
    sender, member = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, 65010])
    segments = member.expect_route(P).segments
    expect(segments == [(CONFED_SEQUENCE, [AS]), (SEQUENCE, [t.peers[0].asn, 65010])], "3: ours, 2: the path", segments)


@confederation("RFC 5065 §4.1: confederation segments are taken off and the confederation's AS put first when a route leaves",
               Neighbor(**MEMBER), Neighbor())
def _(t):
    member, outer = t.all_up()
    member.announce(P, path=[(CONFED_SEQUENCE, [65001, 65002]), (SEQUENCE, [65010])])
    segments = outer.expect_route(P).segments
    expect(segments == [(SEQUENCE, [64900, 65010])], "2: 64900 65010", segments)


@confederation("RFC 5065 §5: LOCAL_PREF, MED and NEXT_HOP may pass between members", Neighbor(internal=True), Neighbor(**MEMBER))
def _(t):
    sender, member = t.all_up()
    sender.announce(P, local_pref=300, med=7, path=[65010])
    route = member.expect_route(P)
    expect((route.local_pref, route.med) == (300, 7), "300, 7", route)


@confederation("RFC 5065 §5: LOCAL_PREF of a member counts", Neighbor(**MEMBER), Neighbor(internal=True))
def _(t):
    member, inner = t.all_up()
    member.announce(P, local_pref=300, path=[(CONFED_SEQUENCE, [65001]), (SEQUENCE, [65010])])
    expect(inner.expect_route(P).local_pref == 300, "300", inner.route(P))


@confederation("RFC 5065 §5.3: confederation segments do not count in the length of the path", Neighbor(**MEMBER), Neighbor(internal=True), Neighbor())
def _(t):
    member, inner, outer = t.all_up()
    inner.announce(P, path=[65010, 65011], communities=["2:2"])
    outer.expect_route(P)
    member.announce(P, path=[(CONFED_SEQUENCE, [65001, 65002, 65003]), (SEQUENCE, [65010])], local_pref=100, communities=["1:1"])
    outer.expect_route(P, lambda r: r.communities == ["1:1"], "the member's route")


@confederation("RFC 5065 §4: a route with our member AS in its confederation segment is a loop", Neighbor(**MEMBER), Neighbor())
def _(t):
    member, outer = t.all_up()
    member.announce(P, path=[(CONFED_SEQUENCE, [65001, AS]), (SEQUENCE, [65010])])
    t.absent(member, outer, P, path=[(CONFED_SEQUENCE, [65001])])


@confederation("RFC 5065 §4: a route with the confederation's AS in its path is a loop", Neighbor(), Neighbor())
def _(t):
    sender, outer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, 64900, 65010])
    t.absent(sender, outer, P)


@confederation("RFC 5065 §5: a member's path that does not begin with a confederation segment withdraws", Neighbor(**MEMBER), Neighbor())
def _(t):
    member, outer = t.all_up()
    member.announce(P, path=[(CONFED_SEQUENCE, [65001]), (SEQUENCE, [65010])])
    outer.expect_route(P)
    member.announce(P, path=[65001, 65010])
    outer.expect_no_route(P)
    member.expect_alive()


@confederation("RFC 5065 §5.1: NO_EXPORT_SUBCONFED keeps a route from other members", Neighbor(internal=True), Neighbor(**MEMBER))
def _(t):
    sender, member = t.all_up()
    sender.announce(P, communities=["65535:65283"])
    t.absent(sender, member, P)


@confederation("RFC 5065 §5.1: NO_EXPORT lets a route pass to other members, not outside", Neighbor(internal=True), Neighbor(**MEMBER), Neighbor())
def _(t):
    sender, member, outer = t.all_up()
    sender.announce(P, communities=["65535:65281"])
    member.expect_route(P)
    t.absent(sender, outer, P)


group("AIGP")

def aigp(metric):
    return attribute(AIGP, b"\1\0\x0b" + struct.pack(">Q", metric))


@check("RFC 7311 §3: AIGP passes between neighbours where it is enabled", Neighbor(internal=True, rr_client=True, aigp=True),
       Neighbor(internal=True, rr_client=True, aigp=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[aigp(1000)])
    value = observer.expect_route(P).value(AIGP)
    expect(value == b"\1\0\x0b" + struct.pack(">Q", 1000), "1000", value)


@check("RFC 7311 §3.3: AIGP does not go where it is not enabled", Neighbor(internal=True, aigp=True), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[aigp(1000)])
    expect(AIGP not in observer.expect_route(P).attributes, "no AIGP", observer.route(P))


@check("RFC 7311 §4.1: the lower AIGP wins before the length of the path", *[Neighbor(internal=True, aigp=True)] * 2, Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[65010], extra=[aigp(2000)], communities=["1:1"])
    observer.expect_route(P)
    second.announce(P, path=[65010, 65011, 65012], extra=[aigp(1000)], communities=["2:2"])
    observer.expect_route(P, lambda r: r.communities == ["2:2"], "the lower metric")


@check("RFC 7311 §4.1: LOCAL_PREF counts before AIGP", *[Neighbor(internal=True, aigp=True)] * 2, Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, extra=[aigp(2000)], local_pref=200, communities=["1:1"])
    observer.expect_route(P)
    second.announce(P, extra=[aigp(1000)], communities=["2:2"])
    t.settle(second, observer)
    expect(observer.route(P).communities == ["1:1"], "the higher LOCAL_PREF", observer.route(P))


@check("RFC 7311 §4.1: a route with AIGP wins against one without", *[Neighbor(internal=True, aigp=True)] * 2, Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[65010], communities=["1:1"])
    observer.expect_route(P)
    second.announce(P, path=[65010, 65011], extra=[aigp(1000)], communities=["2:2"])
    observer.expect_route(P, lambda r: r.communities == ["2:2"], "the route with AIGP")


group("AS_SET")


@check("RFC 9774 §3: with AS_SETs allowed a path with one passes, and it counts 1 in its length",
       config=Config(*[Neighbor(raw={"martlet": "allow as sets on;"})] * 2, Neighbor()))
def _(t):
    first, second, observer = t.all_up()
    first.announce(P, path=[(SEQUENCE, [t.peers[0].asn]), (SET, [65010, 65011, 65012])])
    route = observer.expect_route(P)
    expect(route.segments[-1] == (SET, [65010, 65011, 65012]), "the set", route)
    second.announce(P, path=[t.peers[1].asn, 65010, 65011])
    t.settle(second, observer)
    expect(t.peers[0].asn in observer.route(P).path, "the route with the set, of length 2", observer.route(P))


group("Route server")


def server(**options):
    return Neighbor(rs_client=True, **options)


@check("RFC 7947 §2.2.2.1: a route server does not put its AS into the path", server(), server())
def _(t):
    sender, client = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, 65010])
    expect(client.expect_route(P).path == [t.peers[0].asn, 65010], "the path as it was", client.route(P))


@check("RFC 7947 §2.2.1: a route server does not change the next hop", server(), server())
def _(t):
    sender, client = t.all_up()
    sender.announce(P)
    expect(client.expect_route(P).next_hop == [t.peers[0].address4], t.peers[0].address4, client.route(P))


@check("RFC 7947 §2.2.3: a route server passes MED", server(), server())
def _(t):
    sender, client = t.all_up()
    sender.announce(P, med=77)
    expect(client.expect_route(P).med == 77, "77", client.route(P))


@check("RFC 7947 §2.2.4: a route server passes communities", server(), server())
def _(t):
    sender, client = t.all_up()
    sender.announce(P, communities=["65010:1"], large=["65010:1:1"], ext=["0002fde800000001"])
    route = client.expect_route(P)
    expect((route.communities, route.large_communities, route.ext_communities) == (["65010:1"], ["65010:1:1"], ["0002fde800000001"]),
           "all three kinds", route)


@check("RFC 7947 §2.2.1: IPv6 next hops pass a route server unchanged", server(families=BOTH), server(families=BOTH))
def _(t):
    sender, client = t.all_up()
    sender.announce6("2001:db8::/32")
    expect(client.expect_route("2001:db8::/32").next_hop[0] == t.peers[0].address6, t.peers[0].address6, client.route("2001:db8::/32"))


@check("RFC 7947 §2.3: a client whose own route is the best gets none of it back", server(), server())
def _(t):
    sender, client = t.all_up()
    sender.announce(P)
    client.expect_route(P)
    sender.quiet(0.2)
    expect(sender.route(P) is None, f"no {P}", sender.route(P))


group("Hostile peers")


def survives(title, octets, opening=None, neighbor=None, slow=0):
    """Whatever becomes of the session, the daemon and its other sessions go on."""
    @check(title, neighbor or Neighbor(families=BOTH), Neighbor(families=BOTH), slow=slow)
    def _(t):
        bad, good = t.up(0, **(opening or {})), t.up(1)
        good.announce(Q)
        for chunk in octets(bad):
            try:
                bad.send(chunk)
            except OSError:
                break
        bad.quiet(0.3)
        good.expect_alive(0.2)
        t.dut.check_alive()
        good.send(refresh())
        good.expect_alive(0.2)
        bad.close()
        again = t.up(0, **(opening or {}))
        again.expect_route(Q)


def random_messages(seed, count=300):
    import random
    source = random.Random(seed)

    def octets(session):
        for _ in range(count):
            yield message(source.choice((2, 2, 2, 2, 5, 4)), source.randbytes(source.choice((0, 4, 23, 60, 200, 1000))))
    return octets


def mutated(seed, count=400):
    """Good UPDATEs in which one octet is changed."""
    import random
    source = random.Random(seed)

    def octets(session):
        good = update(prefix(P) + prefix(R), session.attributes(
            med=1, communities=["1:1", "2:2"], large=["1:2:3"], ext=["0002fde800000001"],
            extra=[attribute(AGGREGATOR, bytes(8)), attribute(MP_REACH, mp_reach(IPV6, bytes(range(16)), prefix("2001:db8::/32")))]))
        for _ in range(count):
            changed = bytearray(good)
            changed[source.randrange(19, len(changed))] = source.randrange(256)
            yield bytes(changed)
    return octets


for _seed in range(3):
    survives(f"RFC 4271 §6: random messages do no harm beyond their session (seed {_seed})", random_messages(_seed))
    survives(f"RFC 7606 §2: UPDATEs with one changed octet do no harm beyond their session (seed {_seed})", mutated(_seed))


@check("RFC 4271 §6.2: OPENs with one changed octet do no harm", Neighbor(), Neighbor())
def _(t):
    import random
    source = random.Random(7)
    good = t.up(1)
    base = t.peers[0].open_body(also=[capability(70), add_path((IPV4, 3)), graceful(0, 60, [(IPV4, 0x80)]), capability(73, b"\4host\0")])
    for _ in range(25):
        changed = bytearray(base)
        changed[source.randrange(len(changed))] = source.randrange(256)
        session = t.peers[0].connect(patience=4, answered=False)
        try:
            session.send(message(OPEN, bytes(changed)), KEEPALIVE_MESSAGE)
        except OSError:
            pass
        session.wait(lambda: session.notification or session.closed, 0.08)
        session.close()
    good.expect_alive(0.2)
    t.dut.check_alive()


survives("RFC 4271 §6.3: thousands of empty UPDATEs do no harm", lambda s: [update() * 5000])
survives("RFC 4271 §4.4: thousands of KEEPALIVEs do no harm", lambda s: [KEEPALIVE_MESSAGE * 20000])
survives("RFC 7606 §8: thousands of malformed UPDATEs do no harm", lambda s: [
    update(prefix(P), s.attributes(replace={ORIGIN: attribute(ORIGIN, b"\7")})) * 3000])
survives("RFC 4271 §4.3: a path of 1,000 numbers does no harm", lambda s: [
    update(prefix(P), s.attributes(path=[(SEQUENCE, [s.neighbor.asn] * 250)] * 4))])
survives("RFC 4271 §4.3: the default routes and thousands of host routes do no harm", lambda s: [
    update(b"".join(prefix(f"100.64.{i}.{j}/32") for j in range(250)), s.attributes(med=i)) for i in range(20)])
survives("RFC 1997: a route with 900 communities that change all the time does no harm", lambda s: [
    update(prefix(P), s.attributes(communities=[f"{i}:{j}" for j in range(900)])) for i in range(60)])
survives("RFC 7911 §3: a thousand routes of one prefix do no harm", lambda s: [
    update(b"".join(prefix(P, i * 250 + j) for j in range(250)), s.attributes(med=i)) for i in range(4)],
    opening=dict(also=[add_path((IPV4, 2))]), neighbor=Neighbor(families=BOTH, add_path="rx"))


@check("RFC 4271 §6.8: connections that are opened and closed all the time do no harm", Neighbor(), Neighbor())
def _(t):
    good = t.up(1)
    for _ in range(60):
        sock = t.peers[0].socket()
        sock.settimeout(1)
        sock.bind((t.peers[0].address, 0))
        try:
            sock.connect((t.peers[0].dut, 179))
        except OSError:
            pass
        sock.close()
    good.expect_alive(0.2)
    t.up(0)


@check("RFC 4271 §3: a session that dies while routes are being sent leaves none of them", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    for number in range(20):
        sender.announce([f"10.{100 + number}.{i}.0/24" for i in range(200)], med=number)
    sender.reset()
    observer.quiet(0.3)
    expect(observer.wait(lambda: not observer.rib), "no routes", f"{len(observer.rib)} routes")
