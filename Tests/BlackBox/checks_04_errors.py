"""Malformed UPDATEs (RFC 7606): what is taken as a withdrawal, what is discarded, what ends the session."""
import ipaddress
import struct

from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
P6, Q6 = "2001:db8:1::/48", "2001:db8:2::/48"
BOTH = ("ipv4", "ipv6")


def pair(internal=False, options=None, families=("ipv4",)):
    """A sender, which may be internal, and an external observer."""
    return [Neighbor(internal=internal, families=families, **(options or {})), Neighbor(families=families)]


def withdraws(title, block=None, internal=False, pending=None, opening=None, options=None, only=None, **attributes):
    """A check: an UPDATE with these attributes withdraws its prefixes; the session and other routes stay."""
    @check(title, *pair(internal, options), pending=pending, only=only)
    def _(t):
        sender, observer = t.up(0, **(opening or {})), t.up(1)
        sender.announce([P, Q])
        sender.announce(R)
        for text in (P, Q, R):
            observer.expect_route(text)
        octets = block(sender) if block else sender.attributes(**attributes)
        sender.send(update(prefix(P) + prefix(Q), octets))
        t.absent(sender, observer, P, Q)
        expect(observer.route(R), f"{R} to stay", observer.story)
        sender.expect_alive()


def discards(title, kind, value, internal=False, pending=None, opening=None, options=None, keeps=None, **attributes):
    """A check: a malformed attribute is dropped, the route stays; `keeps` is what the route must look like."""
    @check(title, *pair(internal, options), pending=pending)
    def _(t):
        sender, observer = t.up(0, **(opening or {})), t.up(1)
        octets = value if isinstance(value, bytes) and value[:1] == b"!" else None
        octets = octets[1:] if octets else attribute(kind, value)
        sender.announce(P, extra=[octets], **attributes)
        route = observer.expect_route(P)
        expect(kind not in route.attributes if keeps is None else keeps(route), f"{P} without attribute {kind}", route)
        sender.expect_alive()


def resets(title, octets, code, subcode, families=("ipv4",), pending=None, internal=False):
    """A check: an UPDATE ends the session with a NOTIFICATION, and its routes go."""
    @check(title, *pair(internal, families=families), pending=pending)
    def _(t):
        sender, observer = t.all_up()
        sender.announce(Q)
        observer.expect_route(Q)
        sender.send(octets(sender))
        sender.expect_notification(code, subcode)
        observer.expect_no_route(Q)


def resets_or_disables(title, octets, pending=None):
    """A check: either the session ends with an UPDATE error or the family's routes are no longer used."""
    @check(title, *pair(families=BOTH), pending=pending)
    def _(t):
        sender, observer = t.all_up()
        sender.announce6([P6, Q6])
        observer.expect_route(P6)
        observer.expect_route(Q6)
        sender.send(octets(sender))
        sender.wait(lambda: sender.notification or sender.closed, 1.5)
        if sender.notification:
            sender.expect_notification(3, (1, 9, 10))
        observer.expect_no_route(P6)
        observer.expect_no_route(Q6)


def accepts(title, families=("ipv4",), prefix_text=P, octets=None, condition=None, pending=None, internal=False,
            options=None, opening=None, **attributes):
    """A check: a route arrives at the observer and the condition holds for it."""
    @check(title, *pair(internal, options, families), pending=pending)
    def _(t):
        sender, observer = t.up(0, **(opening or {})), t.up(1)
        if octets:
            sender.send(octets(sender))
        else:
            sender.announce(prefix_text, **attributes)
        route = observer.expect_route(prefix_text)
        expect(condition is None or condition(route), "the route as it was sent", route)
        sender.expect_alive()


group("UPDATE errors: lengths and flags")

resets("RFC 7606 §4: withdrawn routes that overrun the message end the session with 3/1",
       lambda s: update(b"", s.attributes(), withdrawn_length=2000), 3, 1)
resets("RFC 7606 §4: path attributes that overrun the message end the session with 3/1",
       lambda s: update(prefix(P), s.attributes(), attribute_length=4000), 3, 1)
