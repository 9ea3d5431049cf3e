"""Four-octet AS numbers and AS paths."""
import struct

from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

group("Four-octet AS numbers")

P, Q = "203.0.113.0/24", "198.51.100.0/24"
BIG = 4200000001


@check("RFC 6793 §4.2.2: a two-octet speaker gets AS_TRANS for large numbers, and AS4_PATH with the true ones", Neighbor(), Neighbor())
def _(t):
    sender, old = t.up(0), t.up(1, without=(65,))
    sender.announce(P, path=[t.peers[0].asn, BIG, 65010])
    route = old.expect_route(P)
    expect(route.path == [AS, t.peers[0].asn, AS_TRANS, 65010], "AS_TRANS in its place", route)
    expect(route.as4_path == [AS, t.peers[0].asn, BIG, 65010], "the true path in AS4_PATH", route)
    expect(route.attributes[AS4_PATH][0] & 0xC0 == 0xC0, "AS4_PATH optional and transitive", route)


@check("RFC 6793 §4.2.2: no AS4_PATH is sent when every number fits two octets", Neighbor(), Neighbor())
def _(t):
    sender, old = t.up(0), t.up(1, without=(65,))
    sender.announce(P, path=[t.peers[0].asn, 65010])
    route = old.expect_route(P)
    expect(route.path == [AS, t.peers[0].asn, 65010] and AS4_PATH not in route.attributes, "no AS4_PATH", route)


@check("RFC 6793 §4.2.2: an AGGREGATOR with a large number becomes AS_TRANS and AS4_AGGREGATOR for a two-octet speaker",
       Neighbor(), Neighbor())
def _(t):
    sender, old = t.up(0), t.up(1, without=(65,))
    sender.announce(P, extra=[attribute(AGGREGATOR, struct.pack(">I", BIG) + b"\x0a\1\2\3")])
    route = old.expect_route(P)
    expect(route.value(AGGREGATOR) == struct.pack(">H", AS_TRANS) + b"\x0a\1\2\3", "AS_TRANS", route)
    expect(route.value(AS4_AGGREGATOR) == struct.pack(">I", BIG) + b"\x0a\1\2\3", "the true AS", route)


@check("RFC 6793 §4.2.2: an AGGREGATOR with a small number has 6 octets and no AS4_AGGREGATOR for a two-octet speaker",
       Neighbor(), Neighbor())
def _(t):
    sender, old = t.up(0), t.up(1, without=(65,))
    sender.announce(P, extra=[attribute(AGGREGATOR, struct.pack(">I", 65010) + b"\x0a\1\2\3")])
    route = old.expect_route(P)
    expect(route.value(AGGREGATOR) == struct.pack(">H", 65010) + b"\x0a\1\2\3", "6 octets", route)
    expect(AS4_AGGREGATOR not in route.attributes, "no AS4_AGGREGATOR", route)


@check("RFC 6793 §4.1: neither AS4_PATH nor AS4_AGGREGATOR is sent to a four-octet speaker", Neighbor(), Neighbor())
def _(t):
    sender, new = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, BIG], extra=[attribute(AGGREGATOR, struct.pack(">I", BIG) + b"\x0a\1\2\3")])
    route = new.expect_route(P)
    expect(AS4_PATH not in route.attributes and AS4_AGGREGATOR not in route.attributes, "neither", route)
    expect(route.path == [AS, t.peers[0].asn, BIG], "the path", route)


def from_old(title, path, as4=None, expected=None, extra=(), condition=None):
    """A two-octet speaker announces a path with AS4_PATH; a four-octet speaker sees the merged one."""
    @check(title, Neighbor(), Neighbor())
    def _(t):
        old, new = t.up(0, without=(65,)), t.up(1)
        first = t.peers[0].asn
        also = list(extra)
        if as4 is not None:
            also.append(attribute(AS4_PATH, as4 if isinstance(as4, bytes) else as_path(as4, 4)))
        old.announce(P, path=[first] + path if path and isinstance(path[0], int) or not path else path(first), extra=also)
        route = new.expect_route(P)
        if expected is not None:
            expect(route.path == [AS, first] + expected, f"the path {[AS, first] + expected}", route.path)
        expect(AS4_PATH not in route.attributes, "no AS4_PATH", route)
        if condition:
            expect(condition(route), "the route as the RFC says", route)
        old.expect_alive()


from_old("RFC 6793 §4.2.3: AS4_PATH from a two-octet speaker replaces the end of the path",
         [AS_TRANS, AS_TRANS, 65010], [BIG, BIG + 1, 65010], [BIG, BIG + 1, 65010])
