"""Add-path, route refresh, extended messages, communities."""
import struct
import time

from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
BOTH = ("ipv4", "ipv6")

group("Add-path")


def ids(mode, family=IPV4):
    return [add_path((family, mode))]


@check("RFC 7911 §4: the capability is offered only where it is configured", Neighbor(), Neighbor(add_path="both"))
def _(t):
    plain, offering = t.connect(0).expect_open(), t.connect(1).expect_open()
    expect(plain.value(69) is None or not any(plain.value(69)[i + 3] & 2 for i in range(0, len(plain.value(69)) - 3, 4)),
           "no offer to send", plain.value(69))
    expect(offering.value(69) is not None and struct.pack(">HBB", 1, 1, 3) in offering.value(69), "1, 1, 3", offering.value(69))


@check("RFC 7911 §4: modes are offered as configured", Neighbor(add_path="rx"), Neighbor(add_path="tx"), only=("martlet", "bird"))
def _(t):
    modes = [t.connect(i).expect_open().value(69) for i in (0, 1)]
    expect(modes == [struct.pack(">HBB", 1, 1, 1), struct.pack(">HBB", 1, 1, 2)], "receive and send", modes)


def offered(title, mode, receives, sends, neighbor="both"):
    """What is used when the peer offers a mode to a daemon that has both."""
    @check(title, Neighbor(add_path=neighbor), Neighbor(), Neighbor())
    def _(t):
        peer, other, third = t.up(0, also=ids(mode)), t.up(1), t.up(2)
        # What we send: with identifiers where the daemon receives them.
        octets = prefix(P, 7 if receives else None)
        peer.send(update(octets, peer.attributes()))
        other.expect_route(P)
        other.announce(Q)
        third.announce(Q, path=[t.peers[2].asn, 65010])
        peer.expect_route(Q)
        if sends:
            expect(peer.wait(lambda: len(peer.find(Q)) == 2), "two routes", peer.find(Q))
            expect(None not in peer.find(Q), "identifiers", peer.find(Q))
        else:
            peer.quiet(0.3)
            expect(list(peer.find(Q)) == [None], "one route without identifier", list(peer.find(Q)))
        peer.expect_alive()


offered("RFC 7911 §4: with mode 3 on both sides identifiers go both ways", 3, True, True)
offered("RFC 7911 §4: a peer that only sends gets none and sends them", 2, True, False)
offered("RFC 7911 §4: a peer that only receives gets them and sends none", 1, False, True)
offered("RFC 7911 §4: an unknown mode is ignored", 4, False, False)
offered("RFC 7911 §4: mode 0 is ignored", 0, False, False)


@check("RFC 7911 §4: a peer without the capability gets the best route without identifier", Neighbor(add_path="both"), Neighbor(), Neighbor())
def _(t):
    peer, other, third = t.all_up()
    other.announce(Q)
    third.announce(Q, path=[t.peers[2].asn, 65010])
    peer.expect_route(Q)
    peer.quiet(0.3)
    expect(list(peer.find(Q)) == [None], "one route", list(peer.find(Q)))


@check("RFC 7911 §4: identifiers of one family do not change the other", Neighbor(add_path="both", families=BOTH), Neighbor(families=BOTH))
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1)
    peer.announce(P, path_id=5)
    peer.announce6("2001:db8:1::/48")
    other.expect_route(P)
    other.expect_route("2001:db8:1::/48")
    other.announce6("2001:db8:2::/48")
    peer.expect_route("2001:db8:2::/48")
    expect(list(peer.find("2001:db8:2::/48")) == [None], "no identifier", peer.find("2001:db8:2::/48"))


@check("RFC 7911 §3: two routes of a prefix with different identifiers are both kept", Neighbor(add_path="both"), Neighbor())
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1)
    peer.announce(P, path_id=1, communities=["1:1"])
    peer.announce(P, path_id=2, path=[t.peers[0].asn, 65010], communities=["2:2"])
    other.expect_route(P, lambda r: r.communities == ["1:1"])
    peer.withdraw(P, path_id=1)
    other.expect_route(P, lambda r: r.communities == ["2:2"], "the other route")
    peer.withdraw(P, path_id=2)
    other.expect_no_route(P)


