"""Restarts without loss (RFC 4724, 9494), and tables of a size that counts."""
import hashlib
import ipaddress
import signal
import subprocess
import threading
import time

from cells_1_sessions import P, Q, announce
from matrix import group, row
from peer import Failed
from wire import capability, update
from world import DAEMON_AS, MARTLET_AS

group("Restarts")

# Forwarding state is kept over a restart of Martlet in the kernel.
KERNEL = "protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; graceful restart on; }\n"
FRR_RESTART = " bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n bgp graceful-restart restart-time 60"


def restarter(**more):
    """The daemon asks Martlet to keep its routes; one peer of Martlet's watches them."""
    return dict(martlet=dict(graceful="on"), other=dict(graceful="on", **more), daemon_config=dict(statics=[Q], raw=FRR), peers=[{}])


FRR = {"frr": FRR_RESTART, "openbgpd": "", "gobgp": ""}


class Watch:
    """Notes whether a peer loses a route, from its updates, or whether a daemon's own state lacks it."""

    def __init__(self, session=None, prefix=None, reader=None):
        self.session, self.prefix, self.reader, self.gone = session, prefix, reader, None
        self.first = len(session.updates) if session else 0
        self.ends = threading.Event()
        if reader:
            self.thread = threading.Thread(target=self._look, daemon=True)
            self.thread.start()

    def _look(self):
        while not self.ends.wait(0.1):
            try:
                if not any(r.neighbor for r in self.reader.paths(self.prefix)):
                    self.gone = f"no {self.prefix} at {time.strftime('%X')}"
            except (OSError, ValueError, Failed, subprocess.TimeoutExpired):
                pass

    def check(self):
        self.ends.set()
        if self.session:
            for item in self.session.updates[self.first:]:
                if any(key[1] == self.prefix for key in item.withdrawn):
                    self.gone = f"{self.prefix} was withdrawn"
        if self.gone:
            raise Failed(f"expected {self.prefix} to stay over the restart; seen: {self.gone}")


@row("Martlet keeps the routes of a daemon that is killed (-9) and comes back (RFC 4724)", short=True,
     lacking={"openbgpd": "it keeps routes of neighbours, but asks nobody to keep its own"},
     notes={"gobgp": "it is started again with -r", "bird": "it is started again with -R"})
def _(w, daemon):
    w.start(daemon, **restarter())
    w.expect(w.held, Q)
    watched = w.sessions[0]
    watched.expect_route(Q, patience=30)
    watch = Watch(watched, Q)
    w.kill(w.other)
    w.eventually(lambda: any(r.stale for r in w.held.paths(Q)), "the route to be stale", lambda: str(w.held.paths(Q)))
    w.other.restarting = True
    w.revive(w.other)
    w.wait_up()
    w.eventually(lambda: any(r.best and not r.stale for r in w.held.paths(Q)), "the route anew", lambda: str(w.held.paths(Q)))
    watch.check()


@row("The routes go when the daemon does not come back in its restart time", slow=4,
     lacking={"openbgpd": "it keeps routes of neighbours, but asks nobody to keep its own"})
def _(w, daemon):
    w.start(daemon, **{**restarter(), "martlet": dict(graceful="on", raw={"martlet": "max graceful restart time 3;"})})
    w.expect(w.held, Q)
    w.sessions[0].expect_route(Q, patience=30)
    w.kill(w.other)
    w.eventually(lambda: any(r.stale for r in w.held.paths(Q)), "the route to be stale", lambda: str(w.held.paths(Q)))
    w.expect_none(w.held, Q)
    w.sessions[0].expect_no_route(Q, patience=30)


@row("The daemon keeps the routes of a Martlet that is killed (-9) and comes back", short=True,
     notes={"frr": "FRR's bgpd shows no stale mark without zebra: that the route never is gone is what is seen"})
def _(w, daemon):
    w.start(daemon, martlet=dict(graceful="on", raw={"martlet": "graceful restart time 60;"}),
            other=dict(graceful=None if daemon.name == "openbgpd" else "on"),
            daemon_config=dict(raw=FRR), martlet_config=dict(raw={"martlet": KERNEL}, statics=[P]), peers=[{}], daemon_peers=[{}])
    # Martlet's peer takes part, so that its routes are waited for.
    w.peers[0].also = [capability(64, bytes.fromhex("007800010180"))]
    w.sessions[0].close()
    w.eventually(lambda: not w.held.up(w.peers[0]), "the peer's session down")
    w.sessions[0] = w.peer_up(w.peers[0])
    announce(w.sessions[0], Q)
    w.sessions[0].end_of_rib()
    w.expect(w.seen, P)
    w.expect(w.seen, Q)
    # Their peers see no withdrawal either.
    w.daemon_sessions[0].expect_route(P, patience=30)
    watches = [Watch(w.daemon_sessions[0], P), Watch(w.daemon_sessions[0], Q), Watch(prefix=P, reader=w.seen)]
    for _ in range(2):
        restart(w)
        w.expect(w.seen, P)
        w.expect(w.seen, Q)
    for watch in watches:
        watch.check()


