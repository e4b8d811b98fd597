"""A fill gives what following gives, also of what is sick; killed at any moment, it goes on and gives the same."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sources import Told
from tallies import TALLY, Meddlers, Tallies

from domain.compatriot.application import Application
from domain.payments.payment import Payment
from ledger.reader import Recorded
from projections import filling, poison, rows, tracking
from projections.filling import Progress, fill
from projections.follower import Follower, retry
from projections.model import Change, Put, Table, on
from projections.poison import Bound, TooMuchPoison
from projections.status import STATUS
from projections.tracking import Fenced, Place
from projections.turns import BusyElsewhere

CLAIM = Table(
    "claim",
    1,
    ("tier",),
    "CREATE TABLE IF NOT EXISTS {table} (tier text PRIMARY KEY, stream uuid NOT NULL, position bigint)",
)


class Claims(Tallies):
    """Each tier is the first case's that names it: a row that many streams claim."""

    tables = (TALLY, CLAIM)

    @on(Application.Registered)
    def registered(self, recorded: Recorded, event: Application.Registered) -> Iterable[Change]:
        yield from super().registered(recorded, event)
        yield Put(CLAIM, (event.tier.value,), {"position": recorded.position})


@pytest.fixture
def db(reading: str) -> Iterator[Any]:
    with psycopg.connect(reading, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=[3, 10_000], ids=["small portions", "one portion"])
def portions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "PORTION", request.param)


def made(db: Any, model: Any, events: Told, bound: Bound | None = None) -> tuple[str, list[tuple[UUID, int]]]:
    """The tables' hash and what was set apart, once everything was followed."""
    follower = Follower(db, events, Place(model), 1, bound)
    while follower.step():
        pass
    return rows.table_hash(db, Place(model)), [(one.stream, one.position) for one in poison.every(db)]


def both(db: Any, model: Any, events: Told, bound: Bound | None = None) -> Any:
    """What following and filling make of the same events, each in tables of its own."""
    rows.create(db, Place(model))
    followed = made(db, model, events, bound)
    rows.drop(db, Place(model))
    tracking.forget(db, Place(model))
    poison.clear(db, Place(model))
    rows.create(db, Place(model))
    fill(Follower(db, events, Place(model), 1, bound))
    filled = made(db, model, events, bound)
    return (filled[0], sorted(filled[1])), (followed[0], sorted(followed[1]))


@pytest.mark.parametrize("trouble", ["raises", "violates", "unstorable", "undecodable", "unknown"])
def test_what_is_sick_is_set_apart_where_following_would(db: Any, history: Any, portions: None, trouble: str) -> None:
    model, sick = Tallies(), [history.case(name) for name in ("granted", "paid_twice")]
    spoilt = {e.position for e in history.events if e.stream in sick and type(e.event).__name__ == "Paid"}
    told = Told(history.events)
    if trouble == "undecodable":
        told.undecodable = frozenset(spoilt)
    elif trouble == "unknown":
        told.events = [
            Recorded(e.position, e.stream, e.version, "of.no.Class", b"{}", None, None, e.recorded_at)
            if e.position in spoilt
            else e
            for e in history.events
        ]
    else:
        getattr(model, trouble).update(sick)
    filled, followed = both(db, model, told)
    assert filled == followed
    assert [position for _, position in filled[1]] == sorted(spoilt)


def test_what_writes_another_stream_s_row_is_set_apart_as_by_following(db: Any, history: Any, portions: None) -> None:
    model = Meddlers()
    model.case_of = {e.stream: e.event.case for e in history.events if isinstance(e.event, Payment.Opened)}
    filled, followed = both(db, model, Told(history.events), Bound(streams=1000))
    assert filled == followed
    assert filled[1]


def test_a_row_that_two_streams_claim_is_left_to_following(db: Any, history: Any, portions: None) -> None:
    """Whose it is only the order of positions says."""
    filled, followed = both(db, Claims(), Told(history.events), Bound(streams=1000))
    assert filled == followed
    assert filled[1]


def test_too_much_poison_stops_a_fill(db: Any, history: Any, portions: None) -> None:
    model = Tallies()
    rows.create(db, Place(model))
    model.raises.update(one.stream for one in history.events)
    follower = Follower(db, Told(history.events), Place(model), bound=Bound(streams=2, events=1000))
    with pytest.raises(TooMuchPoison):
        fill(follower)
    assert tracking.find(db, Place(model)).position == 0