@check("RFC 7911 §6: more routes of a prefix than are kept are left out, and are no matter of the receive limit",
       Neighbor(add_path="both", raw={"martlet": "max paths 4;"}, limit=(20, "disable", "receive")),
       Neighbor(add_path="both"), only=("martlet",))
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1, also=ids(3))
    for number in range(1, 9):
        peer.announce(P, path_id=number, communities=[f"1:{number}"])
    peer.announce(Q, path_id=1)
    other.expect_route(Q)
    peer.expect_alive(0.3)
    expect(len(other.find(P)) == 4, "four routes", list(other.find(P)))


@check("RFC 7911 §3: an announcement with the same identifier replaces the route", Neighbor(add_path="both"), Neighbor())
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1)
    peer.announce(P, path_id=1, communities=["1:1"])
    other.expect_route(P)
    peer.announce(P, path_id=1, communities=["2:2"])
    other.expect_route(P, lambda r: r.communities == ["2:2"])
    peer.withdraw(P, path_id=1)
    other.expect_no_route(P)


@check("RFC 7911 §3: a withdrawal with an identifier that was not announced changes nothing", Neighbor(add_path="both"), Neighbor())
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1)
    peer.announce(P, path_id=1)
    other.expect_route(P)
    peer.withdraw(P, path_id=2)
    t.settle(peer, other)
    expect(other.route(P), f"{P} to stay", other.story)
    peer.expect_alive()


@check("RFC 7911 §3: identifiers 0 and 4294967295 are legal", Neighbor(add_path="both"), Neighbor())
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1)
    peer.announce(P, path_id=0)
    peer.announce(Q, path_id=4294967295)
    other.expect_route(P)
    other.expect_route(Q)
    peer.withdraw(P, path_id=0)
    other.expect_no_route(P)


@check("RFC 7911 §3: identifiers that are sent are different for the routes of a prefix and stay the same", Neighbor(add_path="tx"),
       Neighbor(), Neighbor(), Neighbor())
def _(t):
    peer, senders = t.up(0, also=ids(1)), [t.up(i) for i in (1, 2, 3)]
    for index, sender in enumerate(senders):
        sender.announce(P, communities=[f"1:{index}"])
    expect(peer.wait(lambda: len(peer.find(P)) == 3), "three routes", peer.find(P))
    before = {r.communities[0]: i for i, r in peer.find(P).items()}
    senders[0].announce(P, communities=["1:0"], path=[t.peers[1].asn, 65010])
    peer.expect(lambda: any(65010 in r.path for r in peer.find(P).values()), "the changed route")
    after = {r.communities[0]: i for i, r in peer.find(P).items()}
    expect(before == after, f"the same identifiers {before}", after)


@check("RFC 7911 §3: a withdrawn route is withdrawn with its identifier, the others stay", Neighbor(add_path="tx"), Neighbor(), Neighbor())
def _(t):
    peer, first, second = t.up(0, also=ids(1)), t.up(1), t.up(2)
    first.announce(P, communities=["1:1"])
    second.announce(P, communities=["2:2"])
    expect(peer.wait(lambda: len(peer.find(P)) == 2), "two routes", peer.find(P))
    first.withdraw(P)
    peer.expect(lambda: [r.communities for r in peer.find(P).values()] == [["2:2"]], "the second's route alone")


@check("RFC 7911 §3: the routes of a lost session are withdrawn with their identifiers", Neighbor(add_path="tx"), Neighbor(), Neighbor())
def _(t):
    peer, first, second = t.up(0, also=ids(1)), t.up(1), t.up(2)
    first.announce([P, Q], communities=["1:1"])
    second.announce([P], communities=["2:2"])
    expect(peer.wait(lambda: len(peer.find(P)) == 2 and len(peer.find(Q)) == 1), "three routes", peer.find(P))
    first.close()
    peer.expect(lambda: len(peer.find(P)) == 1 and not peer.find(Q), "one route")


