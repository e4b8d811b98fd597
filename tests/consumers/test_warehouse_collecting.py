"""Kafka's records in the table, each once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from warehouse_house import Process, Stream, collecting, held, place, until

from consumers.warehouse.figures import UNTIDIED
from consumers.warehouse.progress import RecordsGone, TopicMadeAnew
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


def test_the_table_decides_where_to_go_on_and_not_the_group(stream: Stream, tmp_path: Path) -> None:
    where, other = place(tmp_path / "one"), place(tmp_path / "other")
    stream.send(range(30))
    for one in (where, other):
        with collecting(stream, one) as check:
            until(lambda one=one: check() or held(one) == stream.wanted())


def test_a_topic_made_anew_ends_it_with_a_remedy(stream: Stream, tmp_path: Path) -> None:
    where = place(tmp_path)
    stream.send(range(10))
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())
    stream.close()
    stream.remove()
    stream.sent.clear()
    stream.make()
    stream.send(range(20))
    ended = pytest.raises(TopicMadeAnew, match="sarkmeli warehouse rebuild")
    with ended, collecting(stream, where) as check:
        until(lambda: check() and False)
    rebuild(open_warehouse(where))
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())


def test_a_topic_that_is_cut_short_ends_it_with_a_remedy(stream: Stream, tmp_path: Path) -> None:
    """Records that the table needs next are deleted before it has them."""
    where = place(tmp_path)
    stream.send(range(10))
    with collecting(stream, where) as check:
        until(lambda: check() or held(where) == stream.wanted())
    stream.send(range(20))
    stream.cut()
    with pytest.raises(RecordsGone, match="warehouse rebuild"), collecting(stream, where) as check:
        until(lambda: check() and False)
