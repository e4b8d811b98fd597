"""The office: loads aggregates, saves what one command changed in one transaction, and does each command once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import IntegrityError
from uuid6 import uuid7

from domain.erasure import PersonalDataGone
from domain.event import Act, Root
from domain.people import Actor, SubjectId
from domain.refusals import Refusal

A = TypeVar("A", bound=Root)

CONFLICT_RETRIES = 5
"""How often a command that lost a race for a stream is decided again on the stream as it now is."""


@dataclass(frozen=True)
class Receipt:
    """Where a command's effect stands: its principal stream, that stream's version, the last ledger position."""

    stream: UUID
    version: int
    position: int
    saved: tuple[Root, ...] = field(default=(), compare=False, repr=False)
    """The aggregates as this very call saved them, the principal first; none where it was done before."""

    def of(self, kind: type[A]) -> A | None:
        """The first of the saved aggregates that is of this kind."""
        return next((each for each in self.saved if isinstance(each, kind)), None)


@dataclass(frozen=True)
class Address:
    """A natural key that must be unique (``kind``: number, cash-reference, bank-transaction …) and its stream."""

    kind: str
    value: str
    stream: UUID


@dataclass(eq=False)
class UnknownCase(Refusal):
    """No such stream. Says nothing of why: a number that never was and one that is not yours read alike."""

    code = "UNKNOWN_CASE"


@dataclass(eq=False)
class CommandReused(Refusal):
    """The same commandId came again with another body."""

    code = "COMMAND_REUSED"


@dataclass(eq=False)
class TooBusy(Refusal):
    """The stream kept changing under the command; nothing was stored, the same commandId may be sent again."""

    code = "TOO_BUSY"


class AddressTaken(IntegrityError):
    """An address given to `Office.commit` belongs to another stream; nothing was stored."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"an address of kind {kind} is taken")
        self.kind = kind


class SubjectGone(LookupError):
    """The key of the person about whom something was to be stored is destroyed; raised by the ledger."""


class AlreadyDone(Exception):
    """Raised by the ledger when the command's key is there already, with what it did then."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(f"already done at position {receipt.position}")
        self.receipt = receipt


class Desk(Protocol):
    """What the office needs of its ledger beyond the library's recorder. Implemented by ``ledger``."""

    def now(self) -> datetime:
        """PostgreSQL's clock, UTC."""
        ...

    def find_command(self, act: Act) -> Receipt | None:
        """What ``act`` did if it was done before. Raises: CommandReused."""
        ...

    def find_address(self, kind: str, value: str) -> UUID | None:
        """The stream that holds this address."""
        ...

    def find_addresses(self, kind: str, values: Sequence[str]) -> list[UUID | None]:
        """The streams that hold these addresses, in their order; one question, however many are held."""
        ...

    def newest_of(self, streams: Sequence[UUID], kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        """As `Office.newest`."""
        ...


class Subjects(Protocol):
    """Mints the key that seals one person's data, and computes the case's code from it. Implemented by ``ledger``."""

    def mint(self, cause: str | None = None) -> SubjectId:
        """A new subject; its key is committed before this returns.

        Whoever mints for the same ``cause`` is given the same one, as long as its key is there: of two who seal the
        same thing at once one is refused, and what that one sealed must not stay under a key that nobody knows.
        """
        ...

    def current_code_version(self) -> int:
        """The code key version that new codes are computed under."""
        ...

    def code(self, subject: SubjectId, service: str, number: str, version: int, issue: int) -> str:
        """The 16 Crockford base32 characters, ungrouped. Raises: LookupError if the subject's key is gone."""
        ...


class Office(Application[UUID]):
    """Every service's commands stand on one office: one ledger, one repository.

    ``desk`` is the ledger's own recorder unless another is given.
    """

    name = "office"

    def __init__(self, env: dict[str, str] | None = None, desk: Desk | None = None) -> None:
        super().__init__(env)
        self.desk: Desk = desk if desk is not None else cast(Desk, self.recorder)

    def act(
        self,
        by: Actor,
        operation: str,
        command: UUID | None = None,
        body: bytes = b"",
        correlation: UUID | None = None,
        now: datetime | None = None,
    ) -> Act:
        """The circumstances of a command that begins now; mints what is not given.

        ``now`` is given where PostgreSQL's clock was read for this command already.
        """
        command = command or UUID(int=uuid7().int)
        return Act(
            now=now or self.desk.now(),
            by=by,
            command=command,
            correlation=correlation or command,
            operation=operation,
            body=body,
        )

    def load(self, kind: type[A], stream: UUID) -> A:
        """The aggregate at ``stream``. Raises: UnknownCase if there is none or it is of another kind."""
        try:
            found = self.repository.get(stream)
        except AggregateNotFoundError:
            raise UnknownCase from None
        if not isinstance(found, kind):
            raise UnknownCase
        return found

    def find(self, kind: str, value: str) -> UUID | None:
        """The stream that holds the address ``value`` of this ``kind``."""
        return self.desk.find_address(kind, value)

    def find_all(self, kind: str, values: Sequence[str]) -> list[UUID | None]:
        """The streams that hold the addresses ``values`` of this ``kind``, in their order, in one question."""
        return self.desk.find_addresses(kind, values)

    def newest(self, streams: Sequence[UUID], kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        """The newest event of each of these kinds in each of these streams, stream by stream and by version.

        Personal facts stay sealed; one question, however many streams.
        """
        return self.desk.newest_of(streams, kinds)

    def commit(self, principal: Root, *others: Root, act: Act, addresses: Sequence[Address] = ()) -> Receipt:
        """Save what one command changed, all of it or nothing, and note the command as done.

        Raises: AlreadyDone if another request did this command meanwhile, AddressTaken, IntegrityError if a stream
        has moved on; PersonalDataGone if it says something of a person whose key was destroyed meanwhile.
        """
        try:
            recordings = self.save(principal, *others, command=act, principal=principal.id, addresses=tuple(addresses))
        except SubjectGone:
            raise PersonalDataGone from None
        position = max((r.notification.id for r in recordings), default=0)
        saved = (principal, *others)
        return Receipt(stream=principal.id, version=principal.version, position=position, saved=saved)

    def perform(self, act: Act, decide: Callable[[], Receipt], *, only_once: bool = False) -> Receipt:
        """Do a command once: answer what it did if it was done before, decide again if a stream moved meanwhile.

        ``decide`` loads, decides and commits; it must be repeatable. With ``only_once`` it commits or refuses whatever
        it finds, and never finds that nothing is left to do: then whether the command was done before need not be
        asked first, since a refusal asks it, and so does the ledger at the commit.

        Raises: refusals, CommandReused, TooBusy.
        """
        if not only_once and (done := self.desk.find_command(act)) is not None:
            return done
        for _ in range(CONFLICT_RETRIES):
            try:
                return decide()
            except AlreadyDone as done:
                return done.receipt
            except IntegrityError:
                if (earlier := self.desk.find_command(act)) is not None:
                    return earlier
            except Refusal:  # it may be this very command, done meanwhile by its twin, that stands in the way
                if (earlier := self.desk.find_command(act)) is not None:
                    return earlier
                raise
        raise TooBusy

    def history(self, stream: UUID) -> list[Root.Event]:
        """The stream's events in order, unsealed as far as their subjects' keys are still there."""
        return [cast(Root.Event, event) for event in self.events.get(stream)]
