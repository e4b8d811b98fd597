"""The register of erasures: kept through kills and torn writes, loud when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest

from domain.people import SubjectId
from ledger.erasure_register import ErasureRegister, RegisterDamaged

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
