"""The taxpayer's registration form on paper, made at the moment that its holder asks for it and kept nowhere."""

from __future__ import annotations

from typing import Any, Final

from api.declined import NothingThere
from api.holder import holder
from api.ports import Ports
from api.strict_json import Malformed
from domain.calendar import tbilisi_date
from domain.consents import ConsentKind
from domain.event import Erased
from domain.number import group_number
from domain.office import UnknownCase
from domain.taxpayer.form import TaxpayerKind
from domain.taxpayer.registration import Registration
from gateways.documents import RegistrationFormPaper, registration_form_pdf

CENTRE: Final = "/centre"
"""The consultants' page. The number stands behind # in its address, where no server's log sees it."""

LONGEST: Final = 100


def registration_form(ports: Ports, address: str, asked: dict[str, Any]) -> bytes:
    """The form as PDF, for whoever shows number and code, while it may still be activated.

    Raises: Malformed, TooManyTries, WrongNumberOrCode, NothingThere, AlreadyActive, RegistrationEnded.
    """
    number, code = asked.get("number"), asked.get("code")
    if not (isinstance(number, str) and isinstance(code, str)) or max(len(number), len(code)) > LONGEST:
        raise Malformed("Send number and code.")
    who = holder(ports, address, number, code)
    try:
        registration = ports.office.load(Registration, who.case)
    except UnknownCase:  # number and code of another service, which has no such form
        raise NothingThere from None
    form = registration.form
    if isinstance(form, Erased) or isinstance(registration.number, Erased):
        raise NothingThere
    registration.refuse_unless_pending()
    return registration_form_pdf(
        RegistrationFormPaper(
            language=form.language,
            office_name=ports.facts.office_name[form.language],
            number=group_number(registration.number),
            link=f"{ports.facts.url}{CENTRE}#{registration.number}",
            username=form.username,
            identification=form.identification,
            is_legal_person=form.kind is TaxpayerKind.LEGAL_PERSON,
            mobile=form.mobile,
            email=form.email,
            by_sms=ConsentKind.OBLIGATIONS_BY_SMS in registration.consents,
            by_email=ConsentKind.MESSAGES_BY_EMAIL in registration.consents,
            filed=tbilisi_date(registration.created_on),
            until=registration.activation_until,
        )
    )