@check("RFC 7911 §5: NLRI too short for an identifier ends the session with 3/10", Neighbor(add_path="both"))
def _(t):
    peer = t.up(0, also=ids(3))
    peer.send(update(b"\0\0\0", peer.attributes()))
    peer.expect_notification(3, (1, 10))


@check("RFC 7911 §3: a malformed UPDATE withdraws the route of its identifier alone", Neighbor(add_path="both"), Neighbor())
def _(t):
    peer, other = t.up(0, also=ids(3)), t.up(1)
    peer.announce(P, path_id=1, communities=["1:1"])
    peer.announce(P, path_id=2, path=[t.peers[0].asn, 65010], communities=["2:2"])
    other.expect_route(P, lambda r: r.communities == ["1:1"])
    peer.announce(P, path_id=1, replace={ORIGIN: attribute(ORIGIN, b"\7")})
    other.expect_route(P, lambda r: r.communities == ["2:2"], "the route of identifier 2")
    peer.expect_alive()


@check("RFC 7911 §4: a reflector sends all routes to clients that receive them, with ORIGINATOR_ID each",
       *[Neighbor(internal=True, rr_client=True)] * 2, Neighbor(internal=True, rr_client=True, add_path="tx"))
def _(t):
    first, second, client = t.up(0), t.up(1), t.up(2, also=ids(1))
    first.announce(P)
    second.announce(P)
    expect(client.wait(lambda: len(client.find(P)) == 2), "two routes", client.find(P))
    origins = {r.originator for r in client.find(P).values()}
    expect(origins == {t.peers[0].identifier, t.peers[1].identifier}, "both originators", origins)


@check("RFC 7911 §4: IPv6 routes have identifiers, too", Neighbor(add_path="both", families=BOTH), Neighbor(families=BOTH), Neighbor(families=BOTH))
def _(t):
    peer, first, second = t.up(0, also=[add_path((IPV4, 3), (IPV6, 3))]), t.up(1), t.up(2)
    peer.announce6("2001:db8:1::/48", path_id=9)
    first.expect_route("2001:db8:1::/48")
    peer.withdraw6("2001:db8:1::/48", path_id=9)
    first.expect_no_route("2001:db8:1::/48")
    first.announce6("2001:db8:2::/48")
    second.announce6("2001:db8:2::/48")
    expect(peer.wait(lambda: len(peer.find("2001:db8:2::/48")) == 2), "two routes", peer.find("2001:db8:2::/48"))


group("Route refresh")

ENHANCED = capability(70)


def announcements(session, text, since=0):
    return sum(1 for u in session.updates[since:] for k in u.announced if k[1] == text)


@check("RFC 2918 §4: a request is answered with all routes", Neighbor(), Neighbor(), statics=[P])
def _(t):
    sender, peer = t.all_up()
    sender.announce(Q)
    for text in (P, Q):
        peer.expect_route(text)
    since = len(peer.updates)
    peer.send(refresh())
    peer.expect(lambda: all(announcements(peer, text, since) for text in (P, Q)), "both routes again")


@check("RFC 2918 §4: a request for IPv6 is answered with IPv6 routes alone", Neighbor(families=BOTH), statics=[P, "2001:db8::/32"])
def _(t):
    peer = t.up()
    peer.expect_route(P)
    peer.expect_route("2001:db8::/32")
    since = len(peer.updates)
    peer.send(refresh(IPV6))
    peer.expect(lambda: announcements(peer, "2001:db8::/32", since), "the IPv6 route again")
    peer.quiet(0.2)
    expect(not announcements(peer, P, since), "no IPv4 route", peer.story)


@check("RFC 2918 §4: a request for a family that was not negotiated is ignored", Neighbor(), statics=[P])
def _(t):
    peer = t.up()
    peer.expect_route(P)
    peer.send(refresh(IPV6), refresh((25, 70)), refresh((9999, 255)))
    peer.expect_alive(0.3)


@check("RFC 7313 §5: an unknown subtype is ignored", Neighbor(), statics=[P])
def _(t):
    peer = t.up(0, also=[ENHANCED])
    peer.expect_route(P)
    since = len(peer.updates)
    peer.send(refresh(subtype=3), refresh(subtype=255))
    peer.expect_alive(0.4)
    expect(not announcements(peer, P, since), "no routes", peer.story)


