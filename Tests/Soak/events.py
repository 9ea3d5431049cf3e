"""What happens to a router: each event changes a scene and what is expected of it."""
import os
import signal
import subprocess
import time

from peer import Failed, until
from wire import IPV4, KEEPALIVE_MESSAGE, MARKER, attribute, message, notification, refresh, update
from world import PATIENCE

EVENTS = []


def event(weight):
    def register(function):
        EVENTS.append((weight, function))
        return function
    return register


def some(r, items, most):
    items = list(items)
    return r.sample(items, min(len(items), r.randint(1, most)))


@event(30)
def announce(s, r):
    feeder = r.choice(s.feeders)
    feeder.announce(some(r, feeder.prefixes, 200), r.choice(feeder.lengths))


@event(15)
def withdraw(s, r):
    feeder = r.choice(s.feeders)
    feeder.withdraw(some(r, feeder.held or feeder.prefixes, 200))


@event(10)
def flap(s, r):
    """Prefixes that come and go faster than anybody is told."""
    feeder = r.choice(s.feeders)
    prefixes = some(r, feeder.prefixes, 40)
    for _ in range(r.randint(2, 20)):
        feeder.announce(prefixes, r.choice(feeder.lengths))
        feeder.withdraw(prefixes)
    feeder.announce(prefixes, r.choice(feeder.lengths))


def drop(session, r):
    how = r.randrange(3)
    if how == 0:
        session.close()
    elif how == 1:
        session.reset()
    else:
        session.send(notification(6, r.choice((2, 4, 6, 9))))
        session.close()


@event(8)
def feeder_returns(s, r):
    """A feeder loses its session and comes back with less, or something else; what was stale goes with End-of-RIB."""
    feeder = r.choice(s.feeders)
    drop(feeder.session, r)
    time.sleep(r.choice((0, 0.05, 1)))
    for prefix in some(r, feeder.held or feeder.prefixes, 50):
        feeder.held.pop(prefix, None)
    feeder.up()


@event(5)
def observer_returns(s, r):
    name = r.choice(list(s.watchers))
    drop(s.observers[name], r)
    s.watch(name)


@event(4)
def observer_asks_again(s, r):
    name = r.choice(list(s.watchers))
    s.observers[name].send(refresh(IPV4))


@event(4)
def feeder_refreshes(s, r):
    """BoRR, part of the routes again, EoRR: the others are gone (RFC 7313)."""
    feeder = s.a
    feeder.session.send(refresh(IPV4, 1))
    for prefix in [p for p in feeder.held if ":" not in p and r.random() < 0.2]:
        del feeder.held[prefix]
    feeder.repeat([p for p in feeder.held if ":" not in p])
    feeder.session.send(refresh(IPV4, 2))


@event(4)
def stall(s, r):
    """An observer reads nothing while much happens."""
    session = s.observers["stalling"]
    session.reads.clear()
    for _ in range(r.randint(1, 8)):
        r.choice((announce, withdraw, flap))(s, r)
    time.sleep(r.choice((0, 1, 3)))
    session.reads.set()


def noise(r, session):
    """An UPDATE of which some octets are wrong."""
    whole = bytearray(update(session.nlri([f"198.51.{r.randrange(256)}.0/24"]),
                             session.attributes(communities=[f"1:{r.randrange(65536)}"], med=r.randrange(1 << 32),
                                                extra=[attribute(r.randrange(256), r.randbytes(r.randrange(40)), flags=r.randrange(256) & 0xEF)])))
    for _ in range(r.randrange(4)):
        whole[r.randrange(19, len(whole))] = r.randrange(256)
    return bytes(whole)


@event(8)
def hostile(s, r):
    """A neighbour that says anything, and never waits for an answer."""
    try:
        session = s.hostile.connect(patience=1)
    except Failed:
        # Martlet has had enough of it for a while.
        return
    try:
        kind = r.randrange(6)
        if kind == 0:
            session.send(r.randbytes(r.randrange(1, 3000)))
        elif kind == 1:
            session.send(message(r.randrange(1, 7), r.randbytes(r.randrange(60))))
        elif kind == 2:
            session.send(MARKER, r.randbytes(r.randrange(5)))
        else:
            session.send_open()
            session.send(KEEPALIVE_MESSAGE)
            for _ in range(r.randrange(1, 300)):
                session.send(noise(r, session))
            if kind == 3:
                session.send(update(b"", b"", b"\x21\x0a"))
        if r.random() < 0.5:
            session.wait(lambda: session.closed, 0.2)
    except (OSError, Failed):
        pass
    (session.close if r.random() < 0.5 else session.reset)()


