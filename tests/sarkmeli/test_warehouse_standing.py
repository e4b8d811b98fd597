"""What `sarkmeli warehouse status` complains of: a table that does not follow Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from warehouse_house import Stream, collecting, held, until

from sarkmeli import warehouse_standing
from sarkmeli.settings import Settings
from sarkmeli.warehouse import place_of, show_warehouse


@pytest.fixture
def stream(kafka: str) -> Iterator[Stream]:
    made = Stream(kafka, f"lake{uuid4().hex[:8]}.compatriot.v1").make()
    yield made
    made.close()


@pytest.fixture
def settings(stream: Stream, tmp_path: Path) -> Settings:
    prefix = stream.topic.partition(".")[0]
    return Settings(
        folder=tmp_path, kafka_bootstrap_servers=stream.bootstrap, kafka_topic_prefix=prefix, warehouse_rows=2,
        warehouse_every=1e-6,
    )  # fmt: skip


@pytest.fixture
def status(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[bool, str]]:
    """What the command says, and whether all is well."""
    return lambda: (show_warehouse(settings), capsys.readouterr().out)


def test_it_fails_when_nobody_writes_what_there_is_to_write(
    stream: Stream, settings: Settings, status: Callable[[], tuple[bool, str]]
) -> None:
    """Minutes are made none."""
    with patch.object(warehouse_standing, "QUIET", -60.0), patch.object(warehouse_standing, "LOOK_AGAIN", (0.0, 0.0)):
        assert status()[0], "nothing was said yet"
        stream.send(range(5))
        well, said = status()
        assert (well, "records wait to be written, and nobody has yet" in said) == (False, True), said
        with collecting(stream, place_of(settings)) as check:
            until(lambda: check() or held(place_of(settings)) == stream.wanted())
        stream.send(range(9), abort=True)
        well, said = status()
        assert well, said  # Kafka's end is further on, and there is nothing to write
        stream.send(range(1))
        well, said = status()
        assert (well, "nobody has since 20" in said) == (False, True), said
    with patch.object(warehouse_standing, "QUIET", -60.0), patch.object(warehouse_standing, "LOOK_AGAIN", (90.0, 90.0)):
        with collecting(stream, place_of(settings)):
            well, said = status()
        assert well, said
    stream.send(range(1))
    well, said = status()
    assert well, said  # it may well be written in a moment


def test_it_fails_when_the_table_is_far_behind(
    stream: Stream, settings: Settings, status: Callable[[], tuple[bool, str]]
) -> None:
    stream.send(range(1))
    with collecting(stream, place_of(settings)) as check:
        until(lambda: check() or held(place_of(settings)) == stream.wanted())
    stream.send(range(15))
    assert status()[0]
    stream.send(range(15))
    well, said = status()
    assert (well, "far behind" in said, "nobody has" in said) == (False, True, False), said
