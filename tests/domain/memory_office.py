"""An office whose ledger is a list in memory: fast, with the ledger's own answers to conflicts."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.persistence import InfrastructureFactory, StoredEvent, Transcoder
from eventsourcing.popo import POPOApplicationRecorder, POPOFactory
from uuid6 import uuid7

from domain.event import Act, Root
from domain.office import Address, AddressTaken, AlreadyDone, CommandReused, Office, Receipt
from domain.people import Actor, Role, SubjectId, system

MONDAY_NOON = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""12:00 in Tbilisi, a working day."""


class MemoryLedger(POPOApplicationRecorder):
    """Events, addresses and commands done, and a clock that a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = MONDAY_NOON
        self.addresses: dict[tuple[str, str], UUID] = {}
        self.done: dict[tuple[str, str, UUID], tuple[bytes, Receipt]] = {}
        self.before_next_append: Callable[[], object] | None = None
        """Runs once before something is appended: another request that comes in between."""

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        command: Act | None = None,
        principal: UUID | None = None,
        addresses: tuple[Address, ...] = (),
        **kwargs: Any,
    ) -> Sequence[int] | None:
        if (interloper := self.before_next_append) is not None:
            self.before_next_append = None
            interloper()
        if command is not None and (receipt := self.find_command(command)) is not None:
            raise AlreadyDone(receipt)
        for address in addresses:
            if self.addresses.get((address.kind, address.value), address.stream) != address.stream:
                raise AddressTaken(address.kind)
        positions = super().insert_events(stored_events, **kwargs)
        self.addresses |= {(a.kind, a.value): a.stream for a in addresses}
        if command is not None and principal is not None:
            version = max((e.originator_version for e in stored_events if e.originator_id == principal), default=0)
            receipt = Receipt(principal, version, max(positions or [0]))
            self.done[_key(command)] = (command.body, receipt)
        return positions

    def now(self) -> datetime:
        return self.clock

    def find_command(self, act: Act) -> Receipt | None:
        body, receipt = self.done.get(_key(act), (act.body, None))
        if body != act.body:
            raise CommandReused
        return receipt

    def find_address(self, kind: str, value: str) -> UUID | None:
        return self.addresses.get((kind, value))

    def find_addresses(self, kind: str, values: Sequence[str]) -> list[UUID | None]:
        return [self.addresses.get((kind, value)) for value in values]

    def forget(self, streams: Collection[UUID], kept: Collection[str]) -> None:
        """As the eraser: addresses of these streams go, but for the kinds that stay taken."""
        gone = {address for address, stream in self.addresses.items() if stream in streams and address[0] not in kept}
        self.addresses = {address: stream for address, stream in self.addresses.items() if address not in gone}


def _key(act: Act) -> tuple[str, str, UUID]:
    return act.by.id, act.operation, act.command


class _Pickled(Transcoder):
    """The codec is the ledger's and is tested there."""

    def encode(self, obj: Any) -> bytes:
        return pickle.dumps(obj)

    def decode(self, data: bytes) -> Any:
        return pickle.loads(data)


class _MemoryFactory(POPOFactory):
    def application_recorder(self) -> MemoryLedger:
        return MemoryLedger()


class MemoryOffice(Office):
    """The office on `MemoryLedger`. Every act is a new command unless one is given."""

    def construct_factory(self, env: Any) -> InfrastructureFactory[Any]:
        return _MemoryFactory(env)

    def construct_transcoder(self) -> Transcoder:
        return _Pickled()

    def newest(self, streams: Sequence[UUID], kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        found: list[Root.Event] = []
        for stream in sorted(streams):
            by_kind = {type(event): event for event in self.history(stream) if type(event) in kinds}
            found += sorted(by_kind.values(), key=lambda event: event.originator_version)
        return found

    @property
    def ledger(self) -> MemoryLedger:
        recorder = self.recorder
        assert isinstance(recorder, MemoryLedger)
        return recorder

    def by(self, actor: Actor, operation: str = "test", command: UUID | None = None, body: bytes = b"") -> Act:
        return self.act(actor, operation, command, body)

    def later(self, by: timedelta) -> None:
        self.ledger.clock += by

    def story(self, stream: UUID) -> list[str]:
        """The names of a stream's events, in order."""
        return names(self.history(stream))

    def told(self) -> list[str]:
        """The names of everything in the ledger, in order."""
        return [n.topic.rsplit(".", 1)[-1] for n in self.recorder.select_notifications(1, 10_000)]


def names(events: Sequence[object]) -> list[str]:
    return [type(event).__name__ for event in events]


class MemorySubjects:
    """Mints subjects; keeps no keys."""

    def __init__(self) -> None:
        self.minted_for: dict[str, SubjectId] = {}

    def mint(self, cause: str | None = None) -> SubjectId:
        subject = SubjectId(UUID(int=uuid7().int))
        return subject if cause is None else self.minted_for.setdefault(cause, subject)

    def current_code_version(self) -> int:
        return 1

    def code(self, subject: SubjectId, service: str, number: str, version: int, issue: int) -> str:
        return f"{subject.hex}{number}{version}{issue}"[:16].upper()


NINO = Actor("nino", Role.OPERATOR)
GIORGI = Actor("giorgi", Role.OPERATOR)
CASHIER = Actor("lali", Role.CASHIER)
BANK = system("bank")


def holder_of(case: Root) -> Actor:
    return Actor(str(case.id), Role.HOLDER)
