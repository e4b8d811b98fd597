"""Kafka's records in the table, each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from warehouse_house import Stream, collecting, held, place, until


@pytest.fixture
def stream(kafka: str) -> Iterator[Stream]:
    made = Stream(kafka, f"lake{uuid4().hex[:8]}.compatriot.v1").make()
    yield made
    made.close()


def test_every_committed_record_is_there_once(stream: Stream, tmp_path: Path) -> None:
    where = place(tmp_path)
    for turn in range(5):
        stream.send(range(turn, 40), day=turn + 1)
        stream.send([1, 2, 3], abort=True)
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())
        stream.send(range(7))
        until(lambda: check() or held(where) == stream.wanted())