@check("RFC 7313 §4.1: an answer begins with BoRR and ends with EoRR when both sides offered it", Neighbor(), statics=[P, Q])
def _(t):
    peer = t.up(0, also=[ENHANCED])
    peer.expect_route(P)
    peer.expect_route(Q)
    peer.quiet(0.2)
    since = len(peer.updates)
    peer.send(refresh())
    peer.expect(lambda: any(s == 2 for _, s, _, _ in peer.refreshes), "EoRR")
    subtypes = [(s, count) for _, s, _, count in peer.refreshes]
    expect([s for s, _ in subtypes] == [1, 2], "BoRR, EoRR", subtypes)
    expect(subtypes[0][1] == since, "BoRR before the routes", subtypes)
    between = peer.updates[subtypes[0][1]:subtypes[1][1]]
    sent = {k[1] for u in between for k in u.announced}
    expect(sent == {P, Q}, "both routes between", sent)


@check("RFC 7313 §4.1: a peer that did not offer it gets neither BoRR nor EoRR", Neighbor(), statics=[P])
def _(t):
    peer = t.up()
    peer.expect_route(P)
    since = len(peer.updates)
    peer.send(refresh())
    peer.expect(lambda: announcements(peer, P, since), "the route again")
    peer.quiet(0.2)
    expect(not peer.refreshes, "no ROUTE-REFRESH", peer.refreshes)


@check("RFC 7313 §5: a ROUTE-REFRESH of wrong length is answered with 7/1 and the message", Neighbor())
def _(t):
    peer = t.up(0, also=[ENHANCED])
    octets = refresh(extra=b"\1\2")
    peer.send(octets)
    peer.expect_notification(7, 1, octets)


@check("RFC 2918 §3: a ROUTE-REFRESH too short to name a family ends the session of a peer without the enhanced kind", Neighbor())
def _(t):
    peer = t.up()
    peer.send(message(REFRESH, b"\0\1"))
    code, data = ((7, None) if t.dut.name == "gobgp" else (1, b"\0\x15"))
    peer.expect_notification(code, None, data)


@check("RFC 7313 §5: a longer ROUTE-REFRESH of a peer without the enhanced kind leaves the session", Neighbor())
def _(t):
    peer = t.up()
    peer.send(refresh(extra=b"\1\2"))
    peer.expect_alive(0.4)


@check("RFC 7313 §5: of a ROUTE-REFRESH of wrong length that fits no NOTIFICATION the beginning is sent with 7/1",
       Neighbor(extended_messages=True))
def _(t):
    peer = t.up(0, also=[ENHANCED, capability(6)])
    octets = refresh(extra=bytes(5000))
    peer.send(octets)
    data = peer.expect_notification(7, 1)
    expect(len(data) >= 23 and octets.startswith(data), "the beginning of the message", f"{len(data)} octets")


@check("RFC 7313 §5: a BoRR of wrong length is answered with 7/1 and the message", Neighbor())
def _(t):
    peer = t.up(0, also=[ENHANCED])
    octets = refresh(subtype=1, extra=b"\0")
    peer.send(octets)
    peer.expect_notification(7, 1, octets)


