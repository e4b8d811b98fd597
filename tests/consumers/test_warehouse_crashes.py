"""A hundred kills over two members and the broker: the table equals what was produced, once."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from time import monotonic

import pytest
from kafka_broker import broker_of_its_own
from warehouse_house import Process, Stream, held, place, until

from consumers.warehouse.table import open_warehouse

KILLS = 100
SLEEP = 9.0
"""Seconds: longer than the group waits for a member before its partitions are another's."""


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_hundred_kills(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    """Whoever is killed is started again at once. A member may also kill itself at a commit, or sleep for a while."""
    chance = random.Random(1)
    where, began = place(tmp_path), monotonic()
    forgotten: list[int] = []
    asleep: dict[Process, float] = {}
    kills = dict.fromkeys(("member", "commit", "asleep", "broker"), 0)
    with broker_of_its_own() as broker:
        stream = Stream(broker.bootstrap, "lake.compatriot.v1", partitions=4).make()

        def member() -> Process:
            at = None
            if chance.random() < 0.6:
                at = (chance.randint(1, 6), chance.choice(["before", "after"]), signal.SIGKILL)
            return Process(stream, where, tmp_path, at)

        members = [member(), member()]
        try:
            while sum(kills.values()) < KILLS:
                for day in (1, 2, 3):
                    stream.send([chance.randrange(400) for _ in range(330)], day=day)
                if chance.random() < 0.3 and len(forgotten) < 60:
                    forgotten.append(number := 400 + len(forgotten))
                    stream.send([number] * 5)
                    stream.forget(number)
                if chance.random() < 0.1:
                    stream.send([], bad=[b"?"])
                chosen = members[chance.randrange(2)]
                # Who is killed before it has begun shows nothing.
                until(lambda chosen=chosen: chosen.ended or chosen in asleep or chosen.collects)
                kind = chance.random()
                if kind < 0.08:
                    stream.close()
                    broker.kill()
                    broker.start()
                    kills["broker"] += 1
                elif kind < 0.15 and not asleep and not chosen.ended:
                    chosen.send(signal.SIGSTOP)
                    asleep[chosen] = monotonic() + SLEEP
                    kills["asleep"] += 1
                elif kind < 0.4 and chosen not in asleep and not chosen.ended:
                    chosen.send(signal.SIGKILL)
                    chosen.process.wait()
                    chosen.process.returncode = 0
                    kills["member"] += 1
                for one, until_when in list(asleep.items()):
                    if monotonic() > until_when:
                        one.send(signal.SIGCONT)
                        del asleep[one]
                for number, one in enumerate(members):
                    if one.ended:
                        kills["commit"] += one.process.returncode == -signal.SIGKILL
                        one.end()
                        members[number] = member()
            for one in members:
                one.end()
            members = [Process(stream, where, tmp_path)]
            until(lambda: held(where) == stream.wanted(*forgotten), 300)
        finally:
            for one in members:
                one.end()
            stream.close()
    out = "".join(said.read_text(errors="replace") for said in tmp_path.glob("member-*.out"))
    assert "Traceback" not in out
    rows = open_warehouse(where).facts.scan().count()
    record_property("told", f"{rows} rows, {len(forgotten)} forgotten, {kills} in {monotonic() - began:.0f} s")
