"""What tidying keeps and takes away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import NestedField, StringType
from warehouse_house import all_rows, case, place
from warehouse_log import Member, at_commit, check, rows, six_commits

from consumers.warehouse import table as tables
from consumers.warehouse import tidying
from consumers.warehouse.commits import Conflict, commit
from consumers.warehouse.progress import reached
from consumers.warehouse.tidying import Tidiness, Untidied, expire, overdue, sweep, tidy

LATER = datetime(2026, 12, 24, tzinfo=UTC)
KEPT = Tidiness(unreadable_days=10_000)


@pytest.fixture
def member(tmp_path: Path) -> Member:
    """A table of six commits, each of two cases on two days."""
    return six_commits(place(tmp_path))


def files(folder: Path) -> list[Path]:
    return sorted((folder / "data").rglob("*.parquet"))


def written_in(folder: Path, text: str) -> bool:
    """Whether a data file of any table holds the text."""
    return any(text in json.dumps(pq.read_table(one).to_pylist(), default=str) for one in files(folder))


def test_a_past_day_becomes_one_file_a_type_in_one_snapshot(member: Member, tmp_path: Path) -> None:
    table = member.warehouse.facts
    offsets, before = reached(table.properties), len(table.metadata.snapshots)
    done = tidy(member.warehouse, Tidiness(snapshot_hours=10_000), now=LATER)
    assert (done.compacted.before, done.compacted.after) == (12, 2)
    assert len(table.metadata.snapshots) == before + 2
    assert [one.file.record_count for one in table.scan().plan_files()] == [12, 12]
    assert reached(table.properties) == offsets
    check(member)
    assert tidy(member.warehouse, Tidiness(snapshot_hours=10_000), now=LATER).compacted.before == 0


def test_what_is_appended_while_files_are_rewritten_stays(member: Member) -> None:
    other = Member(member.log, place_of(member))
    for _ in range(3):
        member.log.fact(0, 1)
    other.gather()
    with at_commit(1, before=lambda: other.write() and None):
        assert tidy(member.warehouse, KEPT, now=LATER).compacted.after == 2
    check(member)


@pytest.mark.parametrize("what", ["write", "tidy"])
def test_a_commit_that_was_answered_after_its_snapshot_was_expired_keeps_its_files(member: Member, what: str) -> None:
    """The catalog's answer is late, and by then others have built on what was committed, and tidied at once."""
    other = Member(member.log, place_of(member))
    member.log.fact(0, 1)
    member.gather()

    def meanwhile() -> None:
        other.begin()
        member.log.fact(1, 3)
        other.gather()
        other.write()
        expire(other.warehouse.facts.refresh(), datetime.now(UTC) + timedelta(minutes=1), 1000)
        raise CommitFailedException("conflict")

    with at_commit(1, after=meanwhile):
        member.write() if what == "write" else tidy(member.warehouse, KEPT, now=LATER)
    if what == "tidy":
        member.write()
    check(other)
    check(member)
    sweep(other.warehouse.facts.refresh(), datetime.now(UTC) + timedelta(hours=1))
    check(other)
    assert len(rows(other)) == 26


def test_what_is_forgotten_while_files_are_rewritten_stays_away(member: Member) -> None:
    other = Member(member.log, place_of(member))
    member.log.tombstone(0, 1)
    other.gather()
    with (
        at_commit(1, before=lambda: other.write() and None),
        patch("consumers.warehouse.compacting.commit", wraps=commit) as tries,
    ):
        tidy(member.warehouse, KEPT, now=LATER)
    assert tries.call_count == 2, "each of both days is left to the next time as soon as its files are seen to be gone"
    check(member)
    assert case(1) not in all_rows(member.warehouse)["case"].to_pylist()


