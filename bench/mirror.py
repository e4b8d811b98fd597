"""How fast one member follows one partition of the internal topic into a PostgreSQL of its own: the rate per partition.

The peer is the runner beside the ledger, following the same events by position into the same tables, batch by batch of
the same size. Told too: a bare consumer that only opens the envelopes.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, cast

import kafka
import psutil
import psycopg
from kafka.admin import NewTopic

from bench.past import Past, a_past, copy, opened
from consumers.mirror.envelope import opened as envelope_opened
from consumers.mirror.member import BATCH, CONSUMER, Member
from consumers.mirror.outgoing import Internal, internal_topic
from consumers.mirror.topics import Topics, part
from projections import rows
from projections.follower import Follower
from projections.schema import MIRROR_DDL
from projections.status import STATUS
from projections.tracking import Db, Place
from projections.turns import session
from sandbox.kafka.broker import Broker
from sarkmeli import embedded

EVENTS: Final = 100_000
STORIES: Final = 17
GOAL: Final = 0.7
"""What fetching from a broker and opening envelopes may leave of following beside the ledger."""
PREFIX: Final = "bench"
HERE: Final = Place(STATUS)
_kafka: Final[Any] = kafka


def follow(servers: str, conninfo: str, prefix: str, end: int) -> dict[str, float]:
    """One member, until the partitions that it holds are at their ends: seconds from its first batch, CPU, events."""
    client = {"bootstrap_servers": servers}
    with session(conninfo) as db, Topics(client) as topics:
        member = Member(db, STATUS, lambda: topics.find(internal_topic(prefix)), client, prefix)
        passed = 0
        while not member.marks:
            passed += member.step(0.0)
        began, cpu = perf_counter(), process_time()
        ended = began
        while max(mark.position for mark in member.marks.values()) < end:
            passed += member.step(0.2)
            ended = perf_counter()
        told = {"events": passed, "seconds": ended - began, "cpu": process_time() - cpu, "mib": _peak_mib()}
        told["server"] = _server_seconds(db)
        member.close()
    return told


def local(where: Sequence[str]) -> dict[str, float]:
    """The runner's follower beside the ledger, over the same events."""
    ledger = opened(where)
    with session(where[0]) as db:
        began, cpu = perf_counter(), process_time()
        follower = Follower(db, ledger.reader, HERE, BATCH)
        while follower.step():
            pass
        told = {"events": follower.position, "seconds": perf_counter() - began, "cpu": process_time() - cpu}
        told["server"] = _server_seconds(db)
    ledger.close()
    return told


def bare(servers: str, prefix: str, events: int) -> dict[str, float]:
    """A consumer that opens every envelope of the one partition, and does nothing."""
    consumer = _kafka.KafkaConsumer(bootstrap_servers=servers, **CONSUMER)
    place = part(internal_topic(prefix), 0)
    consumer.assign([place])
    consumer.seek(place, 0)
    began, cpu, seen = perf_counter(), process_time(), 0
    while seen < events:
        for record in consumer.poll(timeout_ms=500, max_records=BATCH).get(place, []):
            envelope_opened(record.value, record.offset)
            seen += 1
    told = {"events": seen, "seconds": perf_counter() - began, "cpu": process_time() - cpu}
    consumer.close()
    return told


def send(servers: str, past: Past, prefix: str) -> None:
    """Everything in the ledger, into a topic of one partition, in transactions."""
    outgoing = Internal(prefix, 1, past.ledger.reader.lineage)
    (topic,) = outgoing.topics()
    admin = _kafka.KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(topic.name, topic.partitions, 1, topic_configs=dict(topic.config))])
    admin.close()
    producer = _kafka.KafkaProducer(
        bootstrap_servers=servers, transactional_id=prefix, acks="all", retry_backoff_ms=5, linger_ms=5
    )
    producer.init_transactions()
    position = 0
    while batch := past.ledger.reader.follow(position, 5000):
        producer.begin_transaction()
        for one in outgoing.records(batch):
            producer.send(one.topic, key=one.key, value=one.value, timestamp_ms=one.timestamp)
        producer.commit_transaction()
        position = batch[-1].position
    producer.close()


SIDES: Final[dict[str, Any]] = {"follow": follow, "local": local, "bare": bare}


def run(side: str, *asked: Any) -> dict[str, float]:
    """One side in a process of its own."""
    said = subprocess.run(
        [sys.executable, "-m", "bench.mirror", side, json.dumps(asked)],
        cwd=Path(__file__).resolve().parent.parent, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    return cast("dict[str, float]", json.loads(said.splitlines()[-1]))


def a_mirror(past: Past) -> str:
    """A database of read models without a ledger, on the same server."""
    with psycopg.connect(past.conninfo, autocommit=True) as db:
        db.execute("CREATE DATABASE mirror")
    conninfo = embedded.conninfo(past.folder, "mirror")
    with psycopg.connect(conninfo, autocommit=True) as db:
        for statement in MIRROR_DDL:
            db.execute(statement.encode())
    return conninfo


def hashed(conninfo: str) -> str:
    """The status tables' hash."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        return rows.table_hash(db, HERE)


def main(events: int) -> None:
    """Print the lines."""
    with tempfile.TemporaryDirectory(prefix="sb-kafka-") as folder, a_past() as past:
        broker = Broker(Path(folder))
        broker.start()
        try:
            measured(past, broker.bootstrap, events)
        finally:
            broker.kill()


def measured(past: Past, servers: str, events: int) -> None:
    """The same events by each side, one after the other."""
    templates = past.told(STORIES)
    each = sum(len(one.rows) for one in templates) / len(templates)
    with psycopg.connect(past.conninfo, autocommit=True) as db:
        copy(db, templates, events)
    send(servers, past, PREFIX)
    end = past.ledger.reader.settled()
    mirror = a_mirror(past)
    theirs = run("local", past.where())
    ours = run("follow", servers, mirror, PREFIX, end)
    opening = run("bare", servers, PREFIX, ours["events"])
    if hashed(mirror) != hashed(past.conninfo):
        raise RuntimeError("the mirror does not hold the same rows")
    mine, its = ours["events"] / ours["seconds"], theirs["events"] / theirs["seconds"]
    verdict = "ok" if mine / its >= GOAL else "short"
    print(f"bench mirror ours={mine:.0f}/s peer={its:.0f}/s ratio={mine / its:.2f} goal={GOAL:.2f} {verdict}")
    print(
        f"  {ours['events']:.0f} events of one partition in {ours['seconds']:.1f} s; "
        f"CPU an event: member {_us(ours)} µs and PostgreSQL for it {_us(ours, 'server')} µs, "
        f"runner beside the ledger {_us(theirs)} and {_us(theirs, 'server')} µs"
    )
    print(
        f"  only opened {opening['events'] / opening['seconds']:.0f}/s, {_us(opening)} µs; {each:.1f} events a story; "
        f"peak memory of the member {ours['mib']:.0f} MiB"
    )


def _us(told: dict[str, float], whose: str = "cpu") -> str:
    return f"{told[whose] / told['events'] * 1e6:.0f}"


def _server_seconds(db: Db) -> float:
    """CPU that PostgreSQL spent on this session."""
    spent = psutil.Process(db.info.backend_pid).cpu_times()
    return spent.user + spent.system


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in SIDES:
        print(json.dumps(SIDES[sys.argv[1]](*json.loads(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else EVENTS)
