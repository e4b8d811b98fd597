"""Topics of a test's own with public records in them, and members of a group that collect them in processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pyarrow as pa
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from consumers.warehouse.collector import Collecting, Collector
from consumers.warehouse.table import Place, Warehouse, facts, open_warehouse

TYPES = (
    "sarkmeli.compatriot.application.registered.v1",
    "sarkmeli.videobar.call.claimed.v1",
    "sarkmeli.payments.payment.succeeded.v2",
)
PATIENCE = 150.0


def case(number: int) -> str:
    """A pseudonym."""
    return str(UUID(bytes=hashlib.sha256(b"case %d" % number).digest()[:16], version=4))


@dataclass
class Stream:
    """A topic of its own and what was put into it."""

    bootstrap: str
    topic: str
    partitions: int = 2
    sequences: dict[str, int] = field(default_factory=dict[str, int])
    sent: dict[str, str] = field(default_factory=dict[str, str])
    """The case of each fact that was sent and committed, by its id."""
    _producer: Any = None

    def make(self) -> Stream:
        """Make the topic."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.create_topics([NewTopic(self.topic, self.partitions, 1)])
        admin.close()
        return self

    def remove(self) -> None:
        """Delete the topic, and wait until the broker has."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.delete_topics([self.topic])
        until(lambda: self.topic not in admin.list_topics())
        admin.close()

    def cut(self) -> None:
        """Delete every record so far."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.delete_records({TopicPartition(self.topic, number): -1 for number in range(self.partitions)})
        admin.close()

    def close(self) -> None:
        """Let the producer go."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    @property
    def producer(self) -> Any:
        """A transactional producer."""
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self.bootstrap, transactional_id=f"test-{self.topic}", retry_backoff_ms=5, linger_ms=0
            )
            self._producer.init_transactions()
        return self._producer

    def send(self, cases: Sequence[int], *, day: int = 1, abort: bool = False, bad: Sequence[bytes] = ()) -> list[str]:
        """One transaction: a fact for each case, then records that make no sense. Gives the facts' ids."""
        producer, ids = self.producer, list[tuple[str, str]]()
        producer.begin_transaction()
        futures = [self._fact(producer, case(number), day, ids, abort) for number in cases]
        futures += [producer.send(self.topic, key=b"?", value=value) for value in bad]
        self._end(producer, futures, abort)
        if not abort:
            self.sent.update(ids)
        return [identity for identity, _ in ids]

    def forget(self, *cases: int) -> None:
        """Tombstones."""
        kind = [("ce_specversion", b"1.0"), ("ce_type", b"sarkmeli.case.forgotten.v1")]
        producer = self.producer
        producer.begin_transaction()
        told = [producer.send(self.topic, key=case(number).encode(), value=None, headers=kind) for number in cases]
        self._end(producer, told, abort=False)

    def wanted(self, *forgotten: int) -> dict[str, str]:
        """What the table must hold: each fact once, but for cases that were forgotten."""
        out = {case(number) for number in forgotten}
        return {identity: of for identity, of in self.sent.items() if of not in out}

    def _end(self, producer: Any, futures: Sequence[Any], abort: bool) -> None:
        producer.flush()
        for future in futures:
            future.get(10)
        producer.abort_transaction() if abort else producer.commit_transaction()

    def _fact(self, producer: Any, of: str, day: int, ids: list[tuple[str, str]], abort: bool) -> Any:
        sequence = self.sequences.get(of, 0) + 1
        if not abort:
            self.sequences[of] = sequence
        identity = uuid4().hex
        ids.append((identity, of))
        return producer.send(self.topic, key=of.encode(), value=b'{"tier":"standard"}', headers=headers(
            identity, sequence, TYPES[sequence % len(TYPES)], f"2026-11-{day:02}T10:00:00Z"))  # fmt: skip


def headers(identity: str, sequence: int, kind: str = TYPES[0], at: str = "2026-11-01T10:00:00Z") -> list[Any]:
    """A public record's."""
    told = {
        "ce_specversion": "1.0", "ce_id": identity, "ce_source": "/sarkmeli/compatriot", "ce_type": kind, "ce_time": at,
        "ce_sequence": str(sequence), "content-type": "application/json",
    }  # fmt: skip
    if sequence > 1:
        told["ce_elapsed"] = "60"
    return [(name, value.encode()) for name, value in told.items()]


def place(folder: Path) -> Place:
    """A warehouse of its own."""
    return Place(f"sqlite:///{folder}/catalog.db?timeout=30", str(folder / "data"))


def held(where: Place | Warehouse) -> dict[str, str]:
    """The case of every fact in the table, by its id; fails if one stands there twice."""
    rows = all_rows(where)
    ids = rows["id"].to_pylist()
    assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} rows are doubled"
    return dict(zip(ids, rows["case"].to_pylist(), strict=True))


def all_rows(where: Place | Warehouse) -> pa.Table:
    """Every fact, by a catalog that was opened anew."""
    table = (open_warehouse(where) if isinstance(where, Place) else where).facts
    return facts(table.refresh())


def until(true: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def told(stream: Stream, **more: Any) -> Collecting:
    """A member's orders: quick heartbeats, so that the group soon sees who was killed."""
    quick = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
    how: dict[str, Any] = {"every": 0.05, "rows": 40, "halted_for": 0.3, "tuning": quick, **more}
    client = {"bootstrap_servers": [stream.bootstrap]}
    return Collecting(client=client, topics=[stream.topic], group=f"{stream.topic}.warehouse", **how)


@contextmanager
def collecting(
    stream: Stream, where: Place, tidy: Callable[[Warehouse], object] | None = None, **more: Any
) -> Iterator[Callable[[], None]]:
    """A member in a thread of this process; gives a function that raises what ended it."""
    stop, ended = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            Collector(told(stream, **more), lambda: open_warehouse(where), tidy).run_forever(stop)
        except BaseException as error:
            ended.append(error)

    def check() -> None:
        if ended:
            raise ended[0]

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()
    check()


class Process:
    """A member in a process of its own. ``at``: the number of a commit, ``before`` or ``after`` it, and the signal that
    it then sends itself.
    """

    def __init__(self, stream: Stream, where: Place, said: Path, at: tuple[int, str, int] | None = None) -> None:
        orders = {"told": asdict(told(stream, tidy_every=1.0)), "place": asdict(where), "at": at}
        self.said = said / f"member-{uuid4().hex[:6]}.out"
        home = Path(__file__).resolve().parents[2]
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "warehouse_member.py"), json.dumps(orders)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=home,
                env={**os.environ, "PYTHONPATH": str(home)},
            )  # fmt: skip

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    @property
    def collects(self) -> bool:
        """Whether it has been given partitions."""
        return b"partitions=['" in self.said.read_bytes()

    @property
    def stopped(self) -> bool:
        """Whether it sleeps since its SIGSTOP."""
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    def send(self, kind: signal.Signals) -> None:
        self.process.send_signal(kind)

    def end(self) -> str:
        """End it, in good order if it can; what it said."""
        if not self.ended:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        return self.said.read_text(errors="replace")
