"""A command is done once, whoever sends it how often; an address belongs to one stream."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, ProgrammingError, StoredEvent
from ledger_house import House, Work, plain_environment
from ledger_samples import Letter, somebody, write

from domain.office import Address, AddressTaken, AlreadyDone, CommandReused, Office, Receipt
from domain.people import Role
from ledger.append import Append
from ledger.idempotency import CommandKey, turn_months
from ledger.opening import Ledger


def test_sent_again_it_answers_what_it_did(ledger: Ledger, office: Office) -> None:
    subject, act = ledger.keys.mint(), office.act(somebody(), "write", body=b"form")
    first = office.perform(act, lambda: write(office, act, subject))
    assert office.perform(act, lambda: pytest.fail("decided again")) == first
    with pytest.raises(AlreadyDone) as done:
        write(office, act, subject)
    assert done.value.receipt == first
    assert [one.position for one in ledger.reader.read(0, 10)] == [1]


def test_sent_by_many_at_once_it_is_done_once(house: House, ledger: Ledger) -> None:
    offices, subject = [house.office() for _ in range(4)], ledger.keys.mint()
    act = offices[0].act(somebody(), "write", body=b"form")
    together = Barrier(8)

    def send(number: int) -> Receipt:
        office = offices[number % 4]
        assert office.desk.find_command(act) is None
        together.wait()
        return office.perform(act, lambda: write(office, act, subject, ("number", str(number))))

    with ThreadPoolExecutor(8) as senders:
        receipts = set(senders.map(send, range(8)))
    assert len(receipts) == 1
    assert len(ledger.reader.read(0, 10)) == 1
    assert house.ask("SELECT count(*) FROM ledger.address") == [(1,)]


def test_the_same_id_with_another_body_is_refused(ledger: Ledger, office: Office) -> None:
    subject, act = ledger.keys.mint(), office.act(somebody(), "write", body=b"form")
    write(office, act, subject)
    other = replace(act, body=b"another form")
    with pytest.raises(CommandReused):
        office.perform(other, lambda: write(office, other, subject))
    with pytest.raises(CommandReused):
        write(office, other, subject)


@pytest.mark.parametrize(
    "other",
    [
        lambda act: replace(act, by=somebody("boris")),
        lambda act: replace(act, by=somebody("anna", Role.CHIEF)),
        lambda act: replace(act, operation="rewrite"),
        lambda act: replace(act, command=uuid4()),
    ],
    ids=["actor", "role", "operation", "id"],
)
def test_another_of_these_is_another_command(standing_house: House, other) -> None:
    ledger, office = standing_house.open(), standing_house.office()
    subject, act = ledger.keys.mint(), office.act(somebody(), "write", body=b"form")
    first = write(office, act, subject)
    assert office.desk.find_command(other(act)) is None
    assert write(office, other(act), subject).stream != first.stream


def test_a_command_is_one_also_across_the_end_of_a_month(house: House, ledger: Ledger, office: Office) -> None:
    """No unique index spans partitions. Two requests race while the clock turns the month between them."""
    subject, act = ledger.keys.mint(), office.act(somebody(), "write", body=b"form")
    receipt = write(office, act, subject)
    house.ask("ALTER TABLE ledger.command DISABLE TRIGGER append_only")
    house.ask("UPDATE ledger.command SET month = month - interval '1 month'")
    assert house.ask("SELECT tableoid::regclass::text FROM ledger.command") == [("ledger.command_other",)]
    assert office.desk.find_command(act) == receipt
    with pytest.raises(AlreadyDone):
        write(office, act, subject)

    held, stream = house.connect(), uuid4()
    later = office.act(somebody(), "write", body=b"later")
    with held.transaction():
        Append((), CommandKey.of(later, ledger.keys), stream, (), ledger.keys).run(held)
        held.execute("UPDATE ledger.command SET month = month + interval '1 month' WHERE stream = %s", (stream,))
        second = Work(lambda: write(office, later, subject))
        house.until_somebody_waits(second)
        assert second.is_under_way()
    with pytest.raises(AlreadyDone) as done:
        second.result()
    assert done.value.receipt.stream == stream


def test_months_are_made_ahead_and_dropped_when_their_retention_ends(house: House) -> None:
    this_month = "date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date"
    house.ask(
        "DO $$ BEGIN EXECUTE format('CREATE TABLE ledger.command_%s PARTITION OF ledger.command "
        "FOR VALUES FROM (%L) TO (%L)', "
        f"to_char({this_month} - interval '14 months', 'YYYY_MM'), {this_month} - interval '14 months', "
        f"{this_month} - interval '13 months'); END $$"
    )
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ledger.command'::regclass"
    assert house.ask(partitions) == [(6,)]
    turn_months(house.ledger_conninfo)
    assert house.ask(partitions) == [(5,)]
    house.ask("SELECT ledger.turn_command_months(13, 5)")
    assert house.ask(partitions) == [(7,)]
    house.ask("SELECT ledger.turn_command_months(13, 5)")
    assert house.ask(partitions) == [(7,)]


def test_what_fails_leaves_neither_command_nor_address_nor_event(house: House, ledger: Ledger, office: Office) -> None:
    subject = ledger.keys.mint()
    receipt = write(office, office.act(somebody(), "write"), subject, ("number", "1"))
    stale, fresh = office.load(Letter, receipt.stream), office.load(Letter, receipt.stream)
    fresh.stamp(office.act(somebody(), "stamp"))
    office.commit(fresh, act=office.act(somebody(), "stamp"))
    act = office.act(somebody(), "stamp")
    stale.stamp(act)
    with pytest.raises(IntegrityError):
        office.commit(stale, act=act, addresses=[Address("number", "2", stale.id)])
    assert office.desk.find_command(act) is None
    assert office.find("number", "2") is None
    assert len(ledger.reader.read(0, 10)) == 2


def test_a_lost_race_for_a_stream_is_decided_again(ledger: Ledger, office: Office) -> None:
    """Five hands: each defeat is another's success, so the last succeeds at its fifth try."""
    subject = ledger.keys.mint()
    receipt = write(office, office.act(somebody(), "write"), subject)
    together = Barrier(5)

    def stamp(_: int) -> Receipt:
        act = office.act(somebody(), "stamp")

        def decide() -> Receipt:
            letter = office.load(Letter, receipt.stream)
            letter.stamp(act)
            return office.commit(letter, act=act)

        together.wait()
        return office.perform(act, decide)

    with ThreadPoolExecutor(5) as hands:
        versions = sorted(done.version for done in hands.map(stamp, range(5)))
    assert versions == [2, 3, 4, 5, 6]
    assert office.load(Letter, receipt.stream).stamps == 5


