"""What a consultant is shown of a registration, and by what they act on it: the registries' word, always on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import strawberry

from api.context import Context, Info
from api.declined import ConsultantUnidentified, SignInRequired
from api.masks import masked_email, masked_mobile
from api.ports import Ports
from api.reading import shown_row
from api.registries import OnRecord, civil, noted, public, subjects_of
from api.shapes.call import RegistryView, recorded_checks
from api.shapes.consultation import (
    RegistrationAtCentre,
    RegistrationCallView,
    Representation,
    Sibling,
    caller_comparisons,
)
from api.shapes.registration import Caller, RegistrationForm
from domain.calendar import tbilisi_date
from domain.contacts import tidy_mobile
from domain.number import group_number
from domain.office import UnknownCase
from domain.people import Actor
from domain.staff.reading import Purpose
from domain.taxpayer.consulting import Consultant, Standing
from domain.taxpayer.events import Clarified
from domain.taxpayer.form import Form, TaxpayerKind
from domain.taxpayer.registration import Registration
from domain.taxpayer.siblings import Awaiting, Siblings
from domain.videobar.call import Call
from domain.videobar.checks import Source
from domain.videobar.terms import Declared
from projections import queue

MOST_SIBLINGS: Final = 50
"""Registrations of one taxpayer that are shown, the newest; whoever files more of them is no taxpayer."""


@dataclass(frozen=True)
class Filed:
    """A registration with its form, and the taxpayer's others that await activation."""

    registration: Registration
    form: Form
    siblings: Awaiting

    @property
    def subjects(self) -> frozenset[UUID]:
        """Whose data are shown with it."""
        return subjects_of([self.registration.subject, *(each.subject for each in self.siblings.newest)])

    @property
    def legal_code(self) -> str | None:
        """Whom the public registry is asked about; nobody for a person."""
        return self.form.identification if self.form.kind is TaxpayerKind.LEGAL_PERSON else None


def filed(ports: Ports, case: UUID) -> Filed:
    """What was filed there. Raises: UnknownCase, also once it is erased."""
    registration = ports.office.load(Registration, case)
    if not isinstance(registration.form, Form):
        raise UnknownCase
    siblings = Siblings(ports.office).awaiting(registration.form.identification, MOST_SIBLINGS)
    return Filed(registration, registration.form, siblings)


async def consultant_of(info: Info) -> Consultant:
    """Who the consultant is beyond an account. Raises: SignInRequired, ConsultantUnidentified."""
    member = await info.context.staff()
    if member is None:
        raise SignInRequired
    if member.personal_number is None:
        raise ConsultantUnidentified
    return Consultant(member.personal_number, member.centre)


def consultation(context: Context, by: Actor, call: Call) -> RegistrationCallView:
    """The registration of a call that ``by`` holds, beside what the registries say of who calls."""
    ports = context.ports
    place = shown_row(queue.find(ports.pool, call.id)).call
    there = filed(ports, call.case)
    on_record = OnRecord(by, there.subjects, Purpose.VIDEO_CALL)
    noted(ports, on_record, "call")
    declared = call.declared if isinstance(call.declared, Declared) else None
    number = declared.personal_number if declared is not None else None
    answer, record = civil(ports, on_record, number)
    today = tbilisi_date(ports.office.desk.now())
    fits = declared is not None and there.form.identification == (
        declared.personal_number if there.legal_code is None else declared.legal_code
    )
    clarified = there.registration.clarified
    return RegistrationCallView(
        id=strawberry.ID(str(call.id)),
        case=call.case,
        phase=place.phase,
        requested_at=place.requested_at,
        claimed_at=place.claimed_at,
        broken_off=len(place.broken_off),
        connected=list(place.connected),
        checks=recorded_checks(place.checks),
        visual_contact=place.checks.visual_contact if place.checks is not None else False,
        identity_source=Source.CIVIL_REGISTRY,
        registry=RegistryView.of(record) if record is not None else None,
        registry_answer=answer,
        comparisons=caller_comparisons(declared, record, today) if declared is not None and record is not None else [],
        grounds=list(ports.videobar.grounds_of(call.case)),
        caller=Caller.of(declared) if declared is not None else None,
        form=RegistrationForm.of(there.form),
        caller_fits=fits,
        mobile_fits=declared is not None and tidy_mobile(declared.mobile) == there.form.mobile,
        siblings=_siblings(there),
        siblings_more=there.siblings.more,
        representation=_representation(ports, on_record, there, number),
        clarified=clarified.kept if clarified is not None and _is_now(clarified, call) else None,
    )


def at_centre(ports: Ports, by: Actor, case: UUID, visitor: str) -> RegistrationAtCentre:
    """A registration that was brought on paper, beside what the registries say of who brings it."""
    there = filed(ports, case)
    on_record = OnRecord(by, there.subjects, Purpose.SERVICE_CENTRE)
    noted(ports, on_record, "registrationAtCentre")
    answer, record = civil(ports, on_record, visitor)
    registration = there.registration
    return RegistrationAtCentre(
        id=strawberry.ID(str(registration.id)),
        number=group_number(str(registration.number)),
        state=registration.state,
        filed_at=registration.created_on,
        activation_until=registration.activation_until,
        form=RegistrationForm.of(there.form),
        siblings=_siblings(there),
        siblings_more=there.siblings.more,
        registry=RegistryView.of(record) if record is not None else None,
        registry_answer=answer,
        representation=_representation(ports, on_record, there, visitor),
    )


def standing(ports: Ports, by: Actor, case: UUID, purpose: Purpose, personal_number: str) -> Standing:
    """Whom the consultant has before them, as the public registry shows it for a legal person.

    Raises: UnknownCase, PublicRegistryUnavailable.
    """
    there = filed(ports, case)
    if there.legal_code is None:
        return Standing(personal_number)
    noted(ports, OnRecord(by, there.subjects, purpose), "publicRegistry")
    entry = ports.public_registry.find(there.legal_code)
    return Standing(personal_number, entry.may_act if entry is not None else ())


def _is_now(clarified: Clarified, call: Call) -> bool:
    """Whether it was clarified in the sitting that the call is in."""
    return (clarified.call, clarified.sitting) == (call.id, call.sitting)


def _siblings(there: Filed) -> list[Sibling]:
    return [
        Sibling(
            id=each.id,
            username=each.form.username,
            mobile=masked_mobile(each.form.mobile),
            email=masked_email(each.form.email),
            filed_at=each.created_on,
            state=each.state,
        )
        for each in there.siblings.newest
        if isinstance(each.form, Form)
    ]


def _representation(
    ports: Ports, on_record: OnRecord, there: Filed, personal_number: str | None
) -> Representation | None:
    if there.legal_code is None:
        return None
    answer, entry = public(ports, on_record, there.legal_code)
    return Representation.of(answer, entry, personal_number or "")