def test_a_forgotten_case_is_in_no_file_after_the_hours_that_snapshots_are_kept(member: Member, tmp_path: Path) -> None:
    member.log.tombstone(0, 1)
    member.gather()
    assert member.write().removed == 4
    now = datetime.now(UTC)
    tidy(member.warehouse, Tidiness(snapshot_hours=24), now=now + timedelta(hours=23))
    assert written_in(tmp_path, case(1))
    tidy(member.warehouse, Tidiness(snapshot_hours=24), now=now + timedelta(hours=25))
    assert not written_in(tmp_path, case(1))
    assert len(member.warehouse.facts.metadata.snapshots) == 1
    check(member)


def test_a_forgotten_case_is_gone_at_once_if_asked(member: Member, tmp_path: Path) -> None:
    member.log.tombstone(1, 4)
    member.log.fact(1, 4)
    member.gather()
    member.write()
    tidy(member.warehouse, KEPT, at_once=True)
    assert not written_in(tmp_path, case(4))
    assert written_in(tmp_path, case(5))
    check(member)


def test_a_forgotten_case_leaves_what_could_not_be_read_too(member: Member, tmp_path: Path) -> None:
    """Records that this release does not understand, before and behind the tombstone, and one of another case."""

    def aside() -> list[bytes | None]:
        return member.warehouse.unreadable.refresh().scan().to_arrow()["key"].to_pylist()

    member.log.nonsense(0, 1)
    member.log.nonsense(0, 2)
    member.gather()
    member.write()
    assert sorted(filter(None, aside())) == sorted(case(number).encode() for number in (1, 2))
    member.log.nonsense(0, 1)
    member.log.tombstone(0, 1)
    member.gather()
    member.write()
    member.log.nonsense(0, 1)
    member.gather()
    member.write()
    assert sorted(aside(), key=str) == sorted([None, None, case(2).encode()], key=str)
    assert written_in(tmp_path, case(1))
    tidy(member.warehouse, Tidiness(), now=datetime.now(UTC) + timedelta(hours=25))
    assert not written_in(tmp_path, case(1))
    assert written_in(tmp_path, case(2))


def test_a_member_that_slept_sets_nothing_of_a_forgotten_case_aside_again(member: Member) -> None:
    sleeper = Member(member.log, place_of(member))
    member.log.nonsense(0, 1)
    sleeper.gather()

    def meanwhile() -> None:
        member.gather()
        member.write()
        member.log.tombstone(0, 1)
        member.gather()
        member.write()

    with at_commit(1, before=meanwhile):
        sleeper.write()
    assert case(1).encode() not in member.warehouse.unreadable.refresh().scan().to_arrow()["key"].to_pylist()


def manifest(member: Member, snapshot: int) -> Path:
    """The manifest that a snapshot was the first to have."""
    table = member.warehouse.facts.refresh()
    one = table.metadata.snapshots[snapshot]
    mine = [held for held in one.manifests(table.io) if held.added_snapshot_id == one.snapshot_id]
    return Path(mine[0].manifest_path.removeprefix("file://"))


