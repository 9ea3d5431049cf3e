"""What a check is, and how one runs."""
import copy
import os
import time
import traceback

from dut import Config, NotApplicable
from peer import Failed, GRACE, Session, expect, fail, until

CHECKS = []
_group = [None]


class Check:
    def __init__(self, title, function, config, pending, only, slow, alone, long):
        self.title, self.function, self.config, self.alone = title, function, config, alone
        # Reasons by daemon: why a check is not expected to pass yet, or says nothing about a daemon.
        self.pending = {"martlet": pending} if isinstance(pending, str) else dict(pending or {})
        self.only, self.slow, self.long, self.group = only, slow, long, _group[0]


def group(name):
    """Checks that follow belong to it; its name is the heading of the table."""
    _group[0] = name


def check(title, *neighbors, config=None, pending=None, only=None, slow=0, alone=None, long=False, **options):
    """A check: a function of a `Case`. `slow` says for how many seconds it waits at least, so that it starts early.

    `only` names the daemons whose configuration the check can be written in. `alone` says why the check is right although
    every other daemon fails it. A `long` one takes minutes and runs with MARTLET_LONG_TESTS=1 or when it is asked for.
    """
    def register(function):
        if any(c.title == title for c in CHECKS):
            raise ValueError(f"two checks are called {title!r}")
        CHECKS.append(Check(title, function, config or Config(*neighbors, **options), pending, only, slow, alone, long))
        return function
    return register


class Case:
    """A running check: the daemon and its neighbours."""

    def __init__(self, check, worker, daemon):
        self.worker = worker
        self.config = self.bind(check.config)
        self.peers = self.config.neighbors
        self.dut = worker.dut = daemon(worker, self.config)

    def bind(self, config):
        """A configuration with addresses of this worker."""
        config = copy.deepcopy(config)
        config.neighbors = [copy.deepcopy(n) for n in config.make]
        for index, neighbor in enumerate(config.neighbors):
            neighbor.bind(index, self.worker, config.asn)
        config.statics = [s.format(w=self.worker) for s in config.statics]
        return config

    def connect(self, index=0, **options):
        """A connection from a peer, accepted by the daemon."""
        return self.peers[index].connect(**options)

    def up(self, index=0, **options):
        """An established session."""
        return self.peers[index].establish(**options)

    def all_up(self, **options):
        return [self.up(index, **options) for index in range(len(self.peers))]

    def settle(self, sender, *observers, prefix="198.18.255.0/24", **attributes):
        """Waits until everything sent so far has taken effect: a route sent after it has arrived."""
        sender.announce(prefix, **attributes)
        for observer in observers:
            if not observer.wait(lambda: observer.route(prefix)) and (sender.notification or sender.closed):
                fail("the session to stay up", sender.story)
            observer.expect_route(prefix, patience=0)
            observer.quiet(GRACE)

    def absent(self, sender, observer, *prefixes, **attributes):
        """The observer has none of the prefixes once all that was sent has taken effect."""
        self.settle(sender, observer, **attributes)
        for text in prefixes:
            if observer.route(text):
                fail(f"no {text}", f"{text} {observer.route(text)}")


class Result:
    def __init__(self, check, status, detail="", seconds=0.0):
        self.check, self.status, self.detail, self.seconds = check, status, detail, seconds


def perform(check, worker, daemon):
    """Runs a check against a fresh daemon."""
    began = time.monotonic()
    case = None
    worker.daemon = daemon.name
    try:
        if check.only and daemon.name not in check.only:
            raise NotApplicable("the check is written in another daemon's language")
        case = Case(check, worker, daemon)
        case.stopped = False
        case.dut.start()
        check.function(case)
        for session in worker.sessions:
            if session.violation:
                fail("well-formed messages", session.violation)
        if not case.stopped:
            case.dut.check_alive()
        status, detail = "ok", ""
    except NotApplicable as reason:
        status, detail = "n/a", str(reason)
    except Failed as failure:
        status, detail = "fail", str(failure)
        if case and case.dut.process and case.dut.process.poll() is not None and not case.stopped:
            detail += f" (the daemon ended with {case.dut.process.returncode}: {case.dut.tail()})"
        violations = [s.violation for s in worker.sessions if s.violation]
        if violations and violations[0] not in detail:
            detail += f" (malformed: {violations[0]})"
    except Exception as error:
        if isinstance(error, ConnectionError):
            status, detail = "fail", f"the connection was gone: {error.strerror}"
        else:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
            status, detail = "fail", f"the check itself broke: {type(error).__name__}: {error} at {place}"
        if worker.sessions:
            detail += f" (the last session: {worker.sessions[-1].story})"
    finally:
        worker.clear()
        if case and case.dut.process:
            case.dut.stop()
            if "protocol kernel" in str(case.config.raw):
                worker.forget_routes()
    reason = check.pending.get(daemon.name)
    if reason and status == "fail":
        status, detail = "pending", f"{reason} ({detail})"
    elif reason and status == "ok":
        status, detail = "early", f"passes, but is marked as pending: {reason}"
    return Result(check, status, detail, time.monotonic() - began)
