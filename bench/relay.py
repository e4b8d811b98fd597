"""How fast and how soon what may leave the house is in Kafka, against a bare producer of the same records.

Ours reads the ledger, numbers, opens and writes CloudEvents, and commits them with its progress in transactions; the
peer has its records in memory and sends them, ``acks=all``, as kafka-python comes. Same records, same broker, in turns.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.past import opened
from bench.relay_place import Place, a_relay_place, ends, publication
from consumers.kafka_clients import Consumer, Producer, TopicPartition
from consumers.relay.producer import Producer as Transactional
from consumers.relay.progress import Progress
from consumers.relay.records import Record
from consumers.relay.relay import Relay
from consumers.relay.topics import Topics
from housekeeping.relay import standings
from ledger.events import LedgerEvent
from sandbox.kafka.jars import NoBroker

EVENTS = 40_000
ROUNDS = 3
GOAL = 0.8
RATE = 500
"""Events a second, for the lag."""
SECONDS = 12
"""One turn of one side; the first two are not counted."""
WARM = 2
LAG_GOAL = 3.0
BOUND = 150.0
"""Milliseconds from the ledger's commit to the receipt, of 99 in 100."""
LANES = 8
"""Threads that append: a stream's events in one."""
NEVER = 2**62
"""A position that no ledger comes to."""
PATIENCE = 60.0
"""Seconds for the last record to come."""
HOME = Path(__file__).resolve().parent.parent


def relay(conninfo: str, keys: str, bootstrap: str, prefix: str, last: str) -> None:
    """Our side, in a process of its own: all up to ``last`` is committed."""
    with (
        closing(opened([conninfo, keys])) as ledger,
        ends(conninfo, ledger, {"bootstrap_servers": [bootstrap]}, prefix) as between,
    ):
        stop = threading.Event()
        relay = Relay(between)
        began: list[tuple[float, float]] = []
        resume, commit = relay.resume, relay.commit

        def resumed(producer: Transactional, topics: Topics) -> Progress:
            found = resume(producer, topics)
            began.append((time.perf_counter(), time.process_time()))
            return found

        def committed(producer: Transactional, records: Sequence[Record], before: Progress, after: Progress) -> None:
            commit(producer, records, before, after)
            if after.position >= int(last):
                print(time.perf_counter() - began[0][0], time.process_time() - began[0][1], flush=True)
                stop.set()

        relay.resume, relay.commit = resumed, committed
        relay.run_forever(stop)


def send(bootstrap: str, path: str) -> None:
    """The peer, in a process of its own: every record is acknowledged."""
    records = pickle.loads(Path(path).read_bytes())
    producer = Producer(bootstrap_servers=[bootstrap], acks="all")
    for topic in {record[0] for record in records}:
        producer.partitions_for(topic)
    began, worked = time.perf_counter(), time.process_time()
    sent: Any = None
    for topic, value, key, headers, timestamp in records:
        sent = producer.send(topic, value, key, headers, None, timestamp)
    producer.flush()
    sent.get()  # raises what went wrong
    print(time.perf_counter() - began, time.process_time() - worked, flush=True)
    producer.close()


def of_its_own(*told: str) -> tuple[float, float]:
    """One side in another process: its seconds, by the clock and of work."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.relay", *told], cwd=HOME, stdout=subprocess.PIPE, text=True, check=True
    )
    took, worked = ran.stdout.split()[-2:]  # behind what was logged
    return float(took), float(worked)


def throughput(place: Place) -> None:
    """Records a second, each side's median."""
    last = place.fill(EVENTS)
    count = len(place.records(0, place.begin_anew()))
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    work: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(ROUNDS):
        prefix = place.begin_anew()
        place.made(prefix)
        path = place.noted(place.records(0, prefix))
        for side, told in (("peer", ("send", place.broker.bootstrap, str(path))), ("ours", ())):
            given = told or ("relay", *place.past.where(), place.broker.bootstrap, place.begin_anew(), str(last))
            took, worked = of_its_own(*given)
            rates[side].append(count / took)
            work[side].append(worked / count * 1e6)
    ours, peer = (median(rates[side]) for side in ("ours", "peer"))
    print(f"  CPU a record: ours {median(work['ours']):.0f} µs, peer {median(work['peer']):.0f} µs; {count} records")
    say("relay", f"{ours:,.0f}/s", f"{peer:,.0f}/s", ours / peer, GOAL, ours / peer >= GOAL)