def restart(w, how=signal.SIGKILL):
    """Kills Martlet and starts it again with what it left behind; its peers call again."""
    w.kill(w.martlet, how)
    w.sessions[0].close()
    w.revive(w.martlet)
    w.sessions[0] = w.peer_up(w.peers[0])
    announce(w.sessions[0], Q)
    w.sessions[0].end_of_rib()
    w.wait_up()


NOTIFYING = {"frr": FRR_RESTART + "\n bgp graceful-restart notification\n no bgp hard-administrative-reset", "openbgpd": "", "gobgp": ""}
DEAF = {"bird": "no N bit in BIRD 2.0.12: routes go with a NOTIFICATION",
        "openbgpd": "no N bit in OpenBGPD 7.7: routes go with a NOTIFICATION"}


@row("A NOTIFICATION of the daemon that is no Hard Reset leaves its routes with Martlet (RFC 8538)",
     lacking={**DEAF, "gobgp": "it comes back from its own NOTIFICATION without the F bit: by RFC 4724 its routes go then"})
def _(w, daemon):
    w.start(daemon, **{**restarter(), "daemon_config": dict(statics=[Q], raw=NOTIFYING)})
    w.expect(w.held, Q)
    watched = w.sessions[0]
    watched.expect_route(Q, patience=30)
    before = w.other_sent(w.martlet)
    watch = Watch(watched, Q)
    w.other.reset(w.at_daemon)
    w.eventually(lambda: w.other_sent(w.martlet) > before, "a NOTIFICATION of the daemon")
    w.wait_up()
    w.eventually(lambda: any(r.best and not r.stale for r in w.held.paths(Q)), "the route anew", lambda: str(w.held.paths(Q)))
    watch.check()


@row("A NOTIFICATION of Martlet that is no Hard Reset leaves its routes with the daemon, a shutdown does not (RFC 8538)",
     lacking=DEAF)
def _(w, daemon):
    w.start(daemon, martlet=dict(graceful="on", raw={"martlet": "graceful restart time 60;"}), other=dict(graceful="on"),
            daemon_config=dict(raw=NOTIFYING), martlet_config=dict(raw={"martlet": KERNEL}, statics=[P]), daemon_peers=[{}])
    w.expect(w.seen, P)
    w.daemon_sessions[0].expect_route(P, patience=30)
    watch = Watch(w.daemon_sessions[0], P)
    w.martlet.reset(w.at_martlet)
    w.eventually(lambda: not w.held.up(w.at_martlet), "the session down")
    w.wait_up()
    w.expect(w.seen, P)
    watch.check()
    w.martlet.shut_down(w.at_martlet)
    w.daemon_sessions[0].expect_no_route(P, patience=30)


@row("Long-lived graceful restart (RFC 9494): Martlet keeps the daemon's routes as a last resort", slow=4,
     lacking={"openbgpd": "no long-lived graceful restart in OpenBGPD 7.7",
              "frr": "no long-lived graceful restart of its own routes in FRR 8.4: it names no family in OPEN as it has no forwarding state without zebra"})
def _(w, daemon):
    w.start(daemon, **{**restarter(long_lived="on"),
                       "martlet": dict(graceful="on", long_lived="on", raw={"martlet": "max graceful restart time 1;"})})
    w.expect(w.held, Q)
    w.kill(w.other)
    w.eventually(lambda: any("65535:6" in r.communities or r.stale for r in w.held.paths(Q)), "the route to be stale")
    w.eventually(lambda: '"stale":"long-lived"' in w.martlet.bgpctl("show", "routes", "--json", Q).replace(" ", ""),
                 "the route as a last resort", lambda: w.martlet.bgpctl("show", "routes", "--json", Q))


@row("Long-lived graceful restart (RFC 9494): the daemon keeps Martlet's routes as a last resort, and has them anew when it is back",
     slow=4, lacking={"openbgpd": "no long-lived graceful restart in OpenBGPD 7.7",
                      "frr": "no stale mark and no forwarding state without zebra in FRR 8.4"})
