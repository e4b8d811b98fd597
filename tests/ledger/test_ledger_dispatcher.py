"""Appends that wait together are written together; what stands against one of them is that one's alone.

A first append is held at its commit (see ``test_ledger_commit``), so that those behind it gather for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError, IntegrityError, InterfaceError, OperationalError, StoredEvent
from ledger_house import House, Work
from ledger_samples import somebody, write
from test_ledger_commit import backend_in_commit, commits_held_back, cut, with_one_line

from domain.office import Address, AddressTaken, AlreadyDone, Office
from ledger import append as appending
from ledger import dispatcher as dispatching
from ledger.append import Append
from ledger.opening import Ledger
from ledger.recorder import LedgerBusy


def said(stream: UUID | None = None, version: int = 1, topic: str = "some") -> StoredEvent:
    return StoredEvent(stream or uuid4(), version, topic, b"{}")


def gather(house: House, office: Office, *asked: Callable[[], Any]) -> list[Work]:
    """All of it asked for in this order while a first append is held at its commit; then let go."""
    with commits_held_back(house) as let_go:
        first = Work(lambda: office.recorder.insert_events([said()]))
        backend_in_commit(house)
        works: list[Work] = []
        for ask in asked:
            before = office.factory.dispatcher.waiting
            works.append(Work(ask))
            while works[-1].is_under_way() and office.factory.dispatcher.waiting == before:
                pass
        let_go()
        first.result()
    return works


def transactions(house: House) -> int:
    return house.ask("SELECT count(DISTINCT xmin::text) FROM ledger.event")[0][0]


def test_what_gathers_is_one_transaction_with_positions_in_the_order_asked(house: House, office: Office) -> None:
    streams = [uuid4() for _ in range(20)]
    works = gather(
        house,
        office,
        *(lambda s=s: office.recorder.insert_events([said(s, 1), said(s, 2)]) for s in streams),
    )
    positions = [work.result() for work in works]
    assert positions == [[n, n + 1] for n in range(2, 42, 2)]
    assert transactions(house) == 2
    stored = house.ask("SELECT stream, version FROM ledger.event WHERE position > 1 ORDER BY position")
    assert stored == [(stream, version) for stream in streams for version in (1, 2)]


def test_each_refusal_is_its_own_requests_alone(house: House, ledger: Ledger, office: Office) -> None:
    subject = ledger.keys.mint()
    done = office.act(somebody(), "write")
    before = write(office, done, subject, ("number", "1"))
    insert, good = office.recorder.insert_events, [office.act(somebody(), "write") for _ in range(3)]
    works = gather(
        house,
        office,
        lambda: write(office, good[0], subject, ("number", "2")),
        lambda: insert([said(before.stream, 1)]),
        lambda: write(office, office.act(somebody(), "write"), subject, ("number", "1")),
        lambda: write(office, good[1], subject, ("number", "3")),
        lambda: write(office, done, subject, ("number", "4")),
        lambda: insert([said(), said(before.stream, 2)]),
        lambda: write(office, good[2], subject),
    )
    outcomes = [work.outcome() for work in works]
    assert [type(one) for one in outcomes if isinstance(one, BaseException)] == [
        appending.StreamMovedOn, AddressTaken, AlreadyDone,
    ]  # fmt: skip
    assert isinstance(outcomes[1], IntegrityError)
    assert outcomes[4].receipt == before
    assert [office.desk.find_command(act) for act in good] == [outcomes[0], outcomes[3], outcomes[6]]
    assert office.find("number", "4") is None
    assert transactions(house) == 4, "before, the first, the batch, and what touches a stream that the batch touches"


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        (lambda: said(topic="no\0topic"), DataError),
        (lambda: said(version=-1), IntegrityError),
        (lambda: said(version=2**63), DataError),
        (lambda: said(topic="\ud800"), DataError),
        (lambda: StoredEvent(uuid4(), 1, "some", bytes(appending.LARGEST + 1)), appending.TooLarge),
    ],
    ids=["topic with NUL", "version below 0", "version past bigint", "lone surrogate", "too large"],
)
def test_what_cannot_be_stored_fails_alone(
    house: House, office: Office, bad: Callable[[], StoredEvent], refusal: type[Exception]
) -> None:
    insert = office.recorder.insert_events
    ways = [lambda: insert([said()]), lambda: insert([said()]), lambda: insert([said(), bad()])]
    outcomes = [work.outcome() for work in gather(house, office, *ways, *ways[:2])]
    assert isinstance(outcomes.pop(2), refusal)
    assert len({position for [position] in outcomes}) == 4
    assert house.ask("SELECT count(*) FROM ledger.event") == [(5,)]


def test_requests_for_one_stream_are_written_one_after_the_other(house: House, office: Office) -> None:
    stream, other, insert = uuid4(), uuid4(), office.recorder.insert_events
    asked = [(stream, 1), (stream, 2), (other, 1), (stream, 3), (stream, 3), (other, 2)]
    works = gather(house, office, *(lambda one=one: insert([said(*one)]) for one in asked))
    outcomes = [work.outcome() for work in works]
    assert isinstance(outcomes.pop(4), IntegrityError)
    of_stream = [outcomes[n][0] for n in (0, 1, 3)]
    assert of_stream == sorted(of_stream)
    assert transactions(house) == 4


@pytest.mark.parametrize("holder", ["a writer", "somebody who takes no locks", "a reader"])
def test_a_transaction_held_open_delays_nobody_else(house: House, office: Office, holder: str) -> None:
    """Not timed: the others get on while it is still open, and the one that wants the same still waits."""
    stream, held, insert = uuid4(), house.connect(), office.recorder.insert_events
    insert([said(stream, 1)])
    waits = holder != "a reader"
    with held.transaction():
        if holder == "a writer":
            Append([said(stream, 2)]).run(held)
        elif waits:
            held.execute(
                "INSERT INTO ledger.event (position, stream, version, topic, plain, recorded_at, lineage) "
                "SELECT ledger.draw(1), %s, 2, 'some', '{}', now(), id FROM ledger.lineage",
                (stream,),
            )
        else:
            held.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            held.execute("SELECT * FROM ledger.event").fetchall()
        same = Work(lambda: insert([said(stream, 2)]))
        if waits:
            house.until_somebody_waits(same)
        others = [Work(lambda: [insert([said()]) for _ in range(10)]) for _ in range(4)]
        for other in others:
            other.result()
        assert same.is_under_way() is waits or not waits
    outcome = same.outcome()
    assert isinstance(outcome, IntegrityError) is waits
    assert house.ask("SELECT count(*) FROM ledger.event") == [(42,)]


def test_with_too_much_waiting_it_says_busy_and_loses_nothing(
    house: House, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "MOST_WAITING", 2)
    monkeypatch.setattr(dispatching, "ROOM_PATIENCE", 0)
    insert = office.recorder.insert_events

    def refused() -> None:
        with pytest.raises(LedgerBusy) as busy:
            insert([said()])
        assert busy.value.retry_after == 1
        assert isinstance(busy.value, OperationalError)

    works = gather(house, office, lambda: insert([said()]), lambda: insert([said()]), refused)
    assert [work.result() for work in works] == [[2], [3], None]


def test_bytes_are_counted_too(house: House, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "MOST_BYTES", 5)
    monkeypatch.setattr(dispatching, "ROOM_PATIENCE", 0)
    insert = office.recorder.insert_events
    asked = [lambda: insert([said()])] * 3
    outcomes = [work.outcome() for work in gather(house, office, *asked, *asked)]
    assert sum(isinstance(one, LedgerBusy) for one in outcomes) >= 2
    assert insert([said()])


def test_closing_writes_what_was_taken_and_takes_no_more(house: House) -> None:
    office = Office(env=house.open().env)
    insert = office.recorder.insert_events
    with commits_held_back(house) as let_go:
        works = [Work(lambda: insert([said()])) for _ in range(4)]
        backend_in_commit(house)
        while office.factory.dispatcher.waiting < 3:
            pass
        closing = Work(office.close)
        while not office.factory.dispatcher._closed:
            pass
        with pytest.raises(InterfaceError):
            insert([said()])
        let_go()
        closing.result()
    assert sorted(position for work in works for position in work.result()) == [1, 2, 3, 4]
    assert house.ask("SELECT count(*) FROM ledger.event") == [(4,)]


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_deadlock_is_begun_again(house: House, office: Office, state: str) -> None:
    house.ask("CREATE SEQUENCE public.tries")
    house.ask(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
        f"IF nextval('public.tries') <= 2 THEN RAISE EXCEPTION 'again' USING ERRCODE = '{state}'; END IF; "
        "RETURN NULL; END $$"
    )
    house.ask("CREATE TRIGGER fails AFTER INSERT ON ledger.event FOR EACH STATEMENT EXECUTE FUNCTION public.fail()")
    [position] = office.recorder.insert_events([said()])
    assert house.ask("SELECT position FROM ledger.event") == [(position,)]
    assert house.ask("SELECT last_value FROM tries") == [(3,)]


def test_lost_before_it_holds_anything_it_is_still_waited_for(house: House) -> None:
    """The statement was sent and its backend is at work, but holds no writers' lock yet: to look then is too early."""
    ledger = house.open()
    office, line = with_one_line(house)
    house.ask(
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$"
    )
    house.ask("CREATE TRIGGER lingers AFTER INSERT ON ledger.address FOR EACH STATEMENT EXECUTE FUNCTION linger()")
    stream, act = uuid4(), office.act(somebody(), "write")
    circumstances: dict[str, Any] = {"principal": stream, "addresses": (Address("number", "1", stream),)}
    work = Work(lambda: office.recorder.insert_events([said(stream)], command=act, **circumstances))
    while not house.ask("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
        pass
    assert house.ask("SELECT count(*) FROM pg_locks WHERE classid = 1398895211 AND objid = 1") == [(0,)]
    cut(line)
    assert work.result() == [1]
    assert house.ask("SELECT count(*) FROM ledger.event") == [(1,)]
    assert ledger.reader.settled() == 1


def test_an_append_with_very_many_streams_is_written_by_itself(house: House, office: Office) -> None:
    events = [said() for _ in range(300)]
    assert office.recorder.insert_events(events) == list(range(1, 301))
    with psycopg.connect(house.ledger_conninfo) as connection:
        stored = [stream for (stream,) in connection.execute("SELECT stream FROM ledger.event ORDER BY position")]
    assert stored == [event.originator_id for event in events]
