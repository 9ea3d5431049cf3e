"""Graceful restart and its long-lived form: as helper and as the one that restarts."""
import signal
import struct
import time

from dut import AS, Config, Neighbor
from framework import *
from peer import *
from wire import *

P, Q, R = "203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"
P6 = "2001:db8:1::/48"
BOTH = ("ipv4", "ipv6")
RESTART, NOTIFY = 8, 4          # R and N

group("Graceful restart: helper")


def offer(flags=0, seconds=30, families=((IPV4, 0x80),)):
    return [graceful(flags, seconds, families)]


def helper(title, *neighbors, pending=None, **options):
    """A check with a peer that can restart and an observer."""
    neighbors = neighbors or (Neighbor(), Neighbor())
    return check(title, *neighbors, pending=pending, **options)


def start(t, flags=0, seconds=30, families=((IPV4, 0x80),)):
    """Both sessions, with two routes from the peer that can restart."""
    peer, observer = t.up(0, also=offer(flags, seconds, families)), t.up(1)
    peer.announce([P, Q])
    peer.end_of_rib()
    observer.expect_route(P)
    observer.expect_route(Q)
    return peer, observer


def stays(observer, *prefixes, seconds=0.6):
    observer.quiet(seconds)
    for text in prefixes:
        expect(observer.route(text), f"{text} to stay", observer.story)


@helper("RFC 4724 §4.2: routes stay when the connection is closed")
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, Q)


@helper("RFC 4724 §4.2: routes stay when the connection is reset")
def _(t):
    peer, observer = start(t)
    peer.reset()
    stays(observer, P, Q)


@helper("RFC 4724 §4.2: routes that come again are not withdrawn, the others are after the End-of-RIB")
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, Q, seconds=0.2)
    peer = t.up(0, also=offer(RESTART))
    peer.announce(P)
    stays(observer, P, Q, seconds=0.4)
    peer.end_of_rib()
    observer.expect_no_route(Q)
    gone = [k for u in observer.updates for k in u.withdrawn if k[1] == P]
    expect(not gone and observer.route(P), f"{P} never withdrawn", gone)


@helper("RFC 4724 §4.2: when the End-of-RIB does not come, what did not come again goes after the stale path time",
        Neighbor(raw={"martlet": "stale path time 2;"}), Neighbor(), only=("martlet",), slow=2)
def _(t):
    peer, observer = start(t)
    peer.close()
    peer = t.up(0, also=offer(RESTART))
    began = time.monotonic()
    peer.announce(P)
    stays(observer, P, Q, seconds=1.3)
    observer.expect_no_route(Q)
    expect(time.monotonic() - began > 1.8, "two seconds", f"{time.monotonic() - began:.1f} s")
    observer.expect_route(P, patience=0)


@helper("RFC 4724 §4.2: a route that comes again with other attributes replaces the stale one", pending=None)
def _(t):
    peer, observer = start(t)
    peer.close()
    peer = t.up(0, also=offer(RESTART))
    peer.announce(P, communities=["1:1"])
    observer.expect_route(P, lambda r: r.communities == ["1:1"])


@helper("RFC 4724 §4.2: stale routes of a family whose forwarding was not kept go at once")
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, seconds=0.2)
    t.up(0, also=offer(RESTART, families=((IPV4, 0),)))
    observer.expect_no_route(P, patience=1.5)
    observer.expect_no_route(Q, patience=0.5)


@helper("RFC 4724 §4.2: stale routes of a family that the new capability lacks go at once")
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, seconds=0.2)
    t.up(0, also=offer(RESTART, families=()))
    observer.expect_no_route(P, patience=1.5)


@helper("RFC 4724 §4.2: stale routes go at once when the new OPEN lacks the capability")
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, seconds=0.2)
    t.up(0)
    observer.expect_no_route(P, patience=1.5)


@helper("RFC 4724 §4.2: stale routes go when the restart time is over, and not before", slow=3)
def _(t):
    peer, observer = start(t, seconds=2)
    peer.close()
    began = time.monotonic()
    stays(observer, P, Q, seconds=1.4)
    observer.expect_no_route(P, patience=8)
    expect(time.monotonic() - began >= 1.5, "2 seconds", f"{time.monotonic() - began:.1f} s")


@helper("RFC 4724 §4.2: a session in time stops the restart timer", slow=4)
def _(t):
    peer, observer = start(t, seconds=2)
    peer.close()
    peer = t.up(0, also=offer(RESTART, 2))
    stays(observer, P, Q, seconds=3.0)
    peer.announce([P, Q])
    peer.end_of_rib()
    stays(observer, P, Q, seconds=0.3)


