"""What a person without a case does: opens a draft, confirms an address, files the form."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import strawberry

from api.answers import command, step
from api.callers import DRAFT_COOKIE
from api.context import Context, Info
from api.declined import DraftRequired, EmailUnusable, MailAway
from api.enclosures import enclosed
from api.inputs import CommandInput, StepInput
from api.letters import send_letter
from api.pay_links import pay_link
from api.shapes.bar import BarView, bar_view
from api.shapes.done import Done, token
from api.shapes.form import ConsentInput, FormInput
from api.shapes.money import Money
from api.threads import Abroad, run, run_abroad
from domain.compatriot.application import Application
from domain.compatriot.reception import AlreadyRegistered
from domain.compatriot.rules import SERVICE
from domain.contacts import tidy_email
from domain.faults import FormRefused
from domain.language import Language
from domain.number import group_code, group_number
from domain.office import Receipt, UnknownCase
from domain.payments.commands import orders_of_case
from domain.payments.payment import Payment
from domain.people import Actor, Role
from housekeeping.drafts import TooManyDrafts
from housekeeping.one_time_codes import MINUTES, CodePurpose, OneTimeCodeWrong, TooManyCodes
from housekeeping.uploads import DraftOver, UploadUnknown

DRAFT_LASTS: Final = timedelta(days=1)


@strawberry.input
class OpenDraftInput(StepInput):
    bearer: bool = strawberry.field(
        default=False, description="Answer the draft's secret instead of setting it as a cookie: for programs."
    )


@strawberry.input
class RequestEmailCodeInput(StepInput):
    email: str


@strawberry.input
class ConfirmEmailInput(StepInput):
    email: str
    code: str


@strawberry.input
class RegisterApplicationInput(CommandInput):
    form: FormInput
    documents: list[UUID] = strawberry.field(description="Ids of the draft's uploads.")
    consents: list[ConsentInput]


@strawberry.type(description="A draft, open for a day. Its secret is in the cookie, or here for programs.")
class DraftOpened:
    draft: UUID
    token: str | None
    expires_at: datetime


@strawberry.type(description="A code was mailed.")
class CodeMailed:
    minutes: int = strawberry.field(description="How long it is good.")


@strawberry.type(description="The address is confirmed for this draft.")
class EmailConfirmed:
    email: str = strawberry.field(description="As it will be written to.")


@strawberry.type(description="The application is filed. Number and code are in the mail, too; keep both.")
class ApplicationRegistered(Done):
    case: UUID
    number: str
    code: str = strawberry.field(description="Empty in a repeat, once another code was issued.")
    fee: Money
    bank_page: str = strawberry.field(description="Where to pay by card.")
    cash_reference: str = strawberry.field(description="What to give as reference when paying in cash at a bank.")
    bar: BarView = strawberry.field(description="The way into the video bar: enterBar with number and code.")


@strawberry.type
class ApplicantCommands:
    @step(DraftOpened, TooManyDrafts)
    async def open_draft(self, info: Info, input: OpenDraftInput) -> DraftOpened:
        """Begin an application."""
        opened = await run(info.context.ports.drafts.open, info.context.address)
        if not input.bearer:
            info.context.cookies.append((DRAFT_COOKIE, opened.token, int(DRAFT_LASTS.total_seconds())))
        return DraftOpened(draft=opened.id, token=opened.token if input.bearer else None, expires_at=opened.expires_at)

    @step(CodeMailed, DraftRequired, EmailUnusable, MailAway, TooManyCodes)
    async def request_email_code(self, info: Info, input: RequestEmailCodeInput) -> CodeMailed:
        """Mail a code to the address that the form will name."""
        draft = await info.context.draft()
        context = info.context

        def mail() -> CodeMailed:
            email = tidy_email(input.email)
            if email is None:
                raise EmailUnusable
            code = context.ports.one_time_codes.issue(CodePurpose.EMAIL, draft.id, email)
            send_letter(context.ports, "email_code", context.language, email, code=code, minutes=MINUTES)
            return CodeMailed(minutes=MINUTES)

        return await run_abroad(Abroad.MAIL, mail)

    @step(EmailConfirmed, DraftRequired, EmailUnusable, OneTimeCodeWrong)
    async def confirm_email(self, info: Info, input: ConfirmEmailInput) -> EmailConfirmed:
        """Show that the mailed code arrived."""
        draft = await info.context.draft()
        ports = info.context.ports

        def confirm() -> EmailConfirmed:
            email = tidy_email(input.email)
            if email is None:
                raise EmailUnusable
            if not ports.drafts.confirmed(draft.id, email):
                ports.one_time_codes.spend(CodePurpose.EMAIL, draft.id, email, input.code)
                ports.drafts.confirm_email(draft.id, email)
            return EmailConfirmed(email=email)

        return await run(confirm)

    @command(
        ApplicationRegistered, FormRefused, AlreadyRegistered, DraftRequired, DraftOver, UploadUnknown, UnknownCase
    )
    async def register_application(self, info: Info, input: RegisterApplicationInput) -> ApplicationRegistered:
        """File the form. Everything that is wrong with it is answered at once."""
        return await run(_register, info.context, input)


def _register(context: Context, asked: RegisterApplicationInput) -> ApplicationRegistered:
    ports, draft = context.ports, context.find_draft()
    if draft.case is not None:
        raise DraftRequired
    act = context.act(Actor(str(draft.id), Role.APPLICANT), "registerApplication", asked, draft.found_at)
    receipt = ports.compatriot.register(
        act,
        draft=draft.id,
        subject=draft.subject,
        form=asked.form.form(),
        documents=enclosed(ports, draft, None, asked.documents),
        consents=tuple(each.consent(Language(context.language)) for each in asked.consents),
        emails=ports.drafts.as_found(draft),
    )
    return _registered(context, receipt, act.now)


def _registered(context: Context, receipt: Receipt, now: datetime) -> ApplicationRegistered:
    """The answer, from what was just saved; a repeat is answered alike, from what stands in the ledger."""
    ports, opened = context.ports, receipt.of(Payment)
    application = receipt.of(Application) or ports.office.load(Application, receipt.stream)
    payment = opened.id if opened is not None else orders_of_case(ports.office, application.id).newest()[1]
    if payment is None:
        raise TypeError("a registered application has a card order")
    return ApplicationRegistered(
        token=token(context, receipt),
        case=application.id,
        number=group_number(str(application.number)),
        code=group_code(ports.compatriot.code_in_force(application)) if application.code_issue == 1 else "",
        fee=Money.of(application.fee),
        bank_page=pay_link(ports.facts, ports.keys, payment, now),
        cash_reference=str(application.cash_reference),
        bar=bar_view(ports, SERVICE, now),
    )