resets("RFC 4271 §6.3: lengths that leave no room for the attribute length end the session with 3/1",
       lambda s: message(UPDATE, b"\0\3\x18\xcb\0"), 3, 1)
withdraws("RFC 7606 §4: a last attribute that overruns the attributes withdraws, and the NLRI is found by their total length",
          lambda s: s.attributes() + attribute(COMMUNITIES, b"\0\1\0\2", length=12))
withdraws("RFC 7606 §4: a last attribute with an extended length that overruns withdraws",
          lambda s: s.attributes() + bytes([0xD0, COMMUNITIES, 0xFF, 0xFF]) + bytes(4))
withdraws("RFC 7606 §4: one octet left over in the attributes withdraws", lambda s: s.attributes() + b"\xc0")
withdraws("RFC 7606 §4: two octets left over in the attributes withdraw", lambda s: s.attributes() + b"\xc0\x08")
withdraws("RFC 7606 §4: an extended length with only one length octet left withdraws",
          lambda s: s.attributes() + b"\xd0\x08\x00")
withdraws("RFC 7606 §3d: NLRI without any attribute withdraws", lambda s: b"")
withdraws("RFC 7606 §3d: a missing ORIGIN withdraws", omit=[ORIGIN])
withdraws("RFC 7606 §3d: a missing AS_PATH withdraws", omit=[AS_PATH])
withdraws("RFC 7606 §3d: a missing NEXT_HOP withdraws", omit=[NEXT_HOP])
accepts("RFC 7606 §3d: a missing LOCAL_PREF from an internal peer is no error", internal=True, omit=[LOCAL_PREF])
accepts("RFC 4271 §4.3: the low four bits of the flags are ignored",
        octets=lambda s: update(prefix(P), s.attributes(replace={ORIGIN: attribute(ORIGIN, b"\0", 0x4F)})))
accepts("RFC 4271 §4.3: a short attribute with extended length is accepted",
        replace={ORIGIN: attribute(ORIGIN, b"\1", extended=True)}, condition=lambda r: r.origin == 1)
accepts("RFC 4271 §5: attributes in descending order are accepted",
        octets=lambda s: update(prefix(P), attribute(COMMUNITIES, community("1:2")) + attribute(NEXT_HOP, b"\x0a" + bytes(
            [s.neighbor.worker.number + 1, 0, 11])) + attribute(AS_PATH, as_path([s.neighbor.asn])) + attribute(ORIGIN, b"\0")),
        condition=lambda r: r.communities == ["1:2"])
for _kind, _name, _flags in ((ORIGIN, "ORIGIN", 0xC0), (ORIGIN, "ORIGIN", 0x00), (ORIGIN, "ORIGIN", 0x60),
                             (AS_PATH, "AS_PATH", 0xC0), (NEXT_HOP, "NEXT_HOP", 0x80), (NEXT_HOP, "NEXT_HOP", 0x60)):
    _what = {0xC0: "optional", 0x00: "not transitive", 0x60: "partial", 0x80: "optional and not transitive"}[_flags]
    withdraws(f"RFC 7606 §3c: {_name} marked as {_what} withdraws", lambda s, k=_kind, f=_flags: s.attributes(replace={
        k: attribute(k, {ORIGIN: b"\0", AS_PATH: as_path([s.neighbor.asn]),
                         NEXT_HOP: bytes(int(x) for x in s.neighbor.address4.split("."))}[k], f)}))
for _kind, _name in ((LOCAL_PREF, "LOCAL_PREF"), (ORIGINATOR, "ORIGINATOR_ID"), (CLUSTER_LIST, "CLUSTER_LIST")):
    withdraws(f"RFC 7606 §3c: {_name} from an external peer with wrong flags withdraws",
              extra=[attribute(_kind, bytes(3) + b"\1", 0xC0)])
for _flags, _what in ((0xC0, "optional"), (0x00, "not transitive")):
    withdraws(f"RFC 7606 §3c: ATOMIC_AGGREGATE marked as {_what} withdraws", extra=[attribute(ATOMIC, b"", _flags)])
