"""What `make run` says once all is ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from sarkmeli.settings import Settings
from sarkmeli.welcome import welcome


def test_what_is_to_be_seen_stands_under_each_other_and_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    welcome(Settings(folder=Path("r")), 1.0)
    plain = capsys.readouterr().out
    for address in (
        "8000/start?service=taxpayer",
        "8000/start ",
        "8000/ ",
        "8000/graphiql ",
        "make demo STORY=taxpayer",
    ):
        assert address in plain
    notes = ("a whole case, step by step", "by number and code", "GraphQL itself", "every mail", "cash by reference")
    assert len({line.index(note) for note in notes for line in plain.splitlines() if note in line}) == 1, plain
    assert "relay watch" not in plain
    welcome(Settings(folder=Path("r"), kafka_bootstrap_servers="127.0.0.1:9092"), 1.0)
    with_kafka = capsys.readouterr().out
    assert "sarkmeli relay watch --from-beginning" in with_kafka
    assert "sarkmeli analytics report" in with_kafka
