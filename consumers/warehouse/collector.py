"""One member of the consumer group that fills the table: it polls, gathers, and hands over to one thread that writes.

The table says where to go on. What the group has committed in Kafka is for those who watch its lag.
"""

# kafka-python carries few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import requests
import structlog
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaConfigurationError, KafkaError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pyiceberg.exceptions import RESTError
from sqlalchemy.exc import DBAPIError

from consumers.kafka_clients import Admin, Consumer
from consumers.kafka_reasons import REFUSED
from consumers.warehouse import figures
from consumers.warehouse.batch import Batch
from consumers.warehouse.polling import reading_any_name
from consumers.warehouse.progress import Partition, RecordsGone, TopicMadeAnew
from consumers.warehouse.table import Warehouse
from consumers.warehouse.tidying import Untidied
from consumers.warehouse.writer import Done, OutOfStep, ToldToEnd, Writer

log = structlog.get_logger("warehouse")

BATCH_BYTES: Final = 64 << 20
"""A batch is written when it weighs as much; no more than two are held at once."""
POLL_SECONDS: Final = 0.25
LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries at most while Kafka or the warehouse is away."""
LOOK_SECONDS: Final = 10.0
"""Seconds between two questions to the brokers how far they are, for the figures."""
LOOK_PATIENCE: Final = 2000
"""Milliseconds that such a question may take."""
SOUND_AFTER: Final = 10.0
"""Seconds after which a member that began and has written nothing counts as one that does not stand still."""
SLOWEST_WRITE: Final = 1800.0
"""Seconds that a round may take before the group takes the member for dead; what it writes then is refused."""


class TopicMissing(Exception):
    """A topic is not there just now; the message names it."""


AWAY: Final = (KafkaError, TopicMissing, OSError, RESTError, DBAPIError, requests.RequestException, OutOfStep)
"""What passes by itself: the member begins anew from where the table is."""
NEVER: Final = (*REFUSED, KafkaConfigurationError)
"""What a person must mend."""


@dataclass(frozen=True)
class Collecting:
    """What a member is told. ``client``: kafka-python's arguments that all clients share. Times in seconds."""

    client: Mapping[str, Any]
    topics: Sequence[str]
    group: str
    every: float = 10.0
    rows: int = 50_000
    tidy_every: float = 3600.0
    halted_for: float = 30.0
    tuning: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Moved(ConsumerRebalanceListener):
    """Notes that partitions came or went. It runs in the client's own thread, where nothing may wait."""

    def __init__(self) -> None:
        self.consumer: Any = None
        self.happened = False

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The batch at hand may hold what is another's now."""
        self.happened = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing is fetched before the table was asked where to begin."""
        self.happened = True
        for partition in assigned:
            self.consumer.pause(partition)
            self.consumer.seek(partition, 0)


class Collector:
    """A member of the group. ``tidy`` is called now and then in the thread that writes."""

    def __init__(
        self,
        told: Collecting,
        open_warehouse: Callable[[], Warehouse],
        tidy: Callable[[Warehouse], object] | None = None,
    ) -> None:
        self._told = told
        self._open = open_warehouse
        self._tidy = tidy
        self._halted = ""

    def run_forever(self, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Collect until ``stop``; while a neighbour is away, try again.

        What a person must mend is said once, and waited for in place. Raises: Kafka's refusals.
        """
        ready()
        pause = 0.5
        while not stop.is_set():
            began = time.monotonic()
            try:
                with _Membership(self._told, self._open(), self._tidy, self._goes_on, stop) as member:
                    member.collect()
            except ToldToEnd:
                log.info("ended with a batch at hand: whoever has its partitions next reads it again")
            except (OffsetOutOfRangeError, RecordsGone, TopicMadeAnew) as halt:
                self._halt(halt)
                stop.wait(self._told.halted_for)
            except NEVER:
                raise
            except AWAY as away:
                pause = 0.5 if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
                log.warning("cannot collect just now", error=f"{type(away).__name__}: {away}", again_in=round(pause, 1))
                stop.wait(random.uniform(pause / 2, pause))

    def _halt(self, halt: Exception) -> None:
        """Say what a person must mend, unless that was the last thing said."""
        told = str(_gone(halt) if isinstance(halt, OffsetOutOfRangeError) else halt)
        figures.STOPPED.set(1)
        if told != self._halted:
            log.critical("the warehouse stands still", why=told)
        self._halted = told

    def _goes_on(self) -> None:
        figures.STOPPED.set(0)
        self._halted = ""


