"""Taking one case out of a large table while others go on writing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pyiceberg.io.pyarrow import ArrowScan
from warehouse_house import all_rows, case, place
from warehouse_log import Log, Member, at_commit, check

from consumers.warehouse import forgetting
from consumers.warehouse.compacting import compact
from consumers.warehouse.tidying import sweep
from consumers.warehouse.writer import ToldToEnd, Writer

TODAY = datetime(2026, 12, 24, tzinfo=UTC).date()


@pytest.fixture
def log() -> Log:
    made = Log()
    for day in range(1, 13):
        for partition, number in ((0, 2), (0, 6), (1, 0), (1, 1)):
            made.fact(partition, number, day)
    return made


@pytest.fixture
def member(log: Log, tmp_path: Path) -> Member:
    """It has partition 0, where case 6 is to be forgotten, in a table of two files a day, one of each partition. Any of
    them may hold the case, by its bounds.
    """
    for number in (0, 1):
        filler = Member(log, place(tmp_path), (number,))
        filler.gather()
        filler.write()
    made = Member(log, place(tmp_path), (0,))
    log.tombstone(0, 6)
    made.gather()
    return made


@contextmanager
def at_reads(every: int, happens: Callable[[], object]) -> Generator[list[int]]:
    """Have something happen at every so many-th read of a file for forgetting: the clock of a slow store."""
    reads = [0]

    class Scan(ArrowScan):
        def to_table(self, tasks: Any) -> Any:
            reads[0] += 1
            assert reads[0] < 500, "it begins from the beginning again and again"
            if reads[0] % every == 0:
                happens()
            return super().to_table(tasks)

    with patch.object(forgetting, "ArrowScan", Scan):
        yield reads


def test_a_forgetting_that_takes_longer_than_the_pause_between_others_commits_ends(member: Member, log: Log) -> None:
    other = Member(log, member.where, (1,))

    def commits() -> None:
        log.fact(1, 1, 1)
        other.gather()
        other.write()

    with at_reads(10, commits) as reads:
        done = member.write()
    assert (done.removed, done.conflicts) == (12, 1)
    assert reads[0] < 24 + 12 + 10, "each file once, those that hold the case twice, and what came meanwhile"
    assert case(6) not in all_rows(member.where)["case"].to_pylist()
    check(member)


def test_what_was_written_again_in_vain_is_deleted(member: Member, log: Log) -> None:
    """Before the commit another one brings the files of each day together; what was found in them has to be again."""
    other = Member(log, member.where, (1,))
    with at_commit(2, before=lambda: compact(other.warehouse.facts, TODAY) and None):
        done = member.write()
    assert (done.removed, done.conflicts) == (12, 1)
    check(member)
    assert sweep(member.warehouse.facts.refresh(), datetime.now(UTC) + timedelta(hours=1)) == 0


def test_who_is_told_to_end_looks_into_no_further_file(member: Member, log: Log) -> None:
    stop = threading.Event()
    member.writer = Writer(member.warehouse, stop)
    with at_reads(3, stop.set) as reads, pytest.raises(ToldToEnd):
        member.write()
    assert reads[0] <= 4, "a file that is begun is done, which may take two reads"
    check(member)
    following = Member(log, member.where, (0,))
    following.gather()
    assert following.write().removed == 12
    check(member)


def test_who_is_told_to_end_tries_no_commit_again(member: Member, log: Log) -> None:
    stop, other = threading.Event(), Member(log, member.where, (1,))
    log.fact(1, 1)
    other.gather()
    member.writer = Writer(member.warehouse, stop)

    def meanwhile() -> None:
        stop.set()
        other.write()

    with at_commit(2, before=meanwhile), pytest.raises(ToldToEnd):
        member.write()
    check(member)
