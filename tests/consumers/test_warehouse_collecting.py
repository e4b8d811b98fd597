"""Kafka's records in the table, each once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from kafka import KafkaProducer
from warehouse_house import Process, Stream, case, collecting, headers, held, place, until

from consumers.warehouse.commits import Conflict
from consumers.warehouse.figures import LAG, LOOKED, STOPPED, UNTIDIED, WRITTEN
from consumers.warehouse.rebuilding import rebuild
from consumers.warehouse.table import Warehouse, open_warehouse
from consumers.warehouse.tidying import Untidied


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


def test_members_die_and_one_wakes_up_as_a_zombie(stream: Stream, tmp_path: Path) -> None:
    """Two share; one dies right after a commit; the other sleeps in the middle of a commit until
    its partitions are another's, and wakes.
    """
    where = place(tmp_path)
    stream.send(range(30))
    sleeper = Process(stream, where, tmp_path, at=(4, "before", signal.SIGSTOP))
    members = [Process(stream, where, tmp_path, at=(2, "after", signal.SIGKILL))]
    try:
        until(lambda: stream.send(range(9)) and members[-1].ended)
        members.append(Process(stream, where, tmp_path))
        until(lambda: stream.send(range(9)) and sleeper.stopped)
        stream.send(range(10), bad=[b"{}", b"\xff"])
        stream.forget(3, 4)
        until(lambda: held(where) == stream.wanted(3, 4))
        sleeper.send(signal.SIGCONT)
        stream.send(range(5, 20))
        until(lambda: held(where) == stream.wanted(3, 4))
    finally:
        said = [one.end() for one in (sleeper, *members)]
    assert held(where) == stream.wanted(3, 4)
    assert "Traceback" not in "".join(said)
    assert open_warehouse(where).unreadable.scan().count() == 2
    assert stream.wanted(3, 4)


def behind(stream: Stream) -> float:
    """By the figures."""
    return sum(LAG.labels(stream.topic, str(number))._value.get() for number in range(stream.partitions))


def test_a_member_that_others_are_always_ahead_of_is_seen_in_its_figures_and_ends_when_told_to(
    stream: Stream, tmp_path: Path
) -> None:
    where, tries, written = place(tmp_path), list[str](), WRITTEN._value.get()

    def beaten(*_: object, why: str, **__: object) -> None:
        tries.append(why)
        raise Conflict("another came before")

    stream.send(range(5))
    with patch("consumers.warehouse.writer.commit", beaten), collecting(stream, where) as check:
        until(lambda: check() or (len(tries) > 2 and behind(stream) >= 5))
        looked = LOOKED._value.get()
        until(lambda: check() or LOOKED._value.get() > looked)
    assert WRITTEN._value.get() == written
    with collecting(stream, where) as check:
        until(lambda: check() or (held(where) == stream.wanted() and not behind(stream)))
    assert WRITTEN._value.get() > written


def test_tidying_that_fails_is_counted_and_tried_again_and_keeps_nobody_from_collecting(
    stream: Stream, tmp_path: Path
) -> None:
    where, failures, tries = place(tmp_path), UNTIDIED._value.get(), list[Warehouse]()

    def tidy(warehouse: Warehouse) -> None:
        tries.append(warehouse)
        if len(tries) < 3:
            raise Untidied("a manifest is lost")

    with collecting(stream, where, tidy, tidy_every=0.5) as check:
        until(lambda: check() or len(tries) >= 3)
        stream.send(range(5))
        until(lambda: check() or held(where) == stream.wanted())
    assert UNTIDIED._value.get() - failures == 2


class Bytes(str):
    """A header's name that kafka-python sends as these bytes."""

    def encode(self, *_: object) -> bytes:
        return b"caf\xe9"


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_record_whose_header_names_are_no_text_is_set_aside(
    kafka: str, stream: Stream, tmp_path: Path, compression: str | None
) -> None:
    """The first of a batch, one in the midst of it, and one that would be a fact but for that."""
    where = place(tmp_path)
    stream.send(range(5))
    stranger = KafkaProducer(bootstrap_servers=kafka, compression_type=compression, linger_ms=1000, batch_size=1 << 20)
    for number, told in enumerate(([], [("a", b"1")], headers(uuid4().hex, 1), None, headers(uuid4().hex, 2))):
        name = "plain" if told is None else Bytes("?")
        stranger.send(stream.topic, b"{}", case(7).encode(), [*(told or []), (name, b"%d" % number)], partition=0)
    stranger.close()
    stream.send(range(5))
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())
    rows = open_warehouse(where).unreadable.scan().to_arrow().sort_by("offset").to_pylist()
    assert [row["key"] for row in rows] == [case(7).encode()] * 5
    names = [json.loads(row["headers"])[-1][0] for row in rows]
    assert [name.encode(errors="surrogateescape") for name in names] == [b"caf\xe9"] * 3 + [b"plain", b"caf\xe9"]
    assert [row["reason"] == "a header's name is not UTF-8" for row in rows] == [True, True, True, False, True]


def test_the_table_decides_where_to_go_on_and_not_the_group(stream: Stream, tmp_path: Path) -> None:
    where, other = place(tmp_path / "one"), place(tmp_path / "other")
    stream.send(range(30))
    for one in (where, other):
        with collecting(stream, one) as check:
            until(lambda one=one: check() or held(one) == stream.wanted())


def stands_still(says: str) -> Callable[[], bool]:
    """Whether the gauge says so; the log has said it with the remedy, once."""

    def look() -> bool:
        if not STOPPED._value.get():
            return False
        told = [call.kwargs["why"] for call in said.critical.call_args_list]
        assert len(told) == 1
        assert says in told[0]
        assert "sarkmeli warehouse rebuild" in told[0]
        return True

    STOPPED.set(0)
    said = patch("consumers.warehouse.collector.log").start()
    return look


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    yield
    patch.stopall()


def test_a_topic_made_anew_is_waited_for_with_a_remedy(stream: Stream, tmp_path: Path) -> None:
    where = place(tmp_path)
    stream.send(range(10))
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())
    stream.close()
    stream.remove()
    stream.sent.clear()
    stream.make()
    stream.send(range(20))
    stopped = stands_still("deleted and made anew")
    with collecting(stream, where) as check:
        until(lambda: check() or stopped())
        rebuild(open_warehouse(where))
        until(lambda: check() or held(where) == stream.wanted())
        until(lambda: check() or not STOPPED._value.get())


def test_a_topic_that_is_cut_short_is_waited_for_with_a_remedy(stream: Stream, tmp_path: Path) -> None:
    """Records that the table needs next are deleted before it has them."""
    where = place(tmp_path)
    stream.send(range(10))
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())
    stream.send(range(20))
    stream.cut()
    stopped = stands_still("Kafka holds nothing at offset")
    with collecting(stream, where) as check:
        until(lambda: check() or stopped())
