"""`sarkmeli analytics …` beside files that are not as they were written: a sentence with a remedy, and no traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sarkmeli.cli import app


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[int, str]]:
    monkeypatch.setenv("SARKMELI_FOLDER", str(tmp_path))
    monkeypatch.setattr("sarkmeli.logs.configure", lambda *_, **__: None)

    def run(command: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["analytics", *command.split()])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return run


def test_an_edition_that_is_damaged_is_named_with_what_to_do(
    ran: Callable[[str], tuple[int, str]], tmp_path: Path
) -> None:
    assert ran("report --json")[0] == 0
    (file,) = (tmp_path / "analytics" / "editions").glob("*.json")
    whole = file.read_bytes()
    told = json.loads(whole)
    for damaged in (
        whole[: len(whole) // 2],
        b"\xff\xfe",
        b"[]",
        json.dumps({**told, "format": 2}).encode(),
        json.dumps({**told, "number": "1"}).encode(),
        json.dumps({**told, "services": {"compatriot": None}}).encode(),
        json.dumps({**told, "number": 7}).encode(),
        json.dumps({**told, "services": {}}).encode(),
    ):
        file.write_bytes(damaged)
        status, said = ran("refresh" if damaged == b"[]" else "report")
        assert status == 1, (damaged, said)
        assert f"{file} is no edition as it was written" in said, damaged
        assert "put it back from a backup" in said
    file.write_bytes(whole)
    assert ran("report --json")[0] == 0


def test_a_file_of_the_marts_that_is_damaged_is_named_with_what_to_do(
    ran: Callable[[str], tuple[int, str]], tmp_path: Path
) -> None:
    file = tmp_path / "analytics" / "marts.duckdb"
    file.parent.mkdir()
    file.write_bytes(b"no database" * 2000)
    status, said = ran("refresh")
    assert status == 1
    assert f"{file} cannot be opened" in said
    assert "delete it: it is made anew" in said
    file.unlink()
    assert ran("refresh")[0] == 0
