"""What a consultant does with a taxpayer's registration: in a call, and over the counter of a service centre."""

from __future__ import annotations

from uuid import UUID

import strawberry

from api.answers import command, question, step
from api.consultation import at_centre, consultant_of, standing
from api.context import Context, Info
from api.declined import ConsultantUnidentified, MobileUnusable, NumberUnknown, SmsAway
from api.inputs import CommandInput, StepInput
from api.masks import masked_mobile
from api.shapes.consultation import RegistrationAtCentre
from api.shapes.done import CaseChanged, case_changed
from api.short_messages import send_code
from api.threads import Abroad, run_abroad
from domain.cases import NUMBER
from domain.faults import Fault, FaultCode, FormRefused
from domain.identification import is_personal_number
from domain.number import read_number
from domain.office import UnknownCase
from domain.people import Actor
from domain.roles import NotForThisRole
from domain.staff.reading import Purpose
from domain.taxpayer.at_the_bar import form_of
from domain.taxpayer.consulting import Consultant, sibling
from domain.taxpayer.refusals import (
    AlreadyActive,
    BarClosedToIt,
    CallerNotBound,
    CentreUnknown,
    NotARepresentative,
    NotOfThisTaxpayer,
    OwnRegistration,
    PaperNotSeen,
    RegistrationEnded,
    TaxpayerHasAccount,
)
from domain.taxpayer.registration import Registration
from domain.taxpayer.registry import PublicRegistryUnavailable
from domain.videobar.call import Call
from domain.videobar.refusals import CallOver, NotYourCall
from domain.videobar.terms import Declared
from housekeeping.one_time_codes import MINUTES, CodePurpose, TooManyCodes
from housekeeping.sms_sent import TooManyMessages

MAY_ACT = (OwnRegistration, NotARepresentative, PublicRegistryUnavailable, ConsultantUnidentified)
"""What may stand against activating for whoever is there."""

PENDING = (AlreadyActive, RegistrationEnded, TaxpayerHasAccount)
"""Why there may be nothing to activate."""


@strawberry.input
class SendReadOutCodeInput(StepInput):
    call: UUID
    kept: UUID = strawberry.field(description="The registration that is to live, whose mobile the code goes to.")


@strawberry.input
class ClarifyUsernameInput(CommandInput):
    call: UUID
    kept: UUID = strawberry.field(description="The registration that is to live; the taxpayer's others end with it.")
    code: str = strawberry.field(description="What the caller read out.")


@strawberry.input
class ActivateAtCentreInput(CommandInput):
    case_number: str = strawberry.field(description="On the printed form, or behind its QR code.")
    visitor: str = strawberry.field(description="The personal number on the document that was shown.")
    form_signed: bool
    document_seen: bool


@strawberry.type(description="A code was sent to the mobile of the one that is to live, for the caller to read out.")
class ReadOutCodeSent:
    to: str = strawberry.field(description="Masked.")
    minutes: int = strawberry.field(description="How long it is good.")


@strawberry.type
class ConsultantQuestions:
    @question(RegistrationAtCentre, FormRefused, CentreUnknown, NumberUnknown, ConsultantUnidentified, UnknownCase)
    async def registration_at_centre(self, info: Info, number: str, visitor: str) -> RegistrationAtCentre:
        """A registration whose form was brought to one's own service centre; `visitor`: the personal number on the
        document that was shown."""
        by = await info.context.acting("Query.registrationAtCentre")
        consultant = await consultant_of(info)
        return await run_abroad(Abroad.REGISTRY, _found, info.context, by, consultant, number, visitor)


