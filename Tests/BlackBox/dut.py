"""The daemon under test: a neutral description of its configuration, and how Martlet, BIRD and FRR are told it."""
import ctypes
import ipaddress
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

import wire
from peer import Failed, Session, until

HERE = os.path.dirname(os.path.abspath(__file__))
AS = 65000


class NotApplicable(Exception):
    """The daemon does not have what a check is about."""


class Neighbor:
    """A neighbour of the daemon: what is configured there, and what the peer says by default.

    `asn` is the peer's AS, `internal` means the daemon's own. `net` chooses one of three subnets. `raw` are statements for
    one daemon: {"martlet": …, "bird": …, "frr": …, "openbgpd": …, "gobgp": …}, `channel` the same for its address families;
    {second} stands for the daemon's address in the second subnet.
    """

    def __init__(self, asn=None, internal=False, net=0, families=("ipv4",), transport=4, passive=True, rr_client=False,
                 rs_client=False, hold=90, imports="all", exports="all", add_path=None, extended_messages=False,
                 role=None, strict_role=False, extended_next_hop=False, limit=None, own_as=0, local_as=None,
                 first_as=None, next_hop=None, confederation=False, graceful=None, long_lived=None, aigp=False,
                 default_med=None, refresh=None, multihop=None, timers=None, raw=None, channel=None,
                 expects=None, as_sets=False, host=None):
        self.__dict__.update({k: v for k, v in locals().items() if k != "self"})

    def bind(self, index, worker, asn):
        """Fills in what depends on where it runs."""
        self.index, self.worker, self.dut_as = index, worker, asn
        if self.asn is None:
            self.asn = asn if self.internal else 65101 + index
        self.internal = self.internal or self.asn == asn
        host = self.host or 11 + index
        self.address4 = f"{worker.net(self.net)}.{host}"
        # As the library writes addresses, so that they compare as texts.
        self.address6 = str(ipaddress.ip_address(f"{worker.net6(self.net)}::{host}"))
        self.dut4, self.dut6 = f"{worker.net(self.net)}.1", str(ipaddress.ip_address(f"{worker.net6(self.net)}::1"))
        self.address = self.address4 if self.transport == 4 else self.address6
        self.dut = self.dut4 if self.transport == 4 else self.dut6
        self.identifier = self.address4
        self.name = f"p{index}"

    def open_body(self, asn=None, hold=90, identifier=None, capabilities=None, also=(), without=(), **rest):
        """The body of this peer's OPEN: its families, route refresh and four-octet AS unless told otherwise."""
        asn = self.asn if asn is None else asn
        if capabilities is None:
            capabilities = [wire.mp(*wire.FAMILIES[name]) for name in self.families]
            capabilities += [wire.capability(2), wire.as4(asn)]
            capabilities = [c for c in capabilities if c[0] not in without] + list(also)
        return wire.open_body(asn, hold, identifier or self.identifier, capabilities, **rest)

    def socket(self, buffer=None):
        """A socket of this peer; `ttl` and `password` of the peer hold for it."""
        family = socket.AF_INET if self.transport == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if self.ttl:
            if self.transport == 4:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, self.ttl)
            else:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, self.ttl)
        if self.password:
            # struct tcp_md5sig: the other end's sockaddr_storage, flags, prefix length, key length, interface, key.
            address = struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton(self.dut))
            key = self.password.encode()
            sock.setsockopt(socket.IPPROTO_TCP, 14, address + struct.pack("=BBHi80s", 0, 0, len(key), 0, key))
        return sock

    ttl = password = None       # of the peer's own sockets

    def connect(self, patience=6.0, buffer=None, answered=True):
        """A connection to the daemon; tries again while it refuses or, with `answered`, closes without an OPEN."""
        end = time.monotonic() + patience * self.worker.slowness
        last = "nothing listens"
        while time.monotonic() < end:
            sock = self.socket(buffer)
            sock.settimeout(2)
            try:
                sock.bind((self.address, 0))
                sock.connect((self.dut, 179))
                sock.settimeout(None)
            except OSError as error:
                sock.close()
                last = str(error)
                time.sleep(0.03)
                continue
            session = Session(sock, self)
            if not answered:
                return session
            # A daemon in its idle hold closes at once; one that waits for our OPEN says nothing.
            session.wait(lambda: session.open or session.closed or session.notification, 1.0)
            if session.closed and not session.open and not session.notification:
                last = "the connection is closed"
                session.close()
                self.worker.wake(self)
                time.sleep(0.1)
                continue
            self.worker.sessions.append(session)
            return session
        raise Failed(f"expected a connection from {self.address} to be accepted; seen: {last}")

    def establish(self, patience=6.0, buffer=None, **changes):
        return self.connect(patience, buffer).establish(**changes)

    def listen(self):
        """A listening socket at port 179 of this peer."""
        sock = self.socket()
        sock.bind((self.address, 179))
        sock.listen(8)
        self.worker.listeners.append(sock)
        return sock

    def accept(self, listener, patience=6.0):
        """The next connection from the daemon; FRR drops the first while it reads the rest of its configuration."""
        end = time.monotonic() + patience * self.worker.slowness
        while True:
            listener.settimeout(max(0.05, end - time.monotonic()))
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                raise Failed(f"expected a connection from the daemon; seen: none within {patience} seconds") from None
            sock.settimeout(None)
            session = Session(sock, self)
            session.wait(lambda: session.open or session.closed, 1)
            if session.open or not session.closed or self.worker.daemon != "frr":
                self.worker.sessions.append(session)
                return session


