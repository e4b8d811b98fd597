"""A read model for tests: how many steps each stream took, and trouble with chosen ones."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from domain.compatriot.application import Application
from domain.payments.payment import Payment
from ledger.reader import Recorded
from projections.model import Change, Patch, Put, ReadModel, Table, on

TALLY = Table(
    "tally",
    1,
    ("stream",),
    """
    CREATE TABLE IF NOT EXISTS {table} (
        stream uuid    PRIMARY KEY,
        steps  integer NOT NULL CHECK (steps < 100),
        note   text
    );
    """,
)


class Tallies(ReadModel):
    """Counts the events of every application. ``raises`` and ``violates`` are streams with trouble at Paid."""

    name = "tally"
    version = 1
    tables = (TALLY,)

    def __init__(self) -> None:
        self.raises: set[UUID] = set()
        self.violates: set[UUID] = set()
        self.unstorable: set[UUID] = set()

    @on(Application.Registered)
    def registered(self, recorded: Recorded, event: Application.Registered) -> Iterable[Change]:
        yield Put(TALLY, (recorded.stream,), {"steps": 1})

    @on(
        Application.Paid,
        Application.VideoVerified,
        Application.ReviewStarted,
        Application.Decided,
        Application.Lapsed,
        Application.DecisionDelivered,
    )
    def stepped(self, recorded: Recorded, event: Application.Event) -> Iterable[Change]:
        yield Patch(TALLY, (recorded.stream,), lambda row: {"steps": row["steps"] + 1})
        if isinstance(event, Application.Paid):
            yield from self.trouble(recorded)

    def trouble(self, recorded: Recorded) -> Iterable[Change]:
        if recorded.stream in self.raises:
            raise ZeroDivisionError(f"a message that must not be kept: {recorded.stream}")
        if recorded.stream in self.violates:
            yield Patch(TALLY, (recorded.stream,), {"steps": 100})
        if recorded.stream in self.unstorable:
            yield Patch(TALLY, (recorded.stream,), {"note": "\0"})


class Meddlers(Tallies):
    """Writes a row that another stream owns: a payment's event changes its case's row."""

    @on(Payment.Succeeded)
    def succeeded(self, recorded: Recorded, event: Payment.Succeeded) -> Iterable[Change]:
        return (Patch(TALLY, (self.case_of[recorded.stream],), {"note": "paid"}),)

    case_of: dict[UUID, UUID]


class HaltingMeddlers(Meddlers):
    """The same, declared."""

    halts = True

    @on(Payment.Succeeded)
    def succeeded(self, recorded: Recorded, event: Payment.Succeeded) -> Iterable[Change]:
        return super().succeeded(recorded, event)
