"""MP_REACH_NLRI and MP_UNREACH_NLRI."""
import ipaddress
import struct

from checks_04_errors import BOTH, P, P6, Q, Q6, accepts, pair, resets_or_disables
from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

group("Multiprotocol")

HOP = ipaddress.ip_address("fd00::1").packed


def hop(session):
    return ipaddress.ip_address(session.neighbor.address6).packed


def reach(value):
    return lambda s: update(attributes=s.attributes(mp=True, extra=[attribute(MP_REACH, value(s))]))


def unreach(value):
    return lambda s: update(attributes=attribute(MP_UNREACH, value))


for _length in (0, 1, 15, 17, 31, 33, 48):
    resets_or_disables(f"RFC 7606 §7.11: an IPv6 next hop of {_length} octets ends the session or disables the family",
                       reach(lambda s, n=_length: mp_reach(IPV6, (hop(s) * 3)[:n], prefix(P6) + prefix(Q6))))
resets_or_disables("RFC 7606 §7.11: a next hop that overruns MP_REACH_NLRI ends the session or disables the family",
                   reach(lambda s: mp_reach(IPV6, hop(s), b"", next_hop_length=200)))
resets_or_disables("RFC 7606 §5.3: an IPv6 prefix of 129 bits in MP_REACH_NLRI ends the session or disables the family",
                   reach(lambda s: mp_reach(IPV6, hop(s), b"\x81" + bytes(17))))
resets_or_disables("RFC 7606 §5.3: truncated NLRI in MP_REACH_NLRI ends the session or disables the family",
                   reach(lambda s: mp_reach(IPV6, hop(s), prefix(P6)[:-2])))
resets_or_disables("RFC 7606 §5.3: an IPv6 prefix of 129 bits in MP_UNREACH_NLRI ends the session or disables the family",
                   unreach(mp_unreach(IPV6, b"\x81" + bytes(17))))
resets_or_disables("RFC 7606 §5.3: truncated NLRI in MP_UNREACH_NLRI ends the session or disables the family",
                   unreach(mp_unreach(IPV6, b"\x30\x20\x01")))


def too_short(title, octets):
    @check(title, *pair(families=BOTH))
    def _(t):
        sender, observer = t.all_up()
        sender.send(octets(sender))
        sender.wait(lambda: sender.notification or sender.closed, 1.0)
        if sender.notification:
            sender.expect_notification(3, (1, 5, 9))
        else:
            sender.expect_alive()


too_short("RFC 7606 §5.3: an MP_REACH_NLRI of 4 octets ends the session or is ignored", reach(lambda s: b"\0\2\1\0"))
too_short("RFC 7606 §5.3: an MP_UNREACH_NLRI of 2 octets ends the session or is ignored", unreach(b"\0\2"))


