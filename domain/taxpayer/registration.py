"""A registration for e-services: filed, activated by one of three ways, or ended without."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from eventsourcing.domain import event

from domain import consents
from domain.calendar import days_after, tbilisi_date
from domain.consents import Consent, ConsentKind
from domain.event import Act, Created, Erased, Personal, Root
from domain.language import Language
from domain.number import CaseNumber
from domain.people import Actor, SubjectId
from domain.taxpayer import expiry
from domain.taxpayer.form import Form, TaxpayerKind
from domain.taxpayer.refusals import (
    AlreadyActive,
    BarClosedToIt,
    LinkNotSent,
    NotActive,
    NotClarified,
    RegistrationEnded,
)
from domain.taxpayer.rules import Rules
from domain.taxpayer.state import RefusalGround, RegistrationState, Route


@dataclass(frozen=True)
class Clarified:
    """Which of a taxpayer's registrations is to live, as a consultant asked it in a call."""

    call: UUID
    by: str
    kept: UUID
    others: tuple[UUID, ...]


class Registration(Root):
    """One filing of the form. Until it is active, whoever filed it has no power."""

    TOPIC = "taxpayer.Registration"

    class Registered(Created):
        """The form was filed, mobile and e-mail confirmed inside it. The password's hash is kept elsewhere."""

        TOPIC = "taxpayer.Registration.Registered"
        draft: UUID
        number: Personal[str]
        code_version: int
        code_issue: int
        form: Personal[Form]
        kind: TaxpayerKind
        language: Language
        activation_until: date
        """The last day on which it may be activated, if warned in time."""

    class MobileConfirmed(Root.Event):
        """A code sent to it by SMS came back."""

        TOPIC = "taxpayer.Registration.MobileConfirmed"
        mobile: Personal[str]

    class EmailConfirmed(Root.Event):
        """A code mailed to it came back."""

        TOPIC = "taxpayer.Registration.EmailConfirmed"
        email: Personal[str]

    class ConsentGiven(Root.Event):
        TOPIC = "taxpayer.Registration.ConsentGiven"
        kind: ConsentKind
        version: str
        language: Language

    class ConsentWithdrawn(Root.Event):
        TOPIC = "taxpayer.Registration.ConsentWithdrawn"
        kind: ConsentKind

    class CodeReissued(Root.Event):
        """A new code is in force; the one before no longer opens the case."""

        TOPIC = "taxpayer.Registration.CodeReissued"
        code_version: int
        code_issue: int

    class ActivationLinkSent(Root.Event):
        """To the address that the public registry holds for the code; the token's hash is kept elsewhere."""

        TOPIC = "taxpayer.Registration.ActivationLinkSent"
        to: Personal[str]
        until: datetime

    class UsernameClarified(Root.Event):
        """In a call, the consultant checked the form and asked which of the taxpayer's registrations is to live."""

        TOPIC = "taxpayer.Registration.UsernameClarified"
        call: UUID
        kept: UUID
        others: tuple[UUID, ...]
        """Those that end when the kept one is activated."""

    class VideoVerified(Root.Event):
        """A consultant saw the taxpayer, every check passed. What was checked stands in the call's own stream."""

        TOPIC = "taxpayer.Registration.VideoVerified"
        call: UUID
        consultant: str

    class VerifiedAtServiceCentre(Root.Event):
        """A consultant saw the signed form and the document of identity."""

        TOPIC = "taxpayer.Registration.VerifiedAtServiceCentre"
        centre: str
        consultant: str

    class Activated(Root.Event):
        """E-services are open."""

        TOPIC = "taxpayer.Registration.Activated"
        route: Route

    class ActivationRefused(Root.Event):
        TOPIC = "taxpayer.Registration.ActivationRefused"
        route: Route
        ground: RefusalGround
        ends: bool
        """Whether the registration ended with it."""
        reasons: Personal[str | None]

    class Superseded(Root.Event):
        """The taxpayer chose another registration."""

        TOPIC = "taxpayer.Registration.Superseded"
        by_registration: UUID

    class PasswordChanged(Root.Event):
        """Every session but the one that changed it is over."""

        TOPIC = "taxpayer.Registration.PasswordChanged"
        route: Route | None
        """The activation route by which it was reset; None if the old password was shown."""

    class ExpiryWarned(Root.Event):
        TOPIC = "taxpayer.Registration.ExpiryWarned"
        expires_after: date

    class Expired(Root.Event):
        """Nobody activated it in time."""

        TOPIC = "taxpayer.Registration.Expired"

    @event(Registered)
    def __init__(
        self,
        subject: SubjectId | None,
        number: str | Erased,
        code_version: int,
        code_issue: int,
        form: Form | Erased,
        kind: TaxpayerKind,
        activation_until: date,
        command: UUID,
    ) -> None:
        self.subject = subject
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

    @classmethod
    def register(
        cls,
        act: Act,
        *,
        id: UUID,
        draft: UUID,
        subject: SubjectId,
        number: CaseNumber,
        code_version: int,
        form: Form,
        rules: Rules,
    ) -> Registration:
        """File a form that was found without fault: Registered, MobileConfirmed and EmailConfirmed, together."""
        registration = cls.begin(
            cls.Registered,
            act,
            id=id,
            subject=subject,
            draft=draft,
            number=number,
            code_version=code_version,
            code_issue=1,
            form=form,
            kind=form.kind,
            language=form.language,
            activation_until=days_after(tbilisi_date(act.now), rules.activation_days),
        )
        registration.record(cls.MobileConfirmed, act, mobile=form.mobile)
        registration.record(cls.EmailConfirmed, act, email=form.email)
        return registration

    def refuse_unless_pending(self) -> None:
        """It may still be activated. Raises: AlreadyActive, RegistrationEnded."""
        if self.state is RegistrationState.ACTIVE:
            raise AlreadyActive
        if self.state is not RegistrationState.AWAITING_ACTIVATION:
            raise RegistrationEnded(self.state)

    def refuse_unless_bar_is_open(self) -> None:
        """Raises: AlreadyActive, RegistrationEnded, BarClosedToIt."""
        self.refuse_unless_pending()
        if self.bar_is_closed:
            raise BarClosedToIt

    def give_consent(self, act: Act, consent: Consent, rules: Rules) -> bool:
        """Note a consent; False if it was given already. Raises: ConsentTextOutdated."""
        consents.refuse_unless_in_force(consent, rules.consents)
        if self.consents.get(consent.kind) == consent:
            return False
        self.record(self.ConsentGiven, act, kind=consent.kind, version=consent.version, language=consent.language)
        return True

    def withdraw_consent(self, act: Act, kind: ConsentKind) -> None:
        """Take a consent back: both are free. Raises: ConsentNotGiven."""
        consents.refuse_unless_retractable(kind, self.consents, (), running=True)
        self.record(self.ConsentWithdrawn, act, kind=kind)

    def reissue_code(self, act: Act, code_version: int) -> None:
        """Put a new code in force."""
        self.record(self.CodeReissued, act, code_version=code_version, code_issue=self.code_issue + 1)

    # The three ways.

    def clarify(self, act: Act, *, call: UUID, kept: UUID, others: tuple[UUID, ...]) -> None:
        """Note which registration is to live once this call ends well. Raises: as `refuse_unless_bar_is_open`."""
        self.refuse_unless_bar_is_open()
        self.record(self.UsernameClarified, act, call=call, kept=kept, others=others)

    def clarified_in(self, call: UUID, by: Actor) -> tuple[UUID, tuple[UUID, ...]]:
        """The registration to be kept and those that end.

        Raises: NotClarified unless it was said in this call, and by who now says that all is well: a call may pass
        from one consultant to another, who has yet to see whether they may act in it.
        """
        clarified = self.clarified
        if clarified is None or clarified.call != call or clarified.by != by.id:
            raise NotClarified
        return clarified.kept, clarified.others

    def activate_by_video(self, act: Act, *, call: UUID, consultant: str) -> None:
        """Raises: AlreadyActive, RegistrationEnded."""
        self.refuse_unless_pending()
        self.record(self.VideoVerified, act, call=call, consultant=consultant)
        self.record(self.Activated, act, route=Route.VIDEO)

    def activate_at_centre(self, act: Act, *, centre: str, consultant: str) -> None:
        """Raises: AlreadyActive, RegistrationEnded."""
        self.refuse_unless_pending()
        self.record(self.VerifiedAtServiceCentre, act, centre=centre, consultant=consultant)
        self.record(self.Activated, act, route=Route.SERVICE_CENTRE)

    def send_link(self, act: Act, *, to: str, rules: Rules) -> None:
        """Note that a link was sent to the registry's address; it opens until then. Raises: RegistrationEnded.

        An active registration is sent one too: it is the way to a new password.
        """
        if self.state is not RegistrationState.ACTIVE:
            self.refuse_unless_pending()
        self.record(self.ActivationLinkSent, act, to=to, until=act.now + rules.link_lasts)

    def open_link(self, act: Act) -> None:
        """What the link's holder asks is done once: it activates, or resets the password of what is active.

        Raises: LinkNotSent, RegistrationEnded.
        """
        self._refuse_unless_link_opens(act)
        if self.state is RegistrationState.ACTIVE:
            self.record(self.PasswordChanged, act, route=Route.LINK)
        else:
            self.refuse_unless_pending()
            self.record(self.Activated, act, route=Route.LINK)

    def disown(self, act: Act) -> None:
        """The link's holder says: this was not me. Raises: LinkNotSent, AlreadyActive, RegistrationEnded."""
        self._refuse_unless_link_opens(act)
        self.refuse_activation(act, route=Route.LINK, ground=RefusalGround.NOT_THE_TAXPAYER, reasons=None)

    def refuse_activation(self, act: Act, *, route: Route, ground: RefusalGround, reasons: str | Erased | None) -> None:
        """Refuse. Raises: AlreadyActive, RegistrationEnded."""
        self.refuse_unless_pending()
        ends = ground is not RefusalGround.NO_VISUAL_CONTACT
        self.record(self.ActivationRefused, act, route=route, ground=ground, ends=ends, reasons=reasons)

    def supersede(self, act: Act, *, by: UUID) -> None:
        """Another registration of the taxpayer lives. Raises: AlreadyActive, RegistrationEnded."""
        self.refuse_unless_pending()
        self.record(self.Superseded, act, by_registration=by)

    # Once active.

    def change_password(self, act: Act) -> None:
        """The old one was shown; the new hash is kept elsewhere. Raises: NotActive."""
        if self.state is not RegistrationState.ACTIVE:
            raise NotActive
        self.record(self.PasswordChanged, act, route=None)

    # The office itself, at its deadlines.

    def warn(self, act: Act, rules: Rules, *, unheard: bool) -> None:
        """Tell the taxpayer until when; again, if the warning before was ``unheard``. Raises: as `expiry` says."""
        self.refuse_unless_pending()
        until, today = self.activation_until, tbilisi_date(act.now)
        expiry.refuse_unless_to_be_warned(until, today, rules.warning_days, warned=self.is_warned and not unheard)
        self.record(self.ExpiryWarned, act, expires_after=max(until, days_after(today, rules.warning_days)))

    def expire(self, act: Act) -> None:
        """End what nobody activated. Raises: as `expiry` says."""
        self.refuse_unless_pending()
        expiry.refuse_unless_expired(self.activation_until, tbilisi_date(act.now), warned=self.is_warned)
        self.record(self.Expired, act)

    def _refuse_unless_link_opens(self, act: Act) -> None:
        if self.link_until is None or act.now >= self.link_until:
            raise LinkNotSent

    @event(MobileConfirmed)
    def _mobile_confirmed(self) -> None:
        """The form says the number; that it is confirmed goes without saying: nothing else is filed."""

    @event(EmailConfirmed)
    def _email_confirmed(self) -> None:
        """As for the mobile."""

    @event(ConsentGiven)
    def _consent_given(self, kind: ConsentKind, version: str, language: Language) -> None:
        self.consents[kind] = Consent(kind, version, language)

    @event(ConsentWithdrawn)
    def _consent_withdrawn(self, kind: ConsentKind) -> None:
        del self.consents[kind]

    @event(CodeReissued)
    def _code_reissued(self, code_version: int, code_issue: int) -> None:
        self.code_version = code_version
        self.code_issue = code_issue

    @event(ActivationLinkSent)
    def _activation_link_sent(self, until: datetime) -> None:
        self.link_until = until

    @event(UsernameClarified)
    def _username_clarified(self, by: Actor, call: UUID, kept: UUID, others: tuple[UUID, ...]) -> None:
        self.clarified = Clarified(call, by.id, kept, others)

    @event(VideoVerified)
    def _video_verified(self) -> None:
        """Activated says the rest."""

    @event(VerifiedAtServiceCentre)
    def _verified_at_service_centre(self) -> None:
        """Activated says the rest."""

    @event(Activated)
    def _activated(self, route: Route, command: UUID) -> None:
        self.state = RegistrationState.ACTIVE
        self.link_until = None
        if route is Route.LINK:
            self.password_of = command

    @event(ActivationRefused)
    def _activation_refused(self, ends: bool) -> None:
        if ends:
            self.state = RegistrationState.ACTIVATION_REFUSED
        self.bar_is_closed = True
        self.link_until = None if ends else self.link_until

    @event(Superseded)
    def _superseded(self) -> None:
        self.state = RegistrationState.SUPERSEDED

    @event(PasswordChanged)
    def _password_changed(self, command: UUID) -> None:
        self.link_until = None
        self.password_of = command

    @event(ExpiryWarned)
    def _expiry_warned(self, expires_after: date) -> None:
        self.is_warned = True
        self.activation_until = expires_after

    @event(Expired)
    def _expired(self) -> None:
        self.state = RegistrationState.EXPIRED