@helper("RFC 4724 §4.2: a peer whose capability names no family keeps no routes", pending=None)
def _(t):
    peer, observer = start(t, families=())
    peer.close()
    observer.expect_no_route(P, patience=1.5)


@helper("RFC 4724 §4.2: routes of a family that the capability does not name are withdrawn at once", Neighbor(families=BOTH), Neighbor(families=BOTH))
def _(t):
    peer, observer = start(t)
    peer.announce6(P6)
    observer.expect_route(P6)
    peer.close()
    observer.expect_no_route(P6, patience=1.5)
    stays(observer, P, seconds=0.3)


@helper("RFC 4724 §4.2: both families stay when both are named, and each waits for its own End-of-RIB", Neighbor(families=BOTH), Neighbor(families=BOTH))
def _(t):
    both = ((IPV4, 0x80), (IPV6, 0x80))
    peer, observer = start(t, families=both)
    peer.announce6(P6)
    observer.expect_route(P6)
    peer.close()
    stays(observer, P, P6, seconds=0.4)
    peer = t.up(0, also=offer(RESTART, families=both))
    peer.end_of_rib(IPV6)
    observer.expect_no_route(P6)
    stays(observer, P, seconds=0.3)
    peer.end_of_rib(IPV4)
    observer.expect_no_route(P)


@helper("RFC 4724 §4.2: without N on both sides a NOTIFICATION withdraws the routes", pending=None)
def _(t):
    peer, observer = start(t)
    peer.send(notification(6, 4))
    observer.expect_no_route(P, patience=2)


@helper("RFC 4724 §4.2: an error of the peer withdraws its routes without N", pending=None)
def _(t):
    peer, observer = start(t)
    peer.send(message(9))
    peer.expect_notification(1, 3)
    observer.expect_no_route(P, patience=2)


@helper("RFC 4724 §5: a new connection while the old one is up is a restart: the old is closed and the routes stay")
def _(t):
    peer, observer = start(t)
    again = t.up(0, also=offer(RESTART))
    peer.expect_closed()
    stays(observer, P, Q, seconds=0.3)
    again.announce([P, Q])
    again.end_of_rib()
    stays(observer, P, Q, seconds=0.3)
    gone = [k for u in observer.updates for k in u.withdrawn]
    expect(not gone, "no withdrawal", gone)


@helper("RFC 4724 §4.2: routes still stale at a second restart go")
def _(t):
    peer, observer = start(t)
    peer.close()
    peer = t.up(0, also=offer(RESTART))
    peer.announce(P)
    stays(observer, P, Q, seconds=0.3)
    peer.close()
    observer.expect_no_route(Q, patience=2)
    stays(observer, P, seconds=0.2)


@helper("RFC 4724 §4.2: a peer that comes up meanwhile gets the stale routes, too", Neighbor(), Neighbor(), Neighbor())
def _(t):
    peer, observer = start(t)
    peer.close()
    stays(observer, P, seconds=0.2)
    t.up(2).expect_route(P)


@helper("RFC 4724 §4.2: the restarting peer gets the routes at once, although its End-of-RIB has not come", statics=[R], pending=None)
def _(t):
    peer, observer = start(t)
    peer.close()
    peer = t.up(0, also=offer(RESTART))
    peer.expect_route(R, patience=1.5)


@helper("RFC 4724 §2: End-of-RIB follows the first routes, for each family and even without routes", Neighbor(families=BOTH), statics=[R], pending=None)
def _(t):
    peer = t.up(0, also=offer(families=((IPV4, 0x80), (IPV6, 0x80))))
    peer.expect_route(R)
    peer.expect_end_of_rib(IPV4)
    peer.expect_end_of_rib(IPV6)
    position = next(count for family, _, count in peer.ends_of_rib if family == IPV4)
    first = next(i for i, u in enumerate(peer.updates) if any(k[1] == R for k in u.announced))
    expect(first < position, "routes before the End-of-RIB", peer.story)


@helper("RFC 4724 §3: a capability of 1 octet is refused with 2/0 or ignored", pending=None)
def _(t):
    peer = t.connect(0)
    peer.expect_open()
    peer.send_open(also=[capability(64, b"\0")])
    peer.wait(lambda: peer.notification or peer.count(KEEPALIVE))
    if peer.notification:
        peer.expect_notification(2, 0)
    else:
        peer.expect_keepalive()


@helper("RFC 4724 §3: families that nobody knows in the capability are ignored", pending=None)
def _(t):
    peer = t.up(0, also=offer(families=(((25, 70), 0x80), (IPV4, 0x80), ((9999, 255), 0xFF))))
    peer.expect_alive(0.2)


group("Graceful restart: NOTIFICATIONs")


