"""Where a cell runs: Martlet and another daemon in namespaces of their own, joined by a link, and raw peers beside each."""
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../BlackBox"))

import dut                                        # noqa: E402
from dut import Config, Neighbor, NotApplicable   # noqa: E402,F401
from peer import Failed, until                    # noqa: E402

PATIENCE = 60       # generous: many daemons start at once on few processors
BOTH = ("ipv4", "ipv6")
MARTLET_AS, DAEMON_AS, PEER_AS = 65000, 4200000002, 65101


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


class Side:
    """The namespace of one of the two daemons; what a daemon of the black-box checks expects of its worker."""

    def __init__(self, world, which, folder):
        self.world, self.which, self.folder = world, which, folder
        self.runs, self.sessions, self.listeners, self.daemon, self.dut = 0, [], [], None, None
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        if not until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, 10):
            raise Failed("expected a network namespace; seen: none")

    slowness = 1

    def wake(self, neighbor):
        pass

    def net(self, index):
        """The network that a daemon's default identifier is from."""
        return f"10.{self.world.number}.{self.which}"

    def inside(self):
        return ["nsenter", "--net", "-t", str(self.holder.pid)]

    def enter(self, *command, **options):
        return run(*self.inside(), *command, **options)

    def end(self):
        self.holder.kill()
        self.holder.wait()