def test_what_was_set_apart_is_not_retried_before_the_fill_has_ended(
    db: Any, history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model stands at 0 for so long: the stream would be replayed to there, and be without a row for ever."""
    monkeypatch.setattr(filling, "PORTION", 5)
    model, place, told, stop = Tallies(), Place(Tallies()), Told(history.events), threading.Event()
    rows.create(db, place)
    expected = made(db, model, told)
    tracking.forget(db, place)
    model.raises.add(history.case("granted"))
    fill(Follower(db, told, Place(model)), lambda progress: stop.set() if poison.every(db) else None, stop)
    model.raises.clear()
    with pytest.raises(BusyElsewhere):
        retry(db, told, place, history.case("granted"))
    assert len(poison.every(db)) == 1
    fill(Follower(db, told, place))
    assert retry(db, told, place, history.case("granted"))
    assert made(db, model, told) == expected


def test_a_fill_of_another_program_begins_anew(db: Any, history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older program folded is not gone on with: here rows that it made otherwise."""
    monkeypatch.setattr(filling, "PORTION", 5)
    place = Place(STATUS)
    expected = made(db, STATUS, Told(history.events))[0]
    tracking.forget(db, place)

    class Stopped(Exception):
        pass

    def told(progress: Progress) -> None:
        if progress.done > 20:
            raise Stopped

    with pytest.raises(Stopped):
        fill(Follower(db, Told(history.events), place), told)
    db.execute(f"UPDATE reading.{STATUS.applications.bare()} SET state = 'LAPSED'")
    db.execute("UPDATE reading.tracking SET program = 'another'")
    assert made_by_filling(db, history) == expected


def made_by_filling(db: Any, history: Any) -> str:
    follower = Follower(db, Told(history.events), Place(STATUS))
    fill(follower)
    assert follower.position == history.events[-1].position
    return rows.table_hash(db, Place(STATUS))


def test_who_is_no_longer_the_holder_fills_no_further(db: Any, reading: str, history: Any) -> None:
    place = Place(STATUS)
    zombie = Follower(db, Told(history.events), place)
    with psycopg.connect(reading, autocommit=True) as other:
        successor = Follower(other, Told(history.events), place)
        with pytest.raises(Fenced):
            fill(zombie)
        fill(successor)
        expected = rows.table_hash(other, place)
    zombie.position = 0
    with pytest.raises(Fenced):
        fill(zombie)
    assert rows.table_hash(db, place) == expected


PROGRAM = """
import pathlib, sys
from ledger.opening import open_ledger
from projections import filling
from projections.all import named
from projections.rebuild import rebuild
filling.PORTION = 5
reading, conninfo, keys_conninfo, folder = sys.argv[1:]
ledger = open_ledger(conninfo, keys_conninfo, pathlib.Path(folder))
def told(progress):
    print(progress.done, flush=True)
    sys.stdin.readline()
print("end", rebuild(reading, ledger.reader, named("status"), told=told), flush=True)
"""


def test_a_rebuild_killed_again_and_again_goes_on_and_gives_the_same(
    db: Any, reading: str, history: Any, record_property: Callable[[str, Any], None]
) -> None:
    """kill -9 somewhere in the portion behind a line of progress; each start goes on where the one before was."""
    expected = made(db, STATUS, Told(history.events))[0]
    db.execute(f"UPDATE reading.{STATUS.applications.bare()} SET state = 'LAPSED'")
    where = [reading, history.conninfo, history.keys_conninfo, str(history.folder)]
    began: list[int] = []
    ended = None
    while ended is None and len(began) < 20:
        first, ended = killed_after(6 + len(began), where)
        began.append(first)
    assert ended == history.events[-1].position
    assert len(began) > 3, "it was hardly killed"
    assert began == sorted(set(began)), "what was filled was filled again"
    assert rows.table_hash(db, Place(STATUS)) == expected
    assert db.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE '%beside'").fetchone()[0] == 0
    record_property("told", f"killed {len(began) - 1} times, went on after {began} events")


def killed_after(portions: int, where: list[str]) -> tuple[int, int | None]:
    """Rebuild in a process and kill it in the portion after so many: where it began, and its end if it got there."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *where],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        assert run.stdin is not None
        assert run.stdout is not None
        first = None
        for line in run.stdout:
            if line.startswith("end"):
                return first or 0, int(line.split()[1])
            first = int(line) if first is None else first
            portions -= 1
            run.stdin.write("\n")
            run.stdin.flush()
            if portions == 0:
                run.kill()
                break
    assert first is not None, "it never began"
    return first, None


def test_a_fill_of_a_new_ledger_is_nothing(db: Any) -> None:
    follower = Follower(db, Told([], line=uuid4()), Place(STATUS))
    fill(follower)
    assert follower.position == 0
    assert tracking.find(db, Place(STATUS)).fill_until is None
