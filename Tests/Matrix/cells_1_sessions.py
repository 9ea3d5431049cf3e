"""Kinds of sessions: what is announced at one end is what the other end's daemon shows."""
import socket
import time

from matrix import group, row
from world import BOTH, DAEMON_AS, MARTLET_AS

group("Sessions")

P, Q, R, S = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "198.18.7.0/24"
P6, Q6 = "2001:db8:1::/48", "2001:db8:2::/48"
RICH = dict(med=7, origin=1, communities=["1:2", "65000:3"], large=["1:2:3", "4294967295:0:1"],
            ext=["0002fde800000001", "0102010203040007"])
SHOWN = dict(origin="egp", communities=["1:2", "65000:3"], large=["1:2:3", "4294967295:0:1"],
             extended=["rt:1.2.3.4:7", "rt:65000:1"])
TAIL = [65010, 4200000010]


def packed(address):
    return socket.inet_aton(address)


def path(*numbers):
    return " ".join(map(str, numbers))


def announce(session, prefix, **more):
    send = session.announce6 if ":" in prefix else session.announce
    head = [] if session.neighbor.internal else [session.neighbor.asn]
    send(prefix, path=head + TAIL, **{**RICH, **more})


def both_ways(w, internal=False, prefixes=((P, Q),), hops=None, **more):
    """A route of a peer of Martlet's is found in the other daemon and one of its peers' in Martlet; then both go."""
    (mine,), (theirs,) = w.sessions, w.daemon_sessions
    for one, two in prefixes:
        v6 = ":" in one
        announce(mine, one)
        announce(theirs, two)
        for reader, prefix, near, link in ((w.seen, one, mine, w.at_daemon), (w.held, two, theirs, w.at_martlet)):
            head = [near.neighbor.asn] if internal else [link.asn, near.neighbor.asn]
            hop = link.address6 if v6 else link.address4
            fields = dict(SHOWN, path=path(*head, *TAIL), next_hop=hop, **more)
            if internal:
                fields["local_pref"] = 100
                fields["med"] = 7
            route = w.expect(reader, prefix, **fields)
            assert route.usable, f"{route} is not usable"
        for session, prefix in ((mine, one), (theirs, two)):
            (session.withdraw6 if v6 else session.withdraw)(prefix)
        w.expect_none(w.seen, one)
        w.expect_none(w.held, two)


EXTERNAL = dict(peers=[{}], daemon_peers=[{}])
SELF = {"martlet": "next hop self;", "bird": "next hop self;", "frr": "  neighbor {a} next-hop-self", "gobgp": "",
        "openbgpd": "match to {a} set nexthop self"}
SIX = dict(transport=6, families=("ipv6",))


@row("External session, IPv4: attributes, communities of three kinds, 4-octet AS numbers, withdrawals, both ways", short=True)
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    both_ways(w)


@row("Internal session, IPv4: LOCAL_PREF, MED, AS path, both ways", short=True)
def _(w, daemon):
    own = daemon.name
    # GoBGP cannot say itself as next hop to internal neighbours but by policy.
    w.start(daemon, as_daemon=MARTLET_AS, martlet=dict(channel=SELF), other=dict(channel=SELF) if own != "gobgp" else {},
            peers=[{}], daemon_peers=[{}], daemon_config=dict(raw={"gobgp": GOBGP_SELF}) if own == "gobgp" else None)
    both_ways(w, internal=True)


GOBGP_SELF = """[global.apply-policy.config]
export-policy-list = ["self"]
default-export-policy = "accept-route"
[[policy-definitions]]
name = "self"
[[policy-definitions.statements]]
name = "self"
[policy-definitions.statements.actions]
route-disposition = "accept-route"
[policy-definitions.statements.actions.bgp-actions]
set-next-hop = "self\""""


@row("External session over IPv6, IPv6 routes, both ways", short=True)
def _(w, daemon):
    w.start(daemon, link=SIX, peers=[SIX], daemon_peers=[SIX])
    both_ways(w, prefixes=((P6, Q6),))


@row("Internal session over IPv6, IPv6 routes, both ways")
def _(w, daemon):
    own = daemon.name
    w.start(daemon, as_daemon=MARTLET_AS, link=SIX, martlet=dict(channel=SELF), other=dict(channel=SELF) if own != "gobgp" else {},
            peers=[SIX], daemon_peers=[SIX], daemon_config=dict(raw={"gobgp": GOBGP_SELF}) if own == "gobgp" else None)
    both_ways(w, internal=True, prefixes=((P6, Q6),))


