"""Erased cases in the public stream: from their erasure on nothing of them is published but that they are forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from hashlib import sha256
from random import SystemRandom
from typing import Final, Protocol
from uuid import UUID

from consumers.relay.facts import NAMESPACE
from consumers.relay.pseudonyms import ID_BYTES, Pseudonyms, SubjectSecrets
from consumers.relay.publication import SPECIFICATION, source_of, topic_name
from consumers.relay.records import Forgotten, Record
from domain.people import SubjectId
from housekeeping.publication import Numbering

FORGOTTEN: Final = f"{NAMESPACE}.case.forgotten.v1"
"""The type of every tombstone, of whatever service."""


_SEALED: Final = "tombstone"


class Seal(Protocol):
    """Seals a pseudonym while its tombstone waits. Implemented by `ledger.keys.KeyStore`."""

    def seal_for_office(self, purpose: str, value: bytes) -> bytes:
        """``value`` sealed under a key for ``purpose`` alone."""
        ...

    def open_for_office(self, purpose: str, sealed: bytes) -> bytes:
        """What `seal_for_office` was given. Raises: Tampered."""
        ...


class Secrets(SubjectSecrets, Seal, Protocol):
    """Implemented by `ledger.keys.KeyStore`."""


class Tombstones:
    """Implements `consumers.relay.records.Forgetting`. ``today`` (UTC) is PostgreSQL's where it gives none."""

    def __init__(
        self, numbering: Numbering, seal: Seal, prefix: str, today: Callable[[], date | None] = lambda: None
    ) -> None:
        self._numbering = numbering
        self._seal = seal
        self._prefix = prefix
        self._today = today

    def waiting(self, position: int) -> Sequence[Forgotten]:
        """All of the days that are over, or none: they are said together, once the last of their fences is passed.

        Among the records of its hour a tombstone would have that hour, and the order of several would be that of the
        erasures. One that was said before `said` was told of it is among them.
        """
        found = [
            Forgotten(id, tombstone(topic_name(self._prefix, service), service, self._opened(sealed), day))
            for id, service, sealed, day in self._numbering.waiting(position, self._today())
        ]
        SystemRandom().shuffle(found)
        return found

    def _opened(self, sealed: bytes) -> UUID:
        return UUID(bytes=self._seal.open_for_office(_SEALED, bytes(sealed)))

    def said(self, through: int) -> None:
        """All up to this id were said."""
        self._numbering.said(through)


class Unpublishing:
    """Takes a case out of the public stream, before its keys are destroyed."""

    def __init__(self, numbering: Numbering, secrets: Secrets) -> None:
        self._numbering = numbering
        self._seal = secrets
        self._pseudonyms = Pseudonyms(secrets)

    def forget(self, case: UUID, fence: int) -> None:
        """Nothing more of the case is published; its tombstone is said once the stream is past ``fence``.

        May be repeated. Raises: database errors.
        """
        self._numbering.forget(case, fence, self._sealed)

    def _sealed(self, subject: SubjectId) -> bytes | None:
        found = self._pseudonyms.now(subject)
        return self._seal.seal_for_office(_SEALED, found.bytes) if found is not None else None


def tombstone(topic: str, service: str, pseudonym: UUID, day: date) -> Record:
    """That consumers must forget whatever they hold under this key.

    Erasures are rare, so it bears no time but the ``day`` in its timestamp: an hour would tell whose it is.
    """
    key = str(pseudonym).encode()
    begun = datetime.combine(day, time(), UTC)
    headers = (
        SPECIFICATION,
        ("ce_id", sha256(b"forgotten " + key).digest()[:ID_BYTES].hex().encode()),
        source_of(service),
        ("ce_type", FORGOTTEN.encode()),
    )
    return Record(topic, key, None, headers, int(begun.timestamp()) * 1000)
