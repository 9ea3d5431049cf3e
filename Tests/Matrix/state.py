"""What a daemon knows, read from itself with its own tools, in one notation for all of them."""
import json
import re
from dataclasses import dataclass, field

ORIGINS = {"igp": "igp", "egp": "egp", "incomplete": "incomplete", "?": "incomplete", "i": "igp", "e": "egp"}


@dataclass
class Route:
    """A path of a prefix. What a daemon does not show stays as it is here."""

    prefix: str
    best: bool = False
    next_hop: str = None
    path: str = ""
    origin: str = None
    med: int = None
    local_pref: int = None
    communities: list = field(default_factory=list)
    large: list = field(default_factory=list)
    extended: list = field(default_factory=list)
    originator: str = None
    clusters: list = field(default_factory=list)
    path_id: int = None
    stale: bool = False
    usable: bool = True
    neighbor: str = None        # the neighbour's address, or none for an own route

    def __str__(self):
        return f"{self.prefix} {self.shown(*NAMES)}"

    def shown(self, *names):
        return {n: getattr(self, n) for n in names if getattr(self, n) not in (None, [], "")}


NAMES = ("next_hop", "path", "origin", "med", "local_pref", "communities", "large", "extended", "originator", "clusters",
         "path_id", "stale", "best", "usable")


def _extended(text):
    """An extended community as `rt:65000:1`, however a daemon writes it."""
    words = re.sub(r"[(),]", " ", text).lower().replace("target", "rt").split()
    return ":".join(words)


class Reader:
    def __init__(self, daemon):
        self.daemon = daemon

    def routes(self, family="ipv4"):
        """All paths of a family from neighbours, and its own, rejected ones excepted."""
        raise NotImplementedError

    def route(self, prefix):
        """The best path of a prefix, or none."""
        paths = self.paths(prefix)
        return next((r for r in paths if r.best), None)

    def paths(self, prefix):
        """All paths of one prefix."""
        return [r for r in self.routes("ipv6" if ":" in prefix else "ipv4") if r.prefix == prefix]

    def prefixes(self, family="ipv4"):
        return {r.prefix for r in self.routes(family)}

    def up(self, neighbor):
        raise NotImplementedError

    def session_text(self, neighbor):
        return "it is not"

    def refreshes(self, neighbor):
        """How many requests for its routes it has received, or none if it does not count."""

    def capabilities(self, neighbor):
        """Words of what both sides agreed on, as the daemon tells it."""
        raise NotImplementedError


