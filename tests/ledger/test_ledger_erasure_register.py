"""The register of erasures: kept through kills and torn writes, loud when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from ledger_house import House

from domain.people import SubjectId
from ledger.erasure import erase_who_is_back, who_is_back
from ledger.erasure_register import NOWHERE, ErasureRegister, Mark, RegisterDamaged
from sarkmeli.roles import DbRole

AT = datetime(2026, 11, 22, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=4)))


def somebody() -> SubjectId:
    return SubjectId(uuid4())


def test_who_was_added_is_found_again_and_nobody_else(tmp_path: Path) -> None:
    register = ErasureRegister(tmp_path / "not" / "yet")
    assert register.subjects() == frozenset()
    first, second, third = somebody(), somebody(), somebody()
    register.add([first, second], AT)
    register.add([third, first], datetime.now(UTC))
    assert ErasureRegister(tmp_path / "not" / "yet").subjects() == {first, second, third}
    assert register.path.stat().st_mode & 0o777 == 0o640
    assert register.path.parent.stat().st_mode & 0o777 == 0o700, "unless the administrator made it for a group"
    with pytest.raises(ValueError, match="zone"):
        register.add([first], datetime(2026, 11, 22))


def test_a_torn_last_line_is_passed_over_and_its_place_taken(tmp_path: Path) -> None:
    register = ErasureRegister(tmp_path)
    kept, torn, after = somebody(), somebody(), somebody()
    register.add([kept], AT)
    whole = register.path.stat().st_size
    register.add([torn], AT)
    full = register.path.read_bytes()
    for size in range(whole, len(full)):
        register.path.write_bytes(full[:size])
        assert register.subjects() == {kept}
        register.add([after], AT)
        assert register.subjects() == {kept, after}
    register.path.write_bytes(full[:whole] + bytes(9000))
    assert register.subjects() == {kept}, "a tail of zeros, as a file system leaves it, is a torn line too"


def test_a_damaged_line_is_never_passed_over(tmp_path: Path) -> None:
    register = ErasureRegister(tmp_path)
    register.add([somebody() for _ in range(3)], AT)
    whole = register.path.read_bytes()
    for place in range(0, len(whole) - 1, 7):
        if whole[place : place + 1] != b"\n":
            register.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(RegisterDamaged):
                register.subjects()


def test_only_what_was_added_since_is_read_if_it_is_the_same_register(tmp_path: Path) -> None:
    register, other = ErasureRegister(tmp_path), ErasureRegister(tmp_path / "other")
    first, second, third = somebody(), somebody(), somebody()
    assert register.since(NOWHERE) == ([], NOWHERE)
    register.add([first, second], AT)
    found, mark = register.since(NOWHERE)
    assert found == [first, second]
    assert register.since(mark) == ([], mark)
    register.add([third], AT)
    assert register.since(mark)[0] == [third]
    whole = register.path.read_bytes()
    register.path.write_bytes(whole[:-9])
    assert register.since(mark) == ([], mark)
    register.path.write_bytes(whole[: mark.size - 1])
    assert register.since(mark)[0] == [first], "an older copy was put in its place"
    other.add([third, first, second], AT)
    assert other.since(mark)[0] == [third, first, second], "another register has another line there"
    assert other.since(Mark(-5, ""))[0] == [third, first, second]


def test_who_comes_back_with_the_key_store_is_found_from_the_mark_that_came_back(house: House, tmp_path: Path) -> None:
    keys, register = house.open().keys, ErasureRegister(tmp_path)
    early, late, living = keys.mint(), keys.mint(), keys.mint()
    as_backed_up = "SELECT id, wrapped FROM keystore.subject ORDER BY id"
    early_back, late_back = (house.ask_keys(as_backed_up)[at][1] for at in (0, 1))

    def erased_again() -> tuple[SubjectId, ...]:
        with psycopg.connect(house.keys_as(DbRole.APP), autocommit=True) as connection:
            back = who_is_back(connection, register)
        with psycopg.connect(house.keys_as(DbRole.ERASER), autocommit=True) as connection:
            erase_who_is_back(connection, back)
        return back.subjects

    register.add([early], AT)
    assert erased_again() == (early,)
    mark = house.ask_keys("SELECT size, line FROM keystore.register_read")[0]
    register.add([late], AT)
    assert (erased_again(), erased_again()) == ((late,), ())

    come_back = "UPDATE keystore.subject SET wrapped = %s, erased_at = NULL WHERE id = %s"
    house.ask_keys(come_back, late_back, late)
    house.ask_keys("UPDATE keystore.register_read SET size = %s, line = %s", *mark)
    assert erased_again() == (late,), "a backup from between the two"
    for subject, wrapped in ((early, early_back), (late, late_back)):
        house.ask_keys(come_back, wrapped, subject)
    house.ask_keys("DELETE FROM keystore.register_read")
    assert set(erased_again()) == {early, late}, "a backup from before both"
    assert keys.subject_key(living, fresh=True)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from ledger.erasure_register import ErasureRegister
register = ErasureRegister(Path(sys.argv[1]))
while True:
    subject = uuid4()
    register.add([subject, uuid4()], datetime.now(UTC))
    print(subject, flush=True)
"""


def test_what_was_answered_outlives_kills_of_writers_at_once(tmp_path: Path) -> None:
    answered: set[str] = set()
    for _ in range(3):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=os.getcwd())
            for _ in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            answered |= {writer.stdout.readline().decode().strip() for _ in range(10)}
        for writer in writers:
            writer.kill()
            answered |= set(writer.communicate()[0].decode().split())
    found = {str(subject) for subject in ErasureRegister(tmp_path).subjects()}
    whole = {subject for subject in answered if len(subject) == 36}
    assert len(whole) >= 60
    assert whole <= found
