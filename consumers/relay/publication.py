"""Every fact that may leave the house, as CloudEvents in binary mode under the pseudonym of its case.

What is public of an event stands beside its class (`domain.publishing`); its place in the case is found or given in
`housekeeping.publication`; the case's name outside comes from its subject's secret (`pseudonyms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

from consumers.relay.facts import NAMESPACE, Told, told_by
from consumers.relay.pseudonyms import Pseudonym, Pseudonyms, SubjectSecrets
from consumers.relay.records import Record, Topic
from domain.publishing import published
from housekeeping.publication import Fact, LeftOut, Number, Numbering
from ledger.reader import Reader
from ledger.recorded import Recorded
from ledger.sealing import Sealer, SubjectKeys
from ledger.topics import event_classes, topic_of

SPECIFICATION: Final = ("ce_specversion", b"1.0")
CONTENT_TYPE: Final = ("content-type", b"application/json")
KEPT: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}
"""A topic keeps every record: who comes later reads from the beginning. Not compacted: every record of a key counts.
And its times are the records', cut to the hour, never the broker's clock, which may be slow by any time."""

AT_ONCE: Final = 1000
"""Events that get their numbers together when somebody begins behind those that have none."""
HOUR: Final = 3600


class Secrets(SubjectSecrets, SubjectKeys, Protocol):
    """Implemented by `ledger.keys.KeyStore`."""


class Publication:
    """The public topics, one a service. Implements `consumers.relay.records.Outgoing`.

    ``prefix`` begins the topics' names; each has so many ``partitions`` for ever.
    """

    def __init__(self, reader: Reader, keys: Secrets, numbering: Numbering, prefix: str, partitions: int) -> None:
        self._reader = reader
        self._numbering = numbering
        self._pseudonyms = Pseudonyms(keys)
        self._sealer = Sealer(keys)
        self._prefix, self._partitions = prefix, partitions
        self._topics = {service: topic_name(prefix, service) for service in services()}
        self._sources = {service: source_of(service) for service in services()}

    def topics(self) -> Sequence[Topic]:
        """One a service."""
        return public_topics(self._prefix, self._partitions)

    def records(self, recorded: Sequence[Recorded]) -> Sequence[Record]:
        """The records of these events. Events of erased cases leave none.

        Raises: CannotPublish at the first public event that cannot be read; UnknownKey, KeysMissing, Tampered, and what
        the databases raise.
        """
        if not recorded:
            return ()
        told = told_by(recorded)
        numbers = self._numbers(told, recorded[0].position, recorded[-1].position)
        pseudonyms = self._pseudonyms.of({number.subject for number in numbers.values()})
        found: list[Record] = []
        for one in told:
            number = numbers.get(one.recorded.position)
            pseudonym = pseudonyms.get(number.subject) if number is not None else None
            if number is not None and pseudonym is not None:
                data = one.data(number.days_left, self._sealer)
                if data is not None:
                    found.append(self._record(one, number, pseudonym, data))
        return found

    def _record(self, told: Told, number: Number, pseudonym: Pseudonym, data: bytes) -> Record:
        recorded = told.recorded
        hour, milliseconds = hour_of(int(told.fact.at.timestamp()) // HOUR)
        headers = (
            SPECIFICATION,
            ("ce_id", pseudonym.event_id(recorded.stream, recorded.version)),
            self._sources[number.service],
            told.reading.type_header,
            ("ce_time", hour),
            ("ce_sequence", b"%d" % number.sequence),
        )
        since = (("ce_elapsed", b"%d" % number.elapsed),) if number.sequence > 1 else ()
        topic = self._topics[number.service]
        return Record(topic, pseudonym.key, data, (*headers, *since, CONTENT_TYPE), milliseconds)

    def _numbers(self, told: Sequence[Told], first: int, last: int) -> Mapping[int, Number]:
        facts = self._facts(told)
        while True:
            try:
                return self._numbering.number(facts, first, last)
            except LeftOut as behind:
                self._catch_up(behind.position, first)

    def _facts(self, told: Sequence[Told]) -> list[Fact]:
        """What is to have numbers: of a case that was erased before it got any, not even those are kept."""
        begun = {one.fact.subject for one in told if one.fact.subject is not None}
        living = self._pseudonyms.of(begun) if begun else {}
        return [one.fact for one in told if one.fact.begins is None or one.fact.subject in living]

    def _catch_up(self, position: int, until: int) -> None:
        """Give numbers to what nobody asked for yet: somebody begins in the middle of the ledger."""
        while position < until - 1:
            batch = [one for one in self._reader.follow(position, AT_ONCE) if one.position < until]
            if not batch:
                return
            position = batch[-1].position
            facts = self._facts(told_by(batch))
            try:
                self._numbering.number(facts, batch[0].position, position)
            except LeftOut:  # somebody else restored the tables: whoever asked looks again
                return


def services() -> tuple[str, ...]:
    """The services whose cases are published, in the order of their names."""
    begun = (kind for kind in event_classes().values() if (listed := published(kind)) is not None and listed.begins)
    return tuple(sorted(topic_of(kind).split(".")[0] for kind in begun))


def topic_name(prefix: str, service: str) -> str:
    """The topic of a service's cases."""
    return f"{prefix}.{service}.v1"


def public_topics(prefix: str, partitions: int) -> list[Topic]:
    """A topic for each service, as the relay makes it."""
    return [Topic(topic_name(prefix, service), partitions, KEPT) for service in services()]


def source_of(service: str) -> tuple[str, bytes]:
    """The header that says which service tells."""
    return "ce_source", f"/{NAMESPACE}/{service}".encode()


@lru_cache(maxsize=1024)
def hour_of(hours: int) -> tuple[bytes, int]:
    """An hour since the epoch as RFC 3339 and in milliseconds."""
    seconds = hours * HOUR
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode(), seconds * 1000
