"""The storm with what a real office publishes: real commands' events, their numbers, an erasure, and the warehouse."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from kafka.errors import KafkaError
from relay_house import consumed, until
from relay_storm import HOME, Storm

from bench.past import Past, opened, tell, timed_office
from bench.relay_place import Place, ends, publication
from consumers.relay.forgotten import Unpublishing
from consumers.relay.relay import Relay
from consumers.warehouse.table import facts, open_table
from housekeeping.publication import Numbering
from ledger.append import Append
from ledger.connecting import reading_pool
from ledger.events import LedgerEvent
from ledger.opening import open_ledger
from sarkmeli.settings import Settings
from sarkmeli.warehouse import place_of

STORIES = 20
"""Told by real commands; the first is erased, the others are copied."""


@dataclass
class OfficeStorm:
    """Real stories in a `Storm`, whose relays are `main` here; and members that fill the warehouse."""

    storm: Storm
    place: Place
    rows: Sequence[LedgerEvent]
    erased: Any
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SARKMELI_FOLDER": str(self.storm.folder / "office"),
            "SARKMELI_KAFKA_BOOTSTRAP_SERVERS": self.storm.broker.bootstrap,
            "SARKMELI_KAFKA_TOPIC_PREFIX": self.storm.house.prefix,
            "SARKMELI_WAREHOUSE_EVERY": "0.5",
        }

    def relay(self) -> None:
        where = [*self.place.past.where(), self.storm.broker.bootstrap, self.storm.house.prefix]
        paths = ":".join(map(str, (HOME, HOME / "tests", HOME / "tests" / "consumers")))
        self.storm.relays.append(self._started([str(Path(__file__)), *where], {"PYTHONPATH": paths}, "relays.out"))

    def member(self) -> None:
        self.members.append(self._started(["-m", "sarkmeli", "warehouse", "collect"], self.environment, "members.out"))

    def kill_relay(self) -> None:
        _kill(self.storm.relays.pop(0))
        self.relay()

    def kill_member(self) -> None:
        _kill(self.members.pop(0))
        self.member()

    def write(self, at_once: int) -> None:
        """All rows, each once, whatever PostgreSQL does meanwhile: a chunk is a transaction, so they can be counted."""
        before = self.storm.count()
        while not self.storm.ended.is_set():
            with suppress(psycopg.Error), psycopg.connect(self.storm.house.conninfo, autocommit=True) as db:
                done = self.storm.count() - before
                if done >= len(self.rows):
                    return
                with db.transaction():
                    Append(list(self.rows[done : done + at_once])).run(db)
                continue
            self.storm.ended.wait(0.05)

    def erase(self) -> None:
        """The first case leaves the stream, as its erasure has it."""
        with reading_pool(self.storm.house.conninfo, 2) as pool:
            unpublishing = Unpublishing(Numbering(pool), self.place.past.ledger.keys)
            unpublishing.forget(self.erased, self.storm.house.last())
            with pool.connection() as db:  # as if the day were over
                db.execute("UPDATE housekeeping.forgotten SET day = day - 1")

    def told(self) -> bool:
        """Whether the tombstone was said, too: it may come behind the last event, at the next heartbeat."""
        with suppress(psycopg.Error), psycopg.connect(self.storm.house.conninfo, autocommit=True) as db:
            return db.execute("SELECT FROM housekeeping.forgotten").fetchone() is None
        return False

    def judge(self) -> str:
        """Topics, ledger and table say the same. What was counted."""
        house = self.storm.house
        wanted: dict[str, list[str]] = {}
        with publication(house.conninfo, self.place.past.ledger, house.prefix) as public:
            names = [topic.name for topic in public.topics()]
            after = 0
            while batch := self.place.past.ledger.reader.follow(after, 1000):
                for record in public.records(batch):
                    wanted.setdefault(record.key.decode(), []).append(_id(record.headers))
                after = batch[-1].position
        got: dict[str, list[str]] = {}
        forgotten: list[str] = []
        for name in names:
            (records,) = until(lambda name=name: self._read(name))
            for record in records:
                key = record.key.decode()
                assert key not in forgotten, "something was said of a case behind its tombstone"
                if record.value is None:
                    forgotten.append(key)
                else:
                    got.setdefault(key, []).append(_id(record.headers))
        assert len(forgotten) == 1
        assert got.pop(forgotten[0]), "it was published before"
        assert got == wanted, "lost, doubled or out of order"
        count = sum(map(len, wanted.values()))
        in_table = until(lambda: self._table(count), 240)
        assert sorted(in_table) == sorted((id, key) for key, ids in wanted.items() for id in ids)
        return f"{count} facts of {len(wanted)} cases in topics and table alike, one case forgotten"

    def _read(self, name: str) -> tuple[list[Any]] | None:
        """A topic's records, of which there may be none; None while a broker that was just started cannot say."""
        with suppress(KafkaError):
            return (consumed(self.storm.house.kafka, name),)
        return None

    def _table(self, count: int) -> list[tuple[str, str]] | None:
        """The table's facts by id and case, once there are so many."""
        given = {name.removeprefix("SARKMELI_").lower(): value for name, value in self.environment.items()}
        told = facts(open_table(place_of(Settings(**given))))
        found = list(zip(told["id"].to_pylist(), told["case"].to_pylist(), strict=True))
        assert len(set(found)) == len(found), "doubled in the table"
        return found if len(found) == count else None

    def _started(self, told: Sequence[str], more: dict[str, str], out: str) -> subprocess.Popen[bytes]:
        known = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")}
        with (self.storm.folder / out).open("ab") as said:
            return subprocess.Popen([sys.executable, *told], cwd=HOME, env={**known, **more}, stdout=said, stderr=said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _id(headers: Sequence[tuple[str, bytes]]) -> str:
    return dict(headers)["ce_id"].decode()


def run_the_office_storm(storm: Storm, events: int, kills: int, at_once: int, patience: float) -> str:
    """``kills`` in all, of relays, broker, PostgreSQL and the warehouse's members. What was counted."""
    chance = random.Random(3)
    conninfo, keys = storm.house.conninfo, storm.folder / "keys"
    with ExitStack() as closing_all:
        ledger = closing_all.enter_context(closing(open_ledger(conninfo, conninfo, keys)))
        office = closing_all.enter_context(closing(timed_office(ledger.env)))
        templates = tell(ledger, office, conninfo, STORIES)
        place = Place(Past(storm.folder, conninfo, ledger, office), storm.broker, templates[1:])
        rows = [LedgerEvent(*row[1:], None) for _, row in place.rows(events)]
        made = OfficeStorm(storm, place, rows, templates[0].streams[0])
        try:
            return _run(made, kills, at_once, patience, chance)
        finally:
            for member in made.members:
                _kill(member)


def _run(made: OfficeStorm, kills: int, at_once: int, patience: float, chance: random.Random) -> str:
    storm = made.storm
    made.relay()
    made.relay()
    until(lambda: storm.relayed() == storm.house.last(), patience)  # the first case is published
    made.member()
    made.member()
    writer = threading.Thread(target=made.write, args=(at_once,))
    writer.start()
    disasters = [made.kill_relay, storm.kill_broker, made.kill_member, made.kill_relay, storm.kill_postgres]
    begun = storm.house.last()
    for number in range(1, kills + 1):
        goal = begun + (len(made.rows) * number) // (kills + 2)
        until(lambda goal=goal: storm.relayed() >= goal, patience)
        if number == kills // 2 + 1:
            made.erase()
        storm.ended.wait(chance.random() * 0.2)
        disasters[(number - 1) % len(disasters)]()
    writer.join()
    storm.settle(patience)
    until(made.told, patience)
    return f"{kills} kills; {made.judge()}"


def main() -> None:
    """A relay as a process of its own: ``office_storm.py CONNINFO KEYS BOOTSTRAP PREFIX``."""
    conninfo, keys, bootstrap, prefix = sys.argv[1:]
    while True:
        with (
            suppress(psycopg.Error),  # PostgreSQL is being started again
            closing(opened([conninfo, keys])) as ledger,
            ends(conninfo, ledger, {"bootstrap_servers": [bootstrap]}, prefix) as between,
        ):
            Relay(between, batch=300).run_forever(threading.Event())
        threading.Event().wait(0.2)


if __name__ == "__main__":
    main()
