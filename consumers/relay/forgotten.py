"""Erased cases in the public stream: from their erasure on nothing of them is published but that they are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from consumers.relay.facts import NAMESPACE
from consumers.relay.pseudonyms import ID_BYTES, Pseudonyms, SubjectSecrets
from consumers.relay.publication import HOUR, SPECIFICATION, hour_of, source_of, topic_name
from consumers.relay.records import Forgotten, Record
from housekeeping.publication import Numbering

FORGOTTEN: Final = f"{NAMESPACE}.case.forgotten.v1"
"""The type of every tombstone, of whatever service."""


class Tombstones:
    """Implements `consumers.relay.records.Forgetting`."""

    def __init__(self, numbering: Numbering, prefix: str) -> None:
        self._numbering = numbering
        self._prefix = prefix

    def waiting(self, position: int) -> Sequence[Forgotten]:
        """All that wait, or none: they are said together, once the last of their fences is passed.

        One that was said before `said` was told of it is among them.
        """
        return [
            Forgotten(id, tombstone(topic_name(self._prefix, service), service, pseudonym, hour))
            for id, service, pseudonym, hour in self._numbering.waiting(position)
        ]

    def said(self, through: int) -> None:
        """All up to this id were said."""
        self._numbering.said(through)


class Unpublishing:
    """Takes a case out of the public stream, before its keys are destroyed."""

    def __init__(self, numbering: Numbering, secrets: SubjectSecrets) -> None:
        self._numbering = numbering
        self._pseudonyms = Pseudonyms(secrets)

    def forget(self, case: UUID, fence: int) -> None:
        """Nothing more of the case is published; its tombstone is said once the stream is past ``fence``.

        May be repeated. Raises: database errors.
        """
        self._numbering.forget(case, fence, self._pseudonyms.now)


def tombstone(topic: str, service: str, pseudonym: UUID, hour: datetime) -> Record:
    """That consumers must forget whatever they hold under this key. ``hour`` is that of the erasure."""
    key = str(pseudonym).encode()
    told, milliseconds = hour_of(int(hour.timestamp()) // HOUR)
    headers = (
        SPECIFICATION,
        ("ce_id", sha256(b"forgotten " + key).digest()[:ID_BYTES].hex().encode()),
        source_of(service),
        ("ce_type", FORGOTTEN.encode()),
        ("ce_time", told),
    )
    return Record(topic, key, None, headers, milliseconds)
