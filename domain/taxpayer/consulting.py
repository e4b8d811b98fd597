"""What consultants of the Revenue Service do: in a call at the video bar, or at their service centre."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from domain.event import Act
from domain.office import Office, Receipt, UnknownCase
from domain.people import Role
from domain.roles import refuse_unless_role
from domain.taxpayer.at_the_bar import form_of, refuse_if_taxpayer_has_account
from domain.taxpayer.desk import Desk
from domain.taxpayer.form import Form, TaxpayerKind
from domain.taxpayer.refusals import (
    CallerNotBound,
    CentreUnknown,
    NotARepresentative,
    NotOfThisTaxpayer,
    OwnRegistration,
    PaperNotSeen,
)
from domain.taxpayer.registration import Registration
from domain.taxpayer.siblings import awaits
from domain.videobar.call import Call


@dataclass(frozen=True)
class Consultant:
    """What the provider claims of a consultant beyond the person: their personal number, and their service centre."""

    personal_number: str
    centre: str | None = None


@dataclass(frozen=True)
class Standing:
    """Whom a consultant has before them, as the registries showed it.

    ``representatives`` are the personal numbers that the public registry names for a legal person; None if it did not
    answer. Empty and unused for a person.
    """

    personal_number: str
    representatives: Collection[str] | None = ()


class Consulting(Desk):
    """The consultants' commands."""

    # The consultant, in a call.

    def clarify(
        self, act: Act, *, call: UUID, kept: UUID, code: str, consultant: Consultant, caller: Standing
    ) -> Receipt:
        """Bind the caller to the registration that is to live, check who may act for the taxpayer, and note it.

        ``code`` is what the caller read out: it was sent to the mobile that the ``kept`` registration's form confirmed,
        or an account would come to life whose mobile, e-mail and password are somebody else's. Of very many others the
        newest are noted.

        Raises: NotForThisRole, CallOver, NotYourCall, NotOfThisTaxpayer,
        OwnRegistration, NotARepresentative, CallerNotBound, TaxpayerHasAccount, and as
        `Registration.refuse_unless_bar_is_open`.
        """

        @cache  # used up by asking, and ``decide`` may run again
        def read_out(sitting: int, mobile: str) -> bool:
            return self.read_out.matches(call, sitting, mobile, code)

        def decide() -> Receipt:
            refuse_unless_role(act, Role.CONSULTANT)
            found = self.office.load(Call, call)
            found.refuse_unless_held_by(act.by)
            registration = self.office.load(Registration, found.case)
            registration.refuse_unless_bar_is_open()
            form = form_of(registration)
            living = registration if kept == registration.id else sibling(self.office, kept, form)
            _refuse_unless_may_act(form, consultant, caller)
            refuse_if_taxpayer_has_account(self.office, form)
            if not read_out(found.sitting, form_of(living).mobile):
                raise CallerNotBound
            newest = (one.id for one in self.siblings.awaiting(form.identification).newest)
            others = tuple(sorted({*newest, registration.id} - {kept}))
            registration.clarify(act, call=call, sitting=found.sitting, kept=kept, others=others)
            return self.office.commit(registration, act=act)

        return self.office.perform(act, decide)

    # The consultant, at a service centre.

    def activate_at_centre(
        self,
        act: Act,
        *,
        case: UUID,
        consultant: Consultant,
        visitor: Standing,
        form_signed: bool,
        document_seen: bool,
    ) -> Receipt:
        """Activate by paper and document; the taxpayer's other registrations end, their names are free.

        Raises: NotForThisRole, CentreUnknown, PaperNotSeen, OwnRegistration, NotARepresentative, TaxpayerHasAccount,
        AlreadyActive, RegistrationEnded.
        """

        def decide() -> Receipt:
            refuse_unless_role(act, Role.CONSULTANT)
            if consultant.centre is None:
                raise CentreUnknown
            registration = self._loaded(case)
            registration.refuse_unless_pending()
            form = form_of(registration)
            _refuse_unless_may_act(form, consultant, visitor)
            if not (form_signed and document_seen):
                raise PaperNotSeen
            refuse_if_taxpayer_has_account(self.office, form)
            registration.activate_at_centre(act, centre=consultant.centre, consultant=act.by.id)
            return self._commit_activated(act, registration, form)

        return self.office.perform(act, decide)


def sibling(office: Office, registration: UUID, form: Form) -> Registration:
    """Another registration of who filed ``form``, that awaits activation too. Raises: NotOfThisTaxpayer."""
    try:
        found = office.load(Registration, registration)
    except UnknownCase:
        raise NotOfThisTaxpayer from None
    if not awaits(found, form.identification):
        raise NotOfThisTaxpayer
    return found


def _refuse_unless_may_act(form: Form, consultant: Consultant, before: Standing) -> None:
    """The person is the taxpayer or represents it, and the consultant is neither.

    Raises: OwnRegistration, NotARepresentative.
    """
    if form.kind is TaxpayerKind.PERSON:
        entitled: Collection[str] | None = (form.identification,)
    else:
        entitled = before.representatives
    if entitled is not None and consultant.personal_number in entitled:
        raise OwnRegistration
    if entitled is None or before.personal_number not in entitled:
        raise NotARepresentative