def test_an_address_taken_is_a_conflict_and_says_its_kind(ledger: Ledger, office: Office) -> None:
    subject = ledger.keys.mint()
    first = write(office, office.act(somebody(), "write"), subject, ("number", "1"), ("cash-reference", "9"))
    act = office.act(somebody(), "write")
    with pytest.raises(AddressTaken) as taken:
        write(office, act, subject, ("cash-reference", "9"), ("number", "2"))
    assert taken.value.kind == "cash-reference"
    assert office.desk.find_command(act) is None
    assert office.find("number", "1") == office.find("cash-reference", "9") == first.stream
    assert office.find("number", "2") is None
    assert office.find("number", "9") is None, "kinds are apart"


def in_opposite_order(house: House, middle: Append, forth: Append, back: Append) -> None:
    """Two appends over the same things in opposite order, both stopped halfway by a third, which then gives way.

    Were each to take things in the order given, each would now hold what the other wants.
    """
    third, first, second = house.connect(), house.connect(), house.connect()

    def run(connection: psycopg.Connection[Any], append: Append) -> None:
        with connection.transaction():
            append.run(connection)

    with third.transaction(force_rollback=True):
        middle.run(third)
        going = Work(lambda: run(first, forth))
        house.until_somebody_waits(going)
        coming = Work(lambda: run(second, back))
        house.until_somebody_waits(coming, waiters=2)
    going.result()
    with pytest.raises((AddressTaken, psycopg.errors.UniqueViolation)):
        coming.result()


def test_addresses_in_opposite_order_do_not_deadlock(house: House, ledger: Ledger, office: Office) -> None:
    def taking(*names: int) -> Append:
        key, stream = CommandKey.of(office.act(somebody(), "take"), ledger.keys), uuid4()
        return Append((), key, stream, [Address("name", str(name), stream) for name in names], ledger.keys)

    in_opposite_order(house, taking(5), taking(*range(10)), taking(*reversed(range(10))))


def test_streams_in_opposite_order_do_not_deadlock(house: House, ledger: Ledger) -> None:
    def saying(*streams: int) -> Append:
        return Append([StoredEvent(UUID(int=stream), 1, "some", b"{}") for stream in streams])

    in_opposite_order(house, saying(5), saying(*range(10)), saying(*reversed(range(10))))


def test_its_own_address_may_be_given_to_a_stream_again(ledger: Ledger, office: Office) -> None:
    subject, stream = ledger.keys.mint(), uuid4()
    write(office, office.act(somebody(), "write"), subject, ("number", "1"), id=stream)
    letter = office.load(Letter, stream)
    letter.stamp(act := office.act(somebody(), "stamp"))
    office.commit(letter, act=act, addresses=[Address("number", "1", stream)])


def test_the_hash_of_an_address_tells_nothing_without_the_key(house: House, ledger: Ledger, office: Office) -> None:
    write(office, office.act(somebody(), "write"), ledger.keys.mint(), ("number", "1"))
    [(stored, version)] = house.ask("SELECT hmac, key_version FROM ledger.address")
    assert version == 1
    assert len(stored) == 32
    assert stored not in (hashlib.sha256(b"1").digest(), hashlib.sha256(b"number1").digest())


def test_a_command_that_changes_nothing_is_noted_all_the_same(ledger: Ledger, office: Office) -> None:
    receipt = write(office, office.act(somebody(), "write"), ledger.keys.mint())
    act = office.act(somebody(), "look")
    done = office.commit(office.load(Letter, receipt.stream), act=act)
    assert done == Receipt(receipt.stream, 1, 0)
    assert office.desk.find_command(act) == done


def test_events_say_which_command_caused_them(house: House, ledger: Ledger, office: Office) -> None:
    write(office, office.act(somebody(), "write"), ledger.keys.mint())
    assert house.ask("SELECT e.command_key = c.key FROM ledger.event e, ledger.command c") == [(True,)]


def test_without_keys_there_are_no_commands(house: House) -> None:
    office = Office(env=plain_environment(house))
    house.closing.append(office.close)
    act = office.act(somebody(), "write")
    with pytest.raises(ProgrammingError):
        office.recorder.insert_events([], command=act, principal=uuid4())
    with pytest.raises(ProgrammingError):
        office.find("number", "1")
