"""Following the ledger: waking, waiting, lineage, tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from ledger_house import House, Work
from ledger_samples import Letter, somebody, write

from domain.office import Office
from ledger.lineage import begin_lineage
from ledger.opening import Ledger
from ledger.reader import AheadOfLedger, OtherLineage
from ledger.token import BadToken, Tokens


def fill(ledger: Ledger, office: Office, events: int) -> UUID:
    """One stream of this many events."""
    stream = write(office, office.act(somebody(), "write"), ledger.keys.mint()).stream
    for _ in range(events - 1):
        letter = office.load(Letter, stream)
        letter.stamp(act := office.act(somebody(), "stamp"))
        office.commit(letter, act=act)
    return stream


def test_it_reads_in_order_in_parts_and_by_stream(ledger: Ledger, office: Office) -> None:
    first, second = fill(ledger, office, 3), fill(ledger, office, 2)
    everything = ledger.reader.read(0, 100)
    assert [(one.position, one.stream, one.version) for one in everything] == [
        *((1, first, 1), (2, first, 2), (3, first, 3), (4, second, 1), (5, second, 2))
    ]
    assert [*ledger.reader.read(0, 2), *ledger.reader.read(2, 2), *ledger.reader.read(4, 2)] == everything
    assert ledger.reader.read(5, 10) == []
    assert ledger.reader.stream(first) == everything[:3]
    assert ledger.reader.stream(uuid4()) == []
    assert ledger.reader.settled() == 5
    one = everything[0]
    assert one.topic == "sample.Letter.Written"
    assert one.at == one.event.timestamp
    assert one.at.tzinfo is UTC
    assert one.recorded_at.tzinfo is UTC
    assert one.recorded_at >= one.at
    assert one.event.by == somebody()
    assert office.history(first)[0].subject == one.event.subject


def test_it_wakes_at_a_commit_and_not_for_its_heartbeat(
    house: House, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.signals.HEARTBEAT", 3600.0)
    ledger = house.open()
    waiting = Work(lambda: ledger.reader.wait(0, timeout=3600))
    while house.ask("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN ledger'") == [(0,)]:
        pass
    fill(ledger, office, 1)
    assert waiting.result() == 1


def test_its_heartbeat_finds_what_no_signal_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.signals.SIGNAL", "SELECT 1")
    ledger, office = house.open(), house.office()
    waiting = Work(lambda: ledger.reader.wait(0, timeout=3600))
    while house.ask("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN ledger'") == [(0,)]:
        pass
    fill(ledger, office, 1)
    assert waiting.result() == 1


def test_it_waits_no_longer_than_told(ledger: Ledger) -> None:
    assert ledger.reader.wait(0, timeout=0.01) == 0
    assert ledger.reader.wait(0, timeout=0) == 0


def test_many_threads_wait_on_one_reader(house: House, ledger: Ledger, office: Office) -> None:
    together = Barrier(5)

    def wait(_: int) -> int:
        together.wait()
        return ledger.reader.wait(0, timeout=60)

    with ThreadPoolExecutor(4) as threads:
        waiting = threads.map(wait, range(4))
        together.wait()
        fill(ledger, office, 1)
        assert list(waiting) == [1, 1, 1, 1]


def test_after_a_restart_it_listens_and_reads_again(house: House, ledger: Ledger, office: Office) -> None:
    fill(ledger, office, 1)
    assert ledger.reader.wait(0, timeout=60) == 1
    house.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert len(ledger.reader.read(0, 10)) == 1
    fill(ledger, office, 1)
    assert ledger.reader.wait(1, timeout=60) == 2


def test_a_follower_is_held_to_its_lineage_and_to_the_ledgers_end(house: House, ledger: Ledger, office: Office) -> None:
    fill(ledger, office, 2)
    lineage = ledger.reader.lineage()
    ledger.reader.check(2, lineage)
    with pytest.raises(AheadOfLedger):
        ledger.reader.check(3, lineage)
    begun = begin_lineage(house.connect(), "restored from a copied folder")
    with pytest.raises(OtherLineage):
        ledger.reader.check(2, lineage)
    again = house.open().reader
    assert again.lineage() == begun != lineage
    again.check(2, begun)
    assert house.ask("SELECT generation, after_position FROM ledger.lineage ORDER BY 1") == [(1, 0), (2, 2)]
    fill(ledger, office, 1)
    assert house.ask("SELECT lineage FROM ledger.event ORDER BY position") == [(lineage,), (lineage,), (begun,)]


@pytest.mark.parametrize("moved", ["system = 'another'", "timeline = 0"])
def test_a_restored_or_promoted_database_begins_a_lineage_by_itself(house: House, ledger: Ledger, moved: str) -> None:
    before = ledger.reader.lineage()
    house.ask("ALTER TABLE ledger.lineage DISABLE TRIGGER append_only")
    house.ask(f"UPDATE ledger.lineage SET {moved}")
    after = house.open().reader.lineage()
    assert after != before
    assert house.open().reader.lineage() == after, "and only one"


def test_a_token_is_read_here_and_by_nobody_else(house: House, ledger: Ledger) -> None:
    token = ledger.tokens.encode(1234567)
    assert ledger.tokens.decode(token) == house.open().tokens.decode(token) == 1234567
    assert token.isascii()
    assert len(token) == 56
    for forged in (
        "",
        "x",
        "é",
        token[:-1],
        token + "A",
        token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        "A" * 10**6,
    ):
        with pytest.raises(BadToken):
            ledger.tokens.decode(forged)
    with pytest.raises(OtherLineage):
        ledger.tokens.decode(ledger.tokens.encode(1, lineage=uuid4()))
    with pytest.raises(OtherLineage):
        Tokens(ledger.keys, uuid4).decode(token)
