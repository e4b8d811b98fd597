"""Runners in processes of their own over a small history, and what their tables must say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import psycopg
from sources import Told

from projections import rows
from projections.all import MODELS
from projections.follower import Follower
from projections.tracking import Place

LONG = 60.0
"""Seconds that nothing here ever takes; a bound for failures."""

ROOT = Path(__file__).parents[2]

PROGRAM = """
import faulthandler, os, pathlib, signal, sys, threading
faulthandler.enable()
faulthandler.register(signal.SIGUSR1)
from ledger.opening import open_ledger
from projections.all import MODELS
from projections.runner import Runner
ledger = open_ledger(sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]))
print("ready", flush=True)
os.dup2(2, 1)
Runner(sys.argv[1], ledger.reader, MODELS).run_forever(threading.Event())
"""


@contextmanager
def process(history: Any, conninfo: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """A runner in a process of its own, connecting as ``conninfo`` says; what it said is noted where a test fails."""
    where = [conninfo or history.conninfo, history.conninfo, history.keys_conninfo, str(history.folder)]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *where],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=said, text=True,
        ) as run,
    ):  # fmt: skip
        try:
            assert run.stdout is not None
            assert run.stdout.readline().strip() == "ready"
            yield run
        except BaseException as error:
            error.add_note(last_words(run, said))
            raise
        finally:
            run.kill()


def last_words(run: subprocess.Popen[str], said: IO[str]) -> str:
    """What a runner said, at last where each of its threads is."""
    ended = run.poll()
    if ended is None:
        run.send_signal(signal.SIGCONT)
        run.send_signal(signal.SIGUSR1)
        with suppress(subprocess.TimeoutExpired):
            run.wait(2)
    said.seek(0)
    return f"runner {run.pid} {'is alive' if ended is None else f'ended with {ended}'} and said:\n{said.read()}"


def sessions(db: Any) -> str:
    """What each of the database's sessions does, and who keeps it waiting."""
    asked = """
        SELECT pid, state, wait_event_type, wait_event, now() - xact_start, pg_blocking_pids(pid), left(query, 80)
        FROM pg_stat_activity WHERE datname = current_database()
    """
    return "\n".join(map(str, db.execute(asked)))


def until(true: Callable[[], bool], what: str | Callable[[], str]) -> float:
    """Wait until it is so; how many seconds that took. ``what`` it was to be, or what there is instead."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began >= LONG:
            raise AssertionError(f"it never came to this: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
    return time.monotonic() - began


def caught_up(history: Any, db: Any) -> float:
    """Wait until every model stands at the ledger's end; how many seconds that took."""
    end = history.ledger.reader.settled()
    return until(
        lambda: {position for position, *_ in standings(db).values()} == {end},
        lambda: f"every model stands at {end}, the ledger's end: {standings(db)}, runners {beats(db)}\n{sessions(db)}",
    )


def standings(db: Any) -> dict[str, tuple[int, str | None, UUID | None, int | None]]:
    """For each model: its position, why it stopped, who holds it, up to where it is being filled."""
    found = {
        model: tuple(row)
        for model, *row in db.execute("SELECT model, position, stopped, holder, fill_until FROM reading.tracking")
    }
    return {model.name: found.get(model.name, (0, None, None, None)) for model in MODELS}


def beats(db: Any) -> dict[UUID, float]:
    """How many seconds ago each runner's heart beat last."""
    return dict(db.execute("SELECT id, extract(epoch FROM clock_timestamp() - beat_at)::float FROM reading.runner"))


def holders(db: Any) -> set[UUID]:
    return {row[0] for row in db.execute("SELECT holder FROM reading.tracking")}


def hashes(db: Any) -> list[str]:
    return [rows.table_hash(db, Place(model)) for model in MODELS]


def anew(history: Any, reading: str) -> list[str]:
    """What the tables must say: the history folded in one batch in a database of its own."""
    with psycopg.connect(reading, autocommit=True) as clean:
        for model in MODELS:
            follower = Follower(clean, Told(history.ledger.reader.read(0, 10_000)), Place(model), 10_000)
            while follower.step():
                pass
        return hashes(clean)
