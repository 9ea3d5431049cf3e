"""What protects the TCP connection: TTL (RFC 5082) and MD5 signatures (RFC 2385)."""
from dut import Config, Neighbor
from framework import *
from peer import *
from wire import *

group("Protection of connections")

TTL = {"martlet": "ttl security on;", "bird": "ttl security on;", "frr": " neighbor {a} ttl-security hops 1",
       "openbgpd": "ttl-security yes", "gobgp": "[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255"}
PASSWORD = {"martlet": 'password "a secret of ours";', "bird": 'password "a secret of ours";', "frr": " neighbor {a} password a_secret_of_ours",
            "openbgpd": "tcp md5sig password a_secret_of_ours", "gobgp": 'auth-password = "a_secret_of_ours"'}


def secret(t):
    return "a_secret_of_ours" if t.dut.name not in ("martlet", "bird") else "a secret of ours"


def expect_nothing(t, index=0, hears=False):
    """No session comes up: no connection, or one on which nothing is said; with `hears` our OPEN is not heard."""
    try:
        session = t.peers[index].connect(patience=0.6, answered=False)
    except Failed:
        return
    try:
        session.send_open()
    except OSError:
        return
    session.wait(lambda: session.count(KEEPALIVE) or not hears and session.open or session.closed, 1.0)
    expect(hears or session.open is None, "no OPEN", session.story)
    expect(not session.count(KEEPALIVE), "our OPEN not to be answered", session.story)
    session.close()


@check("RFC 5082 §3: with TTL security a peer that sends TTL 255 gets a session", Neighbor(raw=TTL))
def _(t):
    t.peers[0].ttl = 255
    t.up().expect_alive(0.3)


@check("RFC 5082 §3: with TTL security packets with a lower TTL are not heard", Neighbor(raw=TTL), Neighbor(), slow=1)
def _(t):
    for ttl in (64, 254, 1):
        t.peers[0].ttl = ttl
        expect_nothing(t, hears=t.dut.name != "martlet")
    t.up(1).expect_alive(0.2)


@check("RFC 5082 §3: the same over IPv6, with the hop limit", Neighbor(raw=TTL, transport=6, families=("ipv6",)), Neighbor(),
       slow=1)
def _(t):
    t.peers[0].ttl = 254
    expect_nothing(t, hears=t.dut.name != "martlet")
    t.peers[0].ttl = 255
    t.up(0).expect_alive(0.2)
    t.up(1).expect_alive(0.2)


@check("RFC 5082 §3: TTL security of one neighbour does not concern another", Neighbor(raw=TTL), Neighbor())
def _(t):
    t.peers[0].ttl, t.peers[1].ttl = 255, 64
    t.up(0).expect_alive(0.2)
    t.up(1).expect_alive(0.2)


@check("RFC 2385 §2: a peer with the right password gets a session", Neighbor(raw=PASSWORD), Neighbor())
def _(t):
    t.peers[0].password = secret(t)
    sender, observer = t.all_up()
    sender.announce("203.0.113.0/24")
    observer.expect_route("203.0.113.0/24")


@check("RFC 2385 §2: a peer with another password gets none", Neighbor(raw=PASSWORD), slow=1)
def _(t):
    t.peers[0].password = "something else"
    expect_nothing(t)


@check("RFC 2385 §2: a peer without a password gets none where one is configured", Neighbor(raw=PASSWORD), slow=1)
def _(t):
    expect_nothing(t)


@check("RFC 2385 §2: a peer with a password gets no session where none is configured", Neighbor(), slow=1)
def _(t):
    t.peers[0].password = "a secret"
    expect_nothing(t)


@check("RFC 2385 §2: a segment without signature in the middle of a session does no harm", Neighbor(raw=PASSWORD), slow=1)
def _(t):
    t.peers[0].password = secret(t)
    session = t.up()
    t.peers[0].password = None
    expect_nothing(t)
    session.expect_alive(0.2)
