"""What an operator or a consultant does: calls the next person in, compares, verifies, refuses."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import strawberry

from api.answers import command
from api.context import Info
from api.fields.staffed import as_staff
from api.inputs import CommandInput
from api.shapes.done import CallChanged, call_changed
from domain.compatriot.reception import AlreadyDecided, AlreadyVerified, ApplicationEnded
from domain.office import UnknownCase
from domain.taxpayer.refusals import (
    AlreadyActive,
    BarClosedToIt,
    NotClarified,
    RegistrationEnded,
    TaxpayerHasAccount,
)
from domain.videobar.case import Ground
from domain.videobar.checks import Check, Checks, Source, Verdict
from domain.videobar.refusals import (
    ApplicantPresent,
    CallOver,
    ChecksIncomplete,
    ChecksNotPassed,
    GroundNotOfCase,
    GroundNotYours,
    NobodyWaiting,
    NotAtThisBar,
    NotConnected,
    NotYourCall,
    NoVisualContact,
    WillNotRecorded,
    WrongSource,
)
from domain.videobar.terms import BreakOff
from domain.words import ReasonsMissing, WordsTooLong

SERVICE_REFUSALS = (
    ApplicationEnded,
    AlreadyDecided,
    AlreadyVerified,
    AlreadyActive,
    RegistrationEnded,
    BarClosedToIt,
)
"""What each service may say of a case whose call ends."""


@strawberry.input
class ClaimNextCallInput(CommandInput):
    pass


@strawberry.input
class CheckInput:
    source: Source
    verdict: Verdict

    def check(self) -> Check:
        return Check(self.source, self.verdict)


@strawberry.input(description="A check left out is not made yet.")
class ChecksInput:
    surname: CheckInput | None = None
    first_name: CheckInput | None = None
    document_validity: CheckInput | None = None
    citizenship: CheckInput | None = None
    picture: CheckInput | None = None
    visual_contact: bool

    def checks(self) -> Checks:
        made = {
            name: given.check() if given else None
            for name, given in (
                ("surname", self.surname),
                ("first_name", self.first_name),
                ("document_validity", self.document_validity),
                ("citizenship", self.citizenship),
                ("picture", self.picture),
            )
        }
        return Checks(**made, visual_contact=self.visual_contact)


@strawberry.input
class RecordChecksInput(CommandInput):
    call: UUID
    checks: ChecksInput
    will: str = strawberry.field(description="The applicant's will, in words.")


@strawberry.input
class VerifyInput(CommandInput):
    call: UUID


@strawberry.input
class RefuseReceptionInput(CommandInput):
    call: UUID
    ground: Ground
    reasons: str


@strawberry.input
class BreakOffCallInput(CommandInput):
    call: UUID
    reason: BreakOff


@strawberry.input
class AbandonCallInput(CommandInput):
    call: UUID


@strawberry.type
class OperatorCommands:
    @command(CallChanged, NobodyWaiting, NotAtThisBar)
    async def claim_next_call(self, info: Info, input: ClaimNextCallInput) -> CallChanged:
        """Call in whoever waits longest; nobody can pick. Who holds a call gets that one back."""
        bar = info.context.ports.videobar
        return await as_staff(info, input, call_changed, bar.claim_next)

    @command(CallChanged, CallOver, NotYourCall, WrongSource, NotConnected, WordsTooLong, UnknownCase)
    async def record_checks(self, info: Info, input: RecordChecksInput) -> CallChanged:
        """Record what was compared, each check with its source, visual contact, and the will in words."""
        record = partial(
            info.context.ports.videobar.record_checks,
            call=input.call,
            checks=input.checks.checks(),
            will=input.will,
        )
        return await as_staff(info, input, call_changed, record)

    @command(
        CallChanged,
        CallOver,
        NotYourCall,
        NotConnected,
        ChecksIncomplete,
        NoVisualContact,
        ChecksNotPassed,
        WillNotRecorded,
        NotClarified,
        TaxpayerHasAccount,
        *SERVICE_REFUSALS,
        UnknownCase,
    )
    async def verify(self, info: Info, input: VerifyInput) -> CallChanged:
        """End the call: the applicant was seen and every check passed."""
        return await as_staff(info, input, call_changed, partial(info.context.ports.videobar.verify, call=input.call))

    @command(
        CallChanged,
        CallOver,
        NotYourCall,
        GroundNotYours,
        GroundNotOfCase,
        ReasonsMissing,
        WordsTooLong,
        *SERVICE_REFUSALS,
        UnknownCase,
    )
    async def refuse_reception(self, info: Info, input: RefuseReceptionInput) -> CallChanged:
        """End the call and the electronic case on one of the `grounds` of the call, in writing."""
        refuse = partial(
            info.context.ports.videobar.refuse, call=input.call, ground=input.ground, reasons=input.reasons
        )
        return await as_staff(info, input, call_changed, refuse)

    @command(CallChanged, CallOver, NotYourCall, NotConnected, *SERVICE_REFUSALS, UnknownCase)
    async def break_off_call(self, info: Info, input: BreakOffCallInput) -> CallChanged:
        """Break the call off; the applicant keeps the place in the queue."""
        break_off = partial(info.context.ports.videobar.break_off, call=input.call, reason=input.reason)
        return await as_staff(info, input, call_changed, break_off)

    @command(CallChanged, CallOver, NotYourCall, ApplicantPresent, UnknownCase)
    async def abandon_call(self, info: Info, input: AbandonCallInput) -> CallChanged:
        """Give up a call whose applicant was called in and never appeared; they may enter the bar again."""
        return await as_staff(info, input, call_changed, partial(info.context.ports.videobar.abandon, call=input.call))