class Config:
    """What a check wants of the daemon.

    `statics` are prefixes it originates; `tail` is text for one daemon behind everything else; `recursive` are (address, via, metric) known as host routes to resolve next hops.
    """

    def __init__(self, *neighbors, asn=AS, statics=(), confederation=None, cluster=None, router_id=None, recursive=(),
                 raw=None, only=None, tail=None):
        self.make, self.asn, self.statics, self.confederation = neighbors, asn, statics, confederation
        self.cluster, self.router_id, self.recursive, self.raw, self.only, self.tail = cluster, router_id, recursive, raw, only, tail


# ---------------------------------------------------------------------------------------------------- namespaces

def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


class Worker:
    """A network namespace for one daemon at a time, joined by a link to the namespace in which the checks run."""

    def __init__(self, number, folder):
        self.number, self.folder = number, f"{folder}/{number}"
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o777)
        self.sessions, self.listeners, self.daemon, self.runs = [], [], None, 0
        # The namespace lives as long as this process, and that as long as the runner.
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        if not until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, 10):
            raise Failed("expected a network namespace; seen: none")
        ours, theirs = [], ["link set lo up"]
        for net in (0, 1, 2):
            # Subnets 0 and 1 are links of their own, subnet 2 shares the link of 0.
            link, other = f"w{number}n{net % 2}", f"eth{net % 2}"
            if net < 2:
                run("ip", "link", "add", link, "type", "veth", "peer", "name", other, "netns", str(self.holder.pid))
                ours.append(f"link set {link} up")
                theirs.append(f"link set {other} up")
            theirs += [f"addr add {self.net(net)}.1/24 dev {other}", f"addr add {self.net6(net)}::1/64 dev {other} nodad"]
            for host in [*range(11, 17), 250]:
                ours += [f"addr add {self.net(net)}.{host}/24 dev {link}",
                         f"addr add {self.net6(net)}::{host}/64 dev {link} nodad"]
        run("ip", "-batch", "-", input="\n".join(ours))
        self.enter("ip", "-batch", "-", input="\n".join(theirs))
        # Small buffers, so that a peer that does not read is noticed after some kilobytes.
        self.enter("sysctl", "-qw", "net.ipv4.tcp_wmem=4096 65536 65536")

    @property
    def host(self):
        """The octet of addresses that tells workers apart."""
        return self.number + 1

    def net(self, index):
        return f"10.{self.number + 1}.{index}"

    def net6(self, index):
        return f"fd00:{self.number + 1}:{index}"

    def inside(self):
        return ["nsenter", "--net", "-t", str(self.holder.pid)]

    def enter(self, *command, **options):
        return run(*self.inside(), *command, **options)

    dut = None          # the daemon that runs here

    @property
    def slowness(self):
        return self.dut.slowness if self.dut else 1

    def wake(self, neighbor):
        if self.dut:
            self.dut.wake(neighbor)

    def clear(self):
        for thing in self.sessions + self.listeners:
            try:
                thing.close()
            except OSError:
                pass
        self.sessions, self.listeners = [], []

    def forget_routes(self):
        """Takes out of the namespace's tables what a daemon put there."""
        for family in ("-4", "-6"):
            subprocess.run([*self.inside(), "ip", family, "route", "flush", "proto", "81"], capture_output=True)

    def end(self):
        # The links go at once, not some time after the namespace: the next worker takes their names and addresses.
        for net in (0, 1):
            subprocess.run(["ip", "link", "del", f"w{self.number}n{net}"], capture_output=True)
        self.holder.kill()
        self.holder.wait()


