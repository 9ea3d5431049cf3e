"""OpenBGPD under test."""
import json
import os
import shutil
import subprocess

from dut import DAEMONS, Daemon, NotApplicable
from peer import until

ROLES = {"provider": "provider", "customer": "customer", "peer": "peer", "rs_server": "rs", "rs_client": "rs-client"}


class OpenBgpd(Daemon):
    name = "openbgpd"
    binary = os.environ.get("OPENBGPD", "/usr/sbin/bgpd")
    control = os.environ.get("OPENBGPCTL", "/usr/sbin/bgpctl")

    @classmethod
    def available(cls):
        return os.path.exists(cls.binary)

    @classmethod
    def version(cls):
        done = subprocess.run([cls.binary, "-V"], capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0].replace("OpenBGPD", "OpenBGPD").strip()

    def command(self):
        return [self.binary, "-d", "-f", f"{self.folder}/conf"]

    def prepare(self, text):
        # Where its unprivileged processes are confined; the package leaves it to the system's start-up.
        os.makedirs("/run/openbgpd", exist_ok=True)
        super().prepare(text)
        os.chmod(f"{self.folder}/conf", 0o600)

    def bgpctl(self, *arguments):
        until(lambda: os.path.exists(f"{self.folder}/ctl"))
        done = subprocess.run([self.control, "-s", f"{self.folder}/ctl", *arguments], capture_output=True, text=True,
                              timeout=240)
        return done.stdout + done.stderr

    def json(self, *arguments):
        """What a command of bgpctl shows, as an object; none while it has nothing to show."""
        try:
            return json.loads(self.bgpctl("-j", *arguments))
        except ValueError:
            return None

    def wake(self, neighbor):
        # After an error it waits for half a minute.
        self.bgpctl("neighbor", neighbor.address, "up")

    def shut_down(self, neighbor, text=None):
        self.bgpctl("neighbor", neighbor.address, "down", *([text] if text else []))

    def reset(self, neighbor):
        self.bgpctl("neighbor", neighbor.address, "clear")

    def refresh(self, neighbor):
        self.bgpctl("neighbor", neighbor.address, "refresh")

    def reload(self, config):
        self.config = config
        self.prepare(self.render())
        self.bgpctl("reload")

    def render(self):
        config = self.config
        if config.confederation:
            raise NotApplicable("no confederations in OpenBGPD")
        if config.recursive:
            raise NotApplicable("next hops are looked up in the kernel's table only")
        out = [f"AS {config.asn}", f"router-id {self.router_id}", "fib-update no", f'socket "{self.folder}/ctl"',
               "nexthop qualify via default", "connect-retry 2"]
        if config.raw:
            if self.name not in config.raw:
                raise NotApplicable("the configuration is not written in its language")
            out += config.raw[self.name].splitlines()
        out += [f"network {prefix}" for prefix in config.statics]
        rules = ["allow from any", "allow to any"]
        for n in config.neighbors:
            out.append(f"neighbor {n.address} {{\n  " + "\n  ".join(self.neighbor(n)) + "\n}")
            for direction, policy in (("from", n.imports), ("to", n.exports)):
                if policy == "none":
                    rules.append(f"deny {direction} {n.address}")
                elif policy != "all":
                    raise NotApplicable("the check's policy is written in BIRD's language")
            rules += (n.channel or {}).get(self.name, "").replace("{a}", n.address).splitlines()
            if n.channel and self.name not in n.channel:
                raise NotApplicable("the configuration is not written in its language")
        return "\n".join(out + rules) + "\n"

    def neighbor(self, n):
        for lacking, what in ((n.aigp, "AIGP"), (n.long_lived, "long-lived graceful restart"),
                              (n.extended_next_hop, "extended next hops"), (n.extended_messages, "extended messages"),
                              (n.default_med is not None, "default MED")):
            if lacking:
                raise NotApplicable(f"no {what} in OpenBGPD 7.7")
        if n.graceful == "on":
            raise NotApplicable("OpenBGPD keeps routes of neighbours, but asks nobody to keep its own")
        out = [f"remote-as {n.asn}", f"local-address {n.dut}", f"holdtime {n.hold}", "announce enhanced refresh yes"]
        out += [f"announce {word} unicast" for name, word in (("ipv4", "IPv4"), ("ipv6", "IPv6")) if name in n.families]
        if "ipv4" not in n.families:
            out.append("announce IPv4 none")
        if "ipv6" not in n.families:
            out.append("announce IPv6 none")
        if n.passive:
            out.append("passive")
        if n.multihop:
            out.append("multihop 8")
        if n.rr_client:
            out.append("route-reflector" + (f" {self.config.cluster}" if self.config.cluster else ""))
        elif self.config.cluster and n.internal:
            pass                                       # the clusters of its clients say so
        if n.rs_client:
            out += ["transparent-as yes", "set nexthop no-modify"]
        if n.own_as:
            out.append("enforce local-as no")
        if n.first_as is not None:
            out.append(f"enforce neighbor-as {'yes' if n.first_as else 'no'}")
        if n.refresh is False:
            out.append("announce refresh no")
        if n.graceful == "off":
            out.append("announce restart no")
        if n.role:
            out.append(f"announce policy {ROLES[n.role]}" + (" enforce" if n.strict_role else ""))
        if n.local_as:
            out.append(f"local-as {n.local_as}")
        if n.add_path in ("rx", "both"):
            out.append("announce add-path recv yes")
        if n.add_path in ("tx", "both"):
            out.append("announce add-path send all")
        if n.limit:
            if n.limit[1] not in ("disable", "restart"):
                raise NotApplicable(f"no limit that can {n.limit[1]}")
            out.append(f"max-prefix {n.limit[0]}" + (" out" if len(n.limit) > 2 and n.limit[2] == "export" else "")
                       + (" restart 1" if n.limit[1] == "restart" else ""))
        if n.next_hop:
            words = {"self": "self", "keep": "no-modify"}
            if n.next_hop not in words:
                raise NotApplicable(f"no next hop {n.next_hop}")
            out.append(f"set nexthop {words[n.next_hop]}")
        if not n.as_sets:
            out.append("reject as-set yes")
        if n.raw:
            if self.name not in n.raw:
                raise NotApplicable("the configuration is not written in its language")
            out += n.raw[self.name].splitlines()
        return out


DAEMONS[OpenBgpd.name] = OpenBgpd
