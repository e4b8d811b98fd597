"""That an engine which is not ours reads the table as it is, whatever was done to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import spark_reader
from duckdb_reader import Reader, packages
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType
from warehouse_house import all_rows, case, place
from warehouse_log import Member, six_commits

from consumers.warehouse import table as tables
from consumers.warehouse.files import append
from consumers.warehouse.tidying import Tidiness, tidy

COLUMNS = 'id, "case", service, type, type_version, sequence, elapsed, data, topic, partition, "offset"'
NAMES = [name.strip().strip('"') for name in COLUMNS.split(",")]
ROWS = f"SELECT {COLUMNS}, epoch(hour)::BIGINT FROM {{table}} ORDER BY id"
LATER = datetime(2026, 12, 24, tzinfo=UTC)
WIDER = Schema(*tables.FACTS.fields, NestedField(13, "region", StringType(), required=False))


@pytest.fixture
def member(tmp_path: Path) -> Member:
    """A table of six commits, each of two cases on two days."""
    return six_commits(place(tmp_path))


def widen(member: Member) -> None:
    """As a later release does: a column more, and a row that has it."""
    with patch.object(tables, "FACTS", WIDER):
        newer = Member(member.log, member.where)
    row = {**all_rows(newer.warehouse).to_pylist()[0], "id": "new", "region": "Imereti"}
    append(newer.warehouse.facts, all_rows(newer.warehouse).from_pylist([row], schema=tables.columns(WIDER)))


def duckdb(member: Member) -> Reader:
    """Of the table as it stands now."""
    return Reader(packages(), member.warehouse.facts.refresh().metadata_location)


def ours(member: Member) -> list[list[Any]]:
    """What `ROWS` must answer with."""
    rows = all_rows(member.warehouse).to_pylist()
    return sorted([*(row[name] for name in NAMES), int(row["hour"].timestamp())] for row in rows)


def test_duckdb_reads_every_row_before_and_after_a_compaction(member: Member) -> None:
    assert duckdb(member).ask(ROWS) == [ours(member)]
    assert tidy(member.warehouse, Tidiness(snapshot_hours=10_000), now=LATER).compacted.before == 12
    day = "SELECT count(*) FROM {table} WHERE hour < TIMESTAMPTZ '2026-11-02 00:00:00+00' AND type LIKE '%.registered'"
    found, one_day = duckdb(member).ask(ROWS, day)
    assert found == ours(member)
    assert len(found) == 24
    assert one_day == [[12]]


def test_duckdb_finds_a_forgotten_case_in_older_snapshots_only_and_then_nowhere(member: Member) -> None:
    before = member.warehouse.facts.refresh().metadata.current_snapshot_id
    member.log.tombstone(0, 1)
    member.gather()
    member.write()
    mine = f"WHERE \"case\" = '{case(1)}'"
    now, then, rows = duckdb(member).ask(
        f"SELECT count(*) FROM {{table}} {mine}", f"SELECT count(*) FROM {{at}}{before}) {mine}", ROWS
    )
    assert (now, then) == ([[0]], [[4]])
    assert rows == ours(member)
    tidy(member.warehouse, Tidiness(unreadable_days=10_000), at_once=True)
    rows, then, snapshots = duckdb(member).ask(
        ROWS, f"SELECT count(*) FROM {{at}}{before})", "SELECT count(*) FROM iceberg_snapshots({file})"
    )
    assert rows == ours(member)
    assert len(rows) == 20
    assert "snapshot" in then
    assert snapshots == [[1]]


def test_duckdb_reads_rows_of_before_and_after_a_schemas_evolution(member: Member) -> None:
    widen(member)
    member.log.fact(0, 2)
    member.gather()
    member.write()
    regions = "SELECT region, count(*) FROM {table} GROUP BY ALL ORDER BY ALL"
    for _ in range(2):
        rows, by_region = duckdb(member).ask(ROWS, regions)
        assert rows == ours(member)
        assert by_region == [["Imereti", 1], [None, 25]]
        tidy(member.warehouse, Tidiness(unreadable_days=10_000), now=LATER)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_spark_reads_it_by_the_catalog(member: Member, tmp_path: Path) -> None:
    """By Iceberg's Java library: after a forgotten case, a new column and a compaction, and an older snapshot."""
    before = member.warehouse.facts.refresh().metadata.current_snapshot_id
    member.log.tombstone(0, 1)
    member.gather()
    member.write()
    widen(member)
    tidy(member.warehouse, Tidiness(snapshot_hours=10_000, unreadable_days=10_000), now=LATER)
    rows, regions, files, older = spark_reader.ask(
        tmp_path / "catalog.db", tmp_path / "data", tmp_path,
        "SELECT *, CAST(unix_timestamp(hour) AS BIGINT) AS seconds FROM sarkmeli.sarkmeli.facts ORDER BY id",
        "SELECT region, count(*) AS n FROM sarkmeli.sarkmeli.facts GROUP BY 1 ORDER BY 1 NULLS LAST",
        "SELECT sum(record_count) AS n FROM sarkmeli.sarkmeli.facts.files",
        f"SELECT count(*) AS n FROM sarkmeli.sarkmeli.facts VERSION AS OF {before} WHERE `case` = '{case(1)}'",
    )  # fmt: skip
    assert [[*(row.get(name) for name in NAMES), row["seconds"]] for row in rows] == ours(member)
    assert regions == [{"region": "Imereti", "n": 1}, {"n": 20}]
    assert (files, older) == ([{"n": 21}], [{"n": 4}])
