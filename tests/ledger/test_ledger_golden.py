"""A ledger and key store written by the first version of every format is opened and read by this one, unchanged."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from ledger_house import House
from ledger_samples import SENDER, TEXT, Colour, Letter, Size, somebody, write
from psycopg import sql

from domain.event import Act
from domain.office import AddressTaken, CommandReused, Receipt
from domain.people import SubjectId
from ledger.sealing import Sealed

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "ledger-1.json").read_text())
SUBJECT = SubjectId(UUID(GOLDEN["subject"]))
STREAM = UUID("01987654-3210-7abc-8def-0123456789ab")
ACT = Act(
    now=datetime(2026, 3, 1, 10, 20, 30, 400050, UTC),
    by=somebody(),
    command=UUID(int=7),
    correlation=UUID(int=8),
    operation="write",
    body=b"body",
)


@pytest.fixture
def old_house(house: House) -> House:
    house.folder.mkdir()
    for name, key in GOLDEN["keys"].items():
        (house.folder / name).write_bytes(bytes.fromhex(key))
    with psycopg.connect(house.ledger_conninfo) as connection:
        for table, rows in GOLDEN["tables"].items():
            name = sql.Identifier(*table.split("."))
            for row in rows:
                binary = {
                    column
                    for (column,) in connection.execute(
                        "SELECT attname FROM pg_attribute"
                        " WHERE attrelid = %s::regclass AND atttypid = 'bytea'::regtype",
                        (table,),
                    )
                }
                values = [
                    bytes.fromhex(value) if column in binary and value is not None else value
                    for column, value in row.items()
                ]
                connection.execute(
                    sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                        name,
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                    ),
                    values,
                )
        connection.execute("SELECT setval('ledger.position', 2)")
    return house


def test_its_events_are_read_and_opened(old_house: House) -> None:
    ledger = old_house.open()
    first, second = ledger.reader.open_all(ledger.reader.stream(STREAM))
    assert isinstance(first, Letter.Written)
    assert isinstance(second, Letter.Stamped)
    assert (first.sender, first.text, first.second, first.pages) == (SENDER, TEXT, None, 3)
    assert (first.timestamp, first.by, first.subject) == (ACT.now, ACT.by, SUBJECT)
    assert (first.command, first.correlation) == (ACT.command, ACT.correlation)
    assert (second.price, second.on, second.due) == (Decimal("2.50"), date(2026, 3, 1), None)
    assert (second.colours, second.size, second.picture) == ((Colour.RED,), Size.LARGE, b"\x00\xff")
    assert second.pair == (UUID(int=1), True)
    assert old_house.office().load(Letter, STREAM).sender == SENDER
    assert ledger.sealer.open(Sealed.unpack(bytes.fromhex(GOLDEN["packed"])))["text"] == TEXT


def test_its_commands_and_addresses_still_count(old_house: House) -> None:
    office = old_house.office()
    assert office.desk.find_command(ACT) == Receipt(STREAM, 1, 1)
    with pytest.raises(CommandReused):
        office.desk.find_command(Act(**{**vars(ACT), "body": b"another"}))
    assert office.find("number", "1234567890") == STREAM
    with pytest.raises(AddressTaken):
        write(office, office.act(somebody(), "write"), SUBJECT, ("number", "1234567890"))
    assert write(office, office.act(somebody(), "write"), SUBJECT).position > 2


def test_its_codes_hashes_and_sealed_values_hold(old_house: House) -> None:
    keys = old_house.open().keys
    assert keys.code(SUBJECT, "compatriot", "1234567890", 1, 1) == GOLDEN["code"]
    assert keys.mac("purpose", "a", "b").hex() == GOLDEN["mac"]
    assert keys.unwrap(SUBJECT, bytes.fromhex(GOLDEN["wrapped"]), b"file 1") == b"a file's key"
    assert keys.unseal(SUBJECT, bytes.fromhex(GOLDEN["value"]), b"row 1") == b"a value"
    assert keys.open_for_office("session", bytes.fromhex(GOLDEN["office"])) == b"a session"


def test_what_it_wrote_is_written_the_same_today(old_house: House) -> None:
    """The plain part of the same event is the same bytes: what is hashed over it later holds for old and new."""
    ledger, office = old_house.open(), old_house.office()
    mapper: Any = office.mapper
    for recorded, plain in zip(ledger.reader.stream(STREAM), GOLDEN["plain"], strict=True):
        assert mapper.to_stored_event(ledger.reader.open(recorded)).state.decode() == plain
    [stored] = old_house.ask("SELECT array_agg(convert_from(plain, 'utf8') ORDER BY position) FROM ledger.event")
    assert stored[0] == GOLDEN["plain"]
