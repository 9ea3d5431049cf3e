#!/usr/bin/env python3
"""Martlet beside other daemons under all that happens to a router, for as long as wanted.

  run.py [--seconds N] [--seed N] [--daemon NAME] [--events NAMES]

Feeders announce, withdraw, flap and come back; observers stall and ask again; a neighbour sends anything; links fail, daemons
sleep and die, configurations change, operators look. Every few seconds all comes to rest. Then each observer of Martlet, and
of the other daemon behind it, holds exactly what the feeders' announcements and the policies of the moment ask for, nobody
has lost a session without a cause, and Martlet idles and has grown in nothing. Needs root.
"""
import argparse
import collections
import ctypes
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../Matrix"), os.path.join(HERE, "../BlackBox")]
sys.dont_write_bytecode = True

import dut                              # noqa: E402
import dut_gobgp                        # noqa: E402,F401
import dut_openbgpd                     # noqa: E402,F401
import events                           # noqa: E402
from peer import Failed                 # noqa: E402
from scene import Scene                 # noqa: E402
from world import World                 # noqa: E402

DAEMONS = ("bird", "frr", "gobgp", "openbgpd")
MOST_GROWTH = 12 << 20      # octets resident, over what a process had after its first rests
IDLE_TICKS = 30             # hundredths of a second of CPU in a second at rest


class Process:
    """What a Martlet at rest uses; a new one is measured anew."""

    def __init__(self):
        self.pid, self.rests, self.resident, self.files = None, 0, 0, 0

    def check(self, pid):
        if pid != self.pid:
            self.__init__()
            self.pid = pid
        before = self._ticks()
        time.sleep(1)
        used = self._ticks() - before
        if used > IDLE_TICKS:
            raise Failed(f"expected Martlet to idle at rest; seen: {used} hundredths of a second of CPU in one second")
        with open(f"/proc/{pid}/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        files = len(os.listdir(f"/proc/{pid}/fd"))
        self.rests += 1
        if self.rests <= 3:
            self.resident, self.files = max(self.resident, resident), max(self.files, files)
        if resident > self.resident + MOST_GROWTH:
            raise Failed(f"expected about {self.resident >> 10} KiB resident; seen: {resident >> 10} KiB after {self.rests} rests")
        if files > self.files + 4:
            raise Failed(f"expected about {self.files} open files; seen: {files}")

    def _ticks(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])


class Run:
    """One scene from start to end."""

    def __init__(self, number, name, folder, seed, seconds):
        self.number, self.name, self.folder, self.seconds = number, name, folder, seconds
        self.random = random.Random(f"{seed} {name}")
        self.count, self.rests, self.foreign, self.failure = collections.Counter(), 0, 0, None

    def go(self):
        world, latest = None, collections.deque(maxlen=25)
        try:
            world = World(self.number, f"{self.folder}/{self.name}", self.name)
            scene, process = Scene(world, dut.DAEMONS[self.name]), Process()
            for side in world.sides:
                # A link that was down has its addresses afterwards.
                side.enter("sysctl", "-qw", "net.ipv6.conf.all.keep_addr_on_down=1")
            scene.start()
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                for _ in range(self.random.randint(3, 30)):
                    what = events.choose(self.random)
                    latest.append(what.__name__)
                    what(scene, self.random)
                    self.count[what.__name__] += 1
                    if self.random.random() < 0.3:
                        time.sleep(self.random.choice((0.001, 0.01, 0.1)))
                self._rest(scene, process)
            for feeder in scene.feeders:
                feeder.withdraw(list(feeder.held))
            latest.append("withdraw everything")
            self._rest(scene, process)
        except Failed as failure:
            self.failure = str(failure)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error} at {''.join(traceback.format_tb(error.__traceback__)[-2:])}"
        finally:
            if self.failure:
                self.failure += f"; after: {', '.join(latest)}"
                for each in world.duts if world else []:
                    if each.process:
                        self.failure += f"; {each.name}: {each.tail()}"
            if world:
                world.clear()
                world.end()

    def _rest(self, scene, process):
        scene.rest()
        # nsenter and setpriv become the daemon.
        process.check(scene.world.martlet.process.pid)
        self.rests += 1
        self.foreign = scene.foreign


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="the same events in the same order")
    parser.add_argument("--daemon", choices=DAEMONS, action="append")
    parser.add_argument("--events", metavar="NAMES", help="of all events only these, divided by commas")
    options = parser.parse_args()
    if options.events:
        events.EVENTS[:] = [e for e in events.EVENTS if e[1].__name__ in options.events.split(",")]
    if os.geteuid() != 0:
        print("Soak: nothing run: network namespaces need root")
        return 0
    names = options.daemon or DAEMONS
    for name in names:
        if not dut.DAEMONS[name].available():
            sys.exit(f"run.py: {name} is not installed")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:
        sys.exit("run.py: no network namespace: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    folder = tempfile.mkdtemp(prefix="soak.")
    os.chmod(folder, 0o755)
    runs = [Run(n, name, folder, seed, options.seconds) for n, name in enumerate(names)]
    threads = [threading.Thread(target=run.go, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shutil.rmtree(folder, ignore_errors=True)
    for run in runs:
        version = dut.DAEMONS[run.name].version()
        counts = ", ".join(f"{n} {c}" for n, c in sorted(run.count.items()))
        print(f"{'FAIL' if run.failure else 'ok'}: beside {version}: {sum(run.count.values())} events, {run.rests} rests ({counts})"
              + (f", {run.foreign} routes that it held and did not announce" if run.foreign else "")
              + (f": {run.failure}" if run.failure else ""), flush=True)
    bad = sum(1 for run in runs if run.failure)
    print(f"Soak: {len(runs)} scenes, {sum(sum(r.count.values()) for r in runs)} events, {sum(r.rests for r in runs)} rests, "
          f"{bad} failed, {options.seconds} s, seed {seed}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
