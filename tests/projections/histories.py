"""The domain's own given/when/then told on a real ledger, with a clock that a test sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from memory_office import MONDAY_NOON
from story import RULES, Story

from domain.calendar import ROUND_THE_CLOCK
from domain.compatriot.commands import Applications, Commands
from domain.compatriot.erasure import Erasures
from domain.compatriot.rules import SERVICE
from domain.event import Act, Root
from domain.office import Office, Receipt
from domain.payments.commands import Commands as Payments
from domain.payments.commands import Rules as PaymentRules
from domain.people import Actor, Role
from domain.videobar.commands import Commands as Bar
from domain.videobar.rules import Bar as BarRules
from domain.videobar.rules import Rules as VideobarRules
from ledger.opening import Ledger


class ClockedDesk:
    """The ledger's own desk, but for the time."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.clock = MONDAY_NOON

    def now(self) -> datetime:
        return self.clock

    def find_command(self, act: Act) -> Receipt | None:
        return self.recorder.find_command(act)

    def find_address(self, kind: str, value: str) -> UUID | None:
        return self.recorder.find_address(kind, value)

    def find_addresses(self, kind: str, values: Sequence[str]) -> list[UUID | None]:
        return self.recorder.find_addresses(kind, values)

    def newest_of(self, streams: Sequence[UUID], kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        return self.recorder.newest_of(streams, kinds)


class TimedOffice(Office):
    """The office on the real ledger."""

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        self.ledger = ClockedDesk(self.recorder)
        self.desk = self.ledger

    def by(self, actor: Actor) -> Act:
        return self.act(actor, "test")

    def later(self, by: timedelta) -> None:
        self.ledger.clock += by


class RealStory(Story):
    """One applicant's story in a ledger that holds others too."""

    def __init__(self, office: TimedOffice, ledger: Ledger, number: int) -> None:
        super().__init__()
        office.ledger.clock = MONDAY_NOON + timedelta(minutes=number)
        self.office = office
        self.applications = Applications(office)
        self.subjects = ledger.keys
        self.payments = Payments(office, self.applications, ledger.keys, PaymentRules())
        self.commands = Commands(office, ledger.keys, self.emails, self.payments, RULES)
        self.erasures = Erasures(office)
        bar = BarRules(staff=Role.OPERATOR, hours=ROUND_THE_CLOCK, consent="v1", broken_off_limit=3)
        self.bar = Bar(office, self.applications, self.queue, VideobarRules(bars={SERVICE: bar}))
        self.draft = ledger.keys.mint()
        self.transactions = 1000 * number