from_old("RFC 6793 §4.2.3: leading numbers that AS4_PATH lacks are kept",
         [65020, AS_TRANS, 65010], [BIG, 65010], [65020, BIG, 65010])
from_old("RFC 6793 §4.2.3: an AS4_PATH that is longer than AS_PATH is ignored",
         [AS_TRANS], [BIG, BIG + 1, BIG + 2, 65010], [AS_TRANS])
from_old("RFC 6793 §4.2.3: with an AGGREGATOR whose AS is not AS_TRANS AS4_PATH and AS4_AGGREGATOR are ignored",
         [AS_TRANS, 65010], [BIG, 65010], [AS_TRANS, 65010],
         extra=[attribute(AGGREGATOR, struct.pack(">H", 65010) + b"\x0a\1\2\3"),
                attribute(AS4_AGGREGATOR, struct.pack(">I", BIG) + b"\x0a\1\2\3")],
         condition=lambda r: r.value(AGGREGATOR) == struct.pack(">I", 65010) + b"\x0a\1\2\3" and AS4_AGGREGATOR not in r.attributes)
from_old("RFC 6793 §4.2.3: AS4_AGGREGATOR replaces an AGGREGATOR of AS_TRANS",
         [AS_TRANS, 65010], [BIG, 65010], [BIG, 65010],
         extra=[attribute(AGGREGATOR, struct.pack(">H", AS_TRANS) + b"\x0a\1\2\3"),
                attribute(AS4_AGGREGATOR, struct.pack(">I", BIG) + b"\x0a\1\2\3")],
         condition=lambda r: r.value(AGGREGATOR) == struct.pack(">I", BIG) + b"\x0a\1\2\3" and AS4_AGGREGATOR not in r.attributes)
from_old("RFC 6793 §6: an AS4_PATH with an unknown segment type is discarded", [AS_TRANS, 65010], segment(9, [BIG, 65010]),
         [AS_TRANS, 65010])
from_old("RFC 6793 §6: an AS4_PATH whose segment overruns is discarded", [AS_TRANS, 65010], b"\2\5" + bytes(8), [AS_TRANS, 65010])
from_old("RFC 6793 §6: an AS4_PATH of 3 octets is discarded", [AS_TRANS, 65010], b"\2\1\0", [AS_TRANS, 65010])
from_old("RFC 6793 §6: an empty segment in AS4_PATH discards it", [AS_TRANS, 65010], b"\2\0" + segment(2, [BIG, 65010]), [AS_TRANS, 65010])
from_old("RFC 6793 §6: confederation segments in AS4_PATH are discarded and the session stays", [AS_TRANS, 65010],
         segment(CONFED_SEQUENCE, [65001]) + segment(SEQUENCE, [BIG, 65010]), None)
from_old("RFC 6793 §6: an AS4_AGGREGATOR of 7 octets is discarded", [65010], None, [65010],
         extra=[attribute(AS4_AGGREGATOR, bytes(7))], condition=lambda r: AS4_AGGREGATOR not in r.attributes)


@check("RFC 6793 §4.1: AS4_PATH from a four-octet speaker is discarded", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, AS_TRANS, 65010], extra=[attribute(AS4_PATH, as_path([BIG, 65010])),
                                                                    attribute(AS4_AGGREGATOR, bytes(8))])
    route = observer.expect_route(P)
    expect(route.path == [AS, t.peers[0].asn, AS_TRANS, 65010], "the path as it was", route)
    expect(AS4_PATH not in route.attributes and AS4_AGGREGATOR not in route.attributes, "neither", route)


@check("RFC 6793 §4.2.3: a two-octet AS_PATH is widened for a four-octet speaker", Neighbor(), Neighbor())
def _(t):
    old, new = t.up(0, without=(65,)), t.up(1)
    old.announce(P, path=[t.peers[0].asn, 65010, 65011])
    expect(new.expect_route(P).path == [AS, t.peers[0].asn, 65010, 65011], "the path", new.route(P))


@check("RFC 6793 §4.2.2: an own AS above 65535 is prepended as AS_TRANS for a two-octet speaker, and truly in AS4_PATH",
       config=Config(Neighbor(), Neighbor(), asn=BIG))
def _(t):
    sender, old = t.up(0), t.up(1, without=(65,))
    sender.announce(P)
    route = old.expect_route(P)
    expect(route.path == [AS_TRANS, t.peers[0].asn], "AS_TRANS first", route.path)
    expect(route.as4_path == [BIG, t.peers[0].asn], "the own AS in AS4_PATH", route)


