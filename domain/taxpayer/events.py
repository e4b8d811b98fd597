"""Everything that can happen to a registration, and what each event leaves behind. Who may do what: `registration`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from eventsourcing.domain import event

from domain.cases import NumberedCase
from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround
from domain.event import Created, Erased, Personal, Root
from domain.language import Language
from domain.people import Actor, SubjectId
from domain.publishing import Published
from domain.taxpayer.form import Form, TaxpayerKind
from domain.taxpayer.state import RefusalGround, RegistrationState, Route


@dataclass(frozen=True)
class Clarified:
    """Which of a taxpayer's registrations is to live, as a consultant asked it in a call."""

    call: UUID
    sitting: int
    by: str
    kept: UUID
    others: tuple[UUID, ...]


class History(NumberedCase):
    """The course of one registration. State is only what a rule asks for."""

    class Registered(Created):
        """The form was filed, mobile and e-mail confirmed inside it. The password's hash is kept elsewhere."""

        TOPIC = "taxpayer.Registration.Registered"
        PUBLIC = Published(1, "kind", "language", begins=True)
        draft: UUID
        number: Personal[str]
        code_version: int
        code_issue: int
        form: Personal[Form]
        kind: TaxpayerKind
        language: Language
        activation_until: date
        """The last day on which it may be activated, if warned in time."""

    @event(Registered)
    def __init__(
        self,
        subject: SubjectId | None,
        draft: UUID,
        number: str | Erased,
        code_version: int,
        code_issue: int,
        form: Form | Erased,
        kind: TaxpayerKind,
        activation_until: date,
        command: UUID,
    ) -> None:
        self.subject = subject
        self.draft = draft
        self.number = number
        self.code_version = code_version
        self.code_issue = code_issue
        self.form = form
        self.kind = kind
        self.activation_until = activation_until
        self.password_of = command
        """The command of the last event that set a password: the hash that was kept for it is the one that counts."""
        self.state = RegistrationState.AWAITING_ACTIVATION
        self.consents: dict[ConsentKind, Consent] = {}
        self.link_until: datetime | None = None
        self.clarified: Clarified | None = None
        self.bar_is_closed = False
        self.is_warned = False
        self.erasing = False
        """Two persons decided on it, and it is not done yet."""
        self.is_erased = False
        self.username_erased: UUID | None = None

    class MobileConfirmed(Root.Event):
        """A code sent to it by SMS came back."""

        TOPIC = "taxpayer.Registration.MobileConfirmed"
        mobile: Personal[str]

    @event(MobileConfirmed)
    def _mobile_confirmed(self) -> None:
        """The form says the number; that it is confirmed goes without saying: nothing else is filed."""

    class EmailConfirmed(Root.Event):
        """A code mailed to it came back."""

        TOPIC = "taxpayer.Registration.EmailConfirmed"
        email: Personal[str]

    @event(EmailConfirmed)
    def _email_confirmed(self) -> None:
        """As for the mobile."""

    class ConsentGiven(Root.Event):
        TOPIC = "taxpayer.Registration.ConsentGiven"
        PUBLIC = Published(1, "kind")
        kind: ConsentKind
        version: str
        language: Language

    @event(ConsentGiven)
    def _consent_given(self, kind: ConsentKind, version: str, language: Language) -> None:
        self.consents[kind] = Consent(kind, version, language)

    class ConsentWithdrawn(Root.Event):
        TOPIC = "taxpayer.Registration.ConsentWithdrawn"
        PUBLIC = Published(1, "kind")
        kind: ConsentKind

    @event(ConsentWithdrawn)
    def _consent_withdrawn(self, kind: ConsentKind) -> None:
        del self.consents[kind]

    class CodeReissued(Root.Event):
        """A new code is in force; the one before no longer opens the case."""

        TOPIC = "taxpayer.Registration.CodeReissued"
        code_version: int
        code_issue: int

    @event(CodeReissued)
    def _code_reissued(self, code_version: int, code_issue: int) -> None:
        self.code_version = code_version
        self.code_issue = code_issue

    class ActivationLinkSent(Root.Event):
        """To the address that the public registry holds for the code; the token's hash is kept elsewhere."""

        TOPIC = "taxpayer.Registration.ActivationLinkSent"
        PUBLIC = Published(1)
        to: Personal[str]
        until: datetime

    @event(ActivationLinkSent)
    def _activation_link_sent(self, until: datetime) -> None:
        self.link_until = until

    class UsernameClarified(Root.Event):
        """In a call, the consultant checked the form and asked which of the taxpayer's registrations is to live."""

        TOPIC = "taxpayer.Registration.UsernameClarified"
        call: UUID
        kept: UUID
        others: tuple[UUID, ...]
        """Those that end when the kept one is activated."""
        sitting: int
        """The claim by which the consultant held the call: what was clarified in it holds for no other."""

        class_version = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """Which sitting it was had not been noted: none, since claims count from 1."""
            state["sitting"] = 0

    @event(UsernameClarified)
    def _username_clarified(self, by: Actor, call: UUID, sitting: int, kept: UUID, others: tuple[UUID, ...]) -> None:
        self.clarified = Clarified(call, sitting, by.id, kept, others)

    class VideoVerified(Root.Event):
        """A consultant saw the taxpayer, every check passed. What was checked stands in the call's own stream."""

        TOPIC = "taxpayer.Registration.VideoVerified"
        PUBLIC = Published(1)
        call: UUID
        consultant: str

    @event(VideoVerified)
    def _video_verified(self) -> None:
        """Activated says the rest."""

    class VerifiedAtServiceCentre(Root.Event):
        """A consultant saw the signed form and the document of identity."""

        TOPIC = "taxpayer.Registration.VerifiedAtServiceCentre"
        PUBLIC = Published(1)
        centre: str
        consultant: str

    @event(VerifiedAtServiceCentre)
    def _verified_at_service_centre(self) -> None:
        """Activated says the rest."""

    class Activated(Root.Event):
        """E-services are open."""

        TOPIC = "taxpayer.Registration.Activated"
        PUBLIC = Published(1, "route")
        route: Route

    @event(Activated)
    def _activated(self, route: Route, command: UUID) -> None:
        self.state = RegistrationState.ACTIVE
        self.link_until = None
        if route is Route.LINK:
            self.password_of = command

    class ActivationRefused(Root.Event):
        TOPIC = "taxpayer.Registration.ActivationRefused"
        PUBLIC = Published(1, "route", "ground", "ends")
        route: Route
        ground: RefusalGround
        ends: bool
        """Whether the registration ended with it."""
        reasons: Personal[str | None]

    @event(ActivationRefused)
    def _activation_refused(self, ends: bool) -> None:
        if ends:
            self.state = RegistrationState.ACTIVATION_REFUSED
        self.bar_is_closed = True
        self.link_until = None if ends else self.link_until

    class Superseded(Root.Event):
        """The taxpayer chose another registration."""

        TOPIC = "taxpayer.Registration.Superseded"
        PUBLIC = Published(1)
        by_registration: UUID

    @event(Superseded)
    def _superseded(self) -> None:
        self.state = RegistrationState.SUPERSEDED

    class PasswordChanged(Root.Event):
        """Every session but the one that changed it is over."""

        TOPIC = "taxpayer.Registration.PasswordChanged"
        route: Route | None
        """The activation route by which it was reset; None if the old password was shown."""

    @event(PasswordChanged)
    def _password_changed(self, command: UUID) -> None:
        self.link_until = None
        self.password_of = command

    class ExpiryWarned(Root.Event):
        TOPIC = "taxpayer.Registration.ExpiryWarned"
        PUBLIC = Published(1)
        expires_after: date

    @event(ExpiryWarned)
    def _expiry_warned(self, expires_after: date) -> None:
        self.is_warned = True
        self.activation_until = expires_after

    class Expired(Root.Event):
        """Nobody activated it in time."""

        TOPIC = "taxpayer.Registration.Expired"
        PUBLIC = Published(1)

    @event(Expired)
    def _expired(self) -> None:
        self.state = RegistrationState.EXPIRED

    class ErasureRequested(Root.Event):
        """Two persons decided that the personal data of this registration be erased. Nothing else happens in it."""

        TOPIC = "taxpayer.Registration.ErasureRequested"
        ground: LegalGround
        asked_by: str
        """Who asked for it, a person claim. The event's actor, another person, confirmed it."""
        asked_at: datetime
        username: UUID | None
        """The stream of its username, which goes with it; None if the name is somebody else's by now."""

    @event(ErasureRequested)
    def _erasure_requested(self, username: UUID | None) -> None:
        self.erasing = True
        self.username_erased = username

    class PersonalDataErased(Root.Event):
        """Keys, addresses, rows and recordings are gone. What is left are bare facts, that say nothing of anybody."""

        TOPIC = "taxpayer.Registration.PersonalDataErased"
        subjects: tuple[UUID, ...]
        """Whose keys were destroyed."""

    @event(PersonalDataErased)
    def _personal_data_erased(self) -> None:
        self.erasing = False
        self.is_erased = True
