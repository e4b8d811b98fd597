"""What a holder does at the end, or when the code is lost: withdraw, have the code sent or replaced, receive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import strawberry
import structlog

from api.answers import command, step
from api.context import Context, Info
from api.declined import EmailUnusable, MailAway
from api.fields.applicant import CodeMailed
from api.fields.holder import HOLDER, act_of, as_holder
from api.holder import Holder, commands_of, shown_by
from api.inputs import HolderInput, HolderStepInput, StepInput
from api.letters import send_letter
from api.ports import Ports
from api.reading import caught_up
from api.shapes.done import CaseChanged, Done, case_changed, token
from api.threads import Abroad, run, run_abroad
from api.tickets import DOWNLOAD_LASTS, For, Tickets
from domain.cases import NUMBER
from domain.compatriot.application import Application
from domain.compatriot.decision import Outcome
from domain.compatriot.form import Form
from domain.compatriot.reception import AlreadyDecided, ApplicationEnded, refuse_unless_open
from domain.compatriot.review import NotYetDecided
from domain.contacts import tidy_email
from domain.event import Erased
from domain.language import Language
from domain.number import CaseCode, group_code, group_number, read_number
from domain.office import UnknownCase
from domain.refusals import Refusal
from domain.taxpayer.addressee import addressee
from domain.taxpayer.at_the_bar import form_of
from domain.taxpayer.registration import Registration
from housekeeping.lookups import TooManyTries
from housekeeping.one_time_codes import MINUTES, CodePurpose, OneTimeCodeWrong, TooManyCodes

log = structlog.get_logger("api")


@strawberry.input
class RequestOneTimeCodeInput(HolderStepInput):
    pass


@strawberry.input
class WithdrawInput(HolderInput):
    one_time_code: str = strawberry.field(description="From the mail that requestOneTimeCode sent.")


@strawberry.input
class ReissueCodeInput(HolderInput):
    pass


@strawberry.input
class ResendCodeInput(StepInput):
    number: str
    email: str = strawberry.field(
        description="To which the office writes: the confirmed one, or the registry's once its link activated."
    )


@strawberry.input
class ReceiveDecisionInput(HolderInput):
    pass


@strawberry.type(description="If number and address belong together, number and code are on their way there.")
class CodeResendNoted:
    minutes: int = strawberry.field(description="How long to wait before asking again.")


@strawberry.type(description="The decision.")
class DecisionReceived(Done):
    outcome: Outcome
    reasons: str | None
    decided_at: datetime
    document: str = strawberry.field(description="A ticket: POST it to /documents as JSON to download the PDF.")


@strawberry.type
class LeavingCommands:
    @step(CodeMailed, *HOLDER, MailAway, EmailUnusable, TooManyCodes, ApplicationEnded, AlreadyDecided)
    async def request_one_time_code(self, info: Info, input: RequestOneTimeCodeInput) -> CodeMailed:
        """Mail a code with which to withdraw, to the confirmed address."""
        who = await as_holder(info, input)
        return await run_abroad(Abroad.MAIL, _mail_one_time_code, info.context, who)

    @command(CaseChanged, *HOLDER, OneTimeCodeWrong, ApplicationEnded, AlreadyDecided)
    async def withdraw(self, info: Info, input: WithdrawInput) -> CaseChanged:
        """Withdraw the application."""
        who = await as_holder(info, input)
        context = info.context

        def withdraw() -> CaseChanged:
            ports = context.ports
            act = act_of(context, who, "withdraw", input)
            if (done := ports.office.desk.find_command(act)) is None:
                email = _form(ports.office.load(Application, who.case)).email
                ports.one_time_codes.spend(CodePurpose.WITHDRAWAL, who.case, email, input.one_time_code)
                done = ports.compatriot.withdraw(act, case=who.case)
            return case_changed(context, done)

        return await run(withdraw)

    @command(CaseChanged, *HOLDER)
    async def reissue_code(self, info: Info, input: ReissueCodeInput) -> CaseChanged:
        """Replace the code; the new one is mailed to the confirmed address and the old one opens nothing any more."""
        who = await as_holder(info, input)
        context = info.context

        def reissue() -> CaseChanged:
            act = act_of(context, who, "reissueCode", input)
            done = commands_of(context.ports, who).reissue_code(act, case=who.case)
            # Number and code are verified by the status: once this is answered, the old code is to open nothing.
            if not caught_up(context.ports, shown_by(who), done.position):
                log.error("old_code_still_opens", position=done.position)
            return case_changed(context, done)

        return await run(reissue)

    @step(CodeResendNoted, TooManyTries)
    async def resend_code(self, info: Info, input: ResendCodeInput) -> CodeResendNoted:
        """Send number and code again to where the office writes. The answer says nothing of whether they were."""
        context = info.context
        number = read_number(input.number) or ""
        await run(context.ports.lookups.take, number, context.address)
        context.afterwards.append(lambda: _resend(context.ports, number, input.email))
        return CodeResendNoted(minutes=MINUTES)

    @command(DecisionReceived, *HOLDER, ApplicationEnded, NotYetDecided)
    async def receive_decision(self, info: Info, input: ReceiveDecisionInput) -> DecisionReceived:
        """Receive the decision; that it was received is recorded the first time."""
        who = await as_holder(info, input)
        return await run(_receive, info.context, who, input)


def _mail_one_time_code(context: Context, who: Holder) -> CodeMailed:
    ports = context.ports
    application = ports.office.load(Application, who.case)
    refuse_unless_open(application.standing)
    form = _form(application)
    code = ports.one_time_codes.issue(CodePurpose.WITHDRAWAL, who.case, form.email)
    number = group_number(who.number)
    send_letter(ports, "one_time_code", form.language, form.email, number=number, code=code, minutes=MINUTES)
    return CodeMailed(minutes=MINUTES)


def _resend(ports: Ports, number: str, typed_email: str) -> None:
    """After the answer has gone: so that neither its words nor its time tell whether anything was sent."""
    case: UUID | None = ports.office.find(NUMBER, number)
    email = tidy_email(typed_email)
    if case is None or email is None:
        return
    try:
        letter, language, to, code_of = _kept(ports, case)
        if to == email:
            ports.one_time_codes.resend(email)
            code = group_code(code_of(case))
            send_letter(ports, letter, language, email, number=group_number(number), code=code)
    except Refusal as refusal:
        log.warning("code_not_resent", code=refusal.code)


def _kept(ports: Ports, case: UUID) -> tuple[str, Language, str, Callable[[UUID], CaseCode]]:
    """The letter with number and code, its language, where it goes, and who knows the code.

    Raises: UnknownCase.
    """
    try:
        form = _form(ports.office.load(Application, case))
        return "resend", form.language, form.email, ports.compatriot.code_of
    except UnknownCase:
        filed = form_of(ports.office.load(Registration, case))
        to = addressee(filed, ports.office.history(case))
        return "registration_resend", filed.language, tidy_email(to) or "", ports.taxpayer.code_of


def _receive(context: Context, who: Holder, asked: ReceiveDecisionInput) -> DecisionReceived:
    ports = context.ports
    act = act_of(context, who, "receiveDecision", asked)
    receipt = ports.compatriot.deliver_decision(act, case=who.case)
    decided = decision_of(ports, who.case)
    return DecisionReceived(
        token=token(context, receipt),
        outcome=decided.outcome,
        reasons=None if isinstance(decided.reasons, Erased) else decided.reasons,
        decided_at=decided.timestamp,
        document=Tickets(ports.keys).issue(For.DECISION, who.case, act.now, DOWNLOAD_LASTS),
    )


def decision_of(ports: Ports, case: UUID) -> Application.Decided:
    """The case's decision, from its own history. Raises: NotYetDecided."""
    for event in reversed(ports.office.history(case)):
        if isinstance(event, Application.Decided):
            return event
    raise NotYetDecided


def _form(application: Application) -> Form:
    """Raises: UnknownCase once it is erased."""
    if not isinstance(application.form, Form):
        raise UnknownCase
    return application.form
