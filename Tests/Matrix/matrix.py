"""What a cell is, and how one runs: a feature, against one daemon, read from that daemon's own state."""
import os
import time
import traceback

import dut
from peer import Failed
from world import NotApplicable, World

ROWS = []
_group = [None]


class Row:
    """A feature: one cell for each daemon."""

    def __init__(self, title, function, short, lacking, slow, notes):
        self.title, self.function, self.short, self.lacking, self.slow = title, function, short, lacking or {}, slow
        self.notes, self.group = notes or {}, _group[0]


def group(name):
    _group[0] = name


def row(title, short=False, lacking=None, slow=0, notes=None):
    """A row of the matrix: a function of a world and a daemon.

    `short` rows run with every `make test`. `lacking` says by daemon why it cannot do what the row is about, `notes` what a
    reader of the table should know. `slow` says for how many seconds a cell waits at least, so that it starts early.
    """
    def register(function):
        if any(r.title == title for r in ROWS):
            raise ValueError(f"two rows are called {title!r}")
        ROWS.append(Row(title, function, short, lacking, slow, notes))
        return function
    return register


class Result:
    def __init__(self, row, daemon, status, detail="", seconds=0.0):
        self.row, self.daemon, self.status, self.detail, self.seconds = row, daemon, status, detail, seconds


def perform(item, name, number, folder):
    """Runs a cell in a world of its own."""
    began, world = time.monotonic(), None
    try:
        if name in item.lacking:
            raise NotApplicable(item.lacking[name])
        world = World(number, folder, name)
        item.function(world, dut.DAEMONS[name])
        for session in world.all_sessions:
            if session.violation:
                raise Failed(f"expected well-formed messages; seen: {session.violation}")
        world.check_alive()
        status, detail = "ok", ""
    except NotApplicable as reason:
        status, detail = "n/a", str(reason)
    except Failed as failure:
        status, detail = "fail", str(failure)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        status = "fail"
        detail = f"the cell itself broke: {type(error).__name__}: {error} at {os.path.basename(frame.filename)}:{frame.lineno}"
    finally:
        if world:
            logs = " || ".join(f"{d.name}: {d.tail()}" for d in world.duts if d.process) if status == "fail" else ""
            world.clear()
            world.end()
            if logs:
                detail += f" [{logs}]"
    return Result(item, name, status, detail, time.monotonic() - began)