class World:
    """Two sides and the raw peers of both. Network 0 joins the daemons, 1 Martlet and its peers, 2 the other and its."""

    def __init__(self, number, folder, name):
        self.duts, self.gone = [], set()
        self.number, self.folder = number + 1, folder
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        n = self.number
        self.sides = [Side(self, 1, f"{self.folder}/m"), Side(self, 2, f"{self.folder}/d")]
        first, second = (str(side.holder.pid) for side in self.sides)
        self.links = [f"x{n}a", f"x{n}b"]
        run("ip", "link", "add", "eth0", "netns", first, "type", "veth", "peer", "name", "eth0", "netns", second)
        for side, link in zip((first, second), self.links):
            run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth1", "netns", side)
        ours = []
        for which, side in enumerate(self.sides, 1):
            other = 3 - which
            # Without zebra FRR's bgpd knows no interfaces and takes a next hop with a link-local address for malformed.
            local = ["link set eth0 addrgenmode none"] if name == "frr" else []
            theirs = ["link set lo up", *local, "link set eth0 up", "link set eth1 up",
                      f"addr add 10.{n}.0.{which}/24 dev eth0", f"addr add fd00:{n}::{which}/64 dev eth0 nodad",
                      f"addr add 10.{n}.{which}.1/24 dev eth1", f"addr add fd00:{n}:{which}::1/64 dev eth1 nodad",
                      f"route add 10.{n}.{other}.0/24 via 10.{n}.0.{other}",
                      f"route add fd00:{n}:{other}::/64 via fd00:{n}::{other}"]
            side.enter("ip", "-batch", "-", input="\n".join(theirs))
            ours.append(f"link set x{n}{'ab'[which - 1]} up")
            for host in range(11, 17):
                ours += [f"addr add 10.{n}.{which}.{host}/24 dev {self.links[which - 1]}",
                         f"addr add fd00:{n}:{which}::{host}/64 dev {self.links[which - 1]} nodad"]
        run("ip", "-batch", "-", input="\n".join(ours))

    # ------------------------------------------------------------------------------------------------ configuration

    def link(self, which, asn, other_as, options):
        """The other daemon as a neighbour of the one at this side."""
        n, other = self.number, 3 - which
        other_as = options.pop("asn", other_as)
        neighbor = Neighbor(asn=other_as, internal=asn == other_as, **{"passive": False, **options})
        neighbor.transport = options.get("transport", 4)
        self._fill(neighbor, which, asn, f"10.{n}.0.{other}", f"fd00:{n}::{other}", f"10.{n}.0.{which}",
                   f"fd00:{n}::{which}", ("daemon", "martlet")[which - 1])
        return neighbor

    def raw(self, which, index, asn, options):
        """A raw peer of the daemon at this side."""
        n, host = self.number, 11 + index
        internal = options.pop("internal", False)
        other = options.pop("asn", None) or (asn if internal else PEER_AS + 10 * which + index)
        neighbor = Neighbor(asn=other, internal=other == asn, **options)
        self._fill(neighbor, which, asn, f"10.{n}.{which}.{host}", f"fd00:{n}:{which}::{host}", f"10.{n}.{which}.1",
                   f"fd00:{n}:{which}::1", f"p{index}")
        return neighbor

    def _fill(self, neighbor, which, asn, address4, address6, dut4, dut6, name):
        v4 = neighbor.transport == 4
        neighbor.__dict__.update(worker=self.sides[which - 1], dut_as=asn, index=0, address4=address4, address6=address6,
                                 dut4=dut4, dut6=dut6, address=address4 if v4 else address6, dut=dut4 if v4 else dut6,
                                 identifier=address4, name=name)

    def configure(self, daemon, link=None, martlet=None, other=None, as_martlet=MARTLET_AS, as_daemon=DAEMON_AS,
                  peers=(), daemon_peers=(), martlet_config=None, daemon_config=None):
        """Both daemons with the configuration of a cell, not yet started.

        `link` are options of the session at both sides, `martlet` and `other` those of one side; `peers` and `daemon_peers`
        are options of raw peers, the rest options of the whole configuration.
        """
        self.daemon = daemon
        self.duts = []
        for which, kind, own, remote, mine, raws, whole in (
                (1, dut.DAEMONS["martlet"], as_martlet, as_daemon, martlet, peers, martlet_config),
                (2, daemon, as_daemon, as_martlet, other, daemon_peers, daemon_config)):
            whole = dict(whole or {})
            options = {**(link or {}), **(mine or {})}
            whole_other = daemon_config if which == 1 else martlet_config
            seen = whole_other and whole_other.get("confederation")
            # A confederation is one AS to those outside.
            session = self.link(which, own, seen if seen and not options.get("confederation") else remote, dict(options))
            raw = [self.raw(which, i, own, dict(o)) for i, o in enumerate(raws)]
            config = Config(asn=own, router_id=f"10.{self.number}.0.{which}", **whole)
            config.neighbors = [session, *raw]
            config.statics = list(config.statics)
            if kind.name in ("bird", "martlet"):
                self._resolve(config, which, kind.name)
            side = self.sides[which - 1]
            side.daemon = kind.name
            side.dut = kind(side, config)
            self.duts.append(side.dut)
        self.martlet, self.other = self.duts
        self.peers, self.daemon_peers = (d.config.neighbors[1:] for d in self.duts)
        # What the other daemon's neighbour is to it, and Martlet's to it.
        self.at_martlet, self.at_daemon = (d.config.neighbors[0] for d in self.duts)
        # Anything that a daemon cannot be told shows before something starts.
        for each in self.duts:
            each.render()

    def _resolve(self, config, which, name):
        """Tells BIRD's kind how to reach the other side's peers, and to keep that to itself."""
        n, other = self.number, 3 - which
        text = (f"protocol static reach4 {{ ipv4; route 10.{n}.{other}.0/24 via 10.{n}.0.{other}; }}\n"
                f"protocol static reach6 {{ ipv6; route fd00:{n}:{other}::/64 via fd00:{n}::{other}; }}\n")
        config.raw = {**(config.raw or {}), name: (config.raw or {}).get(name, "") + text}
        for neighbor in config.neighbors:
            if neighbor.exports == "all":
                neighbor.exports = "where source = RTS_BGP || (source = RTS_STATIC && dest = RTD_BLACKHOLE)"

    def start(self, daemon=None, up=True, **options):
        """Starts both and, with `up`, waits for the session between them, as either sees it; then the raw peers come up."""
        if daemon:
            self.configure(daemon, **options)
        # In this thread: a daemon ends with the thread that started it.
        for each in (self.other, self.martlet):
            each.start()
        if up:
            self.wait_up()
        self.sessions = [self.peer_up(p) for p in self.peers]
        self.daemon_sessions = [self.peer_up(p) for p in self.daemon_peers]

    def peer_up(self, peer):
        """A session of a raw peer; `also` of the peer are capabilities besides the usual ones."""
        also = getattr(peer, "also", ())
        if peer.worker is self.martlet.worker:
            return peer.connect(patience=30).establish(patience=30, also=also)
        # Other daemons may need some calls until a connection that they gave up is gone.
        end = time.monotonic() + 2 * PATIENCE
        while True:
            try:
                return peer.connect(patience=5).establish(patience=5, also=also)
            except (Failed, OSError):
                if time.monotonic() > end:
                    raise
                self.other.wake(peer)

    @property
    def all_sessions(self):
        return [s for side in self.sides for s in side.sessions]

    def expect(self, reader, prefix, patience=PATIENCE, **fields):
        """The best path of a prefix, as a daemon tells it, has these fields; the path."""
        found = []

        def good():
            found[:] = [reader.route(prefix)]
            return found[0] and all(getattr(found[0], n) == v for n, v in fields.items())
        self.eventually(good, f"{reader.daemon.name} to have {prefix} with {fields}",
                        lambda: f"{found[0].shown(*fields, 'usable') if found[0] else reader.paths(prefix) or 'no such route'}", patience)
        return found[0]

    def expect_none(self, reader, prefix, patience=PATIENCE):
        self.eventually(lambda: not any(r.neighbor for r in reader.paths(prefix)), f"{reader.daemon.name} not to have {prefix}",
                        lambda: str(reader.paths(prefix)), patience)

    def wait_up(self):
        for each, neighbor in ((self.other, self.at_daemon), (self.martlet, self.at_martlet)):
            self.eventually(lambda: self.state(each).up(neighbor) or each.wake(neighbor), f"{each.name} to say that the session is up",
                            lambda: f"{self.state(each).session_text(neighbor)}; Martlet's log: {self.martlet.tail()}; "
                                    f"{self.other.name}'s log: {self.other.tail()}")

    def state(self, daemon):
        import state
        return state.READERS[daemon.name](daemon)

    @property
    def seen(self):
        """The other daemon's own state."""
        return self.state(self.other)

    @property
    def held(self):
        """Martlet's state."""
        return self.state(self.martlet)

    def eventually(self, condition, expected, seen=lambda: "it did not happen", patience=PATIENCE):
        """Waits for something that no message announces; asks less often the longer it takes."""
        end, step = time.monotonic() + patience, 0.05
        while not condition():
            self.check_alive()
            if time.monotonic() > end:
                raise Failed(f"expected {expected}; seen: {seen()}")
            time.sleep(step)
            step = min(step * 1.5, 0.5)

    def kill(self, daemon, how=signal.SIGKILL):
        """Ends a daemon, which is meant to be gone then."""
        self.gone.add(daemon)
        daemon.stop(how)

    def revive(self, daemon):
        """Starts a daemon again, with what it left behind. It meets nobody before it has what it originates."""
        side = daemon.worker
        side.enter("nft", "add table ip mute; add chain ip mute in { type filter hook input priority 0; };"
                          "add rule ip mute in tcp dport 179 drop; add rule ip mute in tcp sport 179 drop")
        daemon.start()
        side.enter("nft", "delete table ip mute")
        self.gone.discard(daemon)

    def other_sent(self, daemon):
        """How many NOTIFICATIONs Martlet counts from the other daemon."""
        status = json.loads(daemon.bgpctl("show", "neighbors", self.at_martlet.name, "--json"))
        return status["messages"]["received"]["notification"]

    def check_alive(self):
        for side in self.sides:
            if side.dut and side.dut.process and side.dut not in self.gone:
                side.dut.check_alive()

    @staticmethod
    def freeze(daemon):
        """Stops all of a daemon's processes, so that it reads nothing."""
        os.killpg(daemon.process.pid, signal.SIGSTOP)

    @staticmethod
    def thaw(daemon):
        os.killpg(daemon.process.pid, signal.SIGCONT)

    def clear(self):
        for side in self.sides:
            for thing in side.sessions + side.listeners:
                try:
                    thing.close()
                except OSError:
                    pass
            side.sessions, side.listeners = [], []
            if side.dut and side.dut.process:
                side.dut.stop()
            side.dut = None

    def end(self):
        for link in self.links:
            subprocess.run(["ip", "link", "del", link], capture_output=True)
        for side in self.sides:
            side.end()