for _flags, _what in ((0x40, "well-known"), (0x80, "not transitive")):
    withdraws(f"RFC 7606 §3c: AGGREGATOR marked as {_what} withdraws",
              extra=[attribute(AGGREGATOR, struct.pack(">II", 65101, 0xC0000201), _flags)])
withdraws("RFC 7606 §3c: MULTI_EXIT_DISC marked as well-known withdraws",
          extra=[attribute(MED, bytes(4), 0x40)])
withdraws("RFC 7606 §3c: MULTI_EXIT_DISC marked as transitive withdraws", extra=[attribute(MED, bytes(4), 0xC0)])
withdraws("RFC 7606 §3c: COMMUNITIES marked as not transitive withdraws",
          extra=[attribute(COMMUNITIES, community("1:2"), 0x80)])
withdraws("RFC 7606 §3c: EXTENDED COMMUNITIES marked as well-known withdraws",
          extra=[attribute(EXT_COMMUNITIES, bytes(8), 0x40)])
withdraws("RFC 7606 §3c: LARGE_COMMUNITY marked as not transitive withdraws",
          extra=[attribute(LARGE_COMMUNITIES, bytes(12), 0x80)])
withdraws("RFC 7606 §3c: LOCAL_PREF from an internal peer marked as optional withdraws", internal=True,
          replace={LOCAL_PREF: attribute(LOCAL_PREF, struct.pack(">I", 100), 0xC0)})

group("UPDATE errors: attributes")

for _length in (0, 2):
    withdraws(f"RFC 7606 §7.1: an ORIGIN of {_length} octets withdraws", replace={ORIGIN: attribute(ORIGIN, bytes(_length))})
for _value in (3, 255):
    withdraws(f"RFC 7606 §7.1: ORIGIN {_value} withdraws", replace={ORIGIN: attribute(ORIGIN, bytes([_value]))})
# Octets of the path are taken for attributes then: with a path of three numbers its length for the type of MP_REACH_NLRI.
for _path in ([65101], [65101, 1], [65101, 1, 2]):
    withdraws(f"RFC 7606 §7.1: an ORIGIN whose length reaches into a path of {len(_path)} withdraws", path=_path,
              replace={ORIGIN: attribute(ORIGIN, b"\0", length=2)})


def path_attribute(octets):
    return lambda s: s.attributes(replace={AS_PATH: attribute(AS_PATH, octets(s.neighbor.asn))})


for _type in (0, 5, 255):
    withdraws(f"RFC 7606 §7.2: an AS_PATH segment of type {_type} withdraws",
              path_attribute(lambda asn, k=_type: segment(k, [asn])))
withdraws("RFC 7606 §7.2: an empty AS_PATH segment withdraws", path_attribute(lambda asn: segment(SEQUENCE, [asn]) + b"\2\0"))
withdraws("RFC 7606 §7.2: an AS_PATH segment that overruns the attribute withdraws",
          path_attribute(lambda asn: b"\2\3" + asn.to_bytes(4, "big") * 2))
withdraws("RFC 7606 §7.2: an octet behind the last AS_PATH segment withdraws",
          path_attribute(lambda asn: segment(SEQUENCE, [asn]) + b"\2"))
withdraws("RFC 7607 §2: AS 0 in AS_PATH withdraws", path_attribute(lambda asn: segment(SEQUENCE, [asn, 0, 65010])))
withdraws("RFC 7606 §7.2: a confederation segment from a peer that is no member withdraws",
          path_attribute(lambda asn: segment(CONFED_SEQUENCE, [65001]) + segment(SEQUENCE, [asn])))
withdraws("RFC 9774 §3: a path with an AS_SET withdraws", path_attribute(
    lambda asn: segment(SEQUENCE, [asn]) + segment(SET, [65010, 65011])))
withdraws("RFC 4271 §6.3: a path that does not begin with the peer's AS withdraws where that is enforced",
          path_attribute(lambda asn: segment(SEQUENCE, [65010, asn])), options=dict(first_as=True))
