"""A registration as the video bar sees it, with everything that ending a call changes beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from domain.event import Act, Erased, Root
from domain.office import Address, Office, UnknownCase
from domain.people import Actor, SubjectId
from domain.taxpayer.form import Form, TaxpayerKind
from domain.taxpayer.refusals import TaxpayerHasAccount
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE
from domain.taxpayer.siblings import LeftOver, Siblings
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from domain.taxpayer.username import ReleaseReason, Username, username_address
from domain.videobar.case import DOUBTS, Ground
from domain.videobar.checks import Checks, Source

ACCOUNT = "taxpayer-account"
"""The kind of address that makes one active registration of a taxpayer and no more."""


class AtTheBar:
    """Implements `videobar.case.Case`. ``changed`` grows as its methods are called; one transaction saves it all."""

    def __init__(self, office: Office, registration: Registration, left_over: LeftOver) -> None:
        self.office = office
        self.registration = registration
        self.left_over = left_over
        self.changed: Sequence[Root] = (registration,)
        self.claims: Sequence[Address] = ()

    @property
    def id(self) -> UUID:
        return self.registration.id

    @property
    def subject(self) -> SubjectId | None:
        return self.registration.subject

    @property
    def service(self) -> str:
        return SERVICE

    @property
    def identity_source(self) -> Source:
        """Always the civil registry. Source: the procedure, "სამოქალაქო რეესტრის ბაზაში, პირადი ნომრის საფუძველზე"."""
        return Source.CIVIL_REGISTRY

    @property
    def grounds(self) -> tuple[Ground, ...]:
        """For a legal person also that the public registry does not show the caller as its representative."""
        by_another = self.registration.kind is TaxpayerKind.LEGAL_PERSON
        return (*DOUBTS, Ground.NO_REPRESENTATIVE) if by_another else DOUBTS

    def refuse_unless_awaits_call(self) -> None:
        """Raises: AlreadyActive, RegistrationEnded, BarClosedToIt."""
        self.registration.refuse_unless_bar_is_open()

    def verified(
        self, act: Act, *, call: UUID, sitting: int, operator: Actor, checks: Checks, will: str | Erased
    ) -> None:
        """Activate what was clarified in this sitting; the taxpayer's others end, their names are free.

        Also those that were filed since: whoever filed them cannot outwait the call. Of very many the newest end in
        the same transaction, those left over soon after.
        Raises: NotClarified, TaxpayerHasAccount, AlreadyActive, RegistrationEnded.
        """
        self.registration.refuse_unless_bar_is_open()
        kept, others = self.registration.clarified_in(call, sitting, operator)
        living = self._load(kept)
        form = form_of(living)
        refuse_if_taxpayer_has_account(self.office, form)
        living.activate_by_video(act, call=call, consultant=operator.id)
        later = (one.id for one in Siblings(self.office).awaiting(form.identification).newest)
        ending = [self._load(other) for other in sorted({*others, *later} - {kept})]
        self.changed = (living, *superseded(self.office, act, ending, by=living))
        self.left_over.note(living.id)
        self.claims = (Address(ACCOUNT, form.identification, living.id),)

    def reception_refused(self, act: Act, *, call: UUID, ground: Ground, reasons: str | Erased | None) -> None:
        """Refuse activation; a refusal that ends the registration frees its username.

        Raises: AlreadyActive, RegistrationEnded.
        """
        registration = self.registration
        registration.refuse_activation(act, route=Route.VIDEO, ground=RefusalGround(ground.value), reasons=reasons)
        if registration.state is not RegistrationState.AWAITING_ACTIVATION:
            freed = released(self.office, act, registration, ReleaseReason.ACTIVATION_REFUSED)
            self.changed = (registration, *freed)

    def _load(self, id: UUID) -> Registration:
        return self.registration if id == self.registration.id else self.office.load(Registration, id)


class Registrations:
    """Finds registrations for the video bar: its Protocol ``Cases``."""

    def __init__(self, office: Office, left_over: LeftOver) -> None:
        self.office = office
        self.left_over = left_over

    def load(self, stream: UUID) -> AtTheBar:
        """Raises: UnknownCase."""
        return AtTheBar(self.office, self.office.load(Registration, stream), self.left_over)


def form_of(registration: Registration) -> Form:
    """The form. Raises: UnknownCase once the personal data are erased."""
    if not isinstance(registration.form, Form):
        raise UnknownCase
    return registration.form


def refuse_if_taxpayer_has_account(office: Office, form: Form) -> None:
    """Raises: TaxpayerHasAccount."""
    if office.find(ACCOUNT, form.identification) is not None:
        raise TaxpayerHasAccount


def superseded(office: Office, act: Act, others: Iterable[Registration], by: Registration) -> Sequence[Root]:
    """Those of ``others`` that await activation, ended, and their usernames, released: to be saved together."""
    changed: list[Root] = []
    for other in others:
        if other.state is RegistrationState.AWAITING_ACTIVATION:
            other.supersede(act, by=by.id)
            changed += [other, *released(office, act, other, ReleaseReason.SUPERSEDED)]
    return changed


def released(office: Office, act: Act, registration: Registration, reason: ReleaseReason) -> Sequence[Username]:
    """The registration's username, released: to be saved with it."""
    if not isinstance(registration.form, Form):
        return ()
    found = office.find(*username_address(registration.form.username))
    if found is None:
        return ()
    username = office.load(Username, found)
    username.release(act, registration=registration.id, reason=reason)
    return (username,) if username.pending_events else ()