def _(w, daemon):
    w.start(daemon, martlet=dict(graceful="on", long_lived="on", raw={"martlet": "graceful restart time 2; long lived stale time 60;"}),
            other=dict(graceful="on", long_lived="on"), martlet_config=dict(raw={"martlet": KERNEL}, statics=[P]),
            daemon_peers=[{}])
    w.expect(w.seen, P)
    # Its peers hear of the last resort by withdrawal, as they do not know what that is (RFC 9494 §4.3).
    w.daemon_sessions[0].expect_route(P, patience=30)
    w.kill(w.martlet)
    w.eventually(lambda: any("65535:6" in r.communities for r in w.seen.paths(P)), "LLGR_STALE on the route",
                 lambda: str(w.seen.paths(P)))
    w.revive(w.martlet)
    w.wait_up()
    w.eventually(lambda: any("65535:6" not in r.communities and r.neighbor for r in w.seen.paths(P)), "the route anew",
                 lambda: str(w.seen.paths(P)))
    w.daemon_sessions[0].expect_route(P, patience=30)


group("Large tables, with a checksum of what is in them")

COUNT = 20_000
LARGE = 200_000


def table(count):
    """Routes of a repeatable kind: (prefix, AS path behind the peer, communities)."""
    for i in range(count):
        base = ipaddress.IPv4Address((20 << 24) + (i << 8))
        kind = i % 997
        yield f"{base}/24", [64001 + kind % 50, 4200001000 + kind], [f"{64512 + kind % 7}:{kind}"]


def send_table(session, count):
    """Sends the table in UPDATEs of routes with like attributes."""
    alike = {}
    for prefix, numbers, communities in table(count):
        alike.setdefault((tuple(numbers), tuple(communities)), []).append(prefix)
    for (numbers, communities), prefixes in alike.items():
        block = session.attributes(path=[session.neighbor.asn, *numbers], communities=list(communities))
        for first in range(0, len(prefixes), 800):
            session.send(update(session.nlri(prefixes[first:first + 800], None), block))


def checksum(routes):
    digest = hashlib.sha256()
    for line in sorted(routes):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def wanted(count, *head):
    return checksum(f"{p} {' '.join(map(str, [*head, *n]))} {','.join(c)}" for p, n, c in table(count))


def shown(reader):
    return checksum(f"{r.prefix} {r.path} {','.join(r.communities)}" for r in reader.routes() if r.neighbor)


def both_tables(w, daemon, count, patience):
    w.start(daemon, peers=[{}], daemon_peers=[{}])
    send_table(w.sessions[0], count)
    compare(w, w.seen, wanted(count, MARTLET_AS, w.peers[0].asn), count, patience)
    # All of it goes again, and the same comes from the other end.
    w.sessions[0].close()
    w.eventually(lambda: not any(r.neighbor for r in w.seen.routes()), "an empty table", patience=patience)
    send_table(w.daemon_sessions[0], count)
    compare(w, w.held, wanted(count, DAEMON_AS, w.daemon_peers[0].asn), count, patience)


def compare(w, reader, sum_wanted, count, patience):
    state = {}

    def same():
        routes = [r for r in reader.routes() if r.neighbor]
        state["count"] = len(routes)
        if len(routes) != count:
            return False
        state["sum"] = checksum(f"{r.prefix} {r.path} {','.join(r.communities)}" for r in routes)
        return state["sum"] == sum_wanted
    w.eventually(same, f"{reader.daemon.name} to have {count} routes with checksum {sum_wanted[:12]}",
                 lambda: f"{state.get('count')} routes, checksum {state.get('sum', '-')[:12]}", patience)


@row(f"{COUNT} routes, both ways", short=True)
def _(w, daemon):
    both_tables(w, daemon, COUNT, 90)


@row(f"{LARGE} routes, both ways", slow=60)
def _(w, daemon):
    both_tables(w, daemon, LARGE, 500)


@row("50000 routes flap three times, and both have the same at the end", slow=10)
def _(w, daemon):
    count = 50_000
    w.start(daemon, peers=[{}])
    for _ in range(3):
        send_table(w.sessions[0], count)
        w.sessions[0].close()
        w.eventually(lambda: not w.held.up(w.peers[0]), "the peer's session down")
        w.sessions[0] = w.peer_up(w.peers[0])
    send_table(w.sessions[0], count)
    compare(w, w.seen, wanted(count, MARTLET_AS, w.peers[0].asn), count, 300)
