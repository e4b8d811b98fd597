"""What the holder of a case does, by number and code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import strawberry

from api.answers import command, step
from api.callers import DRAFT_COOKIE
from api.context import Context, Info
from api.declined import DraftRequired, WrongNumberOrCode
from api.enclosures import enclosed
from api.fields.applicant import DRAFT_LASTS, DraftOpened
from api.holder import Holder, commands_of, holder
from api.inputs import HolderInput, HolderStepInput
from api.pay_links import pay_link
from api.reading import caught_up
from api.shapes.case import CallPlaceView
from api.shapes.done import CaseChanged, Done, case_changed, token
from api.shapes.form import SHOWN_IN, ConsentInput
from api.shapes.money import Money
from api.shapes.registration import DeclaredInput
from api.threads import run
from api.tickets import For, Tickets
from domain.compatriot.reception import AlreadyDecided, AlreadyVerified, ApplicationEnded, NotYetReceived
from domain.compatriot.review import NoInformationRequested
from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.consents import ConsentKind, ConsentNeeded, ConsentNotGiven, ConsentTextOutdated
from domain.event import Act
from domain.faults import FormRefused
from domain.language import Language
from domain.office import Receipt, UnknownCase
from domain.payments.payment import Payment
from domain.payments.refusals import AlreadyPaid, CaseEnded
from domain.taxpayer.refusals import AlreadyActive, BarClosedToIt, RegistrationEnded
from domain.videobar.commands import live_call
from domain.videobar.refusals import BarClosed, ConsentOutdated, MediaMissing
from domain.videobar.terms import Media
from housekeeping.drafts import TooManyDrafts
from housekeeping.lookups import TooManyTries
from housekeeping.uploads import DraftOver, UploadUnknown
from projections import queue

CALL_LASTS: Final = timedelta(hours=12)

HOLDER = (WrongNumberOrCode, TooManyTries, UnknownCase)
"""What everything that asks for number and code may be refused for."""

AWAITS_NO_CALL = (
    ApplicationEnded,
    AlreadyDecided,
    AlreadyVerified,
    AlreadyActive,
    RegistrationEnded,
    BarClosedToIt,
)
"""What each service says of a case that awaits no call."""


@strawberry.input
class EnterBarInput(HolderInput):
    declared: DeclaredInput | None = strawberry.field(
        default=None, description="Who calls; the taxpayers' bar asks for it, the compatriots' does not."
    )
    consent: str = strawberry.field(description="The version of the consent to recording that was shown and given.")
    consent_language: Language | None = strawberry.field(default=None, description=SHOWN_IN)
    camera: bool = strawberry.field(description="Whether the browser may use a camera.")
    microphone: bool


@strawberry.input
class LeaveBarInput(HolderInput):
    pass


@strawberry.input
class OpenPaymentInput(HolderInput):
    pass


@strawberry.input
class OpenPapersDraftInput(HolderStepInput):
    bearer: bool = False


@strawberry.input
class ProvideInformationInput(HolderInput):
    text: str = ""
    documents: list[UUID] = strawberry.field(default_factory=list[UUID], description="Ids of uploads.")
    draft: str | None = strawberry.field(
        default=None, description="The token that openPapersDraft gave to a program; browsers have it in a cookie."
    )


@strawberry.input
class GiveConsentInput(HolderInput):
    consent: ConsentInput


@strawberry.input
class WithdrawConsentInput(HolderInput):
    kind: ConsentKind


@strawberry.type(description="In the queue. The ticket opens the signalling line of this call.")
class BarEntered(Done):
    call: UUID
    ticket: str
    place: CallPlaceView | None


@strawberry.type(description="No longer in the queue.")
class BarLeft(Done):
    pass


@strawberry.type(description="A card order may be paid.")
class PaymentOpened(Done):
    payment: UUID
    fee: Money
    bank_page: str
    expires: datetime | None


async def as_holder(info: Info, asked: HolderInput | HolderStepInput) -> Holder:
    """Who shows number and code. Raises: WrongNumberOrCode, TooManyTries."""
    return await run(holder, info.context.ports, info.context.address, asked.number, asked.code)


def act_of(context: Context, who: Holder, operation: str, asked: HolderInput) -> Act:
    """The circumstances of a holder's command."""
    return context.act(who.actor, operation, asked)


