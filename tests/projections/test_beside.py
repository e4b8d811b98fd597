"""A rebuild beside the model that serves, and a new version taken into use: no read fails or goes back meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sources import Told
from story import answered, asked, begun, concluded, consent_taken_back, consented, decided, paid, received, seen

from domain.consents import ConsentKind
from projections import filling, lag, rows, status
from projections.answers import Answer, ask, fetch_one
from projections.filling import Progress
from projections.follower import Follower
from projections.model import Table
from projections.poison import Stale
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.status import CASE_ANSWER, STATUS, StatusModel
from projections.tracking import Place
from projections.waiting import Waiting

LONG = 60.0
"""Seconds that nothing here ever takes; a bound for failures."""


def next_version(table: Table) -> Table:
    return Table(table.name, table.version + 1, table.key, table.ddl)


class NextStatus(StatusModel):
    """The next release's version of the same model."""

    version = STATUS.version + 1
    tables = tuple(next_version(table) for table in STATUS.tables)
    applications, payments, calls = tables


NEXT = NextStatus()
FIND = ask(CASE_ANSWER, application=NEXT.applications, payment=NEXT.payments, call=NEXT.calls)


def find_next(pool: Any, case: UUID) -> Answer[Any]:
    """As `status.find`, of the next release."""
    return status.answered(fetch_one(pool, FIND, (case, NEXT.name, NEXT.version)))


class Readers:
    """Ask for a case's status without end, each going on from what it has seen."""

    def __init__(self, pool: Any, case: UUID, registered: int) -> None:
        self.pool, self.case, self.registered = pool, case, registered
        self.find: Callable[[Any, UUID], Answer[Any]] = status.find
        self.prepare: Callable[[int], None] = lambda position: None
        self.reads = 0
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._read) for _ in range(2)]

    @contextmanager
    def reading(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(LONG)
        assert self.wrong == []

    def more(self) -> None:
        """Return when either reader has read some more."""
        with self._news:
            wanted = self.reads + 10
            assert self._news.wait_for(lambda: self.reads >= wanted or bool(self.wrong), LONG)

    def _read(self) -> None:
        position, events = self.registered, 0
        while not self._stop.is_set():
            try:
                find, prepare = self.find, self.prepare
                prepare(position)
                answer = find(self.pool, self.case)
                assert not isinstance(answer.row, Stale), "stale"
                assert answer.row is not None, "gone"
                assert answer.position >= position, f"back from {position} to {answer.position}"
                told = len(answer.row.dossier.papers) + len(answer.row.payments) + len(answer.row.calls)
                assert told >= events, "an earlier row"
                position, events = answer.position, told
            except Exception as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
            with self._news:
                self.reads += 1
                self._news.notify_all()


@contextmanager
def running(history: Any, model: Any) -> Iterator[None]:
    stop = threading.Event()
    runner = Runner(history.conninfo, history.ledger.reader, [model])
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LONG)
        assert not thread.is_alive()


STEPS = [
    paid, seen, consented(ConsentKind.NEWS), begun, asked, answered, consent_taken_back(ConsentKind.NEWS), asked,
    answered, consented(ConsentKind.NEWS), concluded, decided, received,
]  # fmt: skip


@pytest.fixture
def at_work(
    own_history: Any, pool_of: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, Waiting, Readers, Callable[[Any], None]]]:
    """The office at work: its runner follows, two readers read, and each line of progress sees one more step."""
    monkeypatch.setattr(filling, "PORTION", 3)
    pool, story = pool_of(own_history.conninfo), own_history.story("waiting")
    steps = iter(STEPS)
    with running(own_history, STATUS), Waiting(own_history.conninfo, pool) as waiting:
        here = own_history.ledger.reader.settled()
        assert waiting.wait_for(STATUS, here, LONG)
        readers = Readers(pool, story.case, here)

        def told(progress: Progress) -> None:
            if (step := next(steps, None)) is not None:
                story.given(step)
            readers.more()

        with readers.reading():
            yield own_history, waiting, readers, told


def folded_anew(history: Any, reading: str) -> str:
    with psycopg.connect(reading, autocommit=True) as clean:
        follower = Follower(clean, Told(history.ledger.reader.read(0, 10_000)), Place(STATUS), 10_000)
        while follower.step():
            pass
        return rows.table_hash(clean, Place(STATUS))


def test_no_read_fails_or_goes_back_while_the_version_in_force_is_rebuilt(
    at_work: Any, reading: str, record_property: Callable[[str, Any], None]
) -> None:
    history, waiting, readers, told = at_work
    for _ in range(2):
        position = rebuild(history.conninfo, history.ledger.reader, STATUS, told=told)
        readers.more()
    end = history.ledger.reader.settled()
    assert position > readers.registered
    assert waiting.wait_for(STATUS, end, LONG)
    with psycopg.connect(history.conninfo, autocommit=True) as db:
        assert rows.table_hash(db, Place(STATUS)) == folded_anew(history, reading)
    record_property("told", f"{readers.reads} reads, {len(readers.wrong)} failed or went back")


def test_no_read_fails_or_goes_back_when_the_next_version_is_taken_into_use(
    at_work: Any, reading: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, Any], None]
) -> None:
    """It is filled by the next release's runner; once that is ready, readers go over with what they have seen."""
    history, waiting, readers, told = at_work
    monkeypatch.setattr(Runner, "_told", lambda self, follower: told)
    with psycopg.connect(history.conninfo, autocommit=True) as db:
        rows.create(db, Place(NEXT))
        assert not lag.is_ready(db, [NEXT])
        with running(history, NEXT):
            while not lag.is_ready(db, [NEXT]):
                readers.more()

            def prepare(position: int) -> None:
                assert waiting.wait_for(NEXT, position, LONG)

            readers.prepare, readers.find = prepare, find_next
            told(Progress(0, 0))
            readers.more()
            assert waiting.wait_for(NEXT, history.ledger.reader.settled(), LONG)
        assert waiting.wait_for(STATUS, history.ledger.reader.settled(), LONG)
        texts = [
            [row[0] for row in db.execute(f"SELECT to_jsonb(t)::text FROM reading.{table.bare()} t ORDER BY stream")]
            for model in (STATUS, NEXT)
            for table in model.tables
        ]
        assert texts[:3] == texts[3:]
        assert rows.table_hash(db, Place(STATUS)) == folded_anew(history, reading)
    record_property("told", f"{readers.reads} reads, {len(readers.wrong)} failed or went back")
