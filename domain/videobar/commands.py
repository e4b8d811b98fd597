"""The video bar's commands, one method each."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid5

from eventsourcing.persistence import IntegrityError

from domain.event import Act
from domain.language import Language
from domain.office import AddressTaken, AlreadyDone, Office, Receipt
from domain.people import Actor, Role
from domain.refusals import Refusal
from domain.series import Series
from domain.videobar.call import Call
from domain.videobar.case import Cases, Ground
from domain.videobar.checks import Checks
from domain.videobar.declared import accepted
from domain.videobar.refusals import (
    BarClosed,
    BarShut,
    ConsentOutdated,
    MediaMissing,
    NobodyWaiting,
    NotAtThisBar,
    NotYourCall,
)
from domain.videobar.rules import Bar, Rules
from domain.videobar.terms import BreakOff, Channel, Declared, Leaving, Media, Phase, Side


class Queue(Protocol):
    """Who waits, as far as is known: it may be stale, the call itself decides."""

    def next_waiting(self, services: Collection[str], exclude: Collection[UUID]) -> UUID | None:
        """The call of these services that waits longest, but for those in ``exclude``."""
        ...


class Commands:
    """The video bar."""

    def __init__(self, office: Office, cases: Cases, queue: Queue, rules: Rules) -> None:
        self.office = office
        self.cases = cases
        self.queue = queue
        self.rules = rules

    def enter(
        self,
        act: Act,
        *,
        case: UUID,
        consent: str,
        consent_language: Language,
        media: Media,
        declared: Declared | None = None,
    ) -> Receipt:
        """Take a place in the queue; who has one already keeps it and gets the same call (also after closing).

        ``consent`` is the version of the consent to recording, ``consent_language`` the language it was shown in.
        Raises: BarClosed, BarShut, MediaMissing, ConsentOutdated, FormRefused if the bar asks who one is and that is
        not told rightly, the service's refusals if the case awaits no call.
        """

        def decide() -> Receipt:
            owner = self.cases.load(case)
            owner.refuse_unless_awaits_call()
            if missing := media.missing():
                raise MediaMissing(missing)
            bar = self._bar(owner.service)
            if consent != bar.consent:
                raise ConsentOutdated(bar.consent)
            told = accepted(declared, asked=bar.declares)
            series = calls_of_case(self.office, case)
            number, newest = series.newest()
            previous = None if newest is None else self.office.load(Call, newest)
            if previous is not None and not previous.is_over:
                return _unchanged(previous)
            if not bar.hours.is_open(act.now):
                raise _closed(bar, act)
            call = Call.request(
                act,
                subject=owner.subject,
                case=case,
                service=owner.service,
                consent=consent,
                consent_language=consent_language,
                declared=told,
                after=previous,
            )
            return self.office.commit(call, act=act, addresses=[series.address(number + 1, call.id)])

        return self.office.perform(act, decide)

    def claim_next(self, act: Act) -> Receipt:
        """Call in whoever waits longest; an operator who holds a call gets that one back, and so cannot pick.

        A call whose case no longer awaits it is abandoned on the way. Raises: NotAtThisBar, NobodyWaiting.
        """
        services = tuple(name for name, bar in self.rules.bars.items() if bar.staff is act.by.role)
        if not services:
            raise NotAtThisBar

        def decide() -> Receipt:
            series = claims_of(self.office, act.by)
            number, newest = series.newest()
            if newest is not None and (held := self.office.load(Call, newest)).is_held_by(act.by):
                return _unchanged(held)
            passed: set[UUID] = set()
            while (waiting := self.queue.next_waiting(services, passed)) is not None:
                passed.add(waiting)
                call = self.office.load(Call, waiting)
                if call.phase is not Phase.WAITING:
                    continue
                if not self._still_awaited(call):
                    self._close(act, call)
                    continue
                call.claim(act, number=number + 1)
                try:
                    return self.office.commit(call, act=act, addresses=[series.address(number + 1, call.id)])
                except AddressTaken:
                    raise
                except IntegrityError:
                    continue
            raise NobodyWaiting

        return self.office.perform(act, decide)

    def connected(self, act: Act, *, call: UUID, side: Side, channel: Channel) -> Receipt:
        """One side is there. Said twice, it is recorded once. Raises: CallOver, NotYourCall."""

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            found.connect(act, side=side, channel=channel)
            return self.office.commit(found, act=act) if found.pending_events else _unchanged(found)

        return self.office.perform(act, decide)

    def record_checks(self, act: Act, *, call: UUID, checks: Checks, will: str) -> Receipt:
        """Record each check with its source and verdict, visual contact, and the will in words.

        Raises: CallOver, NotYourCall, WrongSource, NotConnected, WordsTooLong, WordsUnreadable.
        """

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            found.refuse_unless_held_by(act.by)
            expected = self.cases.load(found.case).identity_source
            found.record_checks(act, checks=checks, will=will, expected=expected)
            return self.office.commit(found, act=act)

        return self.office.perform(act, decide)

    def verify(self, act: Act, *, call: UUID) -> Receipt:
        """End the call: the applicant was seen and every check passed. The case says so in the same transaction.

        Raises: CallOver, NotYourCall, NotConnected, ChecksIncomplete, NoVisualContact, ChecksNotPassed,
        WillNotRecorded, the service's refusals.
        """

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            checks = found.end_verified(act)
            case = self.cases.load(found.case)
            case.verified(act, call=found.id, sitting=found.sitting, operator=act.by, checks=checks, will=found.will)
            return self.office.commit(found, *case.changed, act=act, addresses=case.claims)

        return self.office.perform(act, decide)

    def refuse(self, act: Act, *, call: UUID, ground: Ground, reasons: str) -> Receipt:
        """End the call and the electronic case, in writing, on a ground that the case knows: see `grounds_of`.

        Raises: CallOver, NotYourCall, GroundNotYours, GroundNotOfCase, ReasonsMissing, WordsTooLong, WordsUnreadable,
        the service's refusals.
        """

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            case = self.cases.load(found.case)
            written = found.end_refused(act, ground=ground, grounds=case.grounds, reasons=reasons)
            case.reception_refused(act, call=found.id, ground=ground, reasons=written)
            return self.office.commit(found, *case.changed, act=act, addresses=case.claims)

        return self.office.perform(act, decide)

    def grounds_of(self, case: UUID) -> tuple[Ground, ...]:
        """On which an operator may refuse this case. Raises: UnknownCase."""
        return tuple(self.cases.load(case).grounds)

    def break_off(self, act: Act, *, call: UUID, reason: BreakOff) -> Receipt:
        """Break the call off: it keeps its place, until the limit, when the case is refused for no visual contact.

        Raises: CallOver, NotYourCall, NotConnected, the service's refusals.
        """

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            limit = self._bar(found.service).broken_off_limit
            if not found.break_off(act, reason=reason, limit=limit):
                return self.office.commit(found, act=act)
            case = self.cases.load(found.case)
            case.reception_refused(act, call=found.id, ground=Ground.NO_VISUAL_CONTACT, reasons=None)
            return self.office.commit(found, *case.changed, act=act, addresses=case.claims)

        return self.office.perform(act, decide)

    def take_back(self, act: Act, *, call: UUID) -> Receipt:
        """The office takes a call from an operator who went away; it waits again at its old place.

        Raises: NotYourCall unless the office itself acts, CallOver, StillHeld.
        """

        def decide() -> Receipt:
            if act.by.role is not Role.SYSTEM:
                raise NotYourCall
            found = self.office.load(Call, call)
            found.take_back(act, longest=self.rules.longest_sitting)
            return self.office.commit(found, act=act)

        return self.office.perform(act, decide)

    def abandon(self, act: Act, *, call: UUID) -> Receipt:
        """The holder leaves; or the operator, or the office itself, gives up one who was called and never appeared.

        Raises: CallOver, NotYourCall, ApplicantPresent.
        """

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            left = act.by.id == str(found.case)
            found.abandon(act, reason=Leaving.LEFT if left else Leaving.NEVER_APPEARED)
            return self.office.commit(found, act=act)

        return self.office.perform(act, decide)

    def store_recording(
        self, act: Act, *, call: UUID, file: UUID, side: Side, began: datetime, ended: datetime
    ) -> Receipt:
        """Note where one side's recording is sealed. Raises: NothingToRecord."""

        def decide() -> Receipt:
            found = self.office.load(Call, call)
            found.store_recording(act, file=file, side=side, began=began, ended=ended)
            return self.office.commit(found, act=act)

        return self.office.perform(act, decide)

    def _bar(self, service: str) -> Bar:
        return self.rules.bars[service]

    def _close(self, act: Act, call: Call) -> None:
        """Abandon a call whose case ended or was seen meanwhile: a command of its own."""
        apart = replace(act, operation="videobar.close", command=uuid5(act.command, call.id.hex), body=b"")
        call.abandon(apart, reason=Leaving.CASE_CLOSED)
        with suppress(IntegrityError, AlreadyDone):
            self.office.commit(call, act=apart)

    def _still_awaited(self, call: Call) -> bool:
        try:
            self.cases.load(call.case).refuse_unless_awaits_call()
        except Refusal:
            return False
        return True


def calls_of_case(office: Office, case: UUID) -> Series:
    """A case's calls by number: the newest is the only one that can be live."""
    return Series(office, "call-of-case", str(case))


def live_call(office: Office, case: UUID) -> Call | None:
    """The case's call that is not over, for a service whose command ends the case and so must abandon it."""
    _, newest = calls_of_case(office, case).newest()
    if newest is None or (call := office.load(Call, newest)).is_over:
        return None
    return call


def claims_of(office: Office, operator: Actor) -> Series:
    """An operator's claims by number: the newest is the only call that they can hold."""
    return Series(office, "claim-of-operator", operator.id)


def _closed(bar: Bar, act: Act) -> Refusal:
    opens = bar.hours.next_opening(act.now)
    return BarShut() if opens is None else BarClosed(opens)


def _unchanged(call: Call) -> Receipt:
    return Receipt(stream=call.id, version=call.version, position=0)