@check("RFC 4760 §3: an UPDATE with MP_REACH_NLRI alone needs no NEXT_HOP", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    route = observer.expect_route(P6)
    expect(NEXT_HOP not in route.attributes, "no NEXT_HOP", route)


@check("RFC 4760 §3: NEXT_HOP beside MP_REACH_NLRI is ignored", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6, extra=[attribute(NEXT_HOP, b"\x7f\0\0\1")])
    observer.expect_route(P6)
    sender.expect_alive()


@check("RFC 4760 §3: the reserved octet of MP_REACH_NLRI is ignored", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6, reach=mp_reach(IPV6, hop(sender), prefix(P6), reserved=0))
    observer.expect_route(P6)
    sender.announce6(Q6, reach=mp_reach(IPV6, hop(sender), prefix(Q6), reserved=0x80))
    observer.expect_route(Q6)


@check("RFC 4760 §3: MP_REACH_NLRI is sent with a reserved octet of zero and flags 80 or 90", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    flags, value = observer.expect_route(P6).attributes[MP_REACH]
    expect(flags & 0xEF == 0x80, "flags 80", f"{flags:02x}")
    expect(value[4 + value[3]] == 0, "zero", value.hex())


@check("RFC 4760 §3: IPv4 prefixes in MP_REACH_NLRI are accepted and withdrawn with MP_UNREACH_NLRI", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P, family=IPV4, next_hop=t.peers[0].address4)
    observer.expect_route(P)
    sender.withdraw6(P, family=IPV4)
    observer.expect_no_route(P)


@check("RFC 4760 §3: an IPv4 prefix announced in MP_REACH_NLRI is withdrawn with the withdrawn routes field", Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P, family=IPV4, next_hop=t.peers[0].address4)
    observer.expect_route(P)
    sender.withdraw(P)
    observer.expect_no_route(P)


@check("RFC 4760 §4: MP_UNREACH_NLRI withdraws IPv6 routes, and the withdrawal is passed on", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6([P6, Q6])
    observer.expect_route(P6)
    sender.withdraw6(P6)
    observer.expect_no_route(P6)
    expect(observer.route(Q6), f"{Q6} to stay", observer.story)


@check("RFC 4760 §4: an UPDATE with MP_UNREACH_NLRI alone needs no other attribute", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    observer.expect_route(P6)
    sender.withdraw6(P6)
    observer.expect_no_route(P6)
    update = next(u for u in reversed(observer.updates) if (IPV6, P6, None) in u.withdrawn)
    expect(set(update.attributes) <= {MP_UNREACH}, "MP_UNREACH_NLRI alone", list(update.attributes))


@check("RFC 4760 §7: families that nobody knows are ignored in MP_REACH_NLRI and MP_UNREACH_NLRI", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    for family in ((25, 70), (1, 128), (16388, 71), (9999, 255)):
        sender.send(update(attributes=sender.attributes(mp=True, extra=[attribute(MP_REACH, mp_reach(family, b"\x0a\0\0\1", bytes(20)))])))
        sender.send(update(attributes=attribute(MP_UNREACH, mp_unreach(family, bytes(9)))))
    t.settle(sender, observer)
    sender.expect_alive()


@check("RFC 2545 §3: a next hop of 32 octets is accepted", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    link_local = ipaddress.ip_address("fe80::1234").packed
    sender.announce6(P6, next_hop=hop(sender) + link_local)
    observer.expect_route(P6)


@check("RFC 4760 §3: one UPDATE may announce IPv4 and IPv6 prefixes", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.send(update(prefix(P), sender.attributes(extra=[attribute(MP_REACH, mp_reach(IPV6, hop(sender), prefix(P6)))])))
    observer.expect_route(P)
    observer.expect_route(P6)


@check("RFC 7606 §5.1: MP_REACH_NLRI and MP_UNREACH_NLRI are sent as the first attribute", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6, communities=["1:1"], med=5)
    observer.expect_route(P6)
    sender.withdraw6(P6)
    observer.expect_no_route(P6)
    late = [list(u.attributes) for u in observer.updates if {MP_REACH, MP_UNREACH} & set(u.attributes)
            and next(iter(u.attributes)) not in (MP_REACH, MP_UNREACH)]
    expect(not late, "types 14 and 15 first", late)


@check("RFC 7606 §5.1: an UPDATE that is sent has only one of withdrawn routes, NLRI, MP_REACH_NLRI and MP_UNREACH_NLRI", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    for number in range(30):
        fresh, old = f"10.{100 + number}.0.0/16", f"10.{99 + number}.0.0/16"
        sender.send(update(prefix(fresh), sender.attributes(extra=[attribute(MP_REACH, mp_reach(
            IPV6, hop(sender), prefix(f"2001:db8:{number:x}::/48")))]), withdrawn=prefix(old) if number else b""))
    observer.expect_route("10.129.0.0/16")
    observer.expect_route("2001:db8:1d::/48")
    observer.expect_no_route("10.128.0.0/16")
    observer.quiet()

    def parts(u):
        size = int.from_bytes(u.raw[:2], "big")
        attributes = int.from_bytes(u.raw[2 + size:4 + size], "big")
        return (size > 0) + (len(u.raw) > 4 + size + attributes) + (MP_REACH in u.attributes) + (MP_UNREACH in u.attributes)
    mixed = [u.raw.hex() for u in observer.updates if parts(u) > 1]
    expect(not mixed, "one of the four", mixed[:1])


@check("RFC 4271 §6.3: link-local and multicast IPv6 prefixes are ignored and the others kept", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6([P6, "ff00::/8", "fe80::/64", Q6])
    observer.expect_route(P6)
    observer.expect_route(Q6)
    t.settle(sender, observer)
    expect(not observer.route("ff00::/8") and not observer.route("fe80::/64"), "neither of them", observer.rib.keys())
    sender.expect_alive()


@check("RFC 4760 §5: bits behind the length of an IPv6 prefix are ignored", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6, reach=mp_reach(IPV6, hop(sender), bytes([45]) + bytes.fromhex("20010db8000f")))
    observer.expect_route("2001:db8:8::/45")


@check("RFC 7606 §3d: MP_REACH_NLRI without ORIGIN or AS_PATH withdraws", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6([P6, Q6])
    observer.expect_route(P6)
    sender.announce6(P6, omit=[ORIGIN])
    observer.expect_no_route(P6)
    sender.announce6(Q6, omit=[AS_PATH])
    observer.expect_no_route(Q6)
    sender.expect_alive()


@check("RFC 7606 §3c: MP_REACH_NLRI marked as transitive withdraws its prefixes, or ends the session", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    observer.expect_route(P6)
    value = mp_reach(IPV6, hop(sender), prefix(P6))
    sender.send(update(attributes=sender.attributes(mp=True, extra=[attribute(MP_REACH, value, 0xC0)])))
    observer.expect_no_route(P6)


@check("RFC 4760 §6: an IPv6 session carries routes over an IPv6 connection", Neighbor(transport=6, families=("ipv6",)),
       Neighbor(transport=6, families=("ipv6",)))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    route = observer.expect_route(P6)
    expect(t.peers[1].dut6 in route.next_hop or t.peers[0].address6 in route.next_hop, "a next hop on the link", route)


@check("RFC 2545 §3: the global address of a sent IPv6 next hop is no link-local one", *pair(families=BOTH))
def _(t):
    sender, observer = t.all_up()
    sender.announce6(P6)
    route = observer.expect_route(P6)
    expect(not ipaddress.ip_address(route.next_hop[0]).is_link_local, "a global address", route)


group("Extended next hop")

EXTENDED = capability(5, struct.pack(">HHH", 1, 1, 2))


def extended():
    return [Neighbor(families=BOTH, extended_next_hop=True, transport=6), Neighbor(families=BOTH, extended_next_hop=True, transport=6)]


@check("RFC 8950 §4: the capability lists IPv4 unicast with IPv6 next hops", *extended())
def _(t):
    value = t.connect().expect_open().value(5)
    expect(value is not None and len(value) % 6 == 0 and struct.pack(">HHH", 1, 1, 2) in value, "1, 1, 2", value)


@check("RFC 8950 §3: IPv4 prefixes with an IPv6 next hop are accepted and passed on with one", *extended())
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1, also=[EXTENDED])
    sender.announce6(P, family=IPV4, next_hop=t.peers[0].address6)
    route = observer.expect_route(P)
    expect(":" in route.next_hop[0], "an IPv6 next hop", route)
    sender.withdraw6(P, family=IPV4)
    observer.expect_no_route(P)


@check("RFC 8950 §3: a next hop of 32 octets is accepted for IPv4 prefixes", *extended())
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1, also=[EXTENDED])
    sender.announce6(P, family=IPV4, next_hop=hop(sender) + ipaddress.ip_address("fe80::5").packed)
    observer.expect_route(P)


@check("RFC 8950 §4: IPv4 prefixes with an IPv6 next hop do not go to a peer without the capability", *extended()[:1],
       Neighbor(families=("ipv4",)))
def _(t):
    sender, observer = t.up(0, also=[EXTENDED]), t.up(1)
    sender.announce6(P, family=IPV4, next_hop=t.peers[0].address6)
    observer.quiet(0.5)
    route = observer.route(P)
    expect(route is None or ":" not in route.next_hop[0], "no IPv6 next hop", route)


@check("RFC 8950 §4: an IPv6 next hop of IPv4 prefixes without the capability ends the session or disables the family",
       Neighbor(), Neighbor())
def _(t):
    sender, observer = t.all_up()
    sender.announce(P)
    observer.expect_route(P)
    sender.announce6(P, family=IPV4, next_hop=t.peers[0].address6)
    sender.wait(lambda: sender.notification or sender.closed, 1.0)
    if sender.notification:
        sender.expect_notification(3, (1, 8, 9))
    observer.expect_no_route(P)
