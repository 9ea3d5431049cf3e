"""What is agreed on in OPENs, and what is said besides routes."""
import re
import time

from cells_1_sessions import EXTERNAL, P, Q, R, TAIL, announce, both_ways, path
from matrix import group, row
from peer import Failed
from wire import attribute, capability, update
from world import DAEMON_AS, MARTLET_AS

group("Protection of the connection")

SECRET = "a_secret_of_ours"
NO_MD5 = "its Linux version has no TCP MD5: it takes the password and signs nothing"


def password(text):
    return {"martlet": f'password "{text}";', "bird": f'password "{text}";', "frr": f" neighbor {{a}} password {text}",
            "gobgp": f'auth-password = "{text}"', "openbgpd": f"tcp md5sig password {text}"}


def stays_down(w, seconds=3.0):
    """No session comes up while both sides try."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if w.held.up(w.at_martlet) or w.seen.up(w.at_daemon):
            raise Failed("expected no session; seen: one that is up")
        time.sleep(0.3)


def reload(w, **changes):
    """Martlet takes other options of the session; nothing else changes."""
    for name, value in changes.items():
        setattr(w.at_martlet, name, value)
    w.martlet.reload(w.martlet.config)


@row("TCP MD5 (RFC 2385): with another password no session comes up, with the right one it does and carries routes",
     slow=3, lacking={"openbgpd": NO_MD5})
def _(w, daemon):
    w.start(daemon, up=False, martlet=dict(raw=password("another")), other=dict(raw=password(SECRET)), **EXTERNAL)
    stays_down(w)
    reload(w, raw=password(SECRET))
    w.wait_up()
    both_ways(w)


TTL = {"martlet": "ttl security on;", "bird": "ttl security on;", "frr": " neighbor {a} ttl-security hops 1",
       "openbgpd": "ttl-security yes", "gobgp": "[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255"}


@row("TTL security (RFC 5082) on both sides", short=True)
def _(w, daemon):
    w.start(daemon, link=dict(raw=TTL), **EXTERNAL)
    both_ways(w)


@row("TTL security of Martlet against a daemon without: no session until Martlet has it off, too", slow=3,
     notes={"openbgpd": "its packets of external sessions go out with TTL 1, like those of the others"})
def _(w, daemon):
    # GoBGP keeps a half-open connection, which Martlet has left, until the hold time is over.
    w.start(daemon, up=False, link=dict(hold=9), martlet=dict(raw={"martlet": "ttl security on;"}), **EXTERNAL)
    stays_down(w)
    reload(w, raw=None)
    w.wait_up()
    both_ways(w)


group("Several paths of a prefix (RFC 7911)")


@row("Martlet sends all paths, the daemon has each with its identifier", short=True)
def _(w, daemon):
    w.start(daemon, martlet=dict(add_path="tx"), other=dict(add_path="rx"), peers=[{}, {}, {}])
    for index, session in enumerate(w.sessions):
        announce(session, P, communities=[f"9:{index}"])
    wanted = [[f"9:{i}"] for i in range(3)]
    w.eventually(lambda: sorted(r.communities for r in w.seen.paths(P)) == wanted, "three paths",
                 lambda: str([r.shown("communities", "path_id") for r in w.seen.paths(P)]))
    assert {r.path for r in w.seen.paths(P)} == {path(MARTLET_AS, p.asn, *TAIL) for p in w.peers}
    w.sessions[1].withdraw(P)
    w.eventually(lambda: sorted(r.communities for r in w.seen.paths(P)) == [wanted[0], wanted[2]], "the other two",
                 lambda: str([r.shown("communities", "path_id") for r in w.seen.paths(P)]))


@row("The daemon sends all paths, Martlet has each with its identifier", short=True)
def _(w, daemon):
    w.start(daemon, martlet=dict(add_path="rx"), other=dict(add_path="tx"), daemon_peers=[{}, {}, {}])
    for index, session in enumerate(w.daemon_sessions):
        announce(session, P, communities=[f"9:{index}"])
    wanted = [[f"9:{i}"] for i in range(3)]
    w.eventually(lambda: sorted(r.communities for r in w.held.paths(P)) == wanted, "three paths",
                 lambda: str([r.shown("communities", "path_id") for r in w.held.paths(P)]))
    assert len({r.path_id for r in w.held.paths(P)}) == 3, [r.path_id for r in w.held.paths(P)]
    w.daemon_sessions[1].withdraw(P)
    w.eventually(lambda: sorted(r.communities for r in w.held.paths(P)) == [wanted[0], wanted[2]], "the other two",
                 lambda: str([r.shown("communities", "path_id") for r in w.held.paths(P)]))


@row("Only the best two of three paths (`add paths best 2`)")
def _(w, daemon):
    w.start(daemon, martlet=dict(add_path="tx", channel={"martlet": "add paths best 2;"}), other=dict(add_path="rx"), peers=[{}, {}, {}])
    for index, session in enumerate(w.sessions):
        session.announce(P, path=[session.neighbor.asn] + [64001] * (3 - index), communities=[f"9:{index}"])
    w.eventually(lambda: sorted(r.communities for r in w.seen.paths(P)) == [["9:1"], ["9:2"]], "the two short ones",
                 lambda: str([r.shown("communities", "path") for r in w.seen.paths(P)]))


@row("Through a reflector: Martlet reflects all paths of its clients to the daemon")
def _(w, daemon):
    client = dict(internal=True, rr_client=True)
    w.start(daemon, as_daemon=MARTLET_AS, martlet=dict(add_path="tx", rr_client=True), other=dict(add_path="rx"), peers=[client, client])
    for index, session in enumerate(w.sessions):
        announce(session, P, communities=[f"9:{index}"])
    w.eventually(lambda: sorted((r.communities, r.originator) for r in w.seen.paths(P))
                 == [([f"9:{i}"], p.identifier) for i, p in enumerate(w.peers)], "both with their originators",
                 lambda: str([r.shown("communities", "originator") for r in w.seen.paths(P)]))


group("Route refresh")


@row("The daemon asks Martlet again (RFC 2918), and has the same routes after", short=True,
     lacking={"gobgp": "it never asks: it keeps what it was sent and applies its policy again"})
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    announce(w.sessions[0], P)
    w.expect(w.seen, P)
    before = w.held.refreshes(w.at_martlet)
    w.other.refresh(w.at_daemon)
    w.eventually(lambda: w.held.refreshes(w.at_martlet) > before, "Martlet to count a ROUTE-REFRESH")
    both_ways(w, prefixes=((R, Q),))
    w.expect(w.seen, P)


@row("Martlet asks the daemon again, and has the same routes after",
     notes={"bird": "it does not count requests: that its routes come again is what is seen",
            "openbgpd": "it counts the request and answers with nothing, to raw peers as well: that it keeps the session is what is seen"})
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    announce(w.daemon_sessions[0], Q)
    w.expect(w.held, Q)
    before, updates = w.seen.refreshes(w.at_daemon), w.held.neighbor(w.at_martlet)["messages"]["received"]["update"]
    w.martlet.refresh(w.at_martlet)
    if before is not None:
        w.eventually(lambda: w.seen.refreshes(w.at_daemon) > before, "the daemon to count a ROUTE-REFRESH",
                     lambda: f"{w.seen.refreshes(w.at_daemon)}")
    if daemon.name != "openbgpd":
        w.eventually(lambda: w.held.neighbor(w.at_martlet)["messages"]["received"]["update"] > updates, "the routes again")
    w.expect(w.held, Q)
    both_ways(w, prefixes=((P, R),))


@row("Enhanced route refresh (RFC 7313) is agreed on, and BoRR and EoRR around the daemon's answer remove nothing that it has",
     lacking={"gobgp": "no enhanced route refresh in GoBGP 3.10",
              "openbgpd": "it sends BoRR and then neither routes nor EoRR, to raw peers as well"})
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    said = w.seen.capabilities(w.at_daemon)
    if not any(word in said for word in ("Enhanced refresh", '"enhancedRouteRefresh": "advertisedAndReceived"', '"enhanced_refresh": true')):
        raise Failed(f"expected enhanced route refresh; seen: {said}")
    announce(w.daemon_sessions[0], Q)
    w.expect(w.held, Q)
    asked = w.held.refreshes(w.at_martlet)
    w.martlet.refresh(w.at_martlet)
    # Its BoRR and EoRR are ROUTE-REFRESH messages.
    w.eventually(lambda: w.held.refreshes(w.at_martlet) >= asked + 2, "BoRR and EoRR")
    w.expect(w.held, Q)
    w.other.refresh(w.at_daemon)
    announce(w.sessions[0], P)
    w.expect(w.seen, P)


group("Messages and capabilities")

LONG = [f"{64512 + i // 60000}:{i}" for i in range(1500)]


@row("Extended messages (RFC 8654): a route with 1500 communities, both ways",
     lacking={"gobgp": "no extended messages in GoBGP 3.10", "openbgpd": "no extended messages in OpenBGPD 7.7"})
def _(w, daemon):
    longer = dict(extended_messages=True)
    w.start(daemon, link=longer, peers=[longer], daemon_peers=[longer])
    offered = [capability(6)]
    for sessions, peers in ((w.sessions, w.peers), (w.daemon_sessions, w.daemon_peers)):
        sessions[0].close()
        session = peers[0].connect(patience=20)
        sessions[0] = session.establish(patience=20, also=offered)
    w.sessions[0].announce(P, communities=LONG)
    w.daemon_sessions[0].announce(Q, communities=LONG)
    if daemon.name == "bird":
        # It cuts long lists off when it shows them.
        asked = f"show route where bgp_community.len = {len(LONG)}"
        w.eventually(lambda: P in w.other.control(asked), "the route with all communities", lambda: w.other.control(asked))
    else:
        w.expect(w.seen, P, communities=sorted(LONG))
    w.expect(w.held, Q, communities=sorted(LONG))


@row("A route that needs more than 4096 octets is not sent to a daemon without extended messages, and the session stays",
     lacking={"frr": "it always has extended messages"})
def _(w, daemon):
    w.start(daemon, martlet=dict(extended_messages=True), peers=[dict(extended_messages=True)])
    w.sessions[0].close()
    session = w.peers[0].connect(patience=20).establish(patience=20, also=[capability(6)])
    session.announce(P, communities=LONG)
    session.announce(R, communities=["1:2"])
    w.expect(w.seen, R, communities=["1:2"])
    assert w.seen.route(P) is None, str(w.seen.route(P))
    w.expect(w.held, P)
    assert w.seen.up(w.at_daemon)


ROLE_PAIRS = (("provider", "customer"), ("customer", "provider"), ("peer", "peer"), ("rs_server", "rs_client"), ("rs_client", "rs_server"))


@row("Roles (RFC 9234): each pair that fits comes up, and OTC marks what goes down or across", short=True,
     lacking={"gobgp": "no roles in GoBGP 3.10"})
def _(w, daemon):
    for own, other in ROLE_PAIRS:
        w.start(daemon, martlet=dict(role=own, strict_role=True), other=dict(role=other, strict_role=True), **EXTERNAL)
        announce(w.sessions[0], P)
        announce(w.daemon_sessions[0], Q)
        # A peer without a role behind either daemon gets OTC as it is: what came from above or beside is marked.
        for session, prefix, sender, marks in ((w.daemon_sessions[0], P, MARTLET_AS, own in ("provider", "peer", "rs_server")),
                                               (w.sessions[0], Q, DAEMON_AS, other in ("provider", "peer", "rs_server"))):
            route = session.expect_route(prefix, patience=30)
            wanted = sender.to_bytes(4, "big") if marks else None
            if route.value(35) != wanted:
                raise Failed(f"expected OTC {wanted} of {prefix} with Martlet as {own}; seen: {route}")
        w.expect(w.seen, P)
        w.expect(w.held, Q)
        w.clear()


@row("Roles that do not fit are refused with 2/11, which either side shows", slow=2,
     lacking={"gobgp": "no roles in GoBGP 3.10"})
def _(w, daemon):
    w.start(daemon, up=False, martlet=dict(role="provider"), other=dict(role="peer"))
    w.eventually(lambda: "Role" in w.martlet.bgpctl("show", "neighbors", "daemon"), "Martlet to tell of the role",
                 lambda: w.martlet.bgpctl("show", "neighbors", "daemon"))
    stays_down(w, 1.5)


@row("Extended next hop (RFC 8950): IPv4 routes over IPv6, both ways",
     lacking={"openbgpd": "no extended next hops in OpenBGPD 7.7"},
     notes={"gobgp": "it offers the capability on every session with both families"})
def _(w, daemon):
    six = dict(transport=6, families=("ipv4", "ipv6"), extended_next_hop=True)
    w.start(daemon, link=six, **EXTERNAL)
    announce(w.sessions[0], P)
    announce(w.daemon_sessions[0], Q)
    w.expect(w.seen, P, path=path(MARTLET_AS, w.peers[0].asn, *TAIL), next_hop=w.at_daemon.address6)
    w.expect(w.held, Q, path=path(DAEMON_AS, w.daemon_peers[0].asn, *TAIL), next_hop=w.at_martlet.address6)


@row("AIGP (RFC 7311) on an internal session, both ways",
     lacking={"frr": "no AIGP in FRR 8.4", "gobgp": "no AIGP in GoBGP 3.10", "openbgpd": "no AIGP in OpenBGPD 7.7"})
def _(w, daemon):
    value = bytes.fromhex("01000b00000000000000c8")
    w.start(daemon, as_daemon=MARTLET_AS, link=dict(aigp=True, rr_client=True), peers=[dict(internal=True, aigp=True, rr_client=True)],
            daemon_peers=[dict(internal=True, aigp=True, rr_client=True)])
    for session, prefix in ((w.sessions[0], P), (w.daemon_sessions[0], Q)):
        session.announce(prefix, extra=[attribute(26, value, 0x80)])
    w.eventually(lambda: "BGP.aigp: 200" in w.other.control(f"show route for {P} all"), "BIRD to show AIGP 200",
                 lambda: w.other.control(f"show route for {P} all"))
    route = w.sessions[0].expect_route(Q, patience=30)
    if route.value(26) is None or route.value(26)[:3] != value[:3] or int.from_bytes(route.value(26)[3:], "big") < 200:
        raise Failed(f"expected AIGP of at least 200 from Martlet; seen: {route}")
    w.expect(w.held, Q)


group("Well-known communities")


@row("GRACEFUL_SHUTDOWN (RFC 8326) passes to the daemon, and a route of the daemon with it has LOCAL_PREF 0")
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    announce(w.sessions[0], P, communities=["65535:0", "1:2"])
    announce(w.daemon_sessions[0], Q, communities=["65535:0", "1:2"])
    w.expect(w.seen, P, communities=["1:2", "65535:0"])
    w.expect(w.held, Q, communities=["1:2", "65535:0"], local_pref=0)


@row("NO_EXPORT and NO_ADVERTISE (RFC 1997): not sent to the daemon outside, NO_EXPORT sent to it inside")
def _(w, daemon):
    w.start(daemon, peers=[{}])
    announce(w.sessions[0], P, communities=["65535:65281"])
    announce(w.sessions[0], Q, communities=["65535:65282"])
    announce(w.sessions[0], R)
    w.expect(w.seen, R)
    assert not w.seen.paths(P) and not w.seen.paths(Q), "a route that was not to leave is there"
    w.clear()
    w.start(daemon, as_daemon=MARTLET_AS, peers=[{}])
    announce(w.sessions[0], P, communities=["65535:65281"])
    announce(w.sessions[0], Q, communities=["65535:65282"])
    announce(w.sessions[0], R)
    w.expect(w.seen, R)
    w.expect(w.seen, P, communities=["65535:65281"])
    assert not w.seen.paths(Q), "a route with NO_ADVERTISE is there"


@row("BLACKHOLE (RFC 7999) and NOPEER (RFC 3765) pass to the daemon and from it")
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    announce(w.sessions[0], P, communities=["65535:65284", "1:2"])
    announce(w.daemon_sessions[0], Q, communities=["65535:65284", "1:2"])
    w.expect(w.seen, P, communities=["1:2", "65535:65284"])
    w.expect(w.held, Q, communities=["1:2", "65535:65284"])


group("Ends of sessions")

TEXT = "maintenance until ten"


@row("Administrative shutdown with a text (RFC 9003) by Martlet: the daemon has the session down and knows why", short=True,
     notes={"gobgp": "it shows no text: that the session is down is what is seen"})
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    announce(w.sessions[0], P)
    w.expect(w.seen, P)
    w.martlet.shut_down(w.at_martlet, TEXT)
    w.eventually(lambda: not w.seen.up(w.at_daemon), "the session down")
    w.expect_none(w.seen, P)
    if daemon.name == "bird":
        w.eventually(lambda: TEXT in w.seen.protocol(w.at_daemon), "the text", lambda: w.seen.protocol(w.at_daemon))
    elif daemon.name == "frr":
        w.eventually(lambda: TEXT in w.other.vtysh(f"show bgp neighbors {w.at_daemon.address} json"), "the text",
                     lambda: w.other.vtysh(f"show bgp neighbors {w.at_daemon.address} json")[-1500:])
    elif daemon.name == "openbgpd":
        w.eventually(lambda: TEXT in str(w.seen.neighbor(w.at_daemon)), "the text", lambda: str(w.seen.neighbor(w.at_daemon)))


@row("Administrative shutdown with a text by the daemon: Martlet has the session down and logs the text",
     notes={"gobgp": "its command sends no text"})
def _(w, daemon):
    w.start(daemon, **EXTERNAL)
    announce(w.daemon_sessions[0], Q)
    w.expect(w.held, Q)
    w.other.shut_down(w.at_daemon, TEXT)
    w.eventually(lambda: not w.held.up(w.at_martlet), "the session down")
    w.expect_none(w.held, Q)
    shown = "Administrative Shutdown" if daemon.name == "gobgp" else TEXT
    # The next attempt to connect hides it from the neighbour's last error, so the log is read.
    w.eventually(lambda: re.search(f"Received NOTIFICATION.*{shown}", open(f"{w.martlet.folder}/log").read()), f"Martlet to tell {shown!r}",
                 lambda: w.martlet.bgpctl("show", "neighbors", "daemon"))


@row("More routes than Martlet's limit end the session with 6/1, and the daemon knows")
def _(w, daemon):
    w.start(daemon, martlet=dict(limit=(5, "disable")), **EXTERNAL)
    for i in range(8):
        announce(w.daemon_sessions[0], f"198.18.{i}.0/24")
    w.eventually(lambda: not w.held.up(w.at_martlet) and not w.seen.up(w.at_daemon), "the session down")
    assert "Maximum Number of Prefixes" in w.martlet.bgpctl("show", "neighbors", "daemon"), w.martlet.bgpctl("show", "neighbors", "daemon")
    w.eventually(lambda: not any(r.neighbor == w.at_daemon.address for r in w.seen.routes()), "no routes of Martlet")


@row("More routes than the daemon's limit end the session with 6/1, and Martlet shows it")
def _(w, daemon):
    w.start(daemon, other=dict(limit=(5, "disable")), **EXTERNAL)
    for i in range(8):
        announce(w.sessions[0], f"198.18.{i}.0/24")
    # A daemon that resets what calls it later hides the cause from the neighbour's last error, so the log is read.
    w.eventually(lambda: re.search("Received NOTIFICATION.*Maximum Number of Prefixes", open(f"{w.martlet.folder}/log").read()), "Martlet to have Cease 6/1",
                 lambda: w.martlet.bgpctl("show", "neighbors", "daemon"))
    w.eventually(lambda: not w.held.up(w.at_martlet) and not any(r.neighbor == w.at_daemon.address for r in w.seen.routes()),
                 "the session and the routes gone")


@row("Send hold timer of Martlet (RFC 9687): a daemon that does not read loses the session, and has all routes once it reads", slow=8)
def _(w, daemon):
    w.start(daemon, martlet=dict(raw={"martlet": "send hold time 3;"}, hold=90), other=dict(hold=90), peers=[{}])
    w.freeze(w.other)
    flood(w.sessions[0])
    w.eventually(lambda: "Send Hold Timer Expired" in w.martlet.bgpctl("show", "neighbors", "daemon"), "the send hold timer to expire",
                 lambda: w.martlet.bgpctl("show", "neighbors", "daemon"))
    w.thaw(w.other)
    w.other.wake(w.at_daemon)
    w.wait_up()
    w.eventually(lambda: len(w.seen.prefixes()) >= FLOOD, f"{FLOOD} routes", lambda: f"{len(w.seen.prefixes())} routes", patience=180)


@row("With the send hold timer below the time between KEEPALIVEs a quiet session stays up", slow=7)
def _(w, daemon):
    w.start(daemon, martlet=dict(raw={"martlet": "send hold time 3;"}, hold=90), other=dict(hold=90))
    before = w.held.neighbor(w.at_martlet)["establishedAt"]
    time.sleep(7)
    assert w.held.neighbor(w.at_martlet)["establishedAt"] == before, "the session did not stay up"
    assert w.seen.up(w.at_daemon), w.seen.session_text(w.at_daemon)


FLOOD = 20000


def flood(session, count=FLOOD):
    """Routes with attributes of their own, so that each needs an UPDATE."""
    for first in range(0, count, 500):
        octets = b""
        for i in range(first, first + 500):
            octets += message_of(session, i)
        session.send(octets)


def message_of(session, i):
    return update(session.nlri([f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24"], None),
                  session.attributes(communities=[f"{c}:{i & 65535}" for c in range(1, 20)], path=[session.neighbor.asn, 64001 + i % 100]))