class Receipts(threading.Thread):
    """Reads what is committed, and notes when each record came, by its id."""

    def __init__(self, place: Place, topics: Sequence[str]) -> None:
        super().__init__()
        self.seen: dict[bytes, float] = {}
        self.ended = threading.Event()
        self._consumer = Consumer(**place.kafka, isolation_level="read_committed", fetch_max_wait_ms=100)
        partitions = [
            TopicPartition(topic, number) for topic in topics for number in self._consumer.partitions_for_topic(topic)
        ]
        self._consumer.assign(partitions)
        self._consumer.seek_to_end(*partitions)
        for partition in partitions:
            self._consumer.position(partition)

    def run(self) -> None:
        while not self.ended.is_set():
            for records in self._consumer.poll(timeout_ms=50).values():
                now = time.monotonic()
                for record in records:
                    self.seen[dict(record.headers)["ce_id"]] = now
        self._consumer.close()

    def late(self, begun: Mapping[bytes, float]) -> float:
        """Milliseconds from beginning to receipt, of 99 in 100, once all have come; the first seconds do not count."""
        end = time.monotonic() + PATIENCE
        while not begun.keys() <= self.seen.keys():
            if time.monotonic() > end:
                raise RuntimeError(f"{len(begun.keys() - self.seen.keys())} records never came")
            time.sleep(0.05)
        self.ended.set()
        self.join()
        warm = min(begun.values()) + WARM
        late = sorted((self.seen[id] - at) * 1000 for id, at in begun.items() if at >= warm)
        return late[len(late) * 99 // 100]


def at_the_rate(count: int, do: Callable[[int], None]) -> None:
    """Do so many things, one after the other, at the rate."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        do(number)


def lag(place: Place) -> None:
    """From the commit in the ledger, or from the bare send, to receipt; 99 of 100."""
    prefix = place.begin_anew()
    told = ("relay", *place.past.where(), place.broker.bootstrap, prefix, str(NEVER))
    command = [sys.executable, "-m", "bench.relay", *told]
    with subprocess.Popen(command, cwd=HOME, stdout=subprocess.DEVNULL) as relaying:
        try:
            _until_caught_up(place, prefix)
            ours = _ours(place, prefix)
        finally:
            relaying.kill()
    peer = _peer(place, prefix)
    ratio = ours / peer
    say("relay-lag", f"{ours:.0f} ms", f"{peer:.0f} ms", ratio, LAG_GOAL, ratio <= LAG_GOAL and ours <= BOUND)
    print(f"  99 of 100 within {ours:.0f} ms of the ledger's commit, at {RATE} events a second; bound {BOUND:.0f} ms")


def _until_caught_up(place: Place, prefix: str) -> None:
    end = time.monotonic() + PATIENCE
    with psycopg.connect(place.past.conninfo, autocommit=True) as db:
        while not any(one.name == f"{prefix}.relay" and one.position and not one.behind for one in standings(db)):
            if time.monotonic() > end:
                raise RuntimeError("the relay does not come")
            time.sleep(0.1)


def _ours(place: Place, prefix: str) -> float:
    """The relay of another process, while the ledger grows at the rate."""
    with publication(place.past.conninfo, place.past.ledger, prefix) as public:
        receipts = Receipts(place, [topic.name for topic in public.topics()])
        receipts.start()
        rows = [row for _, row in place.rows(RATE * SECONDS)]
        lanes = [ThreadPoolExecutor(1) for _ in range(LANES)]
        done: dict[int, float] = {}
        before = place.past.ledger.reader.settled()

        def append(number: int) -> None:
            _, stream, version, topic, plain, sealed, key_id = rows[number]
            new = LedgerEvent(stream, version, topic, plain, sealed, key_id, None)
            (position,) = place.past.office.recorder.insert_events([new])
            done[position] = time.monotonic()

        at_the_rate(len(rows), lambda number: lanes[rows[number][1].int % LANES].submit(append, number) and None)
        for lane in lanes:
            lane.shutdown()
        ids = {
            dict(record.headers)["ce_id"]: one.position
            for one in place.past.ledger.reader.follow(before, len(rows))
            for record in public.records([one])
        }
        return receipts.late({id: done[position] for id, position in ids.items()})


def _peer(place: Place, prefix: str) -> float:
    """A bare producer, which sends the same records at the same rate as they are."""
    records = place.records(place.past.ledger.reader.settled() - RATE * SECONDS, prefix)
    receipts = Receipts(place, sorted({record.topic for record in records}))
    receipts.start()
    producer = Producer(**place.kafka, acks="all")
    sent: dict[bytes, float] = {}

    def send(number: int) -> None:
        one = records[number]
        headers = dict(one.headers) | {"ce_id": str(number).encode()}
        sent[headers["ce_id"]] = time.monotonic()
        producer.send(one.topic, one.value, one.key, list(headers.items()), None, one.timestamp)

    at_the_rate(len(records), send)
    producer.flush()
    producer.close()
    return receipts.late(sent)


def say(name: str, ours: str, peer: str, ratio: float, goal: float, ok: bool) -> None:
    """One line."""
    print(f"bench {name} ours={ours} peer={peer} ratio={ratio:.2f} goal={goal} {'ok' if ok else 'short'}", flush=True)


def main() -> None:
    """Measure, or say why not."""
    try:
        with a_relay_place() as place:
            throughput(place)
            lag(place)
    except NoBroker as missing:
        print(f"bench relay left out: {missing}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["relay", *told]:
            relay(*told)
        case ["send", bootstrap, path]:
            send(bootstrap, path)
        case _:
            main()