@strawberry.type
class HolderCommands:
    @command(
        BarEntered,
        *HOLDER,
        BarClosed,
        MediaMissing,
        ConsentOutdated,
        FormRefused,
        *AWAITS_NO_CALL,
    )
    async def enter_bar(self, info: Info, input: EnterBarInput) -> BarEntered:
        """Take a place in the queue; who has one keeps it."""
        who = await as_holder(info, input)
        return await run(_enter, info.context, who, input)

    @command(BarLeft, *HOLDER)
    async def leave_bar(self, info: Info, input: LeaveBarInput) -> BarLeft:
        """Give up the place in the queue."""
        who = await as_holder(info, input)
        context = info.context

        def leave() -> BarLeft:
            act = act_of(context, who, "leaveBar", input)
            waiting = live_call(context.ports.office, who.case)
            done = context.ports.office.desk.find_command(act)
            if done is None and waiting is not None:
                done = context.ports.videobar.abandon(act, call=waiting.id)
            return BarLeft(token=token(context, done or Receipt(who.case, 0, 0)))

        return await run(leave)

    @command(PaymentOpened, *HOLDER, AlreadyPaid, CaseEnded)
    async def open_payment(self, info: Info, input: OpenPaymentInput) -> PaymentOpened:
        """Open a card order for the fee; one that is still open is answered again."""
        who = await as_holder(info, input)
        context = info.context

        def open_order() -> PaymentOpened:
            act = act_of(context, who, "openPayment", input)
            receipt = context.ports.payments.open_card(act, case=who.case)
            payment = context.ports.office.load(Payment, receipt.stream)
            if payment.fee is None:
                raise TypeError("a card order names its fee")
            return PaymentOpened(
                token=token(context, receipt),
                payment=payment.id,
                fee=Money.of(payment.fee),
                bank_page=pay_link(context.ports.facts, context.ports.keys, payment.id, act.now),
                expires=payment.expires,
            )

        return await run(open_order)

    @step(DraftOpened, *HOLDER, TooManyDrafts)
    async def open_papers_draft(self, info: Info, input: OpenPapersDraftInput) -> DraftOpened:
        """Open a draft into which papers for one's own case are uploaded."""
        who = await as_holder(info, input)
        if who.service != COMPATRIOT:
            raise UnknownCase
        drafts, address = info.context.ports.drafts, info.context.address
        opened = await run(lambda: drafts.open(address, subject=who.subject, case=who.case))
        if not input.bearer:
            info.context.cookies.append((DRAFT_COOKIE, opened.token, int(DRAFT_LASTS.total_seconds())))
        return DraftOpened(draft=opened.id, token=opened.token if input.bearer else None, expires_at=opened.expires_at)

    @command(
        CaseChanged,
        *HOLDER,
        FormRefused,
        NoInformationRequested,
        ApplicationEnded,
        AlreadyDecided,
        NotYetReceived,
        DraftRequired,
        DraftOver,
        UploadUnknown,
    )
    async def provide_information(self, info: Info, input: ProvideInformationInput) -> CaseChanged:
        """Answer what the officer asked, in words, documents or both; the term goes on."""
        who = await as_holder(info, input)
        draft = await info.context.draft() if input.documents and input.draft is None else None
        context = info.context

        def provide() -> CaseChanged:
            ports = context.ports
            used = ports.drafts.find(input.draft) if input.draft is not None else draft
            documents = enclosed(ports, used, who.case, input.documents) if input.documents else ()
            act = act_of(context, who, "provideInformation", input)
            done = ports.compatriot.provide_information(act, case=who.case, text=input.text, documents=documents)
            return case_changed(context, done)

        return await run(provide)

    @command(CaseChanged, *HOLDER, ConsentTextOutdated)
    async def give_consent(self, info: Info, input: GiveConsentInput) -> CaseChanged:
        """Consent to a text in force."""
        who = await as_holder(info, input)
        context = info.context

        def give() -> CaseChanged:
            act = act_of(context, who, "giveConsent", input)
            consent = input.consent.consent(Language(context.language))
            done = commands_of(context.ports, who).give_consent(act, case=who.case, consent=consent)
            return case_changed(context, done)

        return await run(give)

    @command(CaseChanged, *HOLDER, ConsentNotGiven, ConsentNeeded)
    async def withdraw_consent(self, info: Info, input: WithdrawConsentInput) -> CaseChanged:
        """Take a consent back."""
        who = await as_holder(info, input)
        context = info.context

        def take_back() -> CaseChanged:
            act = act_of(context, who, "withdrawConsent", input)
            done = commands_of(context.ports, who).withdraw_consent(act, case=who.case, kind=input.kind)
            return case_changed(context, done)

        return await run(take_back)


def _enter(context: Context, who: Holder, asked: EnterBarInput) -> BarEntered:
    ports = context.ports
    act = act_of(context, who, "enterBar", asked)
    receipt = ports.videobar.enter(
        act,
        case=who.case,
        consent=asked.consent,
        consent_language=asked.consent_language or Language(context.language),
        media=Media(asked.camera, asked.microphone),
        declared=asked.declared.declared() if asked.declared is not None else None,
    )
    caught_up(ports, queue.QUEUE, receipt.position)
    place = queue.find(ports.pool, receipt.stream).known()
    return BarEntered(
        token=token(context, receipt),
        call=receipt.stream,
        ticket=Tickets(ports.keys).issue(For.CALL, receipt.stream, act.now, CALL_LASTS, who.case),
        place=CallPlaceView.of(place) if place is not None else None,
    )
