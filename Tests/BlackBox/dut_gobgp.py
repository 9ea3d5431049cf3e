"""GoBGP under test."""
import json
import os
import shutil
import signal
import subprocess

from dut import DAEMONS, Daemon, NotApplicable
from peer import Failed, until


class GoBgp(Daemon):
    name = "gobgp"
    slowness = 2.5      # it calls every five to ten seconds and is idle for five after an end
    binary = os.environ.get("GOBGPD", shutil.which("gobgpd") or "/usr/bin/gobgpd")
    control = os.environ.get("GOBGP", shutil.which("gobgp") or "/usr/bin/gobgp")

    @classmethod
    def available(cls):
        return os.path.exists(cls.binary)

    @classmethod
    def version(cls):
        return "GoBGP " + subprocess.run([cls.binary, "--version"], capture_output=True, text=True).stdout.split()[-1]

    def command(self):
        return [self.binary, "-t", "toml", "-f", f"{self.folder}/conf", "--api-hosts", "127.0.0.1:50051", "--pprof-disable",
                "--log-level", "warn", *(["-r"] if self.restarting else [])]

    def start(self):
        super().start()
        # It listens before it has read its configuration.
        wanted = len(self.config.neighbors)
        if not until(lambda: len(self.json("neighbor") or []) >= wanted, 15):
            raise Failed(f"expected gobgp to have {wanted} neighbours; seen: {self.tail()}")
        for prefix in self.config.statics:
            self.originate(prefix)

    def gobgp(self, *arguments):
        done = subprocess.run([*self.worker.inside(), self.control, "-u", "127.0.0.1", "-p", "50051", *arguments],
                              capture_output=True, text=True, timeout=240)
        return done.stdout + done.stderr

    def json(self, *arguments):
        """What a command shows, as an object; none while it has nothing to show."""
        try:
            return json.loads(self.gobgp(*arguments, "-j"))
        except ValueError:
            return None

    def originate(self, prefix, *attributes):
        family = "ipv6" if ":" in prefix else "ipv4"
        self.gobgp("global", "rib", "add", "-a", family, prefix, *(attributes or ("origin", "igp")))

    def shut_down(self, neighbor, text=None):
        self.gobgp("neighbor", neighbor.address, "shutdown", *([text] if text else []))

    def reset(self, neighbor):
        self.gobgp("neighbor", neighbor.address, "reset")

    def refresh(self, neighbor):
        self.gobgp("neighbor", neighbor.address, "softresetin")

    def render(self):
        config = self.config
        if config.recursive:
            raise NotApplicable("next hops are not tracked without zebra")
        out = ["[global.config]", f"as = {config.asn}", f'router-id = "{self.router_id}"', "port = 179"]
        if config.raw:
            if self.name not in config.raw:
                raise NotApplicable("the configuration is not written in its language")
            out += config.raw[self.name].splitlines()
        if config.confederation:
            members = sorted({n.asn for n in config.neighbors if n.confederation and n.asn != config.asn})
            out += ["[global.confederation.config]", "enabled = true", f"identifier = {config.confederation}",
                    f"member-as-list = {members}"]
        out += self.policies()
        for n in config.neighbors:
            out += self.neighbor(n)
        return "\n".join(out) + "\n"

    def policies(self):
        """Policies that let nothing in or out, for the neighbours that want that."""
        config, out, names = self.config, [], {}
        for kind, of in (("import", lambda n: n.imports), ("export", lambda n: n.exports)):
            mute = [n.address for n in config.neighbors if of(n) == "none"]
            if any(of(n) not in ("all", "none") for n in config.neighbors):
                raise NotApplicable("the check's policy is written in BIRD's language")
            if mute:
                names[kind] = mute
        if not names:
            return out
        out.append("[global.apply-policy.config]")
        for kind in names:
            out += [f'{kind}-policy-list = ["no-{kind}"]', f'default-{kind}-policy = "accept-route"']
        for kind, addresses in names.items():
            out += ["[[defined-sets.neighbor-sets]]", f'neighbor-set-name = "no-{kind}"',
                    f"neighbor-info-list = {json.dumps(addresses)}", "[[policy-definitions]]", f'name = "no-{kind}"',
                    "[[policy-definitions.statements]]", f'name = "no-{kind}"',
                    "[policy-definitions.statements.conditions.match-neighbor-set]", f'neighbor-set = "no-{kind}"',
                    'match-set-options = "any"', "[policy-definitions.statements.actions]",
                    'route-disposition = "reject-route"']
        return out

    def neighbor(self, n):
        for lacking, what in ((n.role, "roles"), (n.extended_messages, "extended messages"), (n.aigp, "AIGP in sessions"),
                              (n.default_med is not None, "default MED"), (n.next_hop, "setting of the next hop for a neighbour"),
                              (n.first_as is not None, "switch for the first AS"),
                              (n.refresh is False, "switch for route refresh")):
            if lacking:
                raise NotApplicable(f"no {what} in GoBGP 3.10")
        if n.channel and self.name not in n.channel or n.raw and self.name not in n.raw:
            raise NotApplicable("the configuration is not written in its language")
        out = ["[[neighbors]]", "[neighbors.config]", f'neighbor-address = "{n.address}"', f"peer-as = {n.asn}"]
        if n.local_as:
            out.append(f"local-as = {n.local_as}")
        out += (n.raw or {}).get(self.name, "").splitlines()
        out += ["[neighbors.timers.config]", f"hold-time = {n.hold}", f"keepalive-interval = {n.hold // 3}",
                "idle-hold-time-after-reset = 1", "connect-retry = 1",
                "[neighbors.transport.config]", f'local-address = "{n.dut}"', f"passive-mode = {str(bool(n.passive)).lower()}"]
        if n.multihop:
            out += ["[neighbors.ebgp-multihop.config]", "enabled = true", "multihop-ttl = 8"]
        if n.rr_client:
            out += ["[neighbors.route-reflector.config]", "route-reflector-client = true",
                    f'route-reflector-cluster-id = "{self.config.cluster or self.router_id}"']
        if n.rs_client:
            out += ["[neighbors.route-server.config]", "route-server-client = true"]
        if n.own_as:
            out += ["[neighbors.as-path-options.config]", f"allow-own-as = {n.own_as}"]
        if n.add_path:
            out += ["[neighbors.add-paths.config]", f"receive = {str(n.add_path in ('rx', 'both')).lower()}",
                    f"send-max = {8 if n.add_path in ('tx', 'both') else 0}"]
        if n.graceful == "on" or n.long_lived:
            out += ["[neighbors.graceful-restart.config]", "enabled = true", "restart-time = 60",
                    "notification-enabled = true", f"long-lived-enabled = {str(n.long_lived == 'on').lower()}"]
        elif n.graceful != "off":
            out += ["[neighbors.graceful-restart.config]", "enabled = true", "helper-only = true",
                    "notification-enabled = true"]
        for family in n.families:
            out += ["[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]", f'afi-safi-name = "{family}-unicast"']
            if n.graceful != "off":
                out += ["[neighbors.afi-safis.mp-graceful-restart.config]", "enabled = true"]
            if n.long_lived == "on":
                out += ["[neighbors.afi-safis.long-lived-graceful-restart.config]", "enabled = true", "restart-time = 60"]
            if n.limit:
                if n.limit[1] != "disable" or len(n.limit) > 2 and n.limit[2] == "export":
                    raise NotApplicable(f"no limit that can {n.limit[1]}")
                out += ["[neighbors.afi-safis.prefix-limit.config]", f"max-prefixes = {n.limit[0]}"]
        return out


DAEMONS[GoBgp.name] = GoBgp