def own_hop(w, name):
    """The IPv6 next hop of an IPv4 session where a daemon does not find its own address: set by policy."""
    hop = f"fd00:{w.number}::2"
    if name == "frr":
        return dict(other=dict(channel={"frr": "  neighbor {a} route-map HOP out"})), \
            {"frr": f"route-map HOP permit 10\n set ipv6 next-hop global {hop}\nexit"}
    if name == "openbgpd":
        w.sides[1].enter("ip", "addr", "add", f"{hop}/128", "dev", "lo", "nodad")
    return {}, None


@row("Both families in one session, both ways", short=True,
     notes={"gobgp": "as there is no interface to ask without zebra, it names no usable IPv6 next hop of its own over IPv4: IPv6 is read from Martlet's routes alone",
            "frr": "its IPv6 next hop over IPv4 is set by a route map, as bgpd has no interface to ask without zebra",
            "openbgpd": "over IPv4 it takes the IPv6 address of the loopback interface for its own, so it has its address there, too"})
def _(w, daemon):
    more, tail = own_hop(w, daemon.name)
    w.start(daemon, link=dict(families=BOTH), peers=[dict(families=BOTH)], daemon_peers=[dict(families=BOTH)],
            daemon_config=dict(tail=tail) if tail else None, **more)
    both_ways(w)
    if daemon.name == "gobgp":
        announce(w.sessions[0], P6)
        w.expect(w.seen, P6, path=path(MARTLET_AS, w.peers[0].asn, *TAIL), next_hop=w.at_daemon.address6, **SHOWN)
    else:
        both_ways(w, prefixes=((P6, Q6),))


@row("Own AS of two octets, neighbour without 4-octet AS numbers: AS4_PATH, both ways",
     lacking={"frr": "4-octet AS numbers cannot be switched off but with all capabilities", "gobgp": "4-octet AS numbers cannot be switched off"})
def _(w, daemon):
    w.start(daemon, as_daemon=65001, other=dict(raw={"bird": "enable as4 off;", "openbgpd": "announce as-4byte no"}), **EXTERNAL)
    both_ways(w)


@row("Local AS other than the own (RFC 7705), both ways")
def _(w, daemon):
    w.start(daemon, as_martlet=65000, martlet=dict(local_as=64999), other=dict(asn=64999), **EXTERNAL)
    announce(w.sessions[0], P)
    announce(w.daemon_sessions[0], Q)
    route = w.expect(w.seen, P)
    assert route.path in (path(64999, w.peers[0].asn, *TAIL), path(64999, 65000, w.peers[0].asn, *TAIL)), route.path
    w.expect(w.held, Q, path=path(DAEMON_AS, w.daemon_peers[0].asn, *TAIL))


@row("Both sides call at the same time: one session stays, and it carries routes")
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    both_ways(w)
    for _ in range(3):
        w.martlet.reset(w.at_martlet)
        w.other.wake(w.at_daemon)
        w.eventually(lambda: w.held.neighbor(w.at_martlet)["transitions"] >= 1 and w.held.up(w.at_martlet),
                     "the session again")
    w.wait_up()
    both_ways(w)


@row("The lower hold time counts, and KEEPALIVEs hold the session", slow=5)
def _(w, daemon):
    w.start(daemon, martlet=dict(hold=90), other=dict(hold=3))
    first = w.held.neighbor(w.at_martlet)
    assert first["holdTime"] == 3, f"Martlet says {first['holdTime']}"
    time.sleep(5)
    later = w.held.neighbor(w.at_martlet)
    assert later["establishedAt"] == first["establishedAt"], "the session did not stay up"
    assert w.seen.up(w.at_daemon), w.seen.session_text(w.at_daemon)


group("Reflection, route servers, confederations")

CLIENT = dict(rr_client=True)


@row("The daemon is a client of Martlet, a route reflector (RFC 4456)", short=True)
def _(w, daemon):
    w.start(daemon, as_daemon=MARTLET_AS, martlet=CLIENT, peers=[dict(internal=True, rr_client=True)], daemon_peers=[{}])
    announce(w.sessions[0], P)
    announce(w.daemon_sessions[0], Q)
    w.expect(w.seen, P, originator=w.peers[0].identifier, clusters=[w.martlet.router_id], path=path(*TAIL), local_pref=100,
             next_hop=w.peers[0].address4)
    got = w.sessions[0].expect_route(Q, patience=30)
    w.expect(w.held, Q, originator=None, local_pref=100)
    # Reflected by Martlet to its other client, with the daemon as the originator.
    assert got.value(9) == packed(w.other.router_id) and got.value(10) == packed(w.martlet.router_id), str(got)