class _Membership:
    """One stay in the group, from joining to leaving."""

    def __init__(
        self,
        told: Collecting,
        warehouse: Warehouse,
        tidy: Callable[[Warehouse], object] | None,
        goes_on: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        self._told = told
        self._goes_on = goes_on
        self._stop = stop
        self._warehouse = warehouse
        self._tidy = tidy
        self._writer = Writer(warehouse, stop)
        self._batch = Batch()
        self._since = 0.0
        self._began = math.inf
        self._table: dict[Partition, int] = {}
        self._looked = 0.0
        self._writing: Future[Done] | None = None
        self._tidying: Future[bool] | None = None
        self._tidied = time.monotonic() + random.uniform(0, told.tidy_every / 10)
        self._paused = False
        self._thread = ThreadPoolExecutor(1, "warehouse")
        self._moved = Moved()
        self._admin: Any = None
        self._consumer: Any = None

    def __enter__(self) -> _Membership:
        try:
            soon: dict[str, Any] = {**self._told.client, "bootstrap_timeout_ms": 5_000}
            self._admin = Admin(**soon)
            self._consumer = reading_any_name(Consumer(**_options(self._told)))
            self._moved.consumer = self._consumer
            # By a pattern: only then does the client look topics up before it shares them out. By names, a member that
            # leads the group at a moment when it knows of none gives all members nothing, and stays with that.
            names = "|".join(re.escape(topic) for topic in self._told.topics)
            self._consumer.subscribe(pattern=f"^(?:{names})$", listener=self._moved)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        for client in (self._consumer, self._admin):
            if client is not None:
                client.close()

    def collect(self) -> None:
        """Poll, gather and write until told to end; what was gathered by then is written if one try is enough.

        Raises: ToldToEnd, if it was not.
        """
        while not self._stop.is_set():
            polled = self._consumer.poll(timeout_ms=int(1000 * min(POLL_SECONDS, self._told.every)))
            if self._moved.happened:
                self._begin()
                continue
            if time.monotonic() - self._began > SOUND_AFTER:
                self._goes_on()
            for partition, records in polled.items():
                if not self._batch.records:
                    self._since = time.monotonic()
                self._batch.add(Partition(*partition), records)
            self._go_on()
            if time.monotonic() - self._looked >= min(LOOK_SECONDS, self._told.every):
                self._look()
        self._settle()
        self._hand_over()
        self._settle()

    def _begin(self) -> None:
        """Forget what was gathered and go to where the table is, in every partition that is ours now."""
        self._settle()
        self._moved.happened = False
        assigned = self._consumer.assignment()
        topics = self._topics({partition.topic for partition in assigned})
        places = self._writer.begins(topics)
        starts = self._consumer.beginning_offsets(sorted(assigned)) if assigned else {}
        self._batch, had, self._table = Batch(), self._table, {}
        for partition in assigned:
            key, start = Partition(*partition), starts[partition]
            place = places.get(key)
            if place is not None and place.next < start:
                raise RecordsGone(key, place.next)
            if place is None and start:
                log.warning("Kafka no longer holds a partition's beginning", topic=key.topic, partition=key.number,
                            first=start)  # fmt: skip
            offset = start if place is None else place.next
            self._consumer.seek(partition, offset)
            self._batch.begin(key, topics[key.topic], offset, first=place is None)
            self._table[key] = offset
        figures.left(had.keys() - self._table.keys())
        self._consumer.resume(*assigned)
        self._paused = False
        self._began = time.monotonic()
        log.info("collecting", partitions=[f"{topic}-{number}" for topic, number in sorted(self._batch.spans)])

    def _go_on(self) -> None:
        """Take what was written, hand over what is due, and poll no more than is written."""
        if self._writing is not None and self._writing.done():
            self._settle()
        if self._tidying is not None and self._tidying.done():
            self._settle()
        full = self._batch.records >= self._told.rows or self._batch.weight >= BATCH_BYTES
        due = bool(self._batch.records) and time.monotonic() - self._since >= self._told.every
        idle = self._writing is None and self._tidying is None
        if idle and (full or due):
            self._hand_over()
        elif idle and self._tidy is not None and time.monotonic() - self._tidied >= self._told.tidy_every:
            self._tidying = self._thread.submit(self._keep_tidy, self._tidy)
        if full and not idle and not self._paused:
            self._consumer.pause(*self._consumer.assignment())
            self._paused = True
        elif self._paused and (idle or not full):
            self._consumer.resume(*self._consumer.assignment())
            self._paused = False

    def _hand_over(self) -> None:
        batch = self._batch
        if not batch.records:
            return
        for partition, span in batch.spans.items():
            # Behind a transaction's marker too, so that nothing seems to lag.
            span.next = max(span.next, self._consumer.position(TopicPartition(*partition)) or 0)
        self._batch = batch.following()
        self._writing = self._thread.submit(self._write, batch)

    def _write(self, batch: Batch) -> Done:
        """Write what was read from topics that are still the same: one made anew has other records at its offsets."""
        if self._topics({partition.topic for partition in batch.spans}) != {
            partition.topic: span.topic_id for partition, span in batch.spans.items()
        }:
            raise OutOfStep("a topic was made anew")
        done = self._writer.write(batch)
        figures.wrote(done)
        log.debug("wrote", rows=done.rows, removed=done.removed, unreadable=done.unreadable, conflicts=done.conflicts)
        return done

    def _keep_tidy(self, tidy: Callable[[Warehouse], object]) -> bool:
        """Tidy; whether it was done. What stands in its way keeps nobody from collecting, and is said and counted."""
        try:
            tidy(self._warehouse)
        except (Untidied, *AWAY) as error:
            figures.UNTIDIED.inc()
            log.error("could not tidy: what was forgotten may stay in older snapshots",
                      error=f"{type(error).__name__}: {error}")  # fmt: skip
            return False
        return True

    def _settle(self) -> None:
        """Wait for the thread that writes. Raises what it raised."""
        tidying, self._tidying = self._tidying, None
        if tidying is not None:
            done = tidying.result()
            # What failed is tried again before its time.
            self._tidied = time.monotonic() - (0 if done else 0.9 * self._told.tidy_every)
        writing, self._writing = self._writing, None
        if writing is not None:
            reached = writing.result().reached or {}
            self._goes_on()
            here = self._consumer.assignment()
            told = {TopicPartition(*partition): place.next for partition, place in reached.items()}
            self._consumer.commit_async(
                {one: OffsetAndMetadata(next_, "", -1) for one, next_ in told.items() if one in here}
            )
            self._table.update({one: place.next for one, place in reached.items() if one in self._table})

    def _look(self) -> None:
        """Ask the brokers how far our partitions go. While they do not answer, the figures' instants stand still."""
        self._looked = time.monotonic()
        of = [TopicPartition(*partition) for partition in self._table]
        try:
            ends = self._consumer.end_offsets(of, timeout_ms=LOOK_PATIENCE) if of else {}
        except NEVER:
            raise
        except KafkaError as away:
            log.debug("the brokers do not say how far they are", error=f"{type(away).__name__}: {away}")
        else:
            figures.looked(self._table, ends)

    def _topics(self, names: set[str]) -> dict[str, str]:
        """The id of each topic, as the brokers say now. Raises: TopicMissing."""
        if not names:
            return {}
        found: dict[str, str] = {}
        for topic in self._admin.describe_topics(sorted(names)):
            if topic.get("error_code"):
                raise TopicMissing(f"topic {topic.get('name')} is not there")
            found[topic["name"]] = str(topic["topic_id"])
        if missing := names - found.keys():
            raise TopicMissing(f"topics are not there: {', '.join(sorted(missing))}")
        return found


def _gone(error: OffsetOutOfRangeError) -> RecordsGone:
    partition, offset = next(iter(error.args[0].items()))
    return RecordsGone(Partition(*partition), int(offset))


def _options(told: Collecting) -> dict[str, Any]:
    return {
        **told.client,
        "group_id": told.group,
        "isolation_level": "read_committed",
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        # Who is told to end while Kafka is away ends soon.
        "bootstrap_timeout_ms": 5_000,
        "max_poll_interval_ms": int(SLOWEST_WRITE * 1000),
        "metadata_max_age_ms": 10_000,
        "max_poll_records": 5_000,
        "max_partition_fetch_bytes": 4 << 20,
        "fetch_max_bytes": 32 << 20,
        **told.tuning,
    }