@helper("RFC 8538 §2: a helper offers N")
def _(t):
    value = t.connect().expect_open().value(64)
    expect(value is not None and value[0] & 0x40, "N", value)


@helper("RFC 8538 §3: with N on both sides routes stay over a NOTIFICATION")
def _(t):
    peer, observer = start(t, NOTIFY)
    peer.send(notification(6, 4))
    peer.expect_closed()
    stays(observer, P, Q)


@helper("RFC 8538 §3: with N on both sides routes stay over an expired hold timer", slow=5)
def _(t):
    peer = t.connect(0)
    peer.answers_keepalives = False
    peer.establish(hold=3, also=offer(NOTIFY))
    observer = t.up(1)
    peer.announce(P)
    observer.expect_route(P)
    peer.expect_notification(4, 0, patience=7)
    stays(observer, P)


@helper("RFC 8538 §3: with N on both sides routes stay over an error of the peer")
def _(t):
    peer, observer = start(t, NOTIFY)
    peer.send(message(9))
    peer.expect_notification(1, 3)
    stays(observer, P)


@helper("RFC 8538 §3.1: a Hard Reset withdraws the routes at once", pending=None)
def _(t):
    peer, observer = start(t, NOTIFY)
    peer.send(notification(6, 9, b"\6\2"))
    observer.expect_no_route(P, patience=2)


@helper("RFC 8538 §3.1: an administrative shutdown of a neighbour with N is a Hard Reset with the reason inside")
def _(t):
    peer, observer = start(t, NOTIFY)
    t.dut.shut_down(t.peers[0])
    data = peer.expect_notification(6, 9)
    expect(data[:2] == b"\6\2", "6, 2", data.hex())
    observer.expect_no_route(P, patience=2)


group("Graceful restart: the restarting daemon")

KERNEL = "protocol kernel k4 { ipv4 { export all; }; }"


def restarter(title, *neighbors, **options):
    """The daemon is killed and started again; it keeps its routes in the kernel meanwhile."""
    neighbors = neighbors or (Neighbor(graceful="on"), Neighbor(graceful="on"))
    return check(title, config=Config(*neighbors, raw={"martlet": KERNEL}, **options), only=("martlet",), slow=3)


def restart(t):
    t.dut.stop(signal.SIGKILL)
    t.dut.start()


def in_kernel(t, text):
    return until(lambda: text.split("/")[0] in t.worker.enter("ip", "route", "show").stdout)


@restarter("RFC 4724 §4.1: after a crash the OPEN says R, and F for families whose routes stayed in the kernel")
def _(t):
    peer = t.up(0, also=offer())
    first = peer.open.value(64)
    expect(first and not first[0] & 0x80, "R clear at first", first)
    peer.announce(P)
    expect(in_kernel(t, P), f"{P} in the kernel", "not there")
    peer.end_of_rib()
    restart(t)
    value = t.connect(0).expect_open().value(64)
    expect(value and value[0] & 0x80, "R", value)
    families = {(int.from_bytes(value[i:i + 2], "big"), value[i + 2]): value[i + 3] for i in range(2, len(value), 4)}
    expect(families.get(IPV4, 0) & 0x80, "F for IPv4", families)
    expect(in_kernel(t, P), f"{P} still in the kernel", "gone")


@restarter("RFC 4724 §4.1: a restarted daemon sends no routes before the End-of-RIBs of its peers, then all and its own")
def _(t):
    first, second = t.up(0, also=offer()), t.up(1, also=offer())
    first.announce(P)
    second.expect_route(P)
    first.end_of_rib(), second.end_of_rib()
    restart(t)
    first, second = t.up(0, also=offer()), t.up(1, also=offer())
    second.end_of_rib()
    first.announce(P)
    second.quiet(0.4)
    expect(not second.updates, "nothing yet", second.story)
    first.end_of_rib()
    second.expect_route(P)
    second.expect_end_of_rib()


@restarter("RFC 4724 §4.1: a restarted daemon does not wait for a peer that restarts itself")
def _(t):
    first, second = t.up(0, also=offer()), t.up(1, also=offer())
    first.announce(P)
    second.expect_route(P)
    first.end_of_rib(), second.end_of_rib()
    restart(t)
    first, second = t.up(0, also=offer()), t.up(1, also=offer(RESTART))
    first.announce(P)
    first.end_of_rib()
    second.expect_route(P)
    second.expect_end_of_rib()


