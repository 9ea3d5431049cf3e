#!/usr/bin/env python3
"""The interoperability matrix: every feature with every daemon, read from the other daemon's own state.

  run.py [--short] [--daemon NAME] [--only PATTERN] [--jobs N] [--list]
  run.py --write          run everything and write docs/interop.md

A cell that fails fails the run. What a daemon does not have is a cell too, with the reason. Needs root.
"""
import argparse
import ctypes
import glob
import importlib
import itertools
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
sys.path[:0] = [HERE, os.path.join(HERE, "../BlackBox")]
sys.dont_write_bytecode = True

import dut                      # noqa: E402
import dut_gobgp                # noqa: E402,F401
import dut_openbgpd             # noqa: E402,F401
import matrix                   # noqa: E402

PAGE = os.path.join(HERE, "../../docs/interop.md")
DAEMONS = ("bird", "frr", "gobgp", "openbgpd")
WORDS = {"ok": "ok", "fail": "FAIL", "n/a": "not in this daemon"}
LONG = ("<!-- test-long: begin -->", "<!-- test-long: end -->")


def load():
    for path in sorted(glob.glob(os.path.join(HERE, "cells_*.py"))):
        matrix.group(None)
        importlib.import_module(os.path.basename(path)[:-3])
    return matrix.ROWS


def execute(cells, jobs):
    """Runs cells in parallel, the slow ones first; a fresh pair of namespaces for each."""
    folder = tempfile.mkdtemp(prefix="matrix.")
    os.chmod(folder, 0o755)
    todo, results, lock = queue.SimpleQueue(), {}, threading.Lock()
    for item in sorted(cells, key=lambda c: -c[0].slow):
        todo.put(item)
    count = itertools.count()

    def work(number):
        while True:
            try:
                row, name = todo.get_nowait()
            except queue.Empty:
                return
            result = matrix.perform(row, name, number, f"{folder}/{next(count)}")
            with lock:
                results[row.title, name] = result
                line = f"{WORDS[result.status]}: {dut.DAEMONS[name].version()}: {row.group}: {row.title}"
                print(line + (f": {result.detail}" if result.detail else "") + f" [{result.seconds:.1f} s]", flush=True)

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(min(jobs, len(cells)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shutil.rmtree(folder, ignore_errors=True)
    return results


def write_page(rows, results, seconds):
    versions = {name: dut.DAEMONS[name].version() for name in DAEMONS}
    count = {s: sum(1 for r in results.values() if r.status == s) for s in WORDS}
    out = ["# Interoperability", "",
           "`Tests/Matrix/run.py` runs Martlet against other daemons in network namespaces, one cell for each feature and daemon. What Martlet sends is read from",
           "the other daemon's own state (`birdc`, `vtysh`, `gobgp`, OpenBGPD's `bgpctl`), what it receives from `bgpctl` of Martlet, and both are compared with what was",
           "announced. A cell that fails fails the run. `make test` runs the rows marked •, `make test-long` and `make interop` all. This page is written by `make interop`.", "",
           f"{len(results)} cells: {count['ok']} ok, {count['fail']} failed, {count['n/a']} not in the daemon.", ""]
    group = None
    reasons, notes = [], []
    for row in rows:
        if row.group != group:
            group = row.group
            out += ["", f"## {group}", "", "| | " + " | ".join(versions[n] for n in DAEMONS) + " |", "|---|" + "---|" * len(DAEMONS)]
        cells = []
        for name in DAEMONS:
            result = results[row.title, name]
            if result.status == "n/a":
                reason = f"{versions[name]}: {result.detail}"
                if reason not in reasons:
                    reasons.append(reason)
                cells.append(f"not in this daemon [{reasons.index(reason) + 1}]")
            else:
                cells.append({"ok": "ok", "fail": "**fails**"}[result.status])
            if name in row.notes and result.status != "n/a":
                notes.append(f"{versions[name]}, {row.title}: {row.notes[name]}")
        out.append(f"| {row.title}{' •' if row.short else ''} | " + " | ".join(cells) + " |")
    out += ["", "## Not in the daemon", ""] + [f"{i}. {reason}" for i, reason in enumerate(reasons, 1)]
    if notes:
        out += ["", "## Notes", ""] + [f"- {note}" for note in notes]
    failures = [r for r in results.values() if r.status == "fail"]
    if failures:
        out += ["", "## What was seen where a cell fails", ""]
        out += [f"- {versions[r.daemon]}, {r.row.title}: {re.sub(r'/tmp/[^ ]+', '…', r.detail)[:300]}" for r in failures]
    long = f"{LONG[0]}\nNo run is written down yet.\n{LONG[1]}"
    if os.path.exists(PAGE):
        old = open(PAGE).read()
        if LONG[0] in old and LONG[1] in old:
            long = old[old.index(LONG[0]):old.index(LONG[1]) + len(LONG[1])]
    out += ["", "## The last run of `make test-long`", "", long]
    with open(PAGE, "w") as file:
        file.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the rows that run with every make test")
    parser.add_argument("--daemon", choices=DAEMONS, action="append")
    parser.add_argument("--only", metavar="PATTERN", help="a regular expression that titles or groups must match")
    parser.add_argument("--jobs", type=int, default=12, metavar="N")
    parser.add_argument("--list", action="store_true", help="print titles, run nothing")
    parser.add_argument("--write", action="store_true", help="run everything and write docs/interop.md")
    options = parser.parse_args()
    rows = load()
    if options.write and (options.only or options.short or options.daemon):
        parser.error("the page is of the whole matrix")
    if options.short:
        rows = [r for r in rows if r.short]
    if options.only:
        pattern = re.compile(options.only, re.IGNORECASE)
        rows = [r for r in rows if pattern.search(r.title) or pattern.search(r.group or "")]
    if options.list:
        for row in rows:
            print(f"{row.group}: {row.title}")
        print(f"{len(rows)} rows")
        return 0
    if not rows:
        sys.exit("run.py: no row matches")
    names = options.daemon or DAEMONS
    cells = [(row, name) for row in rows for name in names]
    if os.geteuid() != 0:
        print(f"Interoperability matrix: 0 of {len(cells)} cells run: network namespaces need root")
        return 0
    for name in names:
        if not dut.DAEMONS[name].available():
            sys.exit(f"run.py: {name} is not installed")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:
        sys.exit("run.py: no network namespace: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    began = time.monotonic()
    results = execute(cells, options.jobs)
    seconds = time.monotonic() - began
    bad = [r for r in results.values() if r.status == "fail"]
    if bad and len(results) > 20:
        print("\nTo look at:")
        for result in bad:
            print(f"FAIL: {result.daemon}: {result.row.title}: {result.detail}")
    missing = len(cells) - len(results)
    if options.write and not missing:
        write_page(rows, results, seconds)
    count = {s: sum(1 for r in results.values() if r.status == s) for s in WORDS}
    print(f"Interoperability matrix: {len(cells)} cells, {count['ok']} ok, {count['fail'] + missing} failed, "
          f"{count['n/a']} not in the daemon, {seconds:.0f} s", flush=True)
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main())
