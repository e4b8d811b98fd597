"""The relay, put together: what may leave, whose keys its pseudonyms come from, and the Kafka it goes to."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import psycopg
import structlog
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from consumers.mirror.outgoing import Internal, made
from consumers.relay.drifting import drifted
from consumers.relay.forgotten import Tombstones
from consumers.relay.progress import topic_of
from consumers.relay.publication import Publication, public_topics
from consumers.relay.records import Outgoing, Record, Topic
from consumers.relay.relay import Ends, Relay
from consumers.relay.replaying import replay
from consumers.relay.topics import Kept, Topics
from housekeeping.publication import Numbering
from housekeeping.relay import Standing, standings
from ledger.connecting import LINK, reading_pool
from ledger.opening import open_ledger
from ledger.recorded import Recorded
from sarkmeli.kafka import NoKafka, client
from sarkmeli.processes import Ready
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings

log = structlog.get_logger("relay")

DAY: Final = 86_400_000
"""In milliseconds."""

PATIENCE: Final = 5.0
"""Seconds in which a transaction under way may still end when we are to stop. Whatever is cut off is given up."""

ASKED: Final = 5000
"""Milliseconds in which somebody who only looks waits for Kafka's first answer."""

SILENT: Final = 10.0
"""Seconds without a beat, after which no relay is at work."""

LATE: Final = 60.0
"""Seconds that an event may wait before somebody should look why."""


@dataclass(frozen=True)
class Dated:
    """What another lets leave, in topics that keep it for so many days only."""

    whole: Outgoing
    days: int

    def topics(self) -> Sequence[Topic]:
        """The other's."""
        return kept_for(self.days, self.whole.topics())

    def records(self, recorded: Sequence[Recorded]) -> Sequence[Record]:
        """The other's."""
        return self.whole.records(recorded)


def kept_for(days: int, topics: Sequence[Topic]) -> list[Topic]:
    """The topics, with records kept for so many days only."""
    return [replace(topic, config={**topic.config, "retention.ms": str(days * DAY)}) for topic in topics]


def wanted(settings: Settings) -> list[Topic]:
    """Every topic that the relay writes, as it would make it now, and the one that keeps its progress."""
    prefix, partitions = settings.kafka_topic_prefix, settings.kafka_partitions
    topics = public_topics(prefix, partitions)
    if settings.kafka_retention_days:
        topics = kept_for(settings.kafka_retention_days, topics)
    internal = [made(prefix, partitions)] if settings.kafka_internal else []
    return [*topics, *internal, topic_of(name_of(settings))]


def name_of(settings: Settings) -> str:
    """The relay's name: not below the prefix, which readers of the public topics may be given whole."""
    return f"{settings.kafka_topic_prefix}-relay"


@contextmanager
def open_ends(settings: Settings) -> Generator[Ends]:
    """What the relay stands between. Raises: NoKafka, KeysMissing, KmsUnavailable, psycopg.Error."""
    kafka = client(settings)
    conninfo = settings.ledger_as(DbRole.RELAY)
    prefix, partitions = settings.kafka_topic_prefix, settings.kafka_partitions
    with ExitStack() as opened:
        ledger = open_ledger(conninfo, settings.keys_as(DbRole.RELAY), settings.key_holder)
        opened.callback(ledger.close)
        numbering = Numbering(opened.enter_context(reading_pool(conninfo, 4)))
        public: Outgoing = Publication(ledger.reader, ledger.keys, numbering, prefix, partitions)
        if settings.kafka_retention_days:
            public = Dated(public, settings.kafka_retention_days)
        outgoing: list[Outgoing] = [public]
        if settings.kafka_internal:
            outgoing.append(Internal(prefix, partitions, ledger.reader.lineage))
        yield Ends(
            name_of(settings),
            conninfo,
            ledger.reader,
            outgoing,
            kafka,
            Kept(settings.kafka_replication),
            Tombstones(numbering, ledger.keys, prefix),
        )


def relay(settings: Settings, stop: threading.Event, ready: Ready) -> None:
    """Relay until ``stop`` is set. Raises what ends the relay: it mends by itself whatever passes."""
    died: list[BaseException] = []

    def work(ends: Ends) -> None:
        try:
            Relay(ends).run_forever(stop)
        except BaseException as error:  # noqa: BLE001 - raised below, where the process ends by it
            died.append(error)

    with open_ends(settings) as ends:
        # Not waited for at the end: without a broker a commit may last longer. Kafka gives up what is cut off.
        working = threading.Thread(target=work, args=(ends,), name="relay", daemon=True)
        working.start()
        log.info("relaying to Kafka", brokers=settings.kafka_bootstrap_servers, name=ends.name)
        ready()
        while working.is_alive() and not stop.wait(0.5):
            pass
        working.join(PATIENCE)
    if died:
        raise died[0]


def fill_anew(settings: Settings, position: int) -> list[str]:
    """`relay replay`. Raises: AtWork, Halt, NoKafka, psycopg.Error, kafka.errors.KafkaError."""
    with open_ends(settings) as ends:
        return replay(ends, position)


def show_status(settings: Settings) -> bool:
    """Print how far each relay is, what made it stop, and which topics are kept otherwise than we would make them;
    whether all is well.
    """
    with psycopg.connect(settings.ledger_as(DbRole.RELAY), autocommit=True, **LINK) as db:
        found = standings(db)
    console = Console()
    if not found:
        console.print("no relay ever ran here: `sarkmeli relay run`", markup=False)
        return False
    table = Table("relay", "position", "behind", "seconds", "last heard of")
    for one in found:
        position = "not yet known" if one.position is None else str(one.position)
        table.add_row(one.name, position, str(one.behind), f"{one.seconds:.1f}", f"{one.silent:.1f} s ago")
    console.print(table)
    for one in found:
        if said := trouble(one):
            console.print(f"{one.name}: {said}", markup=False, highlight=False, soft_wrap=True)
    drift = _drift(settings, console)
    for sentence in drift:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    return not drift and not any(map(trouble, found))


def _drift(settings: Settings, console: Console) -> Sequence[str]:
    """In what the topics are otherwise. That Kafka could not be asked is printed: the relay's own lag tells of that."""
    try:
        kafka = {**client(settings), "bootstrap_timeout_ms": ASKED}
        with Topics(kafka, Kept(settings.kafka_replication)) as topics:
            return drifted(topics, wanted(settings))
    except (NoKafka, KafkaError, OSError) as away:
        why = str(away) or type(away).__name__
        console.print(f"Kafka was not asked: {why}", markup=False, highlight=False, soft_wrap=True)
        return ()


def trouble(standing: Standing) -> str | None:
    """What is wrong with a relay and what to do, None if it lives and keeps up."""
    if standing.stopped is not None:
        return f"stands still: {standing.stopped}"
    if standing.silent >= SILENT:
        return "no process relays: `sarkmeli relay run`"
    if standing.position is None:
        return "has not come as far as Kafka's topics: is Kafka there? The relay's log says what it tries"
    if standing.seconds >= LATE:
        return (
            f'an event has waited for {standing.seconds:.0f} s: where "behind" does not fall, Kafka does not take '
            "what is sent, and the relay's log says why"
        )
    return None
