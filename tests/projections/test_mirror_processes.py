"""`sarkmeli mirror` as an administrator runs it: processes share the work, and die, freeze and wake at the worst."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import stories
from forked_commands import LATER, sarkmeli
from internal_topic import InternalTopic, member_of, mirror_hash, position_of, reached, until
from kafka_broker import broker_of_its_own
from own_cluster import Cluster
from psycopg.conninfo import make_conninfo
from sources import spoilt
from story import seen

from projections.rows import table_hash
from projections.runner import Runner
from projections.status import STATUS
from projections.tracking import Place
from sarkmeli.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'sarkmeli projections' AND datname = %s AND wait_event_type = 'Lock'
"""
ANY_TIME = "log.message.timestamp.after.max.ms=9223372036854775807\n"
"""The history's clock is ahead of ours."""
LOCKED = "LOCK TABLE reading.quarantine IN ACCESS EXCLUSIVE MODE"
"""Which every batch reads, once its mark is moved and before its rows are written."""

QUARANTINE = (
    "INSERT INTO reading.quarantine (model, version, stream, position, error) VALUES ('status', %s, %s, 1, 'x')"
)
LEFT_BEHIND = """
INSERT INTO reading.version (model, version, tables)
SELECT model, %s, tables FROM reading.version WHERE (model, version) = ('status', %s)
"""
FOLLOWED = """
INSERT INTO reading.source (model, version, name, id, partitions)
SELECT model, %s, name, id, partitions FROM reading.source WHERE (model, version) = ('status', %s)
"""


