"""One applicant's call at the video bar, from taking a place in the queue to its end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.domain import event

from domain.erasure import PersonalDataGone
from domain.event import ERASED, Act, Created, Erased, Personal, Root
from domain.language import Language
from domain.people import Actor, Role, SubjectId
from domain.publishing import Published
from domain.videobar.case import Ground
from domain.videobar.checks import Checks, Source
from domain.videobar.refusals import (
    ApplicantPresent,
    CallOver,
    ChecksIncomplete,
    ChecksNotPassed,
    GroundNotOfCase,
    GroundNotYours,
    NotConnected,
    NothingToRecord,
    NotYourCall,
    NoVisualContact,
    StillHeld,
    WillNotRecorded,
    WrongSource,
)
from domain.videobar.terms import BreakOff, Channel, Declared, Leaving, Outcome, Phase, Side
from domain.words import reasons as reasoned
from domain.words import words


class Call(Root):
    """A call. Waiting → claimed → over; broken off, it waits again at its old place, before all who came later.

    What was connected and compared belongs to one sitting and is forgotten when it is broken off: the next operator
    sees and compares anew.
    """

    TOPIC = "videobar.Call"

    class Requested(Created):
        """The applicant entered the bar. The event's time is the place in the queue."""

        TOPIC = "videobar.Call.Requested"
        PUBLIC = Published(1, "number", case="case")
        case: UUID
        service: str
        number: int
        """The how-manieth call of this case, from 1."""
        broken_off: int
        """Calls of this case broken off before this one, of those that count."""
        consent: str
        """The version of the consent to recording that the applicant gave."""
        consent_language: Language
        """In which its text was shown."""
        declared: Personal[Declared | None]
        """What the person told of themselves; None at a bar that does not ask."""

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """No bar had asked."""
            state["declared"] = None

    class Claimed(Root.Event):
        """An operator took the call; the event's actor."""

        TOPIC = "videobar.Call.Claimed"
        PUBLIC = Published(1)
        number: int
        """The how-manieth call that this operator took, from 1."""

    class Connected(Root.Event):
        """One side is there. Both must be."""

        TOPIC = "videobar.Call.Connected"
        PUBLIC = Published(1, "side", "channel")
        side: Side
        channel: Channel

    class ChecksRecorded(Root.Event):
        """What the operator compared; replaces what was recorded earlier in this sitting."""

        TOPIC = "videobar.Call.ChecksRecorded"
        checks: Checks
        will: Personal[str]
        """The applicant's will, in words."""

    class BrokenOff(Root.Event):
        """The call keeps its place and waits again."""

        TOPIC = "videobar.Call.BrokenOff"
        PUBLIC = Published(1, "reason", "counts")
        reason: BreakOff
        counts: bool
        """Whether it counted, by the rule of that day, towards refusing reception for want of visual contact."""

    class RecordingStored(Root.Event):
        """The recording of one side is sealed in the office's files."""

        TOPIC = "videobar.Call.RecordingStored"
        file: UUID
        side: Side
        began: datetime
        ended: datetime

    class Ended(Root.Event):
        """The call reached its end."""

        TOPIC = "videobar.Call.Ended"
        PUBLIC = Published(1, "outcome", "ground")
        outcome: Outcome
        ground: Ground | None
        reasons: Personal[str | None]

    class Abandoned(Root.Event):
        """The applicant left, never appeared, or has nothing more to be seen for."""

        TOPIC = "videobar.Call.Abandoned"
        PUBLIC = Published(1, "reason")
        reason: Leaving

    class ErasureRequested(Root.Event):
        """The personal data of the call's case are erased, and with them what this call says of the person."""

        TOPIC = "videobar.Call.ErasureRequested"

    @event(Requested)
    def __init__(
        self,
        subject: SubjectId | None,
        case: UUID,
        service: str,
        number: int,
        broken_off: int,
        declared: Declared | Erased | None,
    ) -> None:
        self.subject = subject
        self.case = case
        self.service = service
        self.number = number
        self.broken_off = broken_off
        self.declared = declared
        self.phase = Phase.WAITING
        self.operator: Actor | None = None
        self.claimed_at: datetime | None = None
        self.sitting = 0
        """The number of its last claim: with the operator it names the sitting, and no other."""
        self.channels: dict[Side, Channel] = {}
        self.checks: Checks | None = None
        self.will: str | Erased = ""
        self.carried_media = False
        self.files: tuple[UUID, ...] = ()
        self.is_forgotten = False

    @classmethod
    def request(
        cls,
        act: Act,
        *,
        subject: SubjectId | None,
        case: UUID,
        service: str,
        consent: str,
        consent_language: Language,
        declared: Declared | None,
        after: Call | None,
    ) -> Call:
        """Take a place in the queue; ``after`` is the case's previous call, whose count of broken-off calls goes on."""
        return cls.begin(
            cls.Requested,
            act,
            subject=subject,
            case=case,
            service=service,
            number=1 if after is None else after.number + 1,
            broken_off=0 if after is None else after.broken_off,
            consent=consent,
            consent_language=consent_language,
            declared=declared,
        )

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    def is_held_by(self, operator: Actor) -> bool:
        """Whether this operator took the call and it is not over."""
        return self.phase is Phase.CLAIMED and self.operator is not None and self.operator.id == operator.id

    def refuse_unless_held_by(self, operator: Actor) -> None:
        """Raises: CallOver, NotYourCall."""
        if self.is_over:
            raise CallOver
        if not self.is_held_by(operator):
            raise NotYourCall

    def missing_sides(self) -> tuple[Side, ...]:
        """The sides not connected in this sitting."""
        return tuple(side for side in Side if side not in self.channels)

    def claim(self, act: Act, *, number: int) -> None:
        """Take the call. Raises: NotYourCall if it does not wait."""
        if self.phase is not Phase.WAITING:
            raise NotYourCall
        self.record(self.Claimed, act, number=number)

    def connect(self, act: Act, *, side: Side, channel: Channel) -> None:
        """One side is there; nothing if it was said already. Raises: CallOver, NotYourCall if nobody took the call."""
        if self.is_over:
            raise CallOver
        if self.phase is not Phase.CLAIMED or not self._may_speak_for(side, act.by):
            raise NotYourCall
        if self.channels.get(side) is not channel:
            self.record(self.Connected, act, side=side, channel=channel)

    def _may_speak_for(self, side: Side, actor: Actor) -> bool:
        if actor.role is Role.SYSTEM:
            return True
        if side is Side.APPLICANT:
            return actor.id == str(self.case)
        return self.is_held_by(actor)

    def record_checks(self, act: Act, *, checks: Checks, will: str, expected: Source) -> None:
        """Record what was compared so far, and the will.

        Raises: CallOver, NotYourCall, WrongSource, WordsTooLong, WordsUnreadable; NotConnected if visual contact is
        claimed of a call without two sides.
        """
        self.refuse_unless_held_by(act.by)
        if wrong := checks.of_other_source(expected):
            raise WrongSource(wrong, expected)
        if checks.visual_contact and (missing := self.missing_sides()):
            raise NotConnected(missing)
        self.record(self.ChecksRecorded, act, checks=checks, will=words(will))

    def end_verified(self, act: Act) -> Checks:
        """End the call with the applicant verified; what was compared, for the case.

        Raises: CallOver, NotYourCall, NotConnected, ChecksIncomplete, NoVisualContact, ChecksNotPassed,
        WillNotRecorded.
        """
        self.refuse_unless_held_by(act.by)
        if missing := self.missing_sides():
            raise NotConnected(missing)
        checks = self.checks or Checks()
        if unmade := checks.missing():
            raise ChecksIncomplete(unmade)
        if not checks.visual_contact:
            raise NoVisualContact
        if failed := checks.not_passed():
            raise ChecksNotPassed(failed)
        if not self.will:
            raise WillNotRecorded
        self._end(act, Outcome.VERIFIED)
        return checks

    def end_refused(self, act: Act, *, ground: Ground, grounds: Collection[Ground], reasons: str) -> str:
        """End the call with reception refused, on one of the case's ``grounds``; the reasons as kept, for the case.

        Raises: CallOver, NotYourCall, GroundNotYours, GroundNotOfCase, ReasonsMissing, WordsTooLong, WordsUnreadable.
        """
        self.refuse_unless_held_by(act.by)
        if ground is Ground.NO_VISUAL_CONTACT:
            raise GroundNotYours
        if ground not in grounds:
            raise GroundNotOfCase(tuple(grounds))
        written = reasoned(reasons)
        self._end(act, Outcome.RECEPTION_REFUSED, ground, written)
        return written

    def break_off(self, act: Act, *, reason: BreakOff, limit: int) -> bool:
        """Break the call off; it keeps its place, or ends if ``limit`` calls of this case were. Returns: if it ended.

        What counts against the applicant needs the applicant on the call: who never appeared is abandoned instead, and
        may enter again. What does not count ends nothing, also where the limit was lowered meanwhile. Raises: CallOver,
        NotYourCall, NotConnected.
        """
        if act.by.role is not Role.SYSTEM:
            self.refuse_unless_held_by(act.by)
        elif self.phase is not Phase.CLAIMED:
            raise CallOver if self.is_over else NotYourCall
        if reason.counts and Side.APPLICANT not in self.channels:
            raise NotConnected((Side.APPLICANT,))
        self.record(self.BrokenOff, act, reason=reason, counts=reason.counts)
        if not reason.counts or self.broken_off < limit:
            return False
        self._end(act, Outcome.RECEPTION_REFUSED, Ground.NO_VISUAL_CONTACT)
        return True

    def take_back(self, act: Act, *, longest: timedelta) -> None:
        """The office takes the call from an operator who went away and never ended it; the applicant waits again.

        Raises: CallOver, NotYourCall if nobody holds it, StillHeld before a sitting has lasted ``longest``.
        """
        if self.claimed_at is not None and act.now < (until := self.claimed_at + longest):
            raise StillHeld(until)
        self.break_off(act, reason=BreakOff.OFFICE_FAULT, limit=0)

    def abandon(self, act: Act, *, reason: Leaving) -> None:
        """Give the call up. Raises: CallOver, NotYourCall, ApplicantPresent if who is said not to appear is there."""
        if self.is_over:
            raise CallOver
        if reason is Leaving.NEVER_APPEARED:
            if act.by.role is not Role.SYSTEM:
                self.refuse_unless_held_by(act.by)
            if Side.APPLICANT in self.channels:
                raise ApplicantPresent
        elif reason is Leaving.LEFT and act.by.id != str(self.case):
            raise NotYourCall
        self.record(self.Abandoned, act, reason=reason)

    def store_recording(self, act: Act, *, file: UUID, side: Side, began: datetime, ended: datetime) -> None:
        """Note a side's recording, during the call or after it. Raises: NothingToRecord, PersonalDataGone."""
        if self.is_forgotten:
            raise PersonalDataGone
        if not self.carried_media:
            raise NothingToRecord
        self.record(self.RecordingStored, act, file=file, side=side, began=began, ended=ended)

    def request_erasure(self, act: Act) -> None:
        """The case's personal data are erased: this call is over, and nothing more is noted of it."""
        if not self.is_over:
            self.record(self.Abandoned, act, reason=Leaving.CASE_CLOSED)
        self.record(self.ErasureRequested, act)

    def _end(self, act: Act, outcome: Outcome, ground: Ground | None = None, reasons: str | None = None) -> None:
        self.record(self.Ended, act, outcome=outcome, ground=ground, reasons=reasons)

    @event(Claimed)
    def _claimed(self, timestamp: datetime, by: Actor, number: int) -> None:
        self.phase = Phase.CLAIMED
        self.operator = by
        self.claimed_at = timestamp
        self.sitting = number

    @event(Connected)
    def _connected(self, side: Side, channel: Channel) -> None:
        self.channels[side] = channel
        self.carried_media = self.carried_media or channel is Channel.VIDEO

    @event(ChecksRecorded)
    def _checks_recorded(self, checks: Checks, will: str | Erased) -> None:
        self.checks = checks
        self.will = will

    @event(BrokenOff)
    def _broken_off(self, counts: bool) -> None:
        self.broken_off += counts
        self.phase = Phase.WAITING
        self.operator = None
        self.claimed_at = None
        self.channels = {}
        self.checks = None
        self.will = ""

    @event(RecordingStored)
    def _recording_stored(self, file: UUID) -> None:
        self.files = (*self.files, file)

    @event(Ended)
    def _ended(self) -> None:
        self.phase = Phase.OVER

    @event(Abandoned)
    def _abandoned(self) -> None:
        self.phase = Phase.OVER

    @event(ErasureRequested)
    def _erasure_requested(self) -> None:
        self.will = ERASED
        self.declared = ERASED
        self.checks = None
        self.is_forgotten = True