def test_a_manifest_that_was_lost_keeps_no_forgotten_case_readable(member: Member, tmp_path: Path) -> None:
    """The forgetting has written anew what the lost manifest led to: only old snapshots need it."""
    for number in range(6):
        member.log.tombstone(number // 3, number)
    lost = manifest(member, 0)
    member.gather()
    member.write()
    lost.unlink()
    tidy(member.warehouse, Tidiness(), now=datetime.now(UTC) + timedelta(hours=49))
    assert len(member.warehouse.facts.refresh().metadata.snapshots) <= 2
    assert not any(written_in(tmp_path, case(number)) for number in range(6))
    check(member)


def test_what_stands_in_the_way_of_tidying_is_said(member: Member) -> None:
    """What the table itself stands on is lost: no file may be deleted, and that is no success."""
    now = datetime.now(UTC)
    assert overdue(member.warehouse, Tidiness(), now + timedelta(hours=23)) == timedelta()
    manifest(member, -1).unlink()
    with pytest.raises(Untidied, match=r"sarkmeli\.facts: .*avro"):
        tidy(member.warehouse, Tidiness(), now=now + timedelta(hours=1))
    late = overdue(member.warehouse, Tidiness(), now + timedelta(hours=26))
    assert timedelta(hours=1.9) < late < timedelta(hours=2.1)


def test_a_busy_table_that_cannot_be_tidied_is_said(member: Member) -> None:
    """Somebody commits before each try."""
    other = Member(member.log, place_of(member))

    def busy(*_: object) -> None:
        commit(other.warehouse.facts.refresh(), why="test")
        raise Conflict("another came before")

    now = datetime.now(UTC) + timedelta(hours=1)
    with patch("consumers.warehouse.tidying.alter", busy), pytest.raises(Untidied, match="another came before"):
        expire(member.warehouse.facts, now, 1000)
    assert expire(member.warehouse.facts, now, 1000)[0] > 6


def test_files_of_a_killed_writer_are_swept_and_a_sleeping_one_is_refused(member: Member, tmp_path: Path) -> None:
    """A writer that slept between writing its files and committing them may not commit files that are gone."""
    sleeper = Member(member.log, place_of(member))
    for _ in range(5):
        member.log.fact(0, 2)
    sleeper.gather()
    soon = datetime.now(UTC) + timedelta(hours=1)
    swept: list[int] = []

    def asleep() -> None:
        swept.append(sweep(member.warehouse.facts.refresh(), soon))

    with at_commit(1, before=asleep), patch("consumers.warehouse.writer.OLDEST_FILES", -1.0):
        assert sleeper.write().conflicts == 1
    assert swept[0] > 0
    check(member)
    assert sweep(member.warehouse.facts.refresh(), soon) == 0
    live = {one.file.file_path.removeprefix("file://") for one in member.warehouse.facts.scan().plan_files()}
    assert live == {str(one) for one in files(tmp_path) if "/facts/" in str(one)}


def test_leftovers_are_swept_while_others_write_during_each_look(member: Member, tmp_path: Path) -> None:
    """What is committed between the look and the sweep's own commit stays, though it lay there as a leftover."""
    other = Member(member.log, place_of(member))
    left = files(tmp_path)[0].with_name("left-behind.parquet")
    left.write_bytes(b"of a killed writer")
    known = tidying._known

    def slowly(table: Table) -> set[str]:
        found = known(table)
        member.log.fact(1, 3)
        other.gather()
        other.write()
        return found

    with patch.object(tidying, "_known", slowly):
        assert sweep(member.warehouse.facts.refresh(), datetime.now(UTC) + timedelta(hours=1)) == 1
    assert not left.exists()
    check(member)


def test_records_of_no_sense_are_dropped_after_their_days(member: Member) -> None:
    member.log.nonsense(0)
    member.gather()
    member.write()
    now = datetime.now(UTC)
    tidy(member.warehouse, Tidiness(unreadable_days=30), now=now + timedelta(days=29))
    assert member.warehouse.unreadable.scan().count() == 1
    tidy(member.warehouse, Tidiness(unreadable_days=30), now=now + timedelta(days=31))
    assert member.warehouse.unreadable.scan().count() == 0


def test_a_later_release_adds_a_column_and_an_older_one_goes_on(member: Member) -> None:
    older, log = member, member.log
    wider = Schema(*tables.FACTS.fields, NestedField(13, "region", StringType(), required=False))
    with patch.object(tables, "FACTS", wider):
        newer = Member(log, place_of(member))
    assert newer.warehouse.facts.schema().find_field("region").field_id == 13
    log.fact(0, 1)
    older.gather()
    older.write()
    log.fact(0, 2)
    newer.begin()
    newer.gather()
    newer.write()
    tidy(older.warehouse, KEPT, now=LATER)
    check(newer)
    assert all_rows(newer.warehouse)["region"].null_count == 26
    assert tables.facts(tables.open_table(place_of(member))).num_rows == 26


def place_of(member: Member) -> tables.Place:
    return member.where
