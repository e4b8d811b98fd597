"""What every event of the office says, what every aggregate shares, and how a field is marked as personal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeVar
from uuid import UUID

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate
from uuid6 import uuid7

from domain.people import Actor, SubjectId

T = TypeVar("T")


class _PersonalMark:
    """Marks a type as personal; see `Personal`."""

    def __repr__(self) -> str:
        return "PERSONAL"


PERSONAL: Final = _PersonalMark()

Personal = Annotated[T, PERSONAL]
"""A field of an event that says something about a person. The ledger seals it under the key of the event's ``subject``
before it reaches PostgreSQL; after erasure it reads as `Erased`. Every free text is personal unless listed."""


@dataclass(frozen=True)
class Erased:
    """What stands where personal data stood before their subject's key was destroyed."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return ""


ERASED: Final = Erased()


@dataclass(frozen=True)
class Act:
    """The circumstances of one command: read once, said by every event that the command causes.

    ``now`` is PostgreSQL's clock, UTC. ``command`` is the client's ``commandId`` (or minted at the edge; a consumer
    derives it from the event that it follows); ``correlation`` ties together what one request or one followed event
    set in motion. The same (``by``, ``operation``, ``command``) is the same command; ``body`` is its canonical input,
    so that the same id with another body is refused.
    """

    now: datetime
    by: Actor
    command: UUID
    correlation: UUID
    operation: str
    body: bytes = b""


class Root(BaseAggregate[UUID]):
    """The base of every aggregate: time-ordered stream ids, and events that say who, why and about whom.

    Public methods decide: they check rules against facts given as arguments and call `record`. Private methods
    decorated with ``@event`` only copy facts into state, because they run again on every replay.

    It stands on ``BaseAggregate`` and not on ``Aggregate``: the latter hands every subclass a ``Created`` event, which
    would need a topic and never happen.
    """

    if TYPE_CHECKING:  # at run time an annotation would make a dataclass of every aggregate, with its own __init__
        subject: SubjectId | None

    class Event(AggregateEvent):
        """The base of every event. It has no TOPIC of its own: a subclass without one must fail, not inherit."""

        by: Actor
        command: UUID
        correlation: UUID
        subject: SubjectId | None

    @staticmethod
    def create_id(*_: Any, **__: Any) -> UUID:
        """A UUIDv7: random ids cost a fifth of the append rate once the index outgrows memory."""
        return UUID(int=uuid7().int)

    @classmethod
    def begin(
        cls, event_class: type[Created], act: Act, *, subject: SubjectId | None, id: UUID | None = None, **facts: Any
    ) -> Self:
        """Start a stream with ``event_class`` as its first event."""
        return cls._create(
            event_class,
            id=id,
            timestamp=act.now,
            by=act.by,
            command=act.command,
            correlation=act.correlation,
            subject=subject,
            **facts,
        )

    def record(self, event_class: type[AggregateEvent], act: Act, **facts: Any) -> None:
        """Trigger ``event_class`` with ``facts`` and the circumstances of ``act``; ``subject`` may be another's."""
        self.trigger_event(
            event_class,
            timestamp=act.now,
            by=act.by,
            command=act.command,
            correlation=act.correlation,
            **{"subject": self.subject, **facts},
        )


class Created(Root.Event, AggregateCreated):
    """The base of every first event of a stream."""
