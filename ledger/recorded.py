"""One event as those who follow the ledger get it: decoded when it is asked for, its personal facts sealed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from domain.event import Root
from ledger.decoding import decode
from ledger.events import Row
from ledger.sealing import Sealed


class Undecodable(Exception):
    """An event stands in the ledger that this program cannot read; its cause says why.

    A follower may set its stream aside and go on after ``position``.
    """

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(f"{recorded.topic} at position {recorded.position} cannot be read")
        self.position = recorded.position
        self.stream = recorded.stream
        self.version = recorded.version
        self.topic = recorded.topic
        self.recorded_at = recorded.recorded_at


class Recorded:
    """One event as the ledger holds it. ``recorded_at`` is the time of its append, UTC."""

    __slots__ = ("_event", "_key_id", "_plain", "_sealed", "position", "recorded_at", "stream", "topic", "version")

    def __init__(
        self,
        position: int,
        stream: UUID,
        version: int,
        topic: str,
        plain: bytes,
        sealed: bytes | None,
        key_id: UUID | None,
        recorded_at: datetime,
    ) -> None:
        self.position = position
        self.stream = stream
        self.version = version
        self.topic = topic
        self.recorded_at = recorded_at
        self._plain = plain
        self._sealed = sealed
        self._key_id = key_id
        self._event: Root.Event | None = None

    @classmethod
    def of(cls, row: Row) -> Recorded:
        """From a row of the table of events."""
        when = row.recorded_at.astimezone(UTC)
        return cls(row.position, row.stream, row.version, row.topic, row.plain, row.sealed, row.key_id, when)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recorded) and self.columns() == other.columns()

    def __hash__(self) -> int:
        return hash(self.position)

    def __repr__(self) -> str:
        return f"<{self.topic} at position {self.position}>"

    @property
    def event(self) -> Root.Event:
        """The event; its personal fields are `ledger.sealing.SEALED`, ``sealed`` opens them. Raises: Undecodable."""
        if self._event is None:
            try:
                self._event = decode(self.stream, self.version, self.topic, self._plain, self._sealed, self._key_id)
            except Exception as error:  # an upcaster or a class's own check may raise anything
                raise Undecodable(self) from error
        return self._event

    def decoded(self) -> Self:
        """Itself, with its event at hand. Raises: Undecodable."""
        _ = self.event
        return self

    @property
    def plain(self) -> bytes:
        """Its unsealed part as the ledger holds it, in exact bytes."""
        return self._plain

    @property
    def at(self) -> datetime:
        """The event's own time, UTC. Raises: Undecodable."""
        return self.event.timestamp

    @property
    def sealed(self) -> Sealed | None:
        """The event's personal facts as they were sealed, None if it has none."""
        if self._sealed is None or self._key_id is None:
            return None
        return Sealed(self.stream, self.version, self.topic, self._key_id, self._sealed)

    def columns(self) -> tuple[int, UUID, int, str, bytes, bytes | None, UUID | None, datetime]:
        """What the ledger holds of it, byte for byte: what it is made of, in that order."""
        here = (self.position, self.stream, self.version, self.topic)
        return (*here, self._plain, self._sealed, self._key_id, self.recorded_at)
