"""Each record once in the table, whatever happens between two statements of a writer."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException, UnauthorizedError
from rest_catalog import TOKEN, rest_catalog
from warehouse_house import case, place
from warehouse_log import TOPIC, Killed, Log, Member, at_commit, check, die, rows

from consumers.warehouse.files import append, write_files
from consumers.warehouse.progress import Partition, Reached, TopicMadeAnew, reached, written
from consumers.warehouse.rebuilding import rebuild
from consumers.warehouse.table import FACTS, Place, columns, open_catalog, open_warehouse
from consumers.warehouse.tidying import Tidiness, tidy
from consumers.warehouse.writer import OutOfStep


def test_a_zombie_writes_nothing_after_a_conflict(tmp_path: Path) -> None:
    log = Log()
    for number in range(100):
        log.fact(0, number)
    zombie, owner = Member(log, place(tmp_path), (0,)), Member(log, place(tmp_path), (0,))
    zombie.gather()
    for number in range(100):
        log.fact(0, number)
    owner.gather()
    with at_commit(1, before=lambda: owner.write() and None):
        done = zombie.write()
    assert done.conflicts == 1
    assert done.rows == 0
    assert len(rows(owner)) == 200
    check(owner)


def test_the_clients_own_retry_doubles_a_zombies_rows(tmp_path: Path) -> None:
    """What the setting of no retries is for: if this begins to fail, the setting may go."""
    warehouse = open_warehouse(place(tmp_path))
    with warehouse.facts.transaction() as change:
        change.set_properties({"commit.retry.num-retries": "4", "commit.retry.min-wait-ms": "1"})
    one = {"id": "x", "case": case(1), "service": "compatriot", "type": "a.b", "type_version": 1, "hour": 0,
           "sequence": 1, "elapsed": None, "data": "{}", "topic": TOPIC, "partition": 0, "offset": 0}  # fmt: skip
    hundred = pa.Table.from_pylist([one] * 100, schema=columns(FACTS))
    zombie = warehouse.facts.refresh().transaction()
    with zombie.update_snapshot().fast_append() as snapshot:
        for file in write_files(warehouse.facts, hundred):
            snapshot.append_data_file(file)
    zombie.set_properties(written({Partition(TOPIC, 0): Reached("one", 100)}))
    owner = open_warehouse(place(tmp_path)).facts
    append(owner, hundred)
    append(owner, hundred)
    zombie.commit_transaction()
    assert warehouse.facts.refresh().scan().count() == 300


def test_two_members_write_at_once(tmp_path: Path) -> None:
    log = Log()
    for number in range(30):
        log.fact(number % 2, number)
    one, other = Member(log, place(tmp_path), (0,)), Member(log, place(tmp_path), (1,))
    one.gather()
    other.gather()
    with at_commit(1, before=lambda: other.write() and None):
        done = one.write()
    assert (done.rows, done.conflicts) == (15, 1)
    assert len(rows(one)) == 30
    check(one)


@pytest.mark.parametrize("number", range(1, 4))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_each_commit(tmp_path: Path, number: int, moment: str) -> None:
    """Facts, a forgotten case, a record of no sense: set aside, remember, write; killed before or after each."""
    log = Log()
    for turn in range(10):
        log.fact(0, turn % 4)
    first = Member(log, place(tmp_path))
    first.gather()
    first.write()
    log.nonsense(0)
    log.tombstone(0, 2)
    for turn in range(4):
        log.fact(1, 10 + turn)
        log.fact(0, turn)
    first.gather()
    with at_commit(number, **{moment: die}), suppress(Killed):
        first.write()
    second = Member(log, place(tmp_path))
    check(second)
    second.gather()
    second.write()
    check(second)
    second.gather()
    assert second.write().rows == 0
    places = reached(second.warehouse.facts.properties)
    assert places[Partition(TOPIC, 0)].next == log.ends[0]
    table = second.warehouse.unreadable.refresh().scan().to_arrow()
    found = list(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))
    assert found == sorted(log.unreadable(places))
    assert table["value"].to_pylist() == [b"?"]
    forgotten = second.warehouse.facts.scan(row_filter=f"partition = 0 and case = '{case(2)}'").count()
    assert forgotten == 0


def test_a_topic_made_anew_stops_until_the_table_is_rebuilt(tmp_path: Path) -> None:
    log = Log()
    log.fact(0, 1)
    member = Member(log, place(tmp_path))
    member.gather()
    member.write()
    anew = Log("two")
    for number in range(3):
        anew.fact(0, number)
    with pytest.raises(TopicMadeAnew, match="sarkmeli warehouse rebuild"):
        Member(anew, place(tmp_path))
    member.log = anew
    log.fact(0, 2)
    member.log = log
    member.gather()
    rebuild(member.warehouse)
    with pytest.raises(OutOfStep):
        member.write()
    assert rows(member) == []
    again = Member(anew, place(tmp_path))
    again.gather()
    again.write()
    check(again)


def test_a_lost_answer_to_a_commit_is_no_conflict(tmp_path: Path) -> None:
    """A request that was repeated on its way meets its own effect: what it wrote must stay."""
    log = Log()
    log.fact(0, 1)
    member = Member(log, place(tmp_path))
    member.gather()

    def conflict() -> None:
        raise CommitFailedException

    with at_commit(1, after=conflict):
        assert member.write().rows == 1
    check(member)


def test_a_rest_catalog_serves_as_well(tmp_path: Path) -> None:
    """With a token, over HTTP: a zombie is in conflict there, too, and a case is forgotten."""
    log = Log()
    for number in range(20):
        log.fact(0, number % 5)
    with rest_catalog(str(tmp_path)) as address:
        where = Place(address, "", token=TOKEN)
        zombie, owner = Member(log, where, (0,)), Member(log, where, (0,))
        zombie.gather()
        log.tombstone(0, 3)
        owner.gather()
        with at_commit(1, before=lambda: owner.write() and None):
            assert (zombie.write().rows, len(rows(owner))) == (0, 16)
        tidy(owner.warehouse, Tidiness(), at_once=True)
        check(owner)
        assert len(rows(Member(log, where))) == 16
        with pytest.raises(UnauthorizedError):
            Member(log, Place(address, "", token="of-somebody"))


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_store_that_is_not_amazons_is_found_by_the_usual_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    catalog = open_catalog(Place(f"sqlite:///{tmp_path}/catalog.db", "s3://lake/office"))
    assert catalog.properties["s3.endpoint"] == "http://127.0.0.1:1"