@row("Martlet is a client of the daemon, a route reflector (RFC 4456)", short=True)
def _(w, daemon):
    w.start(daemon, as_daemon=MARTLET_AS, other=CLIENT, peers=[{}], daemon_peers=[dict(internal=True, rr_client=True)])
    announce(w.daemon_sessions[0], Q)
    announce(w.sessions[0], P)
    w.expect(w.held, Q, originator=w.daemon_peers[0].identifier, clusters=[w.other.router_id], path=path(*TAIL), local_pref=100,
             next_hop=w.daemon_peers[0].address4)
    # Reflected by the daemon to its other client, with Martlet as the originator.
    got = w.daemon_sessions[0].expect_route(P, patience=30)
    assert got.value(9) == packed(w.martlet.router_id) and got.value(10) == packed(w.other.router_id), str(got)
    # OpenBGPD notes the originator when it takes a route of a client.
    w.expect(w.seen, P, local_pref=100, **({} if daemon.name == "openbgpd" else {"originator": None}))


# The clients of the route server are not on the link that the daemons share.
FAR = dict(multihop=True)


@row("The daemon is a client of Martlet, a route server (RFC 7947)")
def _(w, daemon):
    raw = {"openbgpd": "enforce neighbor-as no", "frr": " no neighbor {a} enforce-first-as", "bird": "", "gobgp": ""}
    w.start(daemon, link=FAR, martlet=dict(rs_client=True), other=dict(raw=raw), peers=[dict(rs_client=True)], daemon_peers=[{}])
    announce(w.sessions[0], P)
    announce(w.daemon_sessions[0], Q)
    w.expect(w.seen, P, path=path(w.peers[0].asn, *TAIL), next_hop=w.peers[0].address4, med=7, **SHOWN)
    w.expect(w.held, Q, path=path(DAEMON_AS, w.daemon_peers[0].asn, *TAIL))


@row("Martlet is a client of the daemon, a route server (RFC 7947)",
     notes={"gobgp": "its route server has a table for each client; that of Martlet is read from Martlet"})
def _(w, daemon):
    w.start(daemon, link=FAR, other=dict(rs_client=True), peers=[{}], daemon_peers=[dict(rs_client=True)])
    announce(w.daemon_sessions[0], Q)
    announce(w.sessions[0], P)
    w.expect(w.held, Q, path=path(w.daemon_peers[0].asn, *TAIL), next_hop=w.daemon_peers[0].address4, **SHOWN)
    w.daemon_sessions[0].expect_route(P, patience=30)
    if daemon.name != "gobgp":
        w.expect(w.seen, P, path=path(MARTLET_AS, w.peers[0].asn, *TAIL))


CONFEDERATION = dict(confederation=64900)
MEMBER = dict(confederation=True)


@row("Both in one confederation, in different member ASes (RFC 5065)")
def _(w, daemon):
    w.start(daemon, as_martlet=65010, as_daemon=65020, link={**MEMBER, **FAR}, martlet_config=CONFEDERATION, daemon_config=CONFEDERATION,
            peers=[dict(asn=65111)], daemon_peers=[dict(asn=65121)])
    w.sessions[0].announce(P, path=[65111, 64001, 4200000010], med=7, communities=["1:2"])
    w.daemon_sessions[0].announce(Q, path=[65121, 64001, 4200000010], med=7, communities=["1:2"])
    w.expect(w.seen, P, path="(65010) 65111 64001 4200000010", communities=["1:2"], local_pref=100)
    w.expect(w.held, Q, path="(65020) 65121 64001 4200000010", communities=["1:2"])
    # Outside, the confederation is one AS.
    w.sessions[0].expect_route(Q, patience=30)
    w.daemon_sessions[0].expect_route(P, patience=30)


@row("Martlet is in a confederation, the daemon outside")
def _(w, daemon):
    w.start(daemon, as_martlet=64910, martlet_config=CONFEDERATION, peers=[dict(asn=65012, confederation=True)], daemon_peers=[{}])
    w.sessions[0].announce(P, path=[(3, [65012]), (2, [64001])], local_pref=100)
    announce(w.daemon_sessions[0], Q)
    w.expect(w.seen, P, path="64900 64001")
    w.expect(w.held, Q, path=path(DAEMON_AS, w.daemon_peers[0].asn, *TAIL))
