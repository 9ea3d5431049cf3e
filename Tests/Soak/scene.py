"""A scene of the soak: Martlet, another daemon and raw peers of both, and what each observer must hold at rest.

No two paths tie: feeders have AS paths of even lengths, of which each feeder of Martlet has its own, and a path that crosses
the link between the daemons is one longer. So the best path follows from lengths alone, in any daemon.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../Matrix"), os.path.join(HERE, "../BlackBox")]

import wire                         # noqa: E402
from peer import Failed, until      # noqa: E402
from world import BOTH, PATIENCE    # noqa: E402

V4 = [f"100.{64 + i // 250}.{i % 250}.0/24" for i in range(500)]
V6 = [f"2001:db8:{i:x}::/48" for i in range(1, 200)]
NARROW = 8              # AS path length that the narrow import policy of one feeder still takes


class Route:
    """What a feeder announces: a path length, and a number that no other announcement has."""

    def __init__(self, length, tag):
        self.length, self.tag = length, tag

    def __repr__(self):
        return f"length {self.length} tag {self.tag}"


class Feeder:
    """A raw peer that announces, and what it announces."""

    def __init__(self, world, peer, lengths, families):
        self.world, self.peer, self.lengths, self.families = world, peer, lengths, families
        self.held, self.session, self.tags = {}, None, 0
        self.prefixes = V4 + (V6 if "ipv6" in families else [])

    def up(self):
        """A session in which all that is held is announced, and End-of-RIB."""
        self.session = self.world.peer_up(self.peer)
        groups = {}
        for prefix, route in self.held.items():
            groups.setdefault((route.length, route.tag, ":" in prefix), []).append(prefix)
        for (length, tag, _), prefixes in groups.items():
            self._say(prefixes, Route(length, tag))
        self.session.end_of_rib()
        if "ipv6" in self.families:
            self.session.end_of_rib(wire.IPV6)

    def announce(self, prefixes, length):
        self.tags = (self.tags + 1) % 65536
        route = Route(length, self.tags)
        for prefix in prefixes:
            self.held[prefix] = route
        self._say(prefixes, route)

    def repeat(self, prefixes):
        """Announces again what is held."""
        for prefix in prefixes:
            self._say([prefix], self.held[prefix])

    def _say(self, prefixes, route):
        number = self.peer.asn
        path = [number] + [64600 + number % 100] * (route.length - 1)
        options = dict(path=path, communities=[f"{number}:{route.tag}"])
        for chunk in _chunks([p for p in prefixes if ":" not in p], 100):
            self.session.announce(chunk, **options)
        for chunk in _chunks([p for p in prefixes if ":" in p], 100):
            self.session.announce6(chunk, **options)

    def withdraw(self, prefixes):
        for prefix in prefixes:
            self.held.pop(prefix, None)
        for chunk in _chunks([p for p in prefixes if ":" not in p], 100):
            self.session.withdraw(chunk)
        for chunk in _chunks([p for p in prefixes if ":" in p], 100):
            self.session.withdraw6(chunk)


def _chunks(items, size):
    return [items[i:i + size] for i in range(0, len(items), size)]


class Scene:
    """Martlet has feeders a and b, the other daemon has c; observers of both watch."""

    def __init__(self, world, daemon):
        self.world, self.generation, self.is_narrow = world, 0, False
        self.foreign = 0        # routes that the other daemon held and did not announce
        shown = dict(exports="filter shown", families=BOTH)
        hostile = dict(imports="none", exports="none", families=BOTH)
        world.configure(
            daemon, martlet_config=dict(raw={"martlet": self.policy}),
            peers=[dict(families=BOTH, raw={"martlet": "max graceful restart time 60;"}),
                   dict(families=BOTH, imports="filter inward"), shown, dict(shown, add_path="tx"), hostile, shown],
            daemon_peers=[{}, {}])
        a, b, *watchers = world.peers
        keeps = wire.graceful(0, 60, [(wire.IPV4, 0x80), (wire.IPV6, 0x80)])
        a.also = (keeps, wire.capability(70))
        self.a = Feeder(world, a, (2, 6, 10), BOTH)
        self.b = Feeder(world, b, (4, 8, 12), BOTH)
        self.c = Feeder(world, world.daemon_peers[0], (2, 4, 6, 8, 10), ("ipv4",))
        self.feeders = [self.a, self.b, self.c]
        self.hostile = watchers[2]
        watchers[1].also = (wire.add_path((wire.IPV4, 1), (wire.IPV6, 1)),)
        # Observers by name: peer, and what it must hold.
        self.watchers = {"plain": (watchers[0], self.best), "add-path": (watchers[1], self.all_paths),
                         "stalling": (watchers[3], self.best), "beyond": (world.daemon_peers[1], self.beyond)}
        self.observers = {}

    @property
    def policy(self):
        """The part of Martlet's configuration that reloads change."""
        return (f"filter shown {{ if source != RTS_BGP then reject; bgp_community.add((65000, {self.generation})); accept; }}\n"
                f"filter inward {{ if bgp_path.len > {NARROW if self.is_narrow else 100} then reject; accept; }}\n")

    def start(self):
        self.world.start()
        # Those sessions have not what scenes want.
        for session in self.world.all_sessions:
            session.close()
        for feeder in self.feeders:
            feeder.up()
        for name in self.watchers:
            self.watch(name)

    def watch(self, name):
        """A new session of an observer."""
        peer, _ = self.watchers[name]
        self.observers[name] = self.world.peer_up(peer)

    # ------------------------------------------------------------------------------------------------ what must be

    def _local(self, prefix):
        """Martlet's paths from its own feeders, the best first."""
        found = [f.held[prefix] for f in (self.a, self.b) if prefix in f.held]
        if self.is_narrow and prefix in self.b.held and self.b.held[prefix].length > NARROW:
            found.remove(self.b.held[prefix])
        return sorted(found, key=lambda r: r.length)

    def _crossing(self, prefix):
        """What the other daemon announces to Martlet: the path of its feeder, where that is its best."""
        other, local = self.c.held.get(prefix), self._local(prefix)
        if other is None or local and local[0].length + 1 < other.length:
            return []
        return [Route(other.length + 1, other.tag)]

    def all_paths(self, prefix):
        return sorted(self._local(prefix) + self._crossing(prefix), key=lambda r: r.length)

    def best(self, prefix):
        return self.all_paths(prefix)[:1]

    def beyond(self, prefix):
        """What the other daemon holds as best."""
        if ":" in prefix:
            return []
        own, best = self.c.held.get(prefix), self.best(prefix)
        # Martlet does not announce what it has from there.
        crossing = [Route(r.length + 1, r.tag) for r in self._local(prefix)[:1] if best and best[0] is r]
        return sorted(([own] if own else []) + crossing, key=lambda r: r.length)[:1]

    def expected(self, name):
        _, rule = self.watchers[name]
        generation = None if name == "beyond" else self.generation
        result = {}
        for prefix in {p for f in self.feeders for p in f.held}:
            routes = rule(prefix)
            if routes:
                # The daemon that announces prepends its own number.
                result[prefix] = sorted((r.length + 1, r.tag, generation) for r in routes)
        return result

    # ------------------------------------------------------------------------------------------------ what is

    def seen(self, name):
        result = {}
        numbers = {str(f.peer.asn) for f in self.feeders}
        for (_, prefix, _), route in list(self.observers[name].rib.items()):
            tag = generation = None
            for text in route.communities or []:
                high, low = text.split(":")
                if high in numbers:
                    tag = int(low)
                elif high == "65000":
                    generation = int(low)
            result.setdefault(prefix, []).append((len(route.path), tag, generation))
        return {prefix: sorted(routes) for prefix, routes in result.items()}

    def differences(self, name):
        expected, seen = self.expected(name), self.seen(name)
        return [f"{p}: expected {expected.get(p)}, seen {seen.get(p)}"
                for p in sorted(expected.keys() | seen.keys()) if expected.get(p) != seen.get(p)]

    def is_known_beyond(self, prefixes):
        """Whether the other daemon's own state has the routes that its observer lacks."""
        for prefix in prefixes:
            best = next((r for r in self.world.seen.paths(prefix) if r.best), None)
            held = [(len((best.path or "").split()), {text.split(":")[1] for text in best.communities})] if best else []
            expected = self.beyond(prefix)
            if [length for length, _ in held] != [r.length for r in expected]:
                return False
            if any(str(r.tag) not in tags for r, (_, tags) in zip(expected, held)):
                return False
        return True

    def told(self, prefix):
        """What both daemons say of a prefix."""
        w = self.world
        martlet = w.martlet.bgpctl("explain", prefix, "--neighbor", "daemon").replace("\n", " | ")
        return f"Martlet: {martlet}; {w.other.name}: {[vars(r) for r in w.seen.paths(prefix)]}"

    def rest(self):
        """Waits until every observer holds what it must; nobody loses a session without a cause."""
        for what, session in [(f.peer.name, f.session) for f in self.feeders] + list(self.observers.items()):
            if session.closed or session.violation:
                raise Failed(f"expected {what} to keep its session; seen: {session.violation or session.story}")
        self.world.wait_up()
        for name in self.watchers:
            if not until(lambda: not self.differences(name), PATIENCE, step=0.1):
                found = self.differences(name)
                if name == "beyond" and self.is_known_beyond([f.split(": ")[0] for f in found]):
                    # The other daemon has it right and did not tell its peer, which is not Martlet's fault.
                    self.foreign += len(found)
                    self.watch(name)
                    continue
                raise Failed(f"expected {name} to hold what it must; seen {len(found)} others: {'; '.join(found[:4])}; "
                             + self.told(found[0].split(": ")[0]))
        self.world.check_alive()
        for session in self.world.all_sessions:
            # What was read is not needed again, and a soak is long.
            with session.changed:
                for notes in (session.messages, session.updates, session.events, session.refreshes, session.ends_of_rib):
                    notes.clear()
        for side in self.world.sides:
            side.sessions[:] = [s for s in side.sessions if not s.closed]