@event(6)
def reload(s, r):
    """Other policies, while all goes on."""
    martlet, old = s.world.martlet, s.policy
    s.generation = (s.generation + 1) % 65536
    s.is_narrow = r.random() < 0.5
    martlet.config.raw["martlet"] = martlet.config.raw["martlet"].replace(old, s.policy)
    martlet.reload(martlet.config)


@event(2)
def bad_reload(s, r):
    """A file with an error changes nothing."""
    martlet = s.world.martlet
    good = martlet.render()
    martlet.prepare(good[:r.randrange(100, len(good))] + "\n}}} what is this")
    try:
        martlet.bgpctl("reload")
    except Failed:
        martlet.prepare(good)
        return
    raise Failed("expected a configuration with an error to be refused; seen: it was taken")


@event(6)
def look(s, r):
    """Somebody looks at everything, and goes away in the middle."""
    martlet = s.world.martlet
    prefix = r.choice(s.a.prefixes)
    arguments = r.choice((["show", "routes", "--json"], ["explain", prefix.split("/")[0]], ["show", "neighbors", "p0"],
                          ["show", "neighbors", "--json"], ["show", "status"], ["show", "memory"],
                          ["show", "routes", "--attributes", prefix]))
    if r.random() < 0.3:
        ctl = os.path.join(os.path.dirname(martlet.binary), "bgpctl")
        process = subprocess.Popen([ctl, "--socket", f"{martlet.folder}/s.sock", *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        process.stdout.read(100)
        process.kill()
        process.stdout.close()
        process.wait()
    else:
        martlet.bgpctl(*arguments)


@event(5)
def command(s, r):
    """An operator refreshes or restarts a neighbour."""
    kind = r.randrange(4)
    martlet = s.world.martlet
    if kind < 2:
        name = r.choice(["p0", "p1", "p2", "p3", "p5", "daemon"])
        try:
            martlet.bgpctl("neighbor", name, "refresh", ("in", "out")[kind])
        except Failed as refusal:
            # Links fail, and the other daemon dies.
            if name != "daemon" or "not established" not in str(refusal):
                raise
    elif kind == 2:
        feeder = r.choice((s.a, s.b))
        martlet.bgpctl("neighbor", feeder.peer.name, "restart")
        ends(feeder.session)
        feeder.up()
    else:
        martlet.bgpctl("neighbor", "daemon", "restart")


def ends(session):
    if not until(lambda: session.closed, PATIENCE):
        raise Failed(f"expected a session to end; seen: {session.story}")


@event(2)
def link_fails(s, r):
    """The link between the daemons is gone for a moment."""
    w = s.world
    side = w.sides[r.randrange(2)]
    side.enter("ip", "link", "set", "eth0", "down")
    time.sleep(r.choice((0.05, 0.5, 2)))
    side.enter("ip", "link", "set", "eth0", "up")


@event(2)
def daemon_sleeps(s, r):
    s.world.freeze(s.world.other)
    for _ in range(r.randint(1, 4)):
        announce_at_martlet(s, r)
    time.sleep(r.choice((0.5, 3)))
    s.world.thaw(s.world.other)


def announce_at_martlet(s, r):
    feeder = r.choice((s.a, s.b))
    feeder.announce(some(r, feeder.prefixes, 200), r.choice(feeder.lengths))


@event(1)
def daemon_dies(s, r):
    w = s.world
    w.kill(w.other)
    for session in (s.c.session, s.observers["beyond"]):
        session.close()
    announce_at_martlet(s, r)
    w.revive(w.other)
    s.c.up()
    s.watch("beyond")


@event(1)
def martlet_dies(s, r):
    w = s.world
    w.kill(w.martlet, r.choice((signal.SIGKILL, signal.SIGTERM)))
    mine = ["plain", "add-path", "stalling"]
    for session in [s.a.session, s.b.session] + [s.observers[n] for n in mine]:
        session.close()
    w.revive(w.martlet)
    for feeder in (s.a, s.b):
        feeder.up()
    for name in mine:
        s.watch(name)


def choose(r):
    return r.choices([f for _, f in EVENTS], [w for w, _ in EVENTS])[0]