@restarter("RFC 4724 §4.1: R is set in the sessions of the restart alone")
def _(t):
    peer = t.up(0, also=offer())
    peer.announce(P)
    in_kernel(t, P)
    peer.end_of_rib()
    restart(t)
    first, second = t.up(0, also=offer()), t.up(1, also=offer())
    first.announce(P)
    first.end_of_rib(), second.end_of_rib()
    second.expect_end_of_rib()
    first.close()
    again = t.connect(0)
    value = again.expect_open().value(64)
    expect(value and not value[0] & 0x80, "R clear", value)


group("Long-lived graceful restart")

LONG = dict(graceful="on", long_lived="on")
STALE, NO_LLGR = "65535:6", "65535:7"


def long_offer(seconds=20, restart=1):
    return [graceful(0, restart, [(IPV4, 0x80)]), long_lived([(IPV4, 0x80, seconds)])]


def long_check(title, *neighbors, slow=3):
    neighbors = neighbors or (Neighbor(**LONG), Neighbor(**LONG))
    return check(title, *neighbors, slow=slow)


def long_start(t, observer_offer=True, seconds=20, **attributes):
    peer = t.up(0, also=long_offer(seconds))
    observer = t.up(1, also=long_offer() if observer_offer else [])
    peer.announce(P, **attributes)
    peer.announce(Q, communities=[NO_LLGR])
    peer.end_of_rib()
    observer.expect_route(P)
    observer.expect_route(Q)
    return peer, observer


@long_check("RFC 9494 §3.1: the capability is offered with that of graceful restart")
def _(t):
    seen = t.connect().expect_open()
    expect(seen.value(71) is not None and seen.value(64) is not None, "capabilities 64 and 71", seen.capabilities)


@long_check("RFC 9494 §4.2: after the restart time routes stay, with LLGR_STALE for peers with the capability")
def _(t):
    peer, observer = long_start(t)
    peer.close()
    observer.expect_route(P, lambda r: STALE in (r.communities or []), "LLGR_STALE", patience=8)


@long_check("RFC 9494 §4.2: routes with NO_LLGR go when the restart time is over")
def _(t):
    peer, observer = long_start(t)
    peer.close()
    observer.expect_no_route(Q, patience=8)
    expect(observer.route(P), f"{P} to stay", observer.story)


@long_check("RFC 9494 §4.3: an external peer without the capability does not get stale routes")
def _(t):
    peer, observer = long_start(t, observer_offer=False)
    peer.close()
    observer.expect_no_route(P, patience=8)


@long_check("RFC 9494 §4.6: an internal peer without the capability gets stale routes at most with NO_EXPORT and LOCAL_PREF 0",
            Neighbor(**LONG), Neighbor(internal=True, **LONG))
def _(t):
    peer, observer = long_start(t, observer_offer=False)
    peer.close()

    def right():
        route = observer.route(P)
        return route is None or "65535:65281" in (route.communities or []) and route.local_pref == 0
    expect(observer.wait(right, 8), "no route, or NO_EXPORT and LOCAL_PREF 0", observer.route(P))


@long_check("RFC 9494 §4.2: stale routes go when the long-lived time is over", slow=4)
def _(t):
    peer, observer = long_start(t, seconds=4)
    peer.close()
    observer.expect_route(P, lambda r: STALE in (r.communities or []), patience=8)
    observer.expect_no_route(P, patience=8)


@long_check("RFC 9494 §4.3: a stale route loses against any other", Neighbor(**LONG), Neighbor(**LONG), Neighbor(**LONG))
def _(t):
    peer, observer, other = t.up(0, also=long_offer()), t.up(1, also=long_offer()), t.up(2, also=long_offer())
    peer.announce(P)
    other.announce(P, path=[t.peers[2].asn, 65010, 65011, 65012])
    observer.expect_route(P, lambda r: t.peers[0].asn in r.path)
    peer.close()
    observer.expect_route(P, lambda r: t.peers[2].asn in r.path, "the longer one that is not stale", patience=8)


@long_check("RFC 9494 §4.2: a route that comes again is stale no more")
def _(t):
    peer, observer = long_start(t)
    peer.close()
    observer.expect_route(P, lambda r: STALE in (r.communities or []), patience=8)
    peer = t.up(0, also=long_offer())
    peer.announce(P)
    peer.end_of_rib()
    observer.expect_route(P, lambda r: STALE not in (r.communities or []), "no LLGR_STALE")


@long_check("RFC 9494 §4.3: a route received with LLGR_STALE loses against one without", Neighbor(**LONG), Neighbor(**LONG), Neighbor(**LONG))
def _(t):
    first, second, observer = (t.up(i, also=long_offer()) for i in range(3))
    first.announce(P, communities=[STALE])
    observer.expect_route(P)
    second.announce(P, path=[t.peers[1].asn, 65010, 65011])
    observer.expect_route(P, lambda r: t.peers[1].asn in r.path, "the one without")