withdraws("RFC 4271 §6.3: an empty path from an external peer withdraws where the first AS is enforced",
          path_attribute(lambda asn: b""), options=dict(first_as=True))
accepts("RFC 4271 §6.3: a path that does not begin with the peer's AS is accepted where that is not enforced",
        path=[65010, 65011], options=dict(first_as=False))
withdraws("RFC 7606 §7.2: an AS_PATH of a two-octet speaker that overruns withdraws",
          lambda s: s.attributes(replace={AS_PATH: attribute(AS_PATH, b"\2\3" + s.neighbor.asn.to_bytes(2, "big"))}),
          opening=dict(without=(65,)))
for _length in (0, 3, 5, 16):
    withdraws(f"RFC 7606 §7.3: a NEXT_HOP of {_length} octets withdraws",
              replace={NEXT_HOP: attribute(NEXT_HOP, bytes([10] * _length))})
for _length in (0, 3, 5):
    withdraws(f"RFC 7606 §7.4: a MULTI_EXIT_DISC of {_length} octets withdraws", extra=[attribute(MED, bytes(_length))])
withdraws("RFC 7606 §7.5: a LOCAL_PREF of 3 octets from an internal peer withdraws", internal=True,
          replace={LOCAL_PREF: attribute(LOCAL_PREF, bytes(3))})
discards("RFC 7606 §7.5: LOCAL_PREF from an external peer is discarded", LOCAL_PREF, struct.pack(">I", 500))
discards("RFC 7606 §7.5: LOCAL_PREF of 3 octets from an external peer is discarded", LOCAL_PREF, bytes(3))
discards("RFC 7606 §7.6: an ATOMIC_AGGREGATE of 1 octet is discarded", ATOMIC, b"\0")
for _length in (6, 7, 9):
    discards(f"RFC 7606 §7.7: an AGGREGATOR of {_length} octets from a four-octet speaker is discarded", AGGREGATOR,
             b"\0\0\xfd\xe9" + bytes([10] * (_length - 4)))
discards("RFC 7606 §7.7: an AGGREGATOR of 8 octets from a two-octet speaker is discarded", AGGREGATOR,
         b"\0\0\xfd\xe9\x0a\0\0\1", opening=dict(without=(65,)))
discards("RFC 7607 §2: an AGGREGATOR with AS 0 is discarded", AGGREGATOR, bytes(4) + b"\x0a\0\0\1")
for _kind, _name, _section, _size in ((COMMUNITIES, "COMMUNITIES", "7.8", 4), (EXT_COMMUNITIES, "EXTENDED COMMUNITIES", "7.14", 8)):
    for _length in (0, _size - 1, _size + 1):
        withdraws(f"RFC 7606 §{_section}: {_name} of {_length} octets withdraws", extra=[attribute(_kind, bytes(_length))])
for _length in (0, 11, 13):
    withdraws(f"RFC 8092 §6: LARGE_COMMUNITY of {_length} octets withdraws", extra=[attribute(LARGE_COMMUNITIES, bytes(_length))])
discards("RFC 7606 §7.9: ORIGINATOR_ID from an external peer is discarded", ORIGINATOR, b"\x0a\x09\x09\x09")
discards("RFC 7606 §7.9: ORIGINATOR_ID of 3 octets from an external peer is discarded", ORIGINATOR, bytes(3))
withdraws("RFC 7606 §7.9: ORIGINATOR_ID of 3 octets from an internal peer withdraws", internal=True,
          extra=[attribute(ORIGINATOR, bytes(3))])
discards("RFC 7606 §7.10: CLUSTER_LIST from an external peer is discarded", CLUSTER_LIST, b"\x0a\x09\x09\x09")
discards("RFC 7606 §7.10: CLUSTER_LIST of 5 octets from an external peer is discarded", CLUSTER_LIST, bytes(5))
for _length in (0, 5):
    withdraws(f"RFC 7606 §7.10: CLUSTER_LIST of {_length} octets from an internal peer withdraws", internal=True,
              extra=[attribute(CLUSTER_LIST, bytes(_length))])
