"""The video bar's stage for given/when/then: a permit's applicant, two operators, a queue that is always stale."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import time
from uuid import UUID

from memory_office import NINO, MemoryOffice, MemorySubjects, holder_of
from permit import Permit, Permits, file_permit

from domain.calendar import Hours
from domain.language import Language
from domain.people import Actor, Role
from domain.videobar.call import Call
from domain.videobar.checks import Check, Checks, Source, Verdict
from domain.videobar.commands import Commands
from domain.videobar.rules import Bar, Rules
from domain.videobar.terms import Channel, Media, Side

NINE_TO_SIX = Hours(opens=time(9), closes=time(18))
CONSENT = "v1"
BOTH = Media(camera=True, microphone=True)
MATCHING = Check(Source.CIVIL_REGISTRY, Verdict.MATCHES)
ALL_MATCH = Checks(MATCHING, MATCHING, MATCHING, MATCHING, MATCHING, visual_contact=True)
WILL = "მსურს სტატუსის მინიჭება"


class StaleQueue:
    """Everybody who ever entered, in order, whether or not they still wait."""

    def __init__(self) -> None:
        self.entered: list[UUID] = []

    def next_waiting(self, services: Collection[str], exclude: Collection[UUID]) -> UUID | None:
        assert "mushrooms" in services
        return next((call for call in self.entered if call not in exclude), None)


@dataclass
class Stage:
    office: MemoryOffice = field(default_factory=MemoryOffice)
    queue: StaleQueue = field(default_factory=StaleQueue)

    def __post_init__(self) -> None:
        bar = Bar(staff=Role.OPERATOR, hours=NINE_TO_SIX, consent=CONSENT, broken_off_limit=3)
        self.cases = Permits(self.office)
        self.bar = Commands(self.office, self.cases, self.queue, Rules(bars={"mushrooms": bar}))

    def permit(self, source: Source = Source.CIVIL_REGISTRY) -> Permit:
        subject = MemorySubjects().mint()
        return file_permit(self.office, subject, str(subject), source=source)

    def withdraw(self, permit: Permit) -> None:
        act = self.office.by(holder_of(permit))
        again = self.cases.load(permit.id)
        again.withdraw(act)
        self.office.commit(again, act=act)

    def enter(self, permit: Permit, consent: str = CONSENT, media: Media = BOTH) -> UUID:
        act = self.office.by(holder_of(permit))
        call = self.bar.enter(act, case=permit.id, consent=consent, consent_language=Language.KA, media=media).stream
        if call not in self.queue.entered:
            self.queue.entered.append(call)
        return call

    def waiting(self) -> UUID:
        return self.enter(self.permit())

    def claim(self, operator: Actor = NINO) -> UUID:
        return self.bar.claim_next(self.office.by(operator)).stream

    def connect(self, call: UUID, operator: Actor = NINO, *sides: Side) -> None:
        for side in sides or tuple(Side):
            holder = Actor(str(self.call(call).case), Role.HOLDER)
            by = operator if side is Side.OPERATOR else holder
            self.bar.connected(self.office.by(by), call=call, side=side, channel=Channel.SIGNALLING_ONLY)

    def connected(self, operator: Actor = NINO, source: Source = Source.CIVIL_REGISTRY) -> UUID:
        """A call that the operator holds and both sides are on."""
        self.enter(self.permit(source))
        call = self.claim(operator)
        self.connect(call, operator)
        return call

    def check(self, call: UUID, checks: Checks = ALL_MATCH, will: str = WILL, operator: Actor = NINO) -> None:
        self.bar.record_checks(self.office.by(operator), call=call, checks=checks, will=will)

    def verify(self, call: UUID, operator: Actor = NINO) -> None:
        self.bar.verify(self.office.by(operator), call=call)

    def call(self, stream: UUID) -> Call:
        return self.office.load(Call, stream)

    def case_of(self, call: UUID) -> Permit:
        return self.cases.load(self.call(call).case)


def but(**changes: Check | bool | None) -> Checks:
    """Every check passed but these."""
    return replace(ALL_MATCH, **changes)
