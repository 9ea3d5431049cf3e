#!/usr/bin/env python3
"""Black-box checks of a BGP daemon, one for each rule: a peer of raw octets against the real program.

  run.py [--dut martlet|bird|frr|gobgp|openbgpd] [--only PATTERN] [--jobs N] [--list]
  run.py --write-table            run against all of them and write docs/rfc-checks.md

Needs root, because every daemon runs in a network namespace of its own. Python's standard library suffices.
"""
import argparse
import ctypes
import glob
import importlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import dut                      # noqa: E402
import dut_gobgp                # noqa: E402,F401
import dut_openbgpd             # noqa: E402,F401
import framework                # noqa: E402

TABLE = os.path.join(HERE, "../../docs/rfc-checks.md")
WORDS = {"ok": "ok", "fail": "FAIL", "n/a": "not applicable", "pending": "pending", "early": "ok (pending)"}


def load():
    """All checks, in the order of their files."""
    for path in sorted(glob.glob(os.path.join(HERE, "checks_*.py"))):
        framework.group(None)
        importlib.import_module(os.path.basename(path)[:-3])
    return framework.CHECKS


def isolate():
    """Moves this process into a network namespace of its own, before there are threads."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:
        sys.exit("run.py: no network namespace: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def execute(checks, daemon, jobs, report):
    """Runs checks in parallel, the slow ones first; results in the order of the checks."""
    folder = tempfile.mkdtemp(prefix="blackbox.")
    os.chmod(folder, 0o755)
    todo, results = queue.SimpleQueue(), {}
    for item in sorted(checks, key=lambda c: -c.slow):
        todo.put(item)
    lock = threading.Lock()

    def work(number):
        worker = dut.Worker(number, folder)
        try:
            while True:
                try:
                    item = todo.get_nowait()
                except queue.Empty:
                    return
                result = framework.perform(item, worker, daemon)
                with lock:
                    results[item.title] = result
                    report(result)
        finally:
            worker.end()

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(min(jobs, len(checks)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shutil.rmtree(folder, ignore_errors=True)
    return [results.get(c.title) or framework.Result(c, "fail", "it did not run") for c in checks]


def show(result):
    line = f"{WORDS[result.status]}: {result.check.title}"
    if result.detail:
        line += f": {result.detail}"
    print(f"{line} [{result.seconds:.1f} s]", flush=True)


def summary(name, version, results, seconds):
    count = {status: sum(1 for r in results if r.status == status) for status in WORDS}
    passed = count["ok"] + count["early"]
    text = f"Black-box checks of {version}: {len(results)} run, {passed} ok, {count['fail']} failed"
    text += f", {count['pending']} pending"
    if count["early"]:
        text += f" ({count['early']} pending ones pass)"
    text += f", {count['n/a']} not applicable, {seconds:.0f} s"
    return text


def lonely(outcome):
    """Checks that Martlet passes, some other daemon fails and none passes: read again in the RFC, each says why it stands."""
    found = []
    for item in framework.CHECKS:
        others = [results[item.title].status for name, (_, results) in outcome.items() if name != "martlet"]
        if "fail" in others and "ok" not in others:
            found.append(item)
    return found


def write_table(outcome):
    """The table of all checks with the results of each daemon."""
    names = list(outcome)
    out = ["# Rules of BGP that are checked from outside", "",
           "`Tests/BlackBox/run.py` plays the other side of sessions with raw octets and looks at what the daemon sends. Each check is one rule.",
           "`make test` runs them against Martlet; the other daemons calibrate them: a check that all of them fail was read again in the RFC.",
           "This page is written by `Tests/BlackBox/run.py --write-table`.", "",
           "“–” means that a daemon does not have what the check is about, or that its configuration for it is not written here;"
           " “pending” that Martlet does not have it yet. Checks that take minutes are here only when the table was written with MARTLET_LONG_TESTS=1.", "",
           "| | checks | ok | failed | pending | not applicable |", "|---|---|---|---|---|---|"]
    for name in names:
        version, results = outcome[name]
        count = {s: sum(1 for r in results.values() if r.status == s) for s in WORDS}
        out.append(f"| {version} | {len(results)} | {count['ok'] + count['early']} | {count['fail']} | {count['pending']} | {count['n/a']} |")
    marks = {"ok": "ok", "early": "ok", "fail": "**fails**", "pending": "pending", "n/a": "–"}
    group = None
    for item in framework.CHECKS:
        if item.group != group:
            group = item.group
            out += ["", f"## {group}", "", "| check | " + " | ".join(outcome[n][0] for n in names) + " |",
                    "|---|" + "---|" * len(names)]
        cells = [marks[outcome[n][1][item.title].status] for n in names]
        title = item.title.replace("|", "\\|")
        out.append(f"| {title} | " + " | ".join(cells) + " |")
    alone = lonely(outcome)
    if alone:
        out += ["", "## Checks that no other daemon passes", "", "Read again in the RFC, they stand:", ""]
        out += [f"- {item.title}: {item.alone or '?'}" for item in alone]
    failures = [(outcome[n][0], r) for n in names for r in outcome[n][1].values() if r.status in ("fail", "pending")]
    if failures:
        out += ["", "## What was seen where a check fails", ""]
        for version, result in failures:
            detail = re.sub(r"/tmp/\S+|\b\d+\.\d+ seconds", "…", result.detail)[:300].replace("|", "\\|")
            out.append(f"- {version}: {result.check.title}: {detail}")
    with open(TABLE, "w") as file:
        file.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dut", choices=list(dut.DAEMONS), default="martlet")
    parser.add_argument("--only", metavar="PATTERN", help="a regular expression that titles or groups must match")
    parser.add_argument("--jobs", type=int, default=24, metavar="N")
    parser.add_argument("--list", action="store_true", help="print titles, run nothing")
    parser.add_argument("--verbose", action="store_true", help="print what passes, too")
    parser.add_argument("--write-table", action="store_true", help="run against every daemon, write docs/rfc-checks.md")
    options = parser.parse_args()
    if options.write_table and options.only:
        parser.error("the table is of all checks")
    checks = load()
    if options.only:
        pattern = re.compile(options.only, re.IGNORECASE)
        checks = [c for c in checks if pattern.search(c.title) or pattern.search(c.group or "")]
    elif not os.environ.get("MARTLET_LONG_TESTS"):
        checks = [c for c in checks if not c.long]
        framework.CHECKS[:] = checks
    if options.list:
        for item in checks:
            print(item.title)
        print(f"{len(checks)} checks")
        return 0
    if not checks:
        sys.exit("run.py: no check matches")
    if os.geteuid() != 0:
        print(f"Black-box checks: 0 of {len(checks)} run: network namespaces need root")
        return 0
    names = list(dut.DAEMONS) if options.write_table else [options.dut]
    for name in names:
        if not dut.DAEMONS[name].available():
            sys.exit(f"run.py: {name} is not installed")
    isolate()
    outcome, failed = {}, False
    for name in names:
        daemon = dut.DAEMONS[name]
        began = time.monotonic()
        results = execute(checks, daemon, options.jobs, show)
        version = daemon.version()
        outcome[name] = (version, {r.check.title: r for r in results})
        bad = [r for r in results if r.status in ("fail", "early")]
        if bad and len(results) > 20:
            print("\nTo look at:")
            for result in bad:
                show(result)
        print(summary(name, version, results, time.monotonic() - began), flush=True)
        # The table records how others fare; only Martlet's failures are an error then.
        failed = failed or any(r.status == "fail" for r in results) and (name == "martlet" or not options.write_table)
    if options.write_table:
        write_table(outcome)
        for item in lonely(outcome):
            if not item.alone:
                print(f"Every other daemon fails, so read the RFC again and say why it stands: {item.title}")
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