withdraws("RFC 7606 §7.15: IPv6 EXTENDED COMMUNITIES of 19 octets withdraws", extra=[attribute(25, bytes(19))])
discards("RFC 7311 §3: AIGP on a session where it is not enabled is discarded", AIGP, b"\1\0\x0b" + bytes(8))
discards("RFC 7311 §3: a malformed AIGP is discarded and the session stays", AIGP, b"\1\0\x02\0")
withdraws("RFC 9234 §5: an OTC of 3 octets withdraws", extra=[attribute(OTC, bytes(3))])
discards("RFC 8669 §6: a malformed Prefix-SID is discarded or passed untouched, and the route stays", 40, b"\1\0\xff\0",
         keeps=lambda r: True)

group("UPDATE errors: which action wins, and what it covers")


@check("RFC 7606 §3g: a repeated attribute counts the first time", Neighbor(), Neighbor(internal=True))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[attribute(MED, b"\0\0\0\5"), attribute(MED, b"\0\0\0\7")])
    route = observer.expect_route(P)
    expect(route.med == 5, "MED 5", route)
    sender.expect_alive()


@check("RFC 7606 §3g: a repeated ORIGIN counts the first time", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[], replace={ORIGIN: attribute(ORIGIN, b"\1") + attribute(ORIGIN, b"\2")})
    route = observer.expect_route(P)
    expect(route.origin == 1, "EGP", route)
    sender.expect_alive()


@check("RFC 7606 §3g: a repetition that is malformed is discarded like any other", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, replace={ORIGIN: attribute(ORIGIN, b"\1") + attribute(ORIGIN, b"\2\2")})
    expect(observer.expect_route(P).origin == 1, "EGP", observer.route(P))
    sender.expect_alive()


@check("RFC 7606 §3g: an unknown attribute that is repeated passes once", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[attribute(200, b"first"), attribute(200, b"second")])
    expect(observer.expect_route(P).attributes.value(200) == b"first", "the first", observer.route(P))
    sender.expect_alive()


resets("RFC 7606 §3g: a second MP_REACH_NLRI ends the session with 3/1", lambda s: update(attributes=s.attributes(
    mp=True, extra=[attribute(MP_REACH, mp_reach(IPV6, bytes([0xfd] + [0] * 14 + [1]), prefix(P6)))] * 2)), 3, 1, families=BOTH)
resets("RFC 7606 §3g: a second MP_UNREACH_NLRI ends the session with 3/1", lambda s: update(
    attributes=attribute(MP_UNREACH, mp_unreach(IPV6, prefix(P6))) * 2), 3, 1, families=BOTH)
withdraws("RFC 7606 §2: a withdrawal is stronger than a discarded attribute",
          extra=[attribute(ATOMIC, b"\0"), attribute(COMMUNITIES, bytes(3))])
resets("RFC 7606 §2: the end of the session is stronger than a withdrawal", lambda s: update(
    b"\x21" + bytes(5), s.attributes(extra=[attribute(COMMUNITIES, bytes(3))])), 3, 10)


