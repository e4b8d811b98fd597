"""The activation link: asked for by anybody for a code, opened by whoever reads the mail of the public registry."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry
import structlog

from api.answers import command, question, step
from api.context import Context, Info
from api.inputs import CommandInput, StepInput
from api.masks import masked_email, masked_mobile
from api.reading import caught_up
from api.shapes.done import Done, token
from api.shapes.registration import PASSWORD
from api.threads import Abroad, run, run_abroad
from domain.event import Act
from domain.faults import Fault, FaultCode, FormRefused
from domain.identification import is_legal_code, is_personal_number
from domain.language import Language
from domain.office import UnknownCase
from domain.people import Actor, Role
from domain.taxpayer.form import Form, TaxpayerKind
from domain.taxpayer.password import NewPassword
from domain.taxpayer.refusals import AlreadyActive, LinkNotSent, RegistrationEnded, TaxpayerHasAccount
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RegistrationState
from domain.writing import tidy_line
from housekeeping.links import TooManyLinkRequests
from projections.registration import REGISTRATION

log = structlog.get_logger("api")


@strawberry.input
class SendActivationLinkInput(StepInput):
    identification: str = strawberry.field(description="A person's number, 11 digits, or a legal person's code, 9.")


@strawberry.input
class ActivateByLinkInput(CommandInput):
    token: str = strawberry.field(description="What stands after # in the mailed link.")
    password: str = strawberry.field(description=PASSWORD)
    repeated_password: str


@strawberry.input
class DisownRegistrationInput(CommandInput):
    token: str = strawberry.field(description="What stands after # in the mailed link.")


@strawberry.type(
    description="Noted, and no more is said: if there is a registration for this code, and an address in the public "
    "registry, a link goes there."
)
class LinkNoted:
    hours: int = strawberry.field(description="How long a link that is sent will open.")


@strawberry.type(description="What a link is for. Looking uses nothing up.")
class ActivationLink:
    username: str
    kind: TaxpayerKind
    mobile: str = strawberry.field(description="As the form says it, masked.")
    email: str = strawberry.field(description="As the form says it, masked.")
    filed_at: datetime
    opens_until: datetime
    is_active: bool = strawberry.field(description="Whether the link only sets a new password.")


@strawberry.type(description="E-services are open to the username with the new password.")
class ActivatedByLink(Done):
    username: str


@strawberry.type(description="The registration has ended; its username is free.")
class Disowned(Done):
    pass


@strawberry.type
class LinkQuestions:
    @question(ActivationLink, LinkNotSent, RegistrationEnded)
    async def open_activation_link(self, info: Info, token: str) -> ActivationLink:
        """Show what a mailed link is for."""
        return await run(_shown, info.context, token)


@strawberry.type
class LinkCommands:
    @step(LinkNoted, FormRefused, TooManyLinkRequests)
    async def send_activation_link(self, info: Info, input: SendActivationLinkInput) -> LinkNoted:
        """Ask for a link to the address that the public registry holds for this code. Everybody is answered alike."""
        context = info.context

        def ask() -> LinkNoted:
            identification = tidy_line(input.identification).replace(" ", "")
            if not (is_personal_number(identification) or is_legal_code(identification)):
                malformed = FaultCode.IDENTIFICATION_MALFORMED if identification else FaultCode.MISSING
                raise FormRefused((Fault("identification", malformed),))
            context.ports.link_requests.ask(identification, context.address, Language(context.language))
            return LinkNoted(hours=round(context.ports.taxpayer_rules.link_lasts.total_seconds() / 3600))

        return await run(ask)

    @command(ActivatedByLink, FormRefused, LinkNotSent, RegistrationEnded, TaxpayerHasAccount)
    async def activate_by_link(self, info: Info, input: ActivateByLinkInput) -> ActivatedByLink:
        """Choose a password: the registration is activated, or the password of an active one replaced. The one that
        was typed into the form opens nothing."""
        return await run_abroad(Abroad.HASHING, _activate, info.context, input)

    @command(Disowned, LinkNotSent, AlreadyActive, RegistrationEnded)
    async def disown_registration(self, info: Info, input: DisownRegistrationInput) -> Disowned:
        """Say that somebody else filed this form: the registration ends."""
        return await run(_disown, info.context, input)


def _shown(context: Context, secret: str) -> ActivationLink:
    ports = context.ports
    case = ports.link_tokens.find(secret)
    until = ports.link_tokens.until(secret)
    if case is None or until is None:
        raise LinkNotSent
    registration = ports.office.load(Registration, case)
    if not isinstance(registration.form, Form) or registration.link_until is None:
        raise LinkNotSent
    if ports.office.desk.now() >= registration.link_until:
        raise LinkNotSent
    if registration.state not in {RegistrationState.AWAITING_ACTIVATION, RegistrationState.ACTIVE}:
        raise RegistrationEnded(registration.state)
    form = registration.form
    return ActivationLink(
        username=form.username,
        kind=registration.kind,
        mobile=masked_mobile(form.mobile),
        email=masked_email(form.email),
        filed_at=registration.created_on,
        opens_until=min(until, registration.link_until),  # another link may have been sent since
        is_active=registration.state is RegistrationState.ACTIVE,
    )


def _activate(context: Context, asked: ActivateByLinkInput) -> ActivatedByLink:
    ports = context.ports
    case, act = _addressee(context, asked, "activateByLink")
    receipt = ports.taxpayer.open_link(act, case=case, password=NewPassword(asked.password, asked.repeated_password))
    ports.link_tokens.spend(asked.token)
    # Number and code are verified by the read model: once this is answered, whoever filed the form is to see nothing.
    if not caught_up(ports, REGISTRATION, receipt.position):
        log.error("old_code_still_opens", position=receipt.position)
    form = ports.office.load(Registration, case).form
    if not isinstance(form, Form):
        raise UnknownCase
    return ActivatedByLink(token=token(context, receipt), username=form.username)


def _disown(context: Context, asked: DisownRegistrationInput) -> Disowned:
    case, act = _addressee(context, asked, "disownRegistration")
    receipt = context.ports.taxpayer.disown(act, case=case)
    context.ports.link_tokens.spend(asked.token)
    return Disowned(token=token(context, receipt))


def _addressee(
    context: Context, asked: ActivateByLinkInput | DisownRegistrationInput, operation: str
) -> tuple[UUID, Act]:
    """Whom the link was sent to, and the circumstances of what they do.

    A spent link opens once more for the very command that spent it, whose answer may have been lost, and for no other.
    Raises: LinkNotSent.
    """
    ports = context.ports
    opened = ports.link_tokens.find(asked.token)
    case = opened or ports.link_tokens.known(asked.token)
    if case is None:
        raise LinkNotSent
    act = context.act(Actor(str(case), Role.ADDRESSEE), operation, asked)
    if opened is None and ports.office.desk.find_command(act) is None:
        raise LinkNotSent
    return case, act