class BirdReader(Reader):
    _head = re.compile(r"(?:(\S+/\d+)\s+)?(\w+) \[(\S+) [^\]]*?(?: from (\S+))?\] (\*)? ?\(([^)]*)\)")

    def routes(self, family="ipv4", what="show route table master{v} all"):
        text = self.daemon.control(what.format(v=family[-1]))
        result, prefix, route = [], None, None
        for line in text.splitlines():
            line = re.sub(r"^\d{4}[- ]", "", line)
            head = self._head.match(line.strip())
            if head:
                prefix = head[1] or prefix
                route = Route(prefix, best=bool(head[5]), neighbor=head[3], usable=head[2] != "unreachable")
                # BIRD marks stale routes of a graceful restart with a letter behind the preference.
                route.stale = "s" in head[6].split("/")[0].lstrip("0123456789")
                result.append(route)
                continue
            name, _, value = line.strip().partition(": ")
            if route is None or not name.startswith("BGP."):
                continue
            value = value.strip()
            lists = re.findall(r"\([^)]*\)", value)
            if name == "BGP.origin":
                route.origin = ORIGINS.get(value.lower())
            elif name == "BGP.as_path":
                route.path = value
            elif name == "BGP.next_hop":
                route.next_hop = value.split()[0]
            elif name == "BGP.med":
                route.med = int(value)
            elif name == "BGP.local_pref":
                route.local_pref = int(value)
            elif name == "BGP.community":
                route.communities = sorted(re.sub(r"[() ]", "", c).replace(",", ":") for c in lists)
            elif name == "BGP.large_community":
                route.large = sorted(re.sub(r"[() ]", "", c).replace(",", ":") for c in lists)
            elif name == "BGP.ext_community":
                route.extended = sorted(_extended(c) for c in lists)
            elif name == "BGP.originator_id":
                route.originator = value
            elif name == "BGP.cluster_list":
                route.clusters = value.split()
            elif name == "BGP.path_id":
                route.path_id = int(value)
            elif name == "BGP.otc":
                route.otc = int(value)
        return [r for r in result if r.neighbor and not r.neighbor.startswith(("direct", "reach"))]

    def paths(self, prefix):
        return [r for r in self.routes("ipv6" if ":" in prefix else "ipv4", f"show route for {prefix} all")
                if r.prefix == prefix]

    def protocol(self, neighbor):
        return self.daemon.control(f"show protocols all {neighbor.name}")

    def up(self, neighbor):
        return "Established" in self.protocol(neighbor)

    def session_text(self, neighbor):
        return " ".join(self.protocol(neighbor).split())[:400]

    def stale_count(self, family="ipv4"):
        return sum(r.stale for r in self.routes(family))

    def capabilities(self, neighbor):
        text = self.protocol(neighbor).partition("Neighbor capabilities")[2].partition("Session:")[0]
        return text + self.protocol(neighbor).partition("Session:")[2].splitlines()[0]


class MartletReader(Reader):
    def routes(self, family="ipv4", *arguments):
        result = []
        text = self.daemon.bgpctl("show", "routes", "--json", "--family", family, *arguments)
        for line in text.splitlines():
            item = json.loads(line)
            if item["source"] not in ("bgp", "static") or item.get("protocol", "").startswith("reach") \
                    or item.get("rejected"):
                continue
            result.append(Route(
                item["prefix"], best=item["best"], next_hop=item.get("nextHop"), path=item.get("asPathText", ""),
                origin=item.get("origin"), med=item.get("med"), local_pref=item.get("localPref"),
                communities=sorted(item["communities"]), large=sorted(item["largeCommunities"]),
                extended=sorted(item["extendedCommunities"]), originator=item.get("originatorID"),
                clusters=item["clusterList"], path_id=item.get("pathID"),
                stale=bool(item.get("stale")), neighbor=item.get("from")))
        return result

    def paths(self, prefix):
        return [r for r in self.routes("ipv6" if ":" in prefix else "ipv4", prefix) if r.prefix == prefix]

    def neighbor(self, neighbor):
        shown = json.loads(self.daemon.bgpctl("show", "neighbors", neighbor.name, "--json"))
        return shown[0] if isinstance(shown, list) else shown

    def up(self, neighbor):
        return self.neighbor(neighbor)["state"] == "Established"

    def session_text(self, neighbor):
        shown = self.neighbor(neighbor)
        return f"{shown['state']} {shown.get('lastError', '')}"

    def refreshes(self, neighbor):
        return self.neighbor(neighbor)["messages"]["received"]["routeRefresh"]

    def capabilities(self, neighbor):
        return " ".join(self.neighbor(neighbor)["capabilities"]["remote"])


