"""What a taxpayer without a registration does: confirms a mobile, asks whether a username is free, files the form."""

from __future__ import annotations

from datetime import date

import strawberry

from api.answers import command, question, step
from api.context import Context, Info
from api.declined import DraftRequired, MobileUnusable, SmsAway
from api.inputs import CommandInput, StepInput
from api.ports import Ports
from api.refusals import FaultFace
from api.shapes.done import Done, token
from api.shapes.form import ConsentInput
from api.shapes.registration import ActivationWay, RegistrationFormInput
from api.shapes.registration_views import ways_of
from api.short_messages import send_code
from api.threads import Abroad, run, run_abroad
from domain.contacts import tidy_mobile
from domain.faults import FormRefused
from domain.language import Language
from domain.number import group_code, group_number
from domain.office import Receipt, UnknownCase
from domain.people import Actor, Role
from domain.taxpayer.refusals import AlreadyFiled
from domain.taxpayer.registration import Registration
from domain.taxpayer.username import Username, UsernameTaken, tidy_username, username_address, username_faults
from housekeeping.lookups import TooManyTries
from housekeeping.one_time_codes import MINUTES, CodePurpose, OneTimeCodeWrong, TooManyCodes
from housekeeping.sms_sent import TooManyMessages


@strawberry.input
class RequestMobileCodeInput(StepInput):
    mobile: str = strawberry.field(description="5XXXXXXXX; the country's prefix may stand before it.")


@strawberry.input
class ConfirmMobileInput(StepInput):
    mobile: str
    code: str


@strawberry.input
class RegisterTaxpayerInput(CommandInput):
    form: RegistrationFormInput
    consents: list[ConsentInput] = strawberry.field(
        default_factory=list[ConsentInput], description="Both are free: OBLIGATIONS_BY_SMS, MESSAGES_BY_EMAIL."
    )


@strawberry.type(description="A code is on its way by SMS.")
class CodeSent:
    minutes: int = strawberry.field(description="How long it is good.")


@strawberry.type(description="The mobile is confirmed for this draft.")
class MobileConfirmed:
    mobile: str = strawberry.field(description="E.164.")


@strawberry.type(description="Whether a username may be had; it is reserved by registering and not by asking.")
class UsernameView:
    username: str = strawberry.field(description="As it would be kept.")
    free: bool = strawberry.field(description="False also while it has faults.")
    faults: list[FaultFace]


@strawberry.type(description="The form is filed; e-services open once it is activated, by one of `ways`.")
class TaxpayerRegistered(Done):
    case: strawberry.ID
    number: str
    code: str = strawberry.field(description="Empty in a repeat, once another code was issued.")
    activation_until: date = strawberry.field(description="The last Tbilisi day on which it may be activated.")
    ways: list[ActivationWay]


@strawberry.type
class TaxpayerQuestions:
    @question(UsernameView, DraftRequired, TooManyTries)
    async def username_free(self, info: Info, username: str) -> UsernameView:
        """Whether a username is free, for whoever fills in the form; so often from one place and no more."""
        await info.context.draft()
        return await run(_username, info.context, username)


@strawberry.type
class TaxpayerCommands:
    @step(CodeSent, DraftRequired, MobileUnusable, SmsAway, TooManyCodes, TooManyMessages)
    async def request_mobile_code(self, info: Info, input: RequestMobileCodeInput) -> CodeSent:
        """Send a code to the mobile that the form will name."""
        draft = await info.context.draft()
        context = info.context

        def send() -> CodeSent:
            mobile = tidy_mobile(input.mobile)
            if mobile is None:
                raise MobileUnusable
            ports = context.ports
            ports.sms_sent.take(mobile, context.address)
            code = ports.one_time_codes.issue(CodePurpose.MOBILE, draft.id, mobile)
            send_code(ports, "MOBILE_CODE", context.language, mobile, code)
            return CodeSent(minutes=MINUTES)

        return await run_abroad(Abroad.SMS, send)

    @step(MobileConfirmed, DraftRequired, MobileUnusable, OneTimeCodeWrong)
    async def confirm_mobile(self, info: Info, input: ConfirmMobileInput) -> MobileConfirmed:
        """Show that the code arrived."""
        draft = await info.context.draft()
        ports = info.context.ports

        def confirm() -> MobileConfirmed:
            mobile = tidy_mobile(input.mobile)
            if mobile is None:
                raise MobileUnusable
            if not ports.drafts.confirmed_mobile(draft.id, mobile):
                ports.one_time_codes.spend(CodePurpose.MOBILE, draft.id, mobile, input.code)
                ports.drafts.confirm_mobile(draft.id, mobile)
            return MobileConfirmed(mobile=mobile)

        return await run(confirm)

    @command(TaxpayerRegistered, FormRefused, UsernameTaken, AlreadyFiled, DraftRequired, TooManyTries, UnknownCase)
    async def register_taxpayer(self, info: Info, input: RegisterTaxpayerInput) -> TaxpayerRegistered:
        """File the form. Everything that is wrong with it is answered at once; until it is activated it gives no
        power over anything."""
        return await run_abroad(Abroad.HASHING, _register, info.context, input)


def _username(context: Context, typed: str) -> UsernameView:
    ports = context.ports
    ports.username_questions.take("", context.address)
    name = tidy_username(typed)
    faults = [FaultFace.of(fault, context.language) for fault in username_faults(name)]
    return UsernameView(username=name, free=not faults and _is_free(ports, name), faults=faults)


def _is_free(ports: Ports, name: str) -> bool:
    """Whether nobody holds this username, or one that reads like it. A moment later somebody may."""
    found = ports.office.find(*username_address(name))
    return found is None or ports.office.load(Username, found).held_by is None


def _register(context: Context, asked: RegisterTaxpayerInput) -> TaxpayerRegistered:
    ports, draft = context.ports, context.find_draft()
    if draft.case is not None:
        raise DraftRequired
    act = context.act(Actor(str(draft.id), Role.APPLICANT), "registerTaxpayer", asked, draft.found_at)
    ports.username_questions.take("", context.address)
    receipt = ports.taxpayer.register(
        act,
        draft=draft.id,
        subject=draft.subject,
        form=asked.form.form(),
        password=asked.form.new_password(),
        consents=tuple(each.consent(Language(context.language)) for each in asked.consents),
    )
    return _registered(context, receipt)


def _registered(context: Context, receipt: Receipt) -> TaxpayerRegistered:
    """The answer, from what was just saved; a repeat is answered alike, from what stands in the ledger."""
    ports = context.ports
    registration = receipt.of(Registration) or ports.office.load(Registration, receipt.stream)
    return TaxpayerRegistered(
        token=token(context, receipt),
        case=strawberry.ID(str(registration.id)),
        number=group_number(str(registration.number)),
        code=group_code(ports.taxpayer.code_of(registration.id)) if registration.code_issue == 1 else "",
        activation_until=registration.activation_until,
        ways=ways_of(ports, registration.state, bar_is_closed=registration.bar_is_closed, now=ports.office.desk.now()),
    )