@check("RFC 7606 §2: a malformed UPDATE withdraws the prefixes of NLRI and of MP_REACH_NLRI", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    sender.announce6(P6)
    observer.expect_route(P)
    observer.expect_route(P6)
    sender.send(update(prefix(P), sender.attributes(replace={
        ORIGIN: attribute(ORIGIN, b"\7"),
        MP_REACH: attribute(MP_REACH, mp_reach(IPV6, ipaddress.ip_address(t.peers[0].address6).packed, prefix(P6)))})))
    observer.expect_no_route(P)
    observer.expect_no_route(P6)
    sender.expect_alive()


@check("RFC 7606 §2: withdrawn routes of a malformed UPDATE are withdrawn", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce([P, Q])
    observer.expect_route(P)
    sender.send(update(prefix(R), sender.attributes(replace={ORIGIN: attribute(ORIGIN, b"\7")}), withdrawn=prefix(P)))
    observer.expect_no_route(P)
    t.absent(sender, observer, R)
    expect(observer.route(Q), f"{Q} to stay", observer.story)


@check("RFC 7606 §2: MP_UNREACH_NLRI of a malformed UPDATE is processed", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6([P6, Q6])
    observer.expect_route(P6)
    sender.send(update(prefix(R), sender.attributes(replace={
        ORIGIN: attribute(ORIGIN, b"\7"), MP_UNREACH: attribute(MP_UNREACH, mp_unreach(IPV6, prefix(P6)))})))
    observer.expect_no_route(P6)
    expect(observer.route(Q6), f"{Q6} to stay", observer.story)
    sender.expect_alive()


@check("RFC 7606 §2: after a malformed UPDATE a good one for the same prefix counts", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, replace={ORIGIN: attribute(ORIGIN, b"\7")})
    sender.announce(P, communities=["1:1"])
    observer.expect_route(P)


@check("RFC 7606 §2: a malformed route gives way to the good one of another peer", Neighbor(), Neighbor(), Neighbor())
def _(t):
    first, second, observer = t.all_up()
    first.announce(P)
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    second.announce(P, path=[t.peers[1].asn, 65010])
    first.announce(P, extra=[attribute(COMMUNITIES, bytes(3))])
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path)
    first.expect_alive()


group("UPDATE errors: unknown attributes")


@check("RFC 4271 §5: an unknown optional transitive attribute is passed on with Partial set", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[attribute(213, b"\1\2\3\4\5")])
    seen = observer.expect_route(P).attributes.get(213)
    expect(seen and seen[0] & 0xE0 == 0xE0 and seen[1] == b"\1\2\3\4\5", "flags e0 and the value", seen)


@check("RFC 4271 §5: Partial that is set already stays set", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P, extra=[attribute(213, b"", 0xE0), attribute(COMMUNITIES, community("1:1"), 0xE0)])
    route = observer.expect_route(P)
    expect(route.attributes.get(213, (0,))[0] & 0x20, "Partial at 213", route)
    expect(route.attributes.get(COMMUNITIES, (0,))[0] & 0x20, "Partial at COMMUNITIES", route)


discards("RFC 4271 §5: an unknown optional attribute that is not transitive is dropped quietly", 213, b"!" + attribute(213, b"x", 0x80))


@check("RFC 4271 §6.3: an unknown well-known attribute ends the session with 3/2 and the attribute, or withdraws",
       Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    octets = attribute(213, b"\1\2", 0x40)
    sender.announce(P, extra=[octets])
    observer.expect_no_route(P)
    sender.quiet(0.2)
    if sender.notification or sender.closed:
        sender.expect_notification(3, 2, octets)


for _kind in (0, 11, 12, 13, 19, 20, 21, 28, 30, 31, 129, 241, 255):
    accepts(f"RFC 4271 §5: attribute {_kind}, deprecated or not assigned, passes like an unknown one or is dropped",
            extra=[attribute(_kind, b"\0\1\2")])


@check("RFC 4271 §5: an unknown attribute of 3,900 octets passes unchanged", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    value = bytes(i % 256 for i in range(3900))
    sender.announce(P, extra=[attribute(213, value)])
    expect(observer.expect_route(P).attributes.value(213) == value, "the value", observer.route(P))


@check("RFC 4271 §5: two hundred unknown attributes in one UPDATE pass", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    kinds = range(50, 128)
    sender.announce(P, extra=[attribute(k, bytes([k] * 9)) for k in kinds])
    route = observer.expect_route(P)
    sender.expect_alive()
    passed = [k for k in kinds if route.attributes.value(k) == bytes([k] * 9)]
    expect(len(passed) == len(kinds), "all of them", f"{len(passed)} of {len(kinds)}")


group("UPDATE errors: prefixes")

resets("RFC 4271 §6.3: an NLRI length of 33 ends the session with 3/10", lambda s: update(b"\x21" + bytes(5), s.attributes()), 3, 10)
resets("RFC 4271 §6.3: truncated NLRI ends the session with 3/10", lambda s: update(prefix(P) + b"\x18\x0a\0", s.attributes()), 3, 10)
resets("RFC 7606 §3j: a withdrawn length of 33 ends the session with 3/10", lambda s: update(withdrawn=b"\x21" + bytes(5)), 3, 10)
resets("RFC 7606 §3j: truncated withdrawn routes end the session with 3/10",
       lambda s: update(withdrawn=prefix(P) + b"\x18\x0a\0"), 3, 10)
accepts("RFC 4271 §4.3: bits behind the length of a prefix are ignored", octets=lambda s: update(
    b"\x17\xcb\x00\x71", s.attributes()), prefix_text="203.0.112.0/23")
accepts("RFC 4271 §4.3: the default route is accepted", prefix_text="0.0.0.0/0")
accepts("RFC 4271 §4.3: a host route is accepted", prefix_text="203.0.113.7/32")


@check("RFC 4271 §6.3: prefixes that no packet can be sent to are ignored and the others of the UPDATE kept", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce([P, "224.0.0.0/8", "127.0.0.0/8", Q])
    observer.expect_route(P)
    observer.expect_route(Q)
    t.absent(sender, observer, "224.0.0.0/8", "127.0.0.0/8")
    sender.expect_alive()


@check("RFC 4271 §4.3: a prefix that is both withdrawn and announced is announced", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.send(update(prefix(P), sender.attributes(), withdrawn=prefix(P)))
    t.settle(sender, observer)
    observer.expect_route(P)
    sender.announce(P, communities=["1:1"])
    sender.send(update(prefix(P), sender.attributes(communities=["2:2"]), withdrawn=prefix(P)))
    observer.expect_route(P, lambda r: r.communities == ["2:2"], "community 2:2")


@check("RFC 4271 §4.3: the same prefix twice in one UPDATE is one route", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce([P, P, P])
    observer.expect_route(P)
    sender.withdraw(P)
    observer.expect_no_route(P)
    sender.expect_alive()


@check("RFC 4271 §4.3: a withdrawal of a route that was never announced is no error", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.withdraw([P, Q])
    t.absent(sender, observer, P)
    expect(not any(k[1] == P for u in observer.updates for k in u.withdrawn), "no withdrawal", observer.story)


@check("RFC 4271 §4.3: an UPDATE with attributes and no prefix is no error", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.send(update(attributes=sender.attributes()))
    t.settle(sender, observer)
    sender.expect_alive()


def hides(title, octets, alone=None):
    """A check: an UPDATE that announces nothing and has a malformed attribute ends the session."""
    @check(title, *pair(families=BOTH), alone=alone)
    def _(t):
        sender, observer = t.all_up()
        sender.announce(Q)
        observer.expect_route(Q)
        sender.send(octets(sender))
        sender.expect_notification(3)
        observer.expect_no_route(Q)


def bad_origin(session, **options):
    return session.attributes(replace={ORIGIN: attribute(ORIGIN, b"\7")}, **options)


hides("RFC 7606 §5.2: a malformed ORIGIN in an UPDATE without prefixes ends the session",
      lambda s: update(attributes=bad_origin(s)))
hides("RFC 7606 §5.2: wrong flags in an UPDATE without prefixes end the session",
      lambda s: update(attributes=s.attributes(replace={ORIGIN: attribute(ORIGIN, b"\0", 0xC0)})))
hides("RFC 7606 §5.2: an attribute that overruns the attributes of an UPDATE without prefixes ends the session",
      lambda s: update(attributes=s.attributes(extra=[attribute(COMMUNITIES, bytes(4), length=200)])))
hides("RFC 7606 §5.2: an octet left over in the attributes of an UPDATE without prefixes ends the session",
      lambda s: update(attributes=s.attributes() + b"\xc0"))
hides("RFC 7606 §5.2: a malformed attribute beside withdrawn routes alone ends the session",
      lambda s: update(attributes=bad_origin(s), withdrawn=prefix(P)))
hides("RFC 7606 §5.2: a malformed attribute beside MP_UNREACH_NLRI alone ends the session",
      lambda s: update(attributes=attribute(MED, b"ab") + attribute(MP_UNREACH, mp_unreach(IPV6, prefix(P6)))))
hides("RFC 7606 §5.2: a malformed attribute beside MP_REACH_NLRI without prefixes ends the session",
      lambda s: update(attributes=bad_origin(s, mp=True, extra=[attribute(MP_REACH, mp_reach(IPV6, bytes(15) + b"\1", b""))])))


@check("RFC 7606 §5.2: an attribute that is only discarded does not end the session for want of prefixes", *pair())
def _(t):
    sender, observer = t.all_up()
    sender.announce(Q)
    sender.send(update(attributes=sender.attributes(extra=[attribute(AGGREGATOR, bytes(5))])))
    sender.expect_alive(0.3)
    observer.expect_route(Q)


@check("RFC 7606 §5.2: prefixes of a family that was not negotiated are prefixes: a malformed attribute leaves the session",
       *pair())
def _(t):
    sender, observer = t.all_up()
    sender.announce(Q)
    hop = ipaddress.ip_address(sender.neighbor.address6).packed
    sender.send(update(attributes=bad_origin(sender, mp=True, extra=[attribute(MP_REACH, mp_reach(IPV6, hop, prefix(P6)))])))
    sender.expect_alive(0.3)
    observer.expect_route(Q)


def outranks(title, octets, code, subcode, data=None):
    """A check: of two errors in what is sent the one with this NOTIFICATION counts."""
    @check(title, *pair(families=BOTH))
    def _(t):
        sender = t.up()
        sender.send(octets(sender))
        sender.expect_notification(code, subcode, data)


outranks("RFC 7606 §3j: NLRI that cannot be read ends the session with 3/10 also when a malformed attribute withdraws it",
         lambda s: update(b"\x21" + bytes(5), bad_origin(s)), 3, 10)
outranks("RFC 7606 §3h: MP_REACH_NLRI that cannot be read ends the session also when a malformed attribute withdraws it",
         lambda s: update(prefix(P), bad_origin(s, extra=[attribute(MP_REACH, b"\0\2\1\x10")])), 3, (1, 5, 9))
outranks("RFC 7606 §5.3: MP_REACH_NLRI that overruns the attributes ends the session also when there is NLRI",
         lambda s: update(prefix(P), s.attributes(extra=[attribute(MP_REACH, b"\0\2\1\x10", length=60)])), 3, (1, 5, 9))


def logged(title, octets):
    """A check: the log has the prefix and all octets of a malformed UPDATE."""
    @check(title, *pair(), only=("martlet",))
    def _(t):
        sender = t.up()
        whole = octets(sender)
        sender.send(whole)
        path = f"{t.dut.folder}/log"

        def found():
            t.dut.log.flush()
            with open(path) as log:
                return any(whole[19:].hex() in line for line in log)
        expect(until(found), "the octets of the UPDATE in the log", t.dut.tail())


logged("RFC 7606 §6: the log has the whole of an UPDATE that counts as withdrawn",
       lambda s: update(prefix(P), s.attributes(extra=[attribute(200, bytes(3000))], omit=[ORIGIN])))
logged("RFC 7606 §6: the log has the whole of an UPDATE that ends the session",
       lambda s: update(b"\x21" + bytes(5), s.attributes(extra=[attribute(200, bytes(3000))])))


@check("RFC 7606 §6: the log names the prefixes of an UPDATE that counts as withdrawn", *pair(), only=("martlet",))
def _(t):
    sender = t.up()
    sender.send(update(prefix(P) + prefix(Q), sender.attributes(omit=[ORIGIN])))

    def found():
        t.dut.log.flush()
        with open(f"{t.dut.folder}/log") as log:
            return any(P in line and Q in line for line in log)
    expect(until(found), f"{P} and {Q} in the log", t.dut.tail())
