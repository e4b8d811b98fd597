"""How fast one member writes the public stream into the warehouse, against a consumer that only decodes each record.

Both read the same topic of a broker of their own with kafka-python, ``read_committed``, each in a process of its own,
by turns. The time of a turn is from the first records polled to the last one decoded, or committed to the table.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from consumers.warehouse import collector
from consumers.warehouse.batch import Batch
from consumers.warehouse.collector import Collecting, Collector
from consumers.warehouse.table import Place, open_warehouse
from sandbox.kafka.broker import Broker

RECORDS = 100_000
CASES = 12_000
PARTITIONS = 6
ROUNDS = 3
GOAL = 0.5
TOPIC = "bench.compatriot.v1"
TYPES = [f"sarkmeli.compatriot.application.{name}.v1" for name in (
    "registered", "consent_given", "video_verified", "paid", "review_started", "decided", "decision_delivered",
)] + [f"sarkmeli.videobar.call.{name}.v1" for name in ("requested", "claimed", "connected", "ended")]  # fmt: skip
DATA: dict[str, Any] = {
    "tier": "standard", "language": "ka", "channel": "electronic", "fee": {"amount": "50.00", "currency": "GEL"},
    "term_days": 80, "grounds": {"citizen_abroad": True, "origin": False, "mother_tongue": False},
}  # fmt: skip


def fill(bootstrap: str) -> None:
    """The records: eight facts a case over one day, in transactions of a thousand."""
    admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    admin.close()
    producer: Any = KafkaProducer(
        bootstrap_servers=bootstrap, transactional_id="bench", linger_ms=20, batch_size=256 << 10, retry_backoff_ms=5
    )
    producer.init_transactions()
    cases = [(str(UUID(int=random.getrandbits(128), version=4)).encode(), hour) for hour in range(24)
             for _ in range(CASES // 24)]  # fmt: skip
    value = json.dumps(DATA, separators=(",", ":")).encode()
    for begin in range(0, RECORDS, 1000):
        producer.begin_transaction()
        for number in range(begin, begin + 1000):
            key, hour = cases[number % len(cases)]
            producer.send(TOPIC, key=key, value=value, headers=_headers(number // len(cases) + 1, hour, number))
        producer.commit_transaction()
    producer.close()


def _headers(sequence: int, hour: int, number: int) -> list[tuple[str, bytes]]:
    told = {
        "ce_specversion": "1.0", "ce_id": uuid4().hex * 2, "ce_source": "/sarkmeli/compatriot",
        "ce_type": TYPES[number % len(TYPES)], "ce_time": f"2026-11-22T{hour:02}:00:00Z", "ce_sequence": str(sequence),
        "content-type": "application/json",
    }  # fmt: skip
    if sequence > 1:
        told["ce_elapsed"] = "3600"
    return [(name, text.encode()) for name, text in told.items()]


def ours(bootstrap: str) -> float:
    """One member, as it runs for real, until the table holds every record."""
    with tempfile.TemporaryDirectory(prefix="sk-bench-") as folder:
        place = Place(f"sqlite:///{folder}/catalog.db", folder)
        told = Collecting({"bootstrap_servers": bootstrap}, [TOPIC], f"bench-{uuid4().hex[:8]}", every=1.0)
        stop, first = threading.Event(), list[float]()
        add, wrote = Batch.add, collector.figures.wrote
        rows = 0

        def adding(self: Batch, partition: Any, records: Any) -> None:
            if not first:
                first.append(time.monotonic())
            add(self, partition, records)

        def counted(done: Any) -> None:
            nonlocal rows
            wrote(done)
            rows += done.rows
            if rows >= RECORDS:
                first.append(time.monotonic())
                stop.set()

        Batch.add = adding
        collector.figures.wrote = counted
        Collector(told, lambda: open_warehouse(place)).run_forever(stop)
        if (count := open_warehouse(place).facts.scan().count()) != RECORDS:
            raise RuntimeError(f"{count} rows where {RECORDS} belong")
        return first[1] - first[0]


def peer(bootstrap: str) -> float:
    """A consumer that decodes each record's JSON and forgets it."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest",
        max_poll_records=5_000, max_partition_fetch_bytes=4 << 20, fetch_max_bytes=32 << 20,
    )  # fmt: skip
    consumer.assign([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
    began, count = 0.0, 0
    while count < RECORDS:
        for records in consumer.poll(timeout_ms=1000).values():
            began = began or time.monotonic()
            for record in records:
                json.loads(record.value)
            count += len(records)
    took = time.monotonic() - began
    consumer.close()
    return took


SIDES = {"ours": ours, "peer": peer}


def turn(side: str, bootstrap: str) -> tuple[float, float, float]:
    """Records a second, the process's peak memory in MiB, and the microseconds of processors that a record took."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.warehouse", side, bootstrap],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2000:])
    told = json.loads(ran.stdout.splitlines()[-1])
    return RECORDS / told["seconds"], told["mib"], told["cpu"] / RECORDS * 1e6


def main() -> None:
    """Print the lines."""
    with tempfile.TemporaryDirectory(prefix="sk-bench-kafka-") as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            fill(broker.bootstrap)
            turns = [(turn("ours", broker.bootstrap), turn("peer", broker.bootstrap)) for _ in range(ROUNDS)]
        finally:
            broker.kill()
    (mine, mib, cpu), (its, its_mib, its_cpu) = (
        tuple(median(figure) for figure in zip(*side, strict=True)) for side in zip(*turns, strict=True)
    )
    verdict = "ok" if mine / its >= GOAL else "short"
    print(f"bench warehouse ours={mine:.0f}/s peer={its:.0f}/s ratio={mine / its:.2f} goal={GOAL:.2f} {verdict}")
    print(f"  a record's processor time, starting included: ours {cpu:.0f} µs, peer {its_cpu:.0f} µs")
    print(f"  peak memory: ours {mib:.0f} MiB, peer {its_mib:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in SIDES:
        seconds = SIDES[sys.argv[1]](sys.argv[2])
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"seconds": seconds, "mib": used.ru_maxrss / 1024, "cpu": used.ru_utime + used.ru_stime}))
    else:
        main()