class FrrReader(Reader):
    def vtysh(self, command):
        text = self.daemon.vtysh(command)
        try:
            return json.loads(text)
        except ValueError:
            return {}

    def routes(self, family="ipv4"):
        shown = self.vtysh(f"show bgp {family} unicast json detail").get("routes", {})
        return [self._route(prefix, path) for prefix, paths in shown.items() for path in paths if "aspath" in path]

    def paths(self, prefix):
        shown = self.vtysh(f"show bgp {'ipv6' if ':' in prefix else 'ipv4'} unicast {prefix} json")
        return [self._route(prefix, path) for path in shown.get("paths", [])]

    @staticmethod
    def _route(prefix, path):
        text = path["aspath"]["string"]
        hops = path.get("nexthops", [])
        hop = next((h["ip"] for h in hops if h.get("scope") != "link-local"), None)
        extended = [t.lower() for t in path.get("extendedCommunity", {}).get("string", "").split()]
        clusters = path.get("clusterList") or {}
        own = path.get("sourced") or path["peer"]["peerId"] in ("0.0.0.0", "::")
        route = Route(
            prefix, best=bool(path.get("bestpath", {}).get("overall")), next_hop=hop,
            path="" if text == "Local" else text, origin=ORIGINS.get(path.get("origin", "").lower()),
            med=path.get("metric"), local_pref=path.get("locPrf"),
            communities=sorted(path.get("community", {}).get("list", [])),
            large=sorted(path.get("largeCommunity", {}).get("list", [])), extended=sorted(extended),
            originator=path.get("originatorId"), clusters=list(clusters.get("list", [])),
            path_id=path.get("addPathId") or path.get("rxedPathId") or path.get("addpathRxId"),
            stale=bool(path.get("stale")), usable=bool(path.get("valid")),
            neighbor=None if own else path["peer"]["peerId"])
        named = {"gracefulShutdown": "65535:0", "noExport": "65535:65281", "noAdvertise": "65535:65282",
                 "llgrStale": "65535:6", "blackhole": "65535:666", "noPeer": "65535:65284",
                 "localAs": "65535:65283", "noLlgr": "65535:7"}
        route.communities = sorted(named.get(c, {"no-export": "65535:65281", "llgr-stale": "65535:6",
                                                 "graceful-shutdown": "65535:0"}.get(c, c)) for c in route.communities)
        return route

    def neighbor(self, neighbor):
        return self.vtysh(f"show bgp neighbors {neighbor.address} json").get(neighbor.address, {})

    def up(self, neighbor):
        return self.neighbor(neighbor).get("bgpState") == "Established"

    def session_text(self, neighbor):
        shown = self.neighbor(neighbor)
        return f"{shown.get('bgpState')} {shown.get('lastResetDueTo', '')}"

    def refreshes(self, neighbor):
        return self.neighbor(neighbor)["messageStats"]["routeRefreshRecv"]

    def capabilities(self, neighbor):
        return json.dumps(self.neighbor(neighbor).get("neighborCapabilities"))


