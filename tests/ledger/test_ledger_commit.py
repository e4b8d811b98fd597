"""A connection that dies at the commit: the command is neither lost nor done twice nor called failed when it was not.

The commit is caught for certain by a synchronous standby that does not exist: the transaction is on disk, not yet
visible, and holds its locks until the standby is no longer asked for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from ledger_house import House, Work
from ledger_samples import Letter, somebody, write

from domain.office import Office
from ledger import recorder as recording
from ledger.recorder import OutcomeUnknown


@contextmanager
def commits_held_back(house: House) -> Iterator[Callable[[], None]]:
    """Every commit waits for a standby that is not there, until the given function is called."""
    pending = True

    def let_go() -> None:
        nonlocal pending
        if pending:
            pending = False
            house.ask("ALTER SYSTEM RESET synchronous_standby_names")
            house.ask("SELECT pg_reload_conf()")

    house.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    house.ask("SELECT pg_reload_conf()")
    while house.ask("SHOW synchronous_standby_names") != [("nobody",)]:
        pass
    try:
        yield let_go
    finally:
        let_go()


def backend_in_commit(house: House) -> int:
    """The backend that waits at its commit."""
    while not (
        found := house.ask(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()"
        )
    ):
        pass
    return found[0][0]


def with_one_line(house: House) -> tuple[Office, psycopg.Connection[Any]]:
    """An office with a single connection to its ledger, and that connection."""
    office = house.office(POSTGRES_MAX_OVERFLOW="0")
    with office.factory.datastore.get_connection() as line:
        return office, line


def cut(line: psycopg.Connection[Any]) -> None:
    """Break this side of the connection; its backend does not notice."""
    with socket.socket(fileno=socket.dup(line.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def test_lost_while_it_commits_it_is_looked_up_behind_the_barrier(house: House) -> None:
    ledger, other = house.open(), house.office()
    office, line = with_one_line(house)
    subject, act = ledger.keys.mint(), office.act(somebody(), "write", body=b"once")
    with commits_held_back(house) as let_go:
        command = Work(lambda: write(office, act, subject, ("number", "1")))
        backend_in_commit(house)
        cut(line)
        # The control: whoever looks at once is told that nothing happened, of a command that is about to have.
        assert other.desk.find_command(act) is None
        assert house.ask("SELECT count(*) FROM ledger.event") == [(0,)]
        assert command.is_under_way()
        let_go()
        receipt = command.result()
    assert receipt.position == 1
    assert office.desk.find_command(act) == receipt
    assert house.ask("SELECT count(*) FROM ledger.event") == [(1,)]


def test_its_backend_ended_after_the_commit_was_written_it_is_done(house: House) -> None:
    ledger, office = house.open(), house.office()
    subject, act = ledger.keys.mint(), office.act(somebody(), "write")
    with commits_held_back(house):
        command = Work(lambda: write(office, act, subject))
        house.ask("SELECT pg_terminate_backend(%s)", backend_in_commit(house))
        receipt = command.result()
    assert receipt.position == 1
    assert house.ask("SELECT count(*) FROM ledger.event") == [(1,)]


END_AT_COMMIT = """
CREATE SEQUENCE deaths;
CREATE FUNCTION end_backend() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('deaths') <= %s THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
        PERFORM pg_sleep(10);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON ledger.event DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION end_backend();
"""


def test_its_backend_ended_before_the_commit_was_written_it_is_done_again(house: House) -> None:
    ledger, office = house.open(), house.office()
    subject, act = ledger.keys.mint(), office.act(somebody(), "write")
    house.ask(END_AT_COMMIT.replace("%s", "2"))
    receipt = write(office, act, subject, ("number", "1"))
    assert house.ask("SELECT last_value FROM deaths") == [(3,)]
    assert house.ask("SELECT position FROM ledger.event") == [(receipt.position,)]
    assert office.desk.find_command(act) == receipt


def test_a_backend_that_dies_every_time_is_given_up_with_nothing_stored(house: House) -> None:
    ledger, office = house.open(), house.office()
    subject, act = ledger.keys.mint(), office.act(somebody(), "write")
    house.ask(END_AT_COMMIT.replace("%s", "1000"))
    with pytest.raises(OperationalError, match="nothing was stored"):
        write(office, act, subject)
    assert house.ask("SELECT count(*) FROM ledger.event") == [(0,)]
    assert office.desk.find_command(act) is None


def test_if_nothing_can_be_learnt_it_says_so_and_the_same_command_sent_again_is_done_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "RESOLUTION", 0.05)
    ledger = house.open()
    office, line = with_one_line(house)
    subject, act = ledger.keys.mint(), office.act(somebody(), "write", body=b"once")
    with commits_held_back(house) as let_go:
        command = Work(lambda: write(office, act, subject))
        backend_in_commit(house)
        cut(line)
        with pytest.raises(OutcomeUnknown):
            command.result()
        again = Work(lambda: office.perform(act, lambda: write(office, act, subject)))
        house.until_somebody_waits(again)
        let_go()
        receipt = again.result()
    assert receipt.position == 1
    assert house.ask("SELECT count(*) FROM ledger.event") == [(1,)]


def test_a_restart_of_the_pools_connections_between_commands_is_not_noticed(house: House) -> None:
    ledger, office = house.open(), house.office(POSTGRES_POOL_SIZE="8")
    office.factory.datastore.pool.wait()
    subject = ledger.keys.mint()
    receipt = write(office, office.act(somebody(), "write"), subject)
    letter = office.load(Letter, receipt.stream)
    for reads_first in (False, True):
        act = office.act(somebody(), "stamp")
        house.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        began = monotonic()
        if reads_first:
            letter = office.load(Letter, receipt.stream)
            ledger.reader.read(0, 10)
        letter.stamp(act)
        office.commit(letter, act=act)
        assert monotonic() - began < 5
    assert [event.position for event in ledger.reader.read(0, 10)] == [1, 2, 3]