@strawberry.type
class ConsultantCommands:
    @step(
        ReadOutCodeSent,
        CallOver,
        NotYourCall,
        NotOfThisTaxpayer,
        TooManyCodes,
        TooManyMessages,
        SmsAway,
        MobileUnusable,
        UnknownCase,
    )
    async def send_read_out_code(self, info: Info, input: SendReadOutCodeInput) -> ReadOutCodeSent:
        """Send a code to the mobile that the form of the registration to live confirmed: who reads it out holds it."""
        by = await info.context.acting("Mutation.sendReadOutCode")
        return await run_abroad(Abroad.SMS, _send, info.context, by, input)

    @command(
        CaseChanged,
        CallOver,
        NotYourCall,
        CallerNotBound,
        NotOfThisTaxpayer,
        BarClosedToIt,
        NotForThisRole,
        *MAY_ACT,
        *PENDING,
        UnknownCase,
    )
    async def clarify_username(self, info: Info, input: ClarifyUsernameInput) -> CaseChanged:
        """Say that the form was checked, that the caller may act for the taxpayer and read the code out, and which
        registration is to live. verify activates that one."""
        by = await info.context.acting("Mutation.clarifyUsername")
        consultant = await consultant_of(info)
        return await run_abroad(Abroad.PUBLIC_REGISTRY, _clarify, info.context, by, consultant, input)

    @command(
        CaseChanged,
        FormRefused,
        CentreUnknown,
        PaperNotSeen,
        NumberUnknown,
        NotForThisRole,
        *MAY_ACT,
        *PENDING,
        UnknownCase,
    )
    async def activate_at_centre(self, info: Info, input: ActivateAtCentreInput) -> CaseChanged:
        """Activate a registration whose signed form and whose taxpayer's document were both seen."""
        by = await info.context.acting("Mutation.activateAtCentre")
        consultant = await consultant_of(info)
        return await run_abroad(Abroad.PUBLIC_REGISTRY, _activate, info.context, by, consultant, input)


def _send(context: Context, by: Actor, asked: SendReadOutCodeInput) -> ReadOutCodeSent:
    ports, call = context.ports, asked.call
    held = ports.office.load(Call, call)
    held.refuse_unless_held_by(by)
    called = form_of(ports.office.load(Registration, held.case))
    form = called if asked.kept == held.case else form_of(sibling(ports.office, asked.kept, called))
    ports.sms_sent.take(form.mobile, None)  # consultants sit behind one address
    code = ports.one_time_codes.issue(CodePurpose.READ_OUT, call, form.mobile, sitting=held.sitting)
    send_code(ports, "READ_OUT_CODE", form.language, form.mobile, code)
    return ReadOutCodeSent(to=masked_mobile(form.mobile), minutes=MINUTES)


def _clarify(context: Context, by: Actor, consultant: Consultant, asked: ClarifyUsernameInput) -> CaseChanged:
    ports = context.ports
    call = ports.office.load(Call, asked.call)
    call.refuse_unless_held_by(by)
    if not isinstance(call.declared, Declared):
        raise UnknownCase
    caller = standing(ports, by, call.case, Purpose.VIDEO_CALL, call.declared.personal_number)
    act = context.act(by, "clarifyUsername", asked)
    done = ports.taxpayer.clarify(
        act, call=asked.call, kept=asked.kept, code=asked.code, consultant=consultant, caller=caller
    )
    return case_changed(context, done)


def _found(context: Context, by: Actor, consultant: Consultant, number: str, visitor: str) -> RegistrationAtCentre:
    if consultant.centre is None:
        raise CentreUnknown
    return at_centre(context.ports, by, _case(context, number), _personal_number(visitor))


def _activate(context: Context, by: Actor, consultant: Consultant, asked: ActivateAtCentreInput) -> CaseChanged:
    if consultant.centre is None:
        raise CentreUnknown
    ports, case = context.ports, _case(context, asked.case_number)
    visitor = standing(ports, by, case, Purpose.SERVICE_CENTRE, _personal_number(asked.visitor))
    done = ports.taxpayer.activate_at_centre(
        context.act(by, "activateAtCentre", asked),
        case=case,
        consultant=consultant,
        visitor=visitor,
        form_signed=asked.form_signed,
        document_seen=asked.document_seen,
    )
    return case_changed(context, done)


def _case(context: Context, typed: str) -> UUID:
    """Raises: NumberUnknown."""
    number = read_number(typed)
    case = context.ports.office.find(NUMBER, number) if number is not None else None
    if case is None:
        raise NumberUnknown
    return case


def _personal_number(typed: str) -> str:
    """Raises: FormRefused."""
    number = "".join(typed.split())
    if not is_personal_number(number):
        raise FormRefused((Fault("visitor", FaultCode.PERSONAL_NUMBER_MALFORMED if number else FaultCode.MISSING),))
    return number