@check("RFC 6793 §4.2.3: a loop is found in the merged path", Neighbor(), config=Config(Neighbor(), Neighbor(), asn=BIG))
def _(t):
    old, observer = t.up(0, without=(65,)), t.up(1)
    old.announce(P, path=[t.peers[0].asn, AS_TRANS, 65010], extra=[attribute(AS4_PATH, as_path([BIG, 65010]))])
    t.absent(old, observer, P)


group("AS paths")


@check("RFC 4271 §9.1.2: a route with our AS in its path is not used, and replaces one that was", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    sender.announce(P, path=[t.peers[0].asn, 65010, AS, 65011])
    observer.expect_no_route(P)
    sender.expect_alive()


@check("RFC 4271 §9.1.2: our AS in the path of an internal peer's route is a loop, too", Neighbor(internal=True), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[65010, AS])
    t.absent(sender, observer, P)


@check("RFC 7705 §4: with one own AS allowed a path with it once is used, with it twice is not",
       Neighbor(own_as=1), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, AS, 65011])
    sender.announce(Q, path=[t.peers[0].asn, AS, AS, 65011])
    observer.expect_route(P)
    t.absent(sender, observer, Q)


@check("RFC 4271 §5.1.2: an external peer gets our AS as the first of the path, once", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, 65010])
    expect(observer.expect_route(P).segments == [(SEQUENCE, [AS, t.peers[0].asn, 65010])], "one sequence", observer.route(P))


@check("RFC 4271 §5.1.2: an internal peer gets the path unchanged", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, 65010])
    expect(observer.expect_route(P).segments == [(SEQUENCE, [t.peers[0].asn, 65010])], "the same", observer.route(P))


@check("RFC 4271 §5.1.2: an internal peer gets an empty path for a route of ours, an external one our AS alone", Neighbor(),
       Neighbor(internal=True), statics=[P])
def _(t):
    outer, inner = t.all_up()
    expect(outer.expect_route(P).segments == [(SEQUENCE, [AS])], "our AS alone", outer.route(P))
    expect(inner.expect_route(P).segments == [], "an empty path", inner.route(P))


@check("RFC 4271 §5.1.2: a full first segment of 255 numbers gets a new segment before it", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn] + [65010] * 254)
    segments = observer.expect_route(P).segments
    expect(all(len(n) <= 255 for _, n in segments), "at most 255 each", [len(n) for _, n in segments])
    expect(observer.route(P).path == [AS, t.peers[0].asn] + [65010] * 254, "all numbers", observer.route(P))


@check("RFC 4271 §4.3: a path of several sequences of 255 numbers is accepted and passed on", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    path = [(SEQUENCE, [t.peers[0].asn] * 255), (SEQUENCE, [65010] * 255), (SEQUENCE, [65011])]
    sender.announce(P, path=path)
    sender.expect_alive(0.3)
    route = observer.expect_route(P)
    expect(route.path[1:] == [t.peers[0].asn] * 255 + [65010] * 255 + [65011], "all numbers", len(route.path))


@check("RFC 4271 §4.3: two sequences in a row count and pass as they are", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    path = [(SEQUENCE, [t.peers[0].asn]), (SEQUENCE, [65010, 65011])]
    sender.announce(P, path=path)
    expect(observer.expect_route(P).path == [t.peers[0].asn, 65010, 65011], "all numbers", observer.route(P))


group("local-as")


@check("RFC 7705 §3.1: a neighbour can be given another AS of ours, which it alone sees in OPEN and path",
       Neighbor(), Neighbor(local_as=64999))
def _(t):
    sender, observer = t.up(0), t.connect(1)
    seen = observer.expect_open()
    expect(seen.asn == 64999, "AS 64999", seen.asn)
    observer.establish()
    sender.announce(P)
    route = observer.expect_route(P)
    expect(route.path[0] == 64999, "64999 first", route.path)


@check("RFC 7705 §3.1: a path with the other AS of ours is a loop on that session", Neighbor(local_as=64999), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, path=[t.peers[0].asn, 64999, 65010])
    t.absent(sender, observer, P)


@check("RFC 4364 §7: with AS override the neighbour's own AS in a path becomes ours, so that it takes the route",
       Neighbor(), Neighbor(raw={"martlet": "as override on;"}, channel={"frr": "  neighbor {a} as-override"}),
       only=("martlet", "frr"))
def _(t):
    sender, observer = t.all_up()
    other = t.peers[1].asn
    sender.announce(P, path=[t.peers[0].asn, other, 65010, other])
    expect(observer.expect_route(P).path == [AS, t.peers[0].asn, AS, 65010, AS], "our AS in its place", observer.route(P))