# ---------------------------------------------------------------------------------------------------- daemons

class Daemon:
    """A running daemon under test."""

    name = "?"
    slowness = 1        # how many times longer than others it may take to call a neighbour or to listen to it again

    restarting = False          # whether it is told at its start that it restarts, where it has to be told

    def __init__(self, worker, config):
        self.worker, self.config = worker, config
        self.router_id = config.router_id or f"{worker.net(0)}.1"
        self.process = None
        # A folder of its own: nothing that another run left behind is found.
        worker.runs += 1
        self.folder = f"{worker.folder}/{worker.runs}"
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)

    @classmethod
    def available(cls):
        return True

    def start(self):
        self.log = open(f"{self.folder}/log", "w")
        self.prepare(self.render())
        command = ["setpriv", "--pdeathsig", "KILL", *self.worker.inside(), *self.command()]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        start_new_session=True)
        if not until(self.listening, 15):
            code = self.process.poll()
            what = f"it ended with {code}" if code is not None else "nothing listens on port 179"
            raise Failed(f"expected {self.name} to start; seen: {what}: {self.tail()}")

    def tail(self):
        if not self.log.closed:
            self.log.flush()
        return " | ".join(open(f"{self.folder}/log", errors="replace").read().strip().splitlines()[-4:])[-600:]

    def listening(self):
        """Whether the daemon listens; asked in its namespace, so that no connection of ours disturbs it."""
        if self.process.poll() is not None:
            self._died()
        return self._port_taken()

    def _port_taken(self):
        try:
            for table in ("tcp", "tcp6"):
                with open(f"/proc/{self.worker.holder.pid}/net/{table}") as lines:
                    if any(line.split()[1].endswith(":00B3") and line.split()[3] == "0A" for line in list(lines)[1:]):
                        return True
        except OSError:
            pass
        return False

    def _died(self):
        raise Failed(f"expected {self.name} to start; seen: it ended with {self.process.returncode}: {self.tail()}")

    def check_alive(self):
        if self.process and self.process.poll() is not None:
            raise Failed(f"expected {self.name} to run; seen: it ended with {self.process.returncode}: {self.tail()}")

    def stop(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        # What it started goes with it: OpenBGPD is several processes.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        until(lambda: not self._port_taken(), 5)
        self.log.close()

    def prepare(self, text):
        with open(f"{self.folder}/conf", "w") as file:
            file.write(text)

    def wake(self, neighbor):
        """Lets it listen to a neighbour again at once, where it waits for long after an error."""

    # What checks ask of a running daemon.
    def shut_down(self, neighbor, text=None):
        """Administrative shutdown of one session."""
        raise NotApplicable("no such command")

    def reset(self, neighbor):
        """Administrative reset of one session."""
        raise NotApplicable("no such command")

    def refresh(self, neighbor):
        """Makes it ask the neighbour for its routes again."""
        raise NotApplicable("no such command")

    def reload(self, config):
        """Takes another configuration; its neighbours stand where those of the old one stood."""
        raise NotApplicable("no such command")

    def terminate(self):
        """Ends the daemon as an operator does."""
        self.process.send_signal(signal.SIGTERM)


class Bird(Daemon):
    name = "bird"
    binary = os.environ.get("BIRD", shutil.which("bird") or "/usr/sbin/bird")

    @classmethod
    def available(cls):
        return os.path.exists(cls.binary)

    @classmethod
    def version(cls):
        return subprocess.run([cls.binary, "--version"], capture_output=True, text=True).stderr.strip() \
            .replace("BIRD version", "BIRD")

    def command(self):
        return [self.binary, "-f", "-c", f"{self.folder}/conf", "-s", f"{self.folder}/ctl", "-P", f"{self.folder}/pid",
                *(["-R"] if self.restarting else [])]

    def control(self, text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(120)
            sock.connect(f"{self.folder}/ctl")
            sock.sendall(text.encode() + b"\n")
            answer = b""
            while not any(line[:4].isdigit() and line[4:5] == b" " and line[:4] not in (b"0001",)
                          for line in answer.splitlines()):
                chunk = sock.recv(65536)
                if not chunk:
                    break
                answer += chunk
            return answer.decode()

    def shut_down(self, neighbor, text=None):
        self.control(f'disable {neighbor.name}' + (f' "{text}"' if text else ""))

    def reset(self, neighbor):
        self.control(f"restart {neighbor.name}")

    def refresh(self, neighbor):
        self.control(f"reload in {neighbor.name}")

    def reload(self, config):
        self.config = config
        self.prepare(self.render())
        self.control("configure")

    def render(self):
        config = self.config
        text = ["router id " + self.router_id + ";", "protocol device { scan time 60; }",
                "protocol direct { ipv4; ipv6; }"]
        if config.raw:
            text.append(config.raw.get(self.name, ""))
        for family, colon in (("ipv4", False), ("ipv6", True)):
            routes = [f"route {r} blackhole;" for r in config.statics if (":" in r) == colon]
            routes += [f"route {a.format(w=self.worker)} via {v.format(w=self.worker)} {{ igp_metric = {m}; }};"
                       for a, v, m in config.recursive if (":" in a) == colon]
            if routes:
                text.append(f"protocol static s{family} {{ {family}; {' '.join(routes)} }}")
        for neighbor in config.neighbors:
            text.append(self.neighbor(neighbor))
        return "\n".join(text) + "\n"

    def neighbor(self, n):
        out = [f"local {n.dut} as {n.local_as or self.config.asn};", f"neighbor {n.address} as {n.asn};",
               f"hold time {n.hold};",
               n.timers or "error wait time 1, 1; error forget time 1; connect delay time 1; connect retry time 2;"]
        if n.passive:
            out.append("passive on;")
        if n.internal or n.confederation and False:
            out.append("direct;" if n.multihop is False else "")
        if n.multihop:
            out.append("multihop;")
        if n.rr_client:
            out.append("rr client;")
        if self.config.cluster and n.internal:
            out.append(f"rr cluster id {self.config.cluster};")
        if n.rs_client:
            out.append("rs client;")
        if n.own_as:
            out.append(f"allow local as {n.own_as};")
        if n.first_as is not None:
            out.append(f"enforce first as {'on' if n.first_as else 'off'};")
        if n.refresh is False:
            out.append("enable route refresh off;")
        if n.extended_messages:
            out.append("enable extended messages on;")
        if n.default_med is not None:
            out.append(f"default bgp_med {n.default_med};")
        out += self.session_options(n)
        if n.raw:
            out.append(n.raw.get(self.name, "").replace("{second}", self.worker.net(1) + ".1"))
        for family in n.families:
            out.append(f"{family} {{ {self.channel(n, family)} }};")
        return f"protocol bgp {n.name} {{\n  " + "\n  ".join(o for o in out if o) + "\n}"

    def session_options(self, n):
        out = []
        if n.role:
            out.append(f"local role {n.role};")
        if n.strict_role:
            out.append("require roles on;")
        if self.config.confederation:
            out.append(f"confederation {self.config.confederation};")
            if n.confederation:
                out.append("confederation member on;")
        if n.graceful:
            out.append(f"graceful restart {n.graceful};")
        if n.long_lived:
            out.append(f"long lived graceful restart {n.long_lived};")
        return out

    def channel(self, n, family):
        out = [f"import {n.imports};",
               "export where source = RTS_BGP || source = RTS_STATIC;" if n.exports == "all" else f"export {n.exports};"]
        if n.add_path:
            out.append(f"add paths {dict(both='on').get(n.add_path, n.add_path)};")
        if n.extended_next_hop and family == "ipv4":
            out.append("extended next hop on;")
        if n.limit:
            out.append(f"{n.limit[2] if len(n.limit) > 2 else 'import'} limit {n.limit[0]} action {n.limit[1]};")
        if n.next_hop:
            out.append(f"next hop {n.next_hop};")
        if n.aigp:
            out.append("aigp on;")
        if n.channel:
            out.append(n.channel.get(self.name, ""))
        return " ".join(out)


class Martlet(Bird):
    name = "martlet"
    binary = os.environ.get("MARTLET_BINARY", os.path.join(HERE, "../../.build/release/martlet"))

    @classmethod
    def version(cls):
        return "Martlet"

    def command(self):
        return [self.binary, "speaker", "--config", f"{self.folder}/conf", "--control-socket", f"{self.folder}/s.sock"]

    def bgpctl(self, *arguments):
        # The control socket opens beside the listener, not before it.
        until(lambda: os.path.exists(f"{self.folder}/s.sock"))
        done = subprocess.run([os.path.join(os.path.dirname(self.binary), "bgpctl"), "--socket", f"{self.folder}/s.sock",
                               *arguments], capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise Failed(f"expected bgpctl {' '.join(arguments)} to work; seen: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def shut_down(self, neighbor, text=None):
        self.bgpctl("neighbor", neighbor.name, "down", *(["--message", text] if text else []))

    def reset(self, neighbor):
        self.bgpctl("neighbor", neighbor.name, "restart")

    def refresh(self, neighbor):
        self.bgpctl("neighbor", neighbor.name, "refresh", "in")

    def reload(self, config):
        self.config = config
        self.prepare(self.render())
        self.bgpctl("reload")

    def stop(self, how=signal.SIGKILL):
        super().stop(how)
        try:
            os.unlink(f"{self.folder}/s.sock")
        except OSError:
            pass


class Frr(Daemon):
    name = "frr"
    binary = os.environ.get("FRR_BGPD", "/usr/lib/frr/bgpd")

    @classmethod
    def available(cls):
        return os.path.exists(cls.binary)

    @classmethod
    def version(cls):
        text = subprocess.run([cls.binary, "--version"], capture_output=True, text=True).stdout.split()
        return "FRR " + text[2]

    def command(self):
        # Without zebra every next hop counts as reachable and nothing goes to the kernel.
        return [self.binary, "-Z", "-n", "-S", "-f", f"{self.folder}/conf", "-i", f"{self.folder}/pid", "-P", "0",
                "--vty_socket", self.folder, "--log", "stdout"]

    def start(self):
        for name in ("bgpd.vty", "pid"):
            try:
                os.unlink(f"{self.folder}/{name}")
            except OSError:
                pass
        super().start()

    def vtysh(self, *commands):
        until(lambda: os.path.exists(f"{self.folder}/bgpd.vty"))
        arguments = [a for command in commands for a in ("-c", command)]
        done = subprocess.run(["vtysh", "-d", "bgpd", "--vty_socket", self.folder, *arguments],
                              capture_output=True, text=True, timeout=240)
        return done.stdout

    def shut_down(self, neighbor, text=None):
        self.vtysh("configure terminal", f"router bgp {self.config.asn}",
                   f"neighbor {neighbor.address} shutdown" + (f" message {text}" if text else ""))

    def reset(self, neighbor):
        self.vtysh(f"clear bgp {neighbor.address}")

    def refresh(self, neighbor):
        self.vtysh(f"clear bgp {neighbor.address} soft in")

    def render(self):
        config = self.config
        if config.recursive:
            raise NotApplicable("next hops are not tracked without zebra")
        head = ["frr defaults traditional", "log stdout emergencies"]
        out = [f"router bgp {config.asn}", f" bgp router-id {self.router_id}", " no bgp ebgp-requires-policy",
               " no bgp network import-check", " no bgp default ipv4-unicast", " coalesce-time 0"]
        if config.confederation:
            out.append(f" bgp confederation identifier {config.confederation}")
            members = [str(n.asn) for n in config.neighbors if n.confederation and n.asn != config.asn]
            if members:
                out.append(" bgp confederation peers " + " ".join(members))
        if config.cluster:
            out.append(f" bgp cluster-id {config.cluster}")
        if config.raw:
            out += config.raw.get("frr", "").splitlines()
        families = {}
        for n in config.neighbors:
            a = n.address
            out += [f" neighbor {a} remote-as {n.asn}", f" neighbor {a} timers {max(1, n.hold // 3) if n.hold else 0} {n.hold}",
                    f" neighbor {a} timers connect 2", f" neighbor {a} advertisement-interval 0"]
            if n.passive:
                out.append(f" neighbor {a} passive")
            if n.multihop:
                out.append(f" neighbor {a} ebgp-multihop")
            elif not n.internal:
                out.append(f" neighbor {a} disable-connected-check")
            if n.role:
                out.append(f" neighbor {a} local-role {n.role.replace('_', '-')}" + (" strict-mode" if n.strict_role else ""))
            if n.aigp:
                raise NotApplicable("no AIGP in FRR 8.4")
            if n.extended_messages:
                pass                                   # always offered
            if n.local_as:
                out.append(f" neighbor {a} local-as {n.local_as} no-prepend replace-as")
            if n.first_as is not None:
                out.append(f" {'' if n.first_as else 'no '}neighbor {a} enforce-first-as")
            if n.extended_next_hop:
                out.append(f" neighbor {a} capability extended-nexthop")
            if n.refresh is False:
                raise NotApplicable("route refresh cannot be switched off")
            if n.long_lived:
                raise NotApplicable("long-lived restart needs settings of the whole instance")
            if n.raw:
                out += n.raw.get("frr", "").replace("{a}", a).splitlines()
            for family in n.families:
                lines = families.setdefault(family, [])
                lines.append(f"  neighbor {a} activate")
                if n.rr_client:
                    lines.append(f"  neighbor {a} route-reflector-client")
                if n.rs_client:
                    lines.append(f"  neighbor {a} route-server-client")
                if n.own_as:
                    lines.append(f"  neighbor {a} allowas-in {n.own_as}")
                if n.add_path in ("tx", "both"):
                    lines.append(f"  neighbor {a} addpath-tx-all-paths")
                if n.limit:
                    if n.limit[1] not in ("warn", "disable", "restart"):
                        raise NotApplicable(f"no limit that can {n.limit[1]}")
                    lines.append(f"  neighbor {a} maximum-prefix {n.limit[0]}"
                                 + (" warning-only" if n.limit[1] == "warn" else ""))
                if n.next_hop == "self":
                    lines.append(f"  neighbor {a} next-hop-self")
                elif n.next_hop:
                    raise NotApplicable(f"no next hop {n.next_hop}")
                for direction, policy in (("in", n.imports), ("out", n.exports)):
                    if policy == "none":
                        lines.append(f"  neighbor {a} route-map NONE {direction}")
                    elif policy != "all":
                        raise NotApplicable("the check's policy is written in BIRD's language")
                if n.channel:
                    lines += n.channel.get("frr", "").replace("{a}", a).splitlines()
        for prefix in config.statics:
            families.setdefault("ipv6" if ":" in prefix else "ipv4", []).append(f"  network {prefix}")
        for family, lines in families.items():
            out += [f" address-family {family} unicast", *lines, " exit-address-family"]
        out += ["exit", "route-map NONE deny 10", "exit", *(config.tail or {}).get("frr", "").splitlines()]
        return "\n".join(head + out) + "\n"


DAEMONS = {daemon.name: daemon for daemon in (Martlet, Bird, Frr)}
