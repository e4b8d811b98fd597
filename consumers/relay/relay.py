"""The relay: from the ledger to Kafka, each record once and in order per key for whoever reads what is committed.

It reads a batch of events, asks what may leave of them, and sends that with its own progress in one transaction; the
next batch is made ready meanwhile. After a kill, a fence or a doubt it makes a new producer, which ends whatever was
begun before, and only then reads back how far that came; what was made ready is forgotten.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from time import monotonic, sleep
from typing import Any, Final, TypeAlias
from uuid import UUID

import psycopg
import structlog
from kafka.errors import KafkaError

from consumers.relay import halting, leading
from consumers.relay.agreeing import agreed, unchanged
from consumers.relay.ahead import Ahead
from consumers.relay.batches import TooLarge
from consumers.relay.halting import Halt
from consumers.relay.leading import Lead
from consumers.relay.producer import Producer
from consumers.relay.progress import Progress, read_back, topic_of
from consumers.relay.records import Forgetting, Outgoing, Record
from consumers.relay.topics import Kept, Topics
from ledger.reader import AheadOfLedger, OtherLineage, Reader, Undecodable
from ledger.recorded import Recorded

log = structlog.get_logger("relay")

BATCH: Final = 2000
"""Events that one transaction speaks of, at most."""

SILENT: Final = 5000
"""Events of which nothing leaves that may be read again after a restart: progress is not told for fewer."""

HEARTBEAT_SECONDS: Final = 1.0
"""How long one wait for new events lasts."""

GATHER_SECONDS: Final = 0.02
"""Between the beginnings of two readings, at least. A small transaction costs as much work as hundreds of records, most
of it the broker's and PostgreSQL's: what comes in such a while goes together, and nothing that comes alone waits."""

LOOK_SECONDS: Final = 5.0
"""Between two looks at whether the topics are still the same, and at what made the relay stop."""

PAUSE_SECONDS: Final = (0.1, 5.0)
"""The first and the longest pause after an error that passes."""


Steps: TypeAlias = Ahead[[Progress], tuple[int, list[Record], int]]
"""What `Relay.next` gives, asked for while what it gave before is committed."""


@dataclass(frozen=True)
class Ends:
    """What the relay stands between. ``kafka`` are arguments of every client, and hold the password."""

    name: str
    conninfo: str
    reader: Reader
    outgoing: Sequence[Outgoing]
    kafka: Mapping[str, Any]
    kept: Kept
    forgetting: Forgetting | None = None


class Relay:
    """One relay of possibly several. ``read`` reads progress back; tests show by another why it is as it is."""

    def __init__(
        self, ends: Ends, *, batch: int = BATCH, read: Callable[[Mapping[str, Any], str], Progress | None] = read_back
    ) -> None:
        self.ends = ends
        self.topics = tuple(chain.from_iterable(one.topics() for one in ends.outgoing))
        self.progress_topic = topic_of(ends.name)
        self.partitions = {topic.name: topic.partitions for topic in (*self.topics, self.progress_topic)}
        self._batch = batch
        self._read = read
        self._read_at = -GATHER_SECONDS

    def run_forever(self, stop: threading.Event) -> None:
        """Relay whenever it is our turn, until ``stop`` is set. Whatever fails is said and tried again."""
        pause = Pause(stop)
        stopped: str | None = None
        with Ahead(self._step, "reading ahead") as ahead:
            while not stop.is_set():
                try:
                    with leading.lead(self.ends.conninfo, self.ends.name, stop) as lead:
                        if lead is None:
                            return
                        lead.stopped = stopped
                        stopped = self._lead(lead, ahead, stop, pause)
                except psycopg.Error as error:
                    log.warning("the ledger does not answer", error=type(error).__name__, state=error.sqlstate)
                    pause.take()
                if stopped is not None:
                    stop.wait(LOOK_SECONDS)  # the turn is free meanwhile, for who mends it

    def _lead(self, lead: Lead, ahead: Steps, stop: threading.Event, pause: Pause) -> str | None:
        """Relay until the turn is lost or ``stop`` is set; or until the relay must stand still, and why."""
        while not stop.is_set() and lead.is_ours():
            try:
                # In this order: without a broker it is the producer that fails, and leaves no thread of its own behind.
                with Producer(self.ends.kafka, self.ends.name) as producer, self._look() as topics:
                    self._relay(producer, topics, lead, ahead, stop, pause)
            except Halt as halt:
                lead.stopped = self._say(lead, halt)
                return lead.stopped
            except OSError as error:  # the keys' holder is away: `ledger.kms.KmsUnavailable`
                log.warning("a neighbour does not answer", error=type(error).__name__, why=str(error)[:200])
                pause.take()
            except KafkaError as error:
                if (refusal := halting.refusal_in(error)) is not None:
                    lead.stopped = self._say(lead, halting.refused(refusal))
                    return lead.stopped
                log.warning("begins again at what is committed", error=type(error).__name__, why=str(error)[:200])
                pause.take()
        return None

    def _say(self, lead: Lead, halt: Halt) -> str:
        if lead.stopped != str(halt):
            log.error("the relay stands still", why=str(halt))
        return str(halt)

    def _look(self) -> Topics:
        return Topics(self.ends.kafka, self.ends.kept)

    def _relay(
        self, producer: Producer, topics: Topics, lead: Lead, ahead: Steps, stop: threading.Event, pause: Pause
    ) -> None:
        progress = self.resume(producer, topics)
        log.info("relaying", after=progress.position, topics=[topic.name for topic in self.topics])
        lead.position, lead.stopped = progress.position, None
        if self.ends.forgetting is not None:
            self.ends.forgetting.said(progress.forgotten)  # a relay that was killed may not have come so far
        said, looked = progress.position, monotonic()
        coming = ahead.ask(progress)
        while not stop.is_set() and lead.is_ours():
            if monotonic() - looked >= LOOK_SECONDS:
                self._still_the_same(progress, topics)
                looked = monotonic()
            last, records, forgotten = coming.result()
            moved = replace(progress, position=last, forgotten=forgotten)
            coming = ahead.ask(moved)  # while these are committed; if they are not, nobody asks what came of it
            if records or last - said >= SILENT:
                self._of_this_ledger(last, progress.lineage)  # of which a promotion may have made another, meanwhile
                self.commit(producer, records, progress, moved)
                said = last
                if forgotten > progress.forgotten and self.ends.forgetting is not None:
                    self.ends.forgetting.said(forgotten)
            pause.over()
            progress = moved
            lead.position = last

    def resume(self, producer: Producer, topics: Topics) -> Progress:
        """Where to go on from, by what is committed now that ``producer`` has fenced all before it. Raises: Halt."""
        found = self.found(topics)
        lineage = self.ends.reader.lineage()
        if found is not None:
            self._of_this_ledger(found.position, found.lineage)
        progress = agreed(found, self.topics, topics, lineage)
        if progress != found:
            producer.commit([self.told(progress)], self.partitions)
        return progress

    def _of_this_ledger(self, position: int, lineage: UUID) -> None:
        try:
            self.ends.reader.check(position, lineage)
        except (OtherLineage, AheadOfLedger) as error:
            raise halting.other_ledger(error) from error

    def found(self, topics: Topics) -> Progress | None:
        """The progress that is committed, None before the first. Raises: kafka.errors.KafkaError."""
        if self.progress_topic.name not in topics.find([self.progress_topic.name]):
            topics.make(self.progress_topic)
        try:
            return self._read(self.ends.kafka, self.progress_topic.name)
        except ValueError as error:
            raise halting.unknown_progress(error) from error

    def _step(self, progress: Progress) -> tuple[int, list[Record], int]:
        """As `next`, once there is something or a heartbeat has passed; seldom enough that it gathers."""
        sleep(max(0.0, self._read_at + GATHER_SECONDS - monotonic()))
        self._read_at = monotonic()
        found = self.next(progress)
        if found[0] == progress.position and not found[1]:
            if self.ends.reader.wait(found[0], HEARTBEAT_SECONDS) == found[0]:
                return found
            self._read_at = monotonic()
            found = self.next(progress)
        return found

    def next(self, progress: Progress) -> tuple[int, list[Record], int]:
        """The last event read after ``progress``, what is to be sent of all since, and the last tombstone of it.

        Raises: Halt for an event that this release cannot read; psycopg.Error.
        """
        recorded, records = self._readable(
            self._cut(self.ends.reader.follow(progress.position, self._batch), progress), progress
        )
        last = recorded[-1].position if recorded else progress.position
        forgotten = progress.forgotten
        if self.ends.forgetting is not None:
            for one in self.ends.forgetting.waiting(last):
                if one.id > progress.forgotten:
                    records.append(one.record)
                    forgotten = max(forgotten, one.id)
        return last, records, forgotten

    def commit(self, producer: Producer, records: Sequence[Record], before: Progress, after: Progress) -> None:
        """Send it all in one transaction. Raises: Halt for a record that is too large; kafka.errors.KafkaError."""
        try:
            producer.commit([*records, self.told(after)], self.partitions)
        except TooLarge as error:
            where = self._position_of(error.record, before)
            raise halting.too_large(where, error.record.topic, error.size) from error

    def told(self, progress: Progress) -> Record:
        """A progress, as it is sent."""
        return progress.record(self.progress_topic.name, 0)

    def _readable(self, recorded: Sequence[Recorded], progress: Progress) -> tuple[Sequence[Recorded], list[Record]]:
        """These events up to the first that this release cannot read, and what leaves. Raises: Halt for that one."""
        try:
            return recorded, self._records(recorded, progress)
        except Undecodable as error:
            before = [one for one in recorded if one.position < error.position]
            if not before:
                raise halting.unreadable(error) from error
            return before, self._records(before, progress)
        except halting.KEYS_WRONG as error:
            before = self._without_keys_wrong(recorded, progress)
            if not before:
                raise halting.keys_wrong(recorded[0].position, error) from error
            return before, self._records(before, progress)

    def _without_keys_wrong(self, recorded: Sequence[Recorded], progress: Progress) -> Sequence[Recorded]:
        """These events up to the first whose keys are not there."""
        for number, one in enumerate(recorded):
            try:
                self._records([one], progress)
            except halting.KEYS_WRONG:
                return recorded[:number]
        return recorded

    def _records(self, recorded: Sequence[Recorded], progress: Progress) -> list[Record]:
        """What leaves of these events, but for topics that have it already. Raises: Undecodable."""
        if not recorded:
            return []
        first = recorded[0].position
        has = {name for name, written in progress.topics.items() if written.through >= first}
        found = [record for one in self.ends.outgoing for record in one.records(recorded)]
        return [record for record in found if record.topic not in has] if has else found

    def _cut(self, recorded: Sequence[Recorded], progress: Progress) -> Sequence[Recorded]:
        """Of these, those before the first position from which on another topic needs them, too."""
        ends = {written.through for written in progress.topics.values() if written.through > progress.position}
        if not ends or not recorded:
            return recorded
        end = min((end for end in ends if end >= recorded[0].position), default=recorded[-1].position)
        return [one for one in recorded if one.position <= end]

    def _still_the_same(self, progress: Progress, topics: Topics) -> None:
        found = topics.find([topic.name for topic in self.topics])
        for topic in self.topics:
            unchanged(topic, progress.topics[topic.name], found.get(topic.name))

    def _position_of(self, record: Record, progress: Progress) -> int | None:
        """Which event after ``progress`` a record is of: the same events give the same records, however cut."""
        for one in self.ends.reader.follow(progress.position, self._batch):
            if record in self._records([one], progress):
                return one.position
        return None


class Pause:
    """Ever longer waits between tries, until one is over; ends at once when ``stop`` is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._failures = 0

    def take(self) -> None:
        """Wait, longer than the last time."""
        first, longest = PAUSE_SECONDS
        self._stop.wait(min(longest, first * 2**self._failures) * random.uniform(0.8, 1.0))
        self._failures = min(self._failures + 1, 10)

    def over(self) -> None:
        """It works again."""
        self._failures = 0
