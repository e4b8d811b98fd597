"""A personal value is looked for in clear in every file that PostgreSQL and the ledger write."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_house import House
from ledger_samples import Letter, Note, Page, somebody, write

from domain.office import AddressTaken, Office
from ledger.opening import Ledger

CANARY = "CANARY"


def files_with(needle: bytes, *folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_no_personal_value_stands_in_clear_in_any_file(house_apart: House, caplog: pytest.LogCaptureFixture) -> None:
    house = house_apart
    ledger, office = house.open(), house.office()
    subject = ledger.keys.mint()
    receipt = write(office, office.act(somebody(), "write"), subject, ("number", f"{CANARY}-1"))
    letter = office.load(Letter, receipt.stream)
    letter.record(Letter.Annotated, act := office.act(somebody(), "note"), notes=(Note(Page(1), f"{CANARY} note"),))
    office.commit(letter, act=act)
    with pytest.raises(AddressTaken):
        write(office, office.act(somebody(), "w", body=f"{CANARY} body".encode()), subject, ("number", f"{CANARY}-1"))
    ledger.keys.seal(subject, CANARY.encode(), b"")
    house.ask("CREATE TABLE control AS SELECT 'CONTROL' || 'LED'::text AS value")
    for conninfo_ask in (house.ask, house.ask_keys):
        conninfo_ask("ANALYZE")
        conninfo_ask("CHECKPOINT")
    folder = Path(house.ask("SHOW data_directory")[0][0])
    assert files_with(b"CONTROLLED", folder / "base"), "the search finds what is there"
    assert files_with(b"CONTROLLED", folder / "pg_wal")
    assert files_with(b"sample.Letter.Written", folder / "base")
    assert files_with(CANARY.encode(), folder, folder.parent, house.folder) == []
    assert CANARY not in caplog.text
    assert CANARY in str(ledger.reader.open(ledger.reader.read(0, 1)[0])), "and it can still be opened"


def test_an_error_at_the_append_tells_no_personal_value(house: House, ledger: Ledger, office: Office) -> None:
    """PostgreSQL's DETAIL quotes rows: what it could quote is sealed."""
    subject = ledger.keys.mint()
    house.ask("ALTER TABLE ledger.event ADD CONSTRAINT broken CHECK (topic <> 'sample.Letter.Written')")
    with pytest.raises(Exception, match="broken") as failed:
        write(office, office.act(somebody(), "write"), subject)
    assert CANARY not in str(failed.value)
    assert CANARY not in str(failed.value.__cause__)