@check("RFC 7313 §4.2: what was not sent again between BoRR and EoRR is removed", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce([P, Q])
    observer.expect_route(P)
    observer.expect_route(Q)
    sender.send(refresh(subtype=1))
    sender.announce(P)
    t.settle(sender, observer)
    expect(observer.route(Q), f"{Q} to stay until the end", observer.story)
    sender.send(refresh(subtype=2))
    observer.expect_no_route(Q)
    expect(observer.route(P), f"{P} to stay", observer.story)
    sender.expect_alive()


@check("RFC 7313 §4.2: routes that were sent again are not withdrawn meanwhile", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce([P, Q])
    observer.expect_route(P)
    sender.send(refresh(subtype=1))
    sender.announce([P, Q])
    sender.send(refresh(subtype=2))
    t.settle(sender, observer)
    gone = [k for u in observer.updates for k in u.withdrawn]
    expect(not gone and observer.route(Q), "no withdrawal", gone)


@check("RFC 7313 §4.2: a new route between BoRR and EoRR stays", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce(P)
    observer.expect_route(P)
    sender.send(refresh(subtype=1))
    sender.announce(R)
    sender.send(refresh(subtype=2))
    observer.expect_no_route(P)
    t.settle(sender, observer)
    expect(observer.route(R), f"{R} to stay", observer.story)


@check("RFC 7313 §4.2: when EoRR does not come, what was not sent again goes after the stale path time, and the rest stays",
       Neighbor(raw={"martlet": "stale path time 2;"}), Neighbor(), only=("martlet",), slow=2)
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce([P, Q])
    observer.expect_route(P)
    observer.expect_route(Q)
    began = time.monotonic()
    sender.send(refresh(subtype=1))
    sender.announce(P)
    observer.quiet(1.4)
    observer.expect_route(Q, patience=0)
    observer.expect_no_route(Q)
    expect(time.monotonic() - began > 1.9, "two seconds", f"{time.monotonic() - began:.1f} s")
    observer.expect_route(P, patience=0)
    sender.send(refresh(subtype=2))
    t.settle(sender, observer)
    observer.expect_route(P, patience=0)


@check("RFC 7313 §4.2: EoRR without BoRR removes nothing", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce(P)
    observer.expect_route(P)
    sender.send(refresh(subtype=2))
    t.settle(sender, observer)
    expect(observer.route(P), f"{P} to stay", observer.story)
    sender.expect_alive()


@check("RFC 7313 §4.2: a second BoRR starts anew", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce([P, Q])
    observer.expect_route(Q)
    sender.send(refresh(subtype=1))
    sender.announce(P)
    sender.send(refresh(subtype=1))
    sender.announce(Q)
    sender.send(refresh(subtype=2))
    observer.expect_no_route(P)
    expect(observer.route(Q), f"{Q} to stay", observer.story)


@check("RFC 7313 §4.2: BoRR of one family leaves the other alone", Neighbor(families=BOTH), Neighbor(families=BOTH))
def _(t):
    sender, observer = t.up(0, also=[ENHANCED]), t.up(1)
    sender.announce(P)
    sender.announce6("2001:db8::/32")
    observer.expect_route(P)
    observer.expect_route("2001:db8::/32")
    sender.send(refresh(IPV6, 1), refresh(IPV6, 2))
    observer.expect_no_route("2001:db8::/32")
    expect(observer.route(P), f"{P} to stay", observer.story)


@check("RFC 2918 §3: the daemon asks for routes with a ROUTE-REFRESH of 23 octets and subtype 0", Neighbor())
def _(t):
    peer = t.up()
    t.dut.refresh(t.peers[0])
    peer.expect(lambda: peer.refreshes, "a ROUTE-REFRESH")
    family, subtype, extra, _ = peer.refreshes[0]
    expect((family, subtype, extra) == (IPV4, 0, b""), "IPv4, 0", peer.refreshes[0])


@check("RFC 2918 §2: a peer without the capability is not asked", Neighbor())
def _(t):
    peer = t.up(0, without=(2,))
    try:
        t.dut.refresh(t.peers[0])
    except Failed as failure:
        if "bgpctl" not in str(failure):
            raise
    peer.expect_alive(0.5)
    expect(not peer.refreshes, "no ROUTE-REFRESH", peer.refreshes)


@check("RFC 2918 §4: many requests in a row are answered and the session stays", Neighbor(), statics=[P])
def _(t):
    peer = t.up()
    peer.expect_route(P)
    since = len(peer.updates)
    peer.send(refresh() * 200)
    peer.expect(lambda: announcements(peer, P, since), "the route again")
    peer.expect_alive(0.3)


group("Extended messages")

EXTENDED = capability(6)


def filler(count):
    """About `count` octets of large communities, the 12 octets each different."""
    return attribute(LARGE_COMMUNITIES, b"".join(large(f"65010:{i}:1") for i in range(count // 12)))


def long_pair():
    return [Neighbor(extended_messages=True), Neighbor(extended_messages=True)]


@check("RFC 8654 §3: the capability is offered without value", *long_pair())
def _(t):
    expect(t.connect().expect_open().value(6) == b"", "capability 6 without value", "another")


@check("RFC 8654 §4: an UPDATE of more than 4096 octets is taken and passed on when both sides offered it", *long_pair())
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1, also=[EXTENDED])
    sender.announce(P, extra=[filler(6000)])
    route = observer.expect_route(P)
    expect(len(route.large_communities) == 500, "500 communities", len(route.large_communities))


@check("RFC 8654 §4: an UPDATE of 65535 octets is taken", *long_pair())
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1)
    attributes = sender.attributes()
    count = 16400
    nlri = b"".join(prefix(f"10.{100 + i // 250}.{i % 250}.0/24") for i in range(count))
    room = 65535 - 23 - len(attributes)
    nlri = nlri[:room // 4 * 4]
    nlri += {0: b"", 1: b"\0", 2: b"\x08\x0b", 3: b"\x10\x0b\x0b"}[room - len(nlri)]
    octets = update(nlri, attributes)
    expect(len(octets) == 65535, "the check to build 65535 octets", len(octets))
    sender.send(octets)
    observer.expect_route("10.100.0.0/24")
    sender.expect_alive()


@check("RFC 8654 §4: 65535 octets of attributes for one prefix are taken or withdrawn, the session stays", *long_pair())
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1, also=[EXTENDED])
    sender.announce(P)
    observer.expect_route(P)
    sender.announce(P, extra=[filler(65000)])
    sender.expect_alive(0.5)
    t.settle(sender, observer)
    route = observer.route(P)
    expect(route is None or route.large_communities, "the new route or none", route)


@check("RFC 8654 §5: without the capability from the peer an UPDATE of 4097 octets is answered with 1/2", *long_pair())
def _(t):
    sender = t.up(0)
    sender.send(message(UPDATE, length=4097))
    sender.expect_notification(1, 2, b"\x10\x01")


@check("RFC 8654 §4: an OPEN of more than 4096 octets is answered with 1/2 even so", *long_pair())
def _(t):
    session = t.connect()
    session.expect_open()
    session.send(message(OPEN, length=5000))
    session.expect_notification(1, 2, (5000).to_bytes(2, "big"))


@check("RFC 8654 §4: a KEEPALIVE stays at 19 octets", *long_pair())
def _(t):
    session = t.up(0, also=[EXTENDED])
    session.send(message(KEEPALIVE, bytes(5000)))
    session.expect_notification(1, 2, (5019).to_bytes(2, "big"))


@check("RFC 8654 §4: a route that does not fit 4096 octets is not sent to a peer without the capability, and the former is withdrawn",
       Neighbor(extended_messages=True), Neighbor())
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1)
    sender.announce(P)
    sender.announce(Q)
    observer.expect_route(P)
    sender.announce(P, extra=[filler(6000)])
    observer.expect_no_route(P)
    observer.expect_alive(0.2)
    expect(observer.route(Q), f"{Q} to stay", observer.story)


@check("RFC 4271 §4.3: attributes that grow over 4096 octets on the way are not sent, and sessions stay", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    base = len(update(prefix(P), sender.attributes()))
    sender.announce(P, extra=[attribute(213, bytes(4096 - base - 4))])       # exactly 4096 octets
    t.settle(sender, observer)
    observer.expect_alive(0.1)
    sender.expect_alive(0.1)
    route = observer.route(P)
    expect(route is None, f"no {P}", route)


group("Communities")

NO_EXPORT, NO_ADVERTISE, NO_EXPORT_SUBCONFED = "65535:65281", "65535:65282", "65535:65283"


def scoped(title, value, target, passes):
    @check(title, Neighbor(), target, Neighbor(internal=True), Neighbor())
    def _(t):
        sender, observer, third, outer = t.all_up()
        sender.announce(P, communities=[value, "65010:1"])
        if passes:
            route = observer.expect_route(P)
            expect(value in route.communities, f"community {value}", route)
        else:
            t.absent(sender, observer, P)


scoped("RFC 1997: a route with NO_EXPORT does not go to external peers", NO_EXPORT, Neighbor(), False)
scoped("RFC 1997: a route with NO_EXPORT goes to internal peers", NO_EXPORT, Neighbor(internal=True), True)
scoped("RFC 1997: a route with NO_ADVERTISE does not go to external peers", NO_ADVERTISE, Neighbor(), False)
scoped("RFC 1997: a route with NO_ADVERTISE does not go to internal peers", NO_ADVERTISE, Neighbor(internal=True), False)
scoped("RFC 1997: a route with NO_EXPORT_SUBCONFED does not go to external peers", NO_EXPORT_SUBCONFED, Neighbor(), False)
scoped("RFC 3765 §2: NOPEER is passed on", "65535:65284", Neighbor(), True)
scoped("RFC 7999 §3: BLACKHOLE alone does not stop a route", "65535:666", Neighbor(internal=True), True)


@check("RFC 1997: NO_EXPORT that is added later withdraws the route outside", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    sender.announce(P, communities=[NO_EXPORT])
    observer.expect_no_route(P)


@check("RFC 1997: communities pass unchanged", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    values = ["65010:7", "1:2", "65010:1", "0:0", "64000:65535"]
    sender.announce(P, communities=values)
    expect(sorted(observer.expect_route(P).communities) == sorted(values), values, observer.route(P))


@check("RFC 1997: a thousand communities pass", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, communities=[f"65010:{i}" for i in range(1000)])
    expect(len(observer.expect_route(P).communities) == 1000, "1000", len(observer.route(P).communities))


@check("RFC 4360 §6: extended communities that are not transitive do not leave the AS", Neighbor(internal=True), Neighbor(), Neighbor(internal=True))
def _(t):
    sender, outer, _ = t.all_up()
    sender.announce(P, ext=["0002fde800000001", "4004fde849742400", "4300000000000000"])
    expect(outer.expect_route(P).ext_communities == ["0002fde800000001"], "the transitive one", outer.route(P))


@check("RFC 4360 §6: extended communities that are not transitive pass inside the AS", Neighbor(internal=True, rr_client=True),
       Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, ext=["0002fde800000001", "4004fde849742400"])
    expect(observer.expect_route(P).ext_communities == ["0002fde800000001", "4004fde849742400"], "both", observer.route(P))


@check("RFC 4360 §6: extended communities of unknown type pass", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, ext=["3fee010203040506", "0103c00002010001", "0203fde800010001"])
    expect(sorted(observer.expect_route(P).ext_communities) == ["0103c00002010001", "0203fde800010001", "3fee010203040506"], "all", observer.route(P))


@check("RFC 8092 §2: repeated large communities are sent once", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, large=["65010:1:2", "65010:1:2", "65010:1:3"])
    expect(sorted(observer.expect_route(P).large_communities) == ["65010:1:2", "65010:1:3"], "each once", observer.route(P))


@check("RFC 8092 §2: large communities with zero and the largest numbers pass", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    values = ["0:0:0", "4294967295:4294967295:4294967295"]
    sender.announce(P, large=values)
    expect(sorted(observer.expect_route(P).large_communities) == sorted(values), values, observer.route(P))


@check("RFC 5701 §2: IPv6 extended communities pass", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    value = bytes.fromhex("0002") + bytes(range(16)) + b"\0\1"
    sender.announce(P, extra=[attribute(25, value)])
    expect(observer.expect_route(P).value(25) == value, "the value", observer.route(P))


@check("RFC 8326 §4.2: a route with GRACEFUL_SHUTDOWN from an external peer has LOCAL_PREF 0", Neighbor(), Neighbor(internal=True), only=("martlet",))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, communities=["65535:0"])
    expect(observer.expect_route(P).local_pref == 0, "LOCAL_PREF 0", observer.route(P))


@check("RFC 8326 §4.2: a policy can give routes with GRACEFUL_SHUTDOWN LOCAL_PREF 0, and others take over",
       Neighbor(imports="filter { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }"), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P)
    second.announce(P, path=[t.peers[1].asn, 65010])
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    first.announce(P, communities=["65535:0"])
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path, "the other route")