class Office:
    """An office whose read models are mirrored elsewhere."""

    def __init__(self, history: Any, mirror: str, topic: InternalTopic) -> None:
        self.history = history
        self.topic = topic
        self.mirror = mirror
        roles = f"r{uuid4().hex[:8]}"
        migrate(history.conninfo, history.keys_conninfo, roles)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")},
            "SARKMELI_DATABASE_URL": history.conninfo,
            "SARKMELI_KEYS_DATABASE_URL": history.keys_conninfo,
            "SARKMELI_MIRROR_DATABASE_URL": mirror,
            "SARKMELI_MIRROR_MODELS": '["status"]',
            "SARKMELI_DATABASE_ROLES": roles,
            "SARKMELI_KAFKA_BOOTSTRAP_SERVERS": topic.client["bootstrap_servers"],
            "SARKMELI_KAFKA_TOPIC_PREFIX": topic.prefix,
            "COLUMNS": "200",
        }

    def says(self, *arguments: str, **environment: str) -> tuple[int, str]:
        ours = {name: value for name, value in self.environment.items() if name.startswith(LATER)}
        return sarkmeli("mirror", *arguments, **{**ours, **environment})

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "sarkmeli", *command], cwd=ROOT, env={**self.environment, **environment}
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def send(self, first: int, last: int) -> int:
        events = self.history.events[first:last]
        self.topic.send(events)
        return events[-1].position

    def await_position(self, position: int) -> None:
        until(lambda: self.at() >= position)

    def at(self) -> int:
        try:
            return position_of(self.mirror, STATUS)
        except psycopg.OperationalError:
            return 0

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Whoever has a batch waits in the middle of it: its mark is moved and its rows are not."""
        with psycopg.connect(self.mirror) as db:
            db.execute(LOCKED)
            yield

    def holders(self) -> set[Any]:
        with psycopg.connect(self.mirror, autocommit=True) as db:
            return {row[0] for row in db.execute("SELECT holder FROM reading.partition")}

    def await_mid_batch(self, members: int) -> None:
        with psycopg.connect(self.mirror, autocommit=True) as db:
            until(lambda: db.execute(WAITING, (db.info.dbname,)).fetchone()[0] >= members)

    def expected(self) -> str:
        Runner(self.history.conninfo, self.history.ledger.reader, [STATUS]).run_once()
        with psycopg.connect(self.history.conninfo, autocommit=True) as db:
            return table_hash(db, Place(STATUS))


@pytest.fixture
def office_at(histories: Callable[..., Any], kafka: str) -> Iterator[Callable[[str], Office]]:
    history = histories(*stories.ALL[:6])
    topic = InternalTopic(kafka, 2, history.ledger.reader.lineage())
    yield lambda mirror: Office(history, mirror, topic)
    topic.close()


@pytest.fixture
def office(office_at: Callable[[str], Office], postgres: str, new_database: Callable[[], str]) -> Iterator[Office]:
    name = f"m{uuid4().hex[:12]}"
    yield office_at(make_conninfo(postgres, dbname=name))
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # pyright: ignore


def test_one_of_two_is_killed_in_the_middle_of_a_batch(office: Office) -> None:
    assert office.says("migrate")[0] == 0
    assert office.says("migrate")[0] == 0
    status, told = office.says("migrate", SARKMELI_MIRROR_DATABASE_URL=office.history.conninfo)
    assert (status, "is the ledger's own database" in told) == (1, True)
    status, told = office.says("status")
    assert (status, "never ran" in told) == (1, True)
    half = len(office.history.events) // 2
    with office.running("mirror", "run") as first, office.running("mirror", "run") as second:
        office.await_position(office.send(0, half))
        until(lambda: len(office.holders()) == 2)
        with office.held_up():
            end = office.send(half, 10_000)
            office.await_mid_batch(2)
            first.kill()
            first.wait()
        office.await_position(end)
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    assert mirror_hash(office.mirror, STATUS) == office.expected()
    status, told = office.says("compare")
    assert (status, f"at position {end} are what the ledger says" in told) == (0, True), told
    assert office.says("status")[0] == 0

    case = office.history.case("granted")
    with psycopg.connect(office.mirror, autocommit=True) as db:
        db.execute(f"UPDATE reading.{STATUS.applications.bare()} SET tier = 'OTHER' WHERE stream = %s", (case,))
    status, told = office.says("compare")
    assert (status, f"DIFFERS: status v{STATUS.version}: status {case} differs in tier" in told) == (1, True), told
    assert "begins anew" in office.says("rebuild", "status")[1]
    with office.running("mirror", "run"):
        office.await_position(end)
    assert mirror_hash(office.mirror, STATUS) == office.expected()


def test_what_is_mended_and_removed_by_hand(office: Office) -> None:
    events, old = list(office.history.events), STATUS.version + 7
    sick, sound = office.history.case("granted"), office.history.case("waiting")
    number = next(at for at, one in enumerate(events) if one.stream == sick and "Paid" in one.topic)
    events[number] = spoilt(events[number])
    assert office.says("migrate")[0] == 0
    office.topic.send(events)
    with member_of(office.topic, office.mirror, STATUS) as member:
        reached(office.topic, office.mirror, STATUS, events[-1].position, member)
    table = f"reading.{STATUS.applications.bare()}"
    with psycopg.connect(office.mirror, autocommit=True) as db:
        row = db.execute(f"DELETE FROM {table} WHERE stream = %s RETURNING *", (sound,)).fetchone()
        assert row is not None
        db.execute(QUARANTINE, (STATUS.version, sound))
        db.execute(LEFT_BEHIND, (old, STATUS.version))
        db.execute(FOLLOWED, (old, STATUS.version))
        db.execute(f"CREATE TABLE reading.status_v{old} (stream uuid PRIMARY KEY)")
        db.execute(f"ALTER TABLE reading.status_v{old} OWNER TO {office.environment['SARKMELI_DATABASE_ROLES']}_runner")
        status, told = office.says("status")
        assert status == 1
        for remedy in (f"retry status {sick}", f"retry status {sound}", f"drop status {old}"):
            assert f"sarkmeli mirror {remedy}" in told

        status, told = office.says("retry", "status", str(sick))
        assert (status, f"stream {sick} at {events[number].position}" in told, "Traceback" in told) == (1, True, False)
        assert office.says("retry", "status", str(sound)) == (0, "lifted\n")
        assert db.execute(f"SELECT * FROM {table} WHERE stream = %s", (sound,)).fetchone() == row
        status, told = office.says("retry", "status", str(sound))
        assert (status, f"status has not quarantined {sound}" in told) == (1, True)
        assert db.execute("SELECT stream FROM reading.quarantine").fetchall() == [(sick,)]

        status, told = office.says("drop", "status", str(old))
        assert (status, told.startswith(f"dropped reading.status_v{old}, ")) == (0, True)
        assert db.execute("SELECT DISTINCT version FROM reading.source").fetchall() == [(STATUS.version,)]
        assert db.execute("SELECT to_regclass(%s)", (f"reading.status_v{old}",)).fetchone() == (None,)
        status, told = office.says("drop", "status", str(STATUS.version))
        assert (status, "this release reads it" in told, "Traceback" in told) == (1, True, False)


@pytest.mark.long
def test_what_the_relay_itself_writes_is_mirrored(office: Office, tmp_path: Path) -> None:
    """The topic does not exist before; the mirror waits for it, and the relay fills it from the first event."""
    with broker_of_its_own(extra=ANY_TIME) as broker:
        relayed_and_mirrored(office, tmp_path, {"SARKMELI_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap})


def relayed_and_mirrored(office: Office, folder: Path, kafka: dict[str, str]) -> None:
    history = office.history
    relay = {
        **kafka,
        "SARKMELI_FOLDER": str(folder),
        "SARKMELI_KEY_FOLDER": str(history.folder),
        "SARKMELI_KAFKA_INTERNAL": "true",
        "SARKMELI_KAFKA_PARTITIONS": "2",
    }
    assert office.says("migrate")[0] == 0
    with office.running("mirror", "run", **kafka), office.running("relay", **relay):
        office.await_position(history.events[-1].position)
        history.story("unseen").given(seen)
        status, told = office.says("compare", **kafka)
        assert (status, "are what the ledger says" in told) == (0, True), told
    assert office.at() > history.events[-1].position
    assert mirror_hash(office.mirror, STATUS) == office.expected()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(Path("/tmp") / f"mc{uuid4().hex[:6]}").make()
    yield made
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.mark.long
def test_one_freezes_and_wakes_and_the_database_is_killed(office_at: Callable[[str], Office], cluster: Cluster) -> None:
    office = office_at(cluster.address(f"m{uuid4().hex[:12]}"))
    assert office.says("migrate")[0] == 0
    third = len(office.history.events) // 3
    with office.running("mirror", "run") as frozen, office.running("mirror", "run") as other:
        office.await_position(office.send(0, third))
        until(lambda: len(office.holders()) == 2)
        with office.held_up():
            end = office.send(third, 2 * third)
            office.await_mid_batch(2)
            frozen.send_signal(signal.SIGSTOP)
        office.await_position(end)  # by the other, once the group has missed the frozen one
        frozen.send_signal(signal.SIGCONT)
        cluster.crash()
        office.topic.send(office.history.events[2 * third :])
        cluster.start()
        office.await_position(office.history.events[-1].position)
        assert (frozen.poll(), other.poll()) == (None, None)
    assert mirror_hash(office.mirror, STATUS) == office.expected()
