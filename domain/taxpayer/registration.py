"""A registration for e-services: filed, activated by one of three ways, or ended without."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from domain import consents, roles
from domain.calendar import days_after, tbilisi_date
from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround, refuse_unless_two_persons
from domain.event import Act, Erased
from domain.number import CaseNumber
from domain.people import Actor, Role, SubjectId
from domain.taxpayer import expiry, retention
from domain.taxpayer.events import History
from domain.taxpayer.form import Form
from domain.taxpayer.refusals import (
    AlreadyActive,
    BarClosedToIt,
    CurrentPasswordWrong,
    LinkNotSent,
    NotActive,
    NotClarified,
    RegistrationEnded,
)
from domain.taxpayer.rules import Rules
from domain.taxpayer.state import RefusalGround, RegistrationState, Route


class Registration(History):
    """One filing of the form. Until it is active, whoever filed it has no power."""

    TOPIC = "taxpayer.Registration"

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
        """Raises: ErasureUnderWay, PersonalDataGone, AlreadyActive, RegistrationEnded, BarClosedToIt."""
        self.refuse_if_forgotten()
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

    def clarify(self, act: Act, *, call: UUID, sitting: int, kept: UUID, others: tuple[UUID, ...]) -> None:
        """Note which is to live once this sitting ends well. Raises: as `refuse_unless_bar_is_open`."""
        self.refuse_unless_bar_is_open()
        self.record(self.UsernameClarified, act, call=call, sitting=sitting, kept=kept, others=others)

    def clarified_in(self, call: UUID, sitting: int, by: Actor) -> tuple[UUID, tuple[UUID, ...]]:
        """The registration to be kept and those that end.

        Raises: NotClarified unless it was said in this sitting, by who now says that all is well: a call may pass from
        one consultant to another, who has yet to see whether they may act in it; and whoever comes back after it was
        broken off has yet to show that they hold the mobile.
        """
        clarified = self.clarified
        if clarified is None or (clarified.call, clarified.sitting, clarified.by) != (call, sitting, by.id):
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

    def open_link(self, act: Act, code_version: int) -> None:
        """What the link's holder asks is done once: it activates, or resets the password of what is active.

        Nobody knows whether who filed the form is who opened the link. So what filing gave ends with the activation:
        another code is in force, of this ``code_version``, and no consent stands. Raises: LinkNotSent,
        RegistrationEnded.
        """
        self._refuse_unless_link_opens(act)
        if self.state is RegistrationState.ACTIVE:
            self.record(self.PasswordChanged, act, route=Route.LINK)
        else:
            self.refuse_unless_pending()
            self.record(self.Activated, act, route=Route.LINK)
            self.reissue_code(act, code_version)
            for kind in tuple(self.consents):
                self.record(self.ConsentWithdrawn, act, kind=kind)

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

    def change_password(self, act: Act, *, shown: UUID) -> None:
        """The old one was shown, that of the command ``shown``; the new hash is kept elsewhere.

        A link may have set another since it was shown: that one stands, or a stolen password would outlive its reset.
        Raises: NotActive, CurrentPasswordWrong.
        """
        if self.state is not RegistrationState.ACTIVE:
            raise NotActive
        if shown != self.password_of:
            raise CurrentPasswordWrong
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

    # Erasure.

    def refuse_unless_erasable(self, act: Act, ground: LegalGround) -> None:
        """Raises: NotForThisRole, ErasureUnderWay, PersonalDataGone, StillAwaited, AccountInUse."""
        roles.refuse_unless_role(act, Role.DATA_PROTECTION)
        self.refuse_if_forgotten()
        retention.refuse_unless_erasable(self.state, ground)

    def request_erasure(
        self, act: Act, *, ground: LegalGround, asked_by: str, asked_at: datetime, username: UUID | None
    ) -> None:
        """Confirm what another person asked for: from now on nothing else happens in this registration.

        Raises: ErasureNeedsAnother, and as `refuse_unless_erasable`.
        """
        self.refuse_unless_erasable(act, ground)
        refuse_unless_two_persons(asked_by, act.by.id)
        said = {"ground": ground, "asked_by": asked_by, "asked_at": asked_at, "username": username}
        self.record(self.ErasureRequested, act, **said)
