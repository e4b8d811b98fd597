"""The same events give the same tables: filled or followed, however cut, wherever and whenever the program runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sources import Told

from projections import filling, poison, rows, tracking
from projections.all import MODELS
from projections.follower import Follower
from projections.tracking import Place

PLACES = [Place(model) for model in MODELS]

PROGRAM = """
import datetime, pathlib, sys, threading, time
import psycopg
from ledger.opening import open_ledger
from projections import filling, rows, tracking
from projections.all import MODELS
from projections.follower import Follower
from projections.tracking import Place

reading, conninfo, keys_conninfo, folder = sys.argv[1:]
ledger = open_ledger(conninfo, keys_conninfo, pathlib.Path(folder))
PLACES = [Place(model) for model in MODELS]


def anew(db, filled):
    for place in PLACES:
        for table in place.model.tables:
            db.execute(f"TRUNCATE reading.{table.bare()}")
        tracking.forget(db, place)
        follower = Follower(db, ledger.reader, place, 7)
        if filled:
            filling.fill(follower)
            assert follower.position == ledger.reader.settled()
        while follower.step():
            pass
    print(*[rows.table_hash(db, place) for place in PLACES])


class NoClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        raise AssertionError("a clock was read")

    utcnow = today = now


class NoToday(datetime.date):
    @classmethod
    def today(cls):
        raise AssertionError("a clock was read")


def no_clock(*_):
    raise AssertionError("a clock was read")


with psycopg.connect(reading, autocommit=True) as db:
    anew(db, filled=False)
    anew(db, filled=True)
    # From here on nothing of ours can read a clock of any kind.
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("domain", "projections") or name in ("ledger.recorded", "ledger.decoding"):
            for what, instead in dict(datetime=NoClock, date=NoToday, time=no_clock, monotonic=no_clock).items():
                if callable(getattr(module, what, None)):
                    setattr(module, what, instead)
    for what in ("time", "time_ns", "localtime", "gmtime"):
        setattr(time, what, no_clock)
    anew(db, filled=False)
    anew(db, filled=True)
ledger.close()
"""

ELSEWHERE = [
    {"PYTHONHASHSEED": "0", "TZ": "Pacific/Kiritimati", "PGTZ": "America/St_Johns", "LC_ALL": "C"},
    {
        "PYTHONHASHSEED": "4242",
        "TZ": "America/St_Johns",
        "PGTZ": "Pacific/Kiritimati",
        "LC_ALL": "tr_TR.UTF-8",
        "PGOPTIONS": "-c bytea_output=escape -c extra_float_digits=0",
    },
]


def begin_anew(db: Any) -> None:
    for place in PLACES:
        for table in place.model.tables:
            db.execute(f"TRUNCATE reading.{table.bare()}")
        tracking.forget(db, place)


def hashes(db: Any) -> list[str]:
    return [rows.table_hash(db, place) for place in PLACES]


@pytest.fixture
def db(reading: str) -> Iterator[Any]:
    with psycopg.connect(reading, autocommit=True) as connection:
        yield connection


@pytest.fixture
def whole(db: Any, history: Any) -> list[str]:
    """The hash of every model's tables, followed over the whole history in one batch."""
    for place in PLACES:
        follower = Follower(db, Told(history.events), place)
        while follower.step():
            pass
    return hashes(db)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 12), min_size=1, max_size=40))
def test_the_same_events_give_the_same_tables_however_cut(
    db: Any, whole: list[str], history: Any, cuts: list[int]
) -> None:
    begin_anew(db)
    for place in PLACES:
        follower = Follower(db, Told(history.events, cuts), place)
        while follower.step():
            pass
    assert hashes(db) == whole


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(portion=st.integers(1, 60), until=st.integers(0, 400), cut=st.integers(1, 50))
def test_a_fill_gives_what_following_gives_whatever_its_portions(
    db: Any, whole: list[str], history: Any, portion: int, until: int, cut: int
) -> None:
    """Filled up to some event, in portions of any size, and followed from there."""
    begin_anew(db)
    until = min(until, len(history.events))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(filling, "PORTION", portion)
        for place in PLACES:
            filling.fill(Follower(db, Told(history.events[:until]), place))
            follower = Follower(db, Told(history.events, [cut]), place)
            assert follower.position == (history.events[until - 1].position if until else 0)
            while follower.step():
                pass
    assert hashes(db) == whole
    assert poison.every(db) == []


@pytest.mark.parametrize("elsewhere", ELSEWHERE, ids=["west of everything", "east of everything"])
def test_neither_place_nor_hour_nor_hash_seed_matters(
    whole: list[str], history: Any, reading: str, elsewhere: dict[str, str]
) -> None:
    """In a process of another time zone and locale; followed and filled, at last where no clock can be read."""
    root = Path(__file__).parents[2]
    arguments = [reading, history.conninfo, history.keys_conninfo, str(history.folder)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": str(root), **elsewhere}, cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    assert [line.split() for line in done.stdout.splitlines()] == [whole] * 4, done.stderr