class GoBgpReader(Reader):
    def routes(self, family="ipv4", *more):
        shown = self.daemon.json("global", "rib", *more, "-a", family) or {}
        if not isinstance(shown, dict):
            return []
        return [self._route(prefix, path) for prefix, paths in shown.items() for path in paths]

    def paths(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        shown = self.daemon.json("global", "rib", prefix, "-a", family)
        if isinstance(shown, dict):
            shown = [p for paths in shown.values() for p in paths]
        return [self._route(prefix, path) for path in shown or [] if isinstance(path, dict)]

    @staticmethod
    def _route(prefix, path):
        route = Route(prefix, best=bool(path.get("best")), stale=bool(path.get("stale")), neighbor=path.get("neighbor-ip"),
                      path_id=path.get("id") or None)
        for item in path["attrs"]:
            kind, value = item["type"], item.get("value")
            if kind == 1:
                route.origin = ("igp", "egp", "incomplete")[value]
            elif kind == 2:
                words = []
                for segment in item.get("as_paths") or []:
                    left, right = {1: "{}", 2: "  ", 3: "()", 4: "[]"}[segment["segment_type"]]
                    words.append(f"{left}{' '.join(map(str, segment['asns']))}{right}".strip())
                route.path = " ".join(words)
            elif kind in (3, 14):
                route.next_hop = item["nexthop"]
            elif kind == 4:
                route.med = item["metric"]
            elif kind == 5:
                route.local_pref = value
            elif kind == 8:
                route.communities = sorted(f"{c >> 16}:{c & 65535}" for c in item["communities"])
            elif kind == 9:
                route.originator = value
            elif kind == 10:
                route.clusters = list(value)
            elif kind == 16:
                route.extended = sorted(f"{ {2: 'rt', 3: 'ro'}.get(e.get('subtype'), e.get('subtype')) }:{e['value']}"
                                        for e in value)
            elif kind == 32:
                route.large = sorted(f"{c['ASN']}:{c['LocalData1']}:{c['LocalData2']}" for c in value)
        return route

    def neighbor(self, neighbor):
        shown = self.daemon.json("neighbor") or []
        return next((n for n in shown if n["state"]["neighbor_address"] == neighbor.address), {})

    def up(self, neighbor):
        return self.neighbor(neighbor).get("state", {}).get("session_state") == 6

    def session_text(self, neighbor):
        return json.dumps(self.neighbor(neighbor).get("state"))[:300]

    def refreshes(self, neighbor):
        return self.neighbor(neighbor)["state"]["messages"]["received"].get("refresh", 0)

    def capabilities(self, neighbor):
        return self.daemon.gobgp("neighbor", neighbor.address)


class OpenBgpdReader(Reader):
    def routes(self, family="ipv4"):
        shown = self.daemon.json("show", "rib", "detail", {"ipv4": "inet", "ipv6": "inet6"}[family]) or {}
        return [self._route(item) for item in shown.get("rib", [])]

    def paths(self, prefix):
        return [r for r in map(self._route, (self.daemon.json("show", "rib", "detail", prefix) or {}).get("rib", []))
                if r.prefix == prefix]

    @staticmethod
    def _route(item):
        own = item["neighbor"].get("description") == "LOCAL"
        names = {"GRACEFUL_SHUTDOWN": "65535:0", "NO_EXPORT": "65535:65281", "NO_ADVERTISE": "65535:65282",
                 "NO_EXPORT_SUBCONFED": "65535:65283", "NO_PEER": "65535:65284", "BLACKHOLE": "65535:666"}
        route = Route(
            item["prefix"], best=bool(item.get("best")), next_hop=item["exit_nexthop"], path=item["aspath"],
            origin=ORIGINS.get(item["origin"].lower()), med=item["metric"], local_pref=item["localpref"],
            communities=sorted(names.get(c, c) for c in item.get("communities", [])),
            large=sorted(item.get("large_communities", [])),
            extended=sorted(c.replace(" ", ":") for c in item.get("extended_communities", [])
                            if not c.startswith("ovs ")),            # its own verdict on the origin
            path_id=item.get("path_id"), stale=bool(item.get("stale")), usable=bool(item.get("valid")),
            neighbor=None if own else item["neighbor"]["remote_addr"])
        for attribute in item.get("attributes", []):
            if attribute["type"] == "Originator Id":
                route.originator = attribute["originator"]
            elif attribute["type"] == "Cluster Id List":
                route.clusters = attribute["cluster_list"]
            elif attribute["type"] == "OTC":
                route.otc = attribute
        return route

    def neighbor(self, neighbor):
        shown = (self.daemon.json("show", "neighbor", neighbor.address) or {}).get("neighbors", [])
        return shown[0] if shown else {}

    def up(self, neighbor):
        return self.neighbor(neighbor).get("state") == "Established"

    def session_text(self, neighbor):
        shown = self.neighbor(neighbor)
        return f"{shown.get('state')} {shown.get('last_sent_error', '')} {shown.get('last_received_error', '')}"

    def refreshes(self, neighbor):
        return self.neighbor(neighbor)["stats"]["route-refresh"]["received"]["request"]

    def capabilities(self, neighbor):
        return json.dumps(self.neighbor(neighbor).get("session", {}).get("capabilities"))


READERS = {"martlet": MartletReader, "bird": BirdReader, "frr": FrrReader, "gobgp": GoBgpReader, "openbgpd": OpenBgpdReader}
