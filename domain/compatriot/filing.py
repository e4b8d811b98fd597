"""Reading a form as it comes in: the form as it will be kept, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from domain.compatriot.countries import COUNTRIES, GEORGIA
from domain.compatriot.documents import Document, enclosure_faults
from domain.compatriot.form import Address, Form, IdentityDocument, Name
from domain.compatriot.grounds import grounds_faults
from domain.consents import Consent, ConsentKind, ConsentText
from domain.contacts import LONGEST_EMAIL, LONGEST_TELEPHONE, tidy_email, tidy_telephone
from domain.faults import Fault, FaultCode
from domain.identification import is_personal_number
from domain.writing import (
    georgian_name_faults,
    latin_name_faults,
    line_faults,
    tidy_georgian,
    tidy_line,
)

OLDEST: Final = 120
"""Nobody applies at a greater age in years; a birth date further back is a slip of the finger."""
MOST_CITIZENSHIPS: Final = 5
LONGEST_POSTCODE: Final = 20

_DOCUMENT_NUMBER: Final = re.compile(r"(?=.{3,30}$)(?=.*\d)[^\W_]+(?:[ /.-][^\W_]+)*")
"""Letters of any script and digits, grouped by single signs; three to thirty characters, a digit among them."""


@dataclass(frozen=True)
class Contacts:
    """The normal forms of what a form gives as e-mail address and telephone, found once; None where there is none."""

    email: str | None
    telephone: str | None

    @classmethod
    def of(cls, form: Form) -> Contacts:
        """The contacts of a form as it came in, or as it is kept: they are the same."""
        return cls(tidy_email(form.email), tidy_telephone(form.telephone))


def tidied(form: Form, contacts: Contacts | None = None) -> Form:
    """The form as it is kept: one way of writing for what can be written in several. Says nothing of its faults."""
    contacts = contacts or Contacts.of(form)
    return replace(
        form,
        name_ka=Name(tidy_georgian(form.name_ka.first), tidy_georgian(form.name_ka.last)),
        name_latin=Name(tidy_line(form.name_latin.first), tidy_line(form.name_latin.last)),
        citizenships=tuple(_country(code) for code in form.citizenships),
        document=_tidy_document(form.document),
        address_abroad=_tidy_address(form.address_abroad),
        email=contacts.email or tidy_line(form.email),
        telephone=contacts.telephone or tidy_line(form.telephone),
        personal_number=tidy_line(form.personal_number or "") or None,
    )


def filing_faults(
    form: Form,
    documents: Sequence[Document],
    consents: Sequence[Consent],
    *,
    today: date,
    required: Collection[ConsentKind],
    texts: Collection[ConsentText],
    contacts: Contacts | None = None,
) -> tuple[Fault, ...]:
    """Everything wrong with a tidied form and what comes with it, at once, in the order of the form.

    ``today`` is the Tbilisi day, ``required`` the consents without which there is no application, ``texts`` those in
    force, ``contacts`` the form's if they were found already.
    """
    return (
        *form_faults(form, today, contacts),
        *enclosure_faults(documents),
        *consent_faults(consents, required, texts),
    )


def form_faults(form: Form, today: date, contacts: Contacts | None = None) -> Iterator[Fault]:
    """Everything wrong with the tidied form itself."""
    contacts = contacts or Contacts.of(form)
    yield from georgian_name_faults("nameKa.first", form.name_ka.first)
    yield from georgian_name_faults("nameKa.last", form.name_ka.last)
    yield from latin_name_faults("nameLatin.first", form.name_latin.first)
    yield from latin_name_faults("nameLatin.last", form.name_latin.last)
    yield from _birth_faults(form.birth_date, today)
    yield from _citizenship_faults(form.citizenships)
    if form.personal_number is not None and not is_personal_number(form.personal_number):
        yield Fault("personalNumber", FaultCode.PERSONAL_NUMBER_MALFORMED)
    yield from _document_faults(form.document, today)
    yield from _address_faults(form.address_abroad)
    yield from _email_faults(form.email, contacts.email)
    yield from _telephone_faults(form.telephone, contacts.telephone)
    yield from grounds_faults(form.grounds, form.citizenships)


def consent_faults(
    consents: Sequence[Consent], required: Collection[ConsentKind], texts: Collection[ConsentText]
) -> Iterator[Fault]:
    """Every required consent is given, none twice, each to the text in force."""
    given = [consent.kind for consent in consents]
    if not set(required) <= set(given):
        yield Fault("consents", FaultCode.CONSENT_MISSING)
    if len(set(given)) < len(given):
        yield Fault("consents", FaultCode.CONSENT_REPEATED)
    if not {consent.text for consent in consents} <= set(texts):
        yield Fault("consents", FaultCode.CONSENT_OUTDATED)


def _birth_faults(birth_date: date, today: date) -> Iterator[Fault]:
    if birth_date > today:
        yield Fault("birthDate", FaultCode.BIRTH_DATE_IN_FUTURE)
    elif birth_date.year < today.year - OLDEST:
        yield Fault("birthDate", FaultCode.BIRTH_DATE_TOO_LONG_AGO)


def _citizenship_faults(citizenships: Sequence[str]) -> Iterator[Fault]:
    if not citizenships:
        yield Fault("citizenships", FaultCode.MISSING)
    if len(citizenships) > MOST_CITIZENSHIPS:
        yield Fault("citizenships", FaultCode.TOO_MANY)
        return
    for place, code in enumerate(citizenships):
        if code not in COUNTRIES:
            yield Fault(f"citizenships[{place}]", FaultCode.COUNTRY_UNKNOWN)
        elif code in citizenships[:place]:
            yield Fault(f"citizenships[{place}]", FaultCode.CITIZENSHIP_REPEATED)


def _document_faults(document: IdentityDocument, today: date) -> Iterator[Fault]:
    if not document.number:
        yield Fault("document.number", FaultCode.MISSING)
    elif not _DOCUMENT_NUMBER.fullmatch(document.number):
        yield Fault("document.number", FaultCode.DOCUMENT_NUMBER_MALFORMED)
    if document.issuer not in COUNTRIES:
        yield Fault("document.issuer", FaultCode.COUNTRY_UNKNOWN)
    if document.expires is not None and document.expires < today:
        yield Fault("document.expires", FaultCode.DOCUMENT_EXPIRED)


def _address_faults(address: Address) -> Iterator[Fault]:
    """Source: both grounds are a person's who lives in another state."""
    if address.country not in COUNTRIES:
        yield Fault("addressAbroad.country", FaultCode.COUNTRY_UNKNOWN)
    elif address.country == GEORGIA:
        yield Fault("addressAbroad.country", FaultCode.ADDRESS_IN_GEORGIA)
    yield from line_faults("addressAbroad.city", address.city)
    yield from line_faults("addressAbroad.line", address.line)
    if address.postcode is not None:
        yield from line_faults("addressAbroad.postcode", address.postcode, LONGEST_POSTCODE)


def _email_faults(email: str, normal: str | None) -> Iterator[Fault]:
    faults = tuple(line_faults("email", email, LONGEST_EMAIL))
    yield from faults
    if not faults and normal != email:
        yield Fault("email", FaultCode.EMAIL_MALFORMED)


def _telephone_faults(telephone: str, normal: str | None) -> Iterator[Fault]:
    faults = tuple(line_faults("telephone", telephone, LONGEST_TELEPHONE))
    yield from faults
    if not faults and normal != telephone:
        yield Fault("telephone", FaultCode.TELEPHONE_MALFORMED)


def _tidy_document(document: IdentityDocument) -> IdentityDocument:
    return replace(document, number=tidy_line(document.number).upper(), issuer=_country(document.issuer))


def _tidy_address(address: Address) -> Address:
    return Address(
        country=_country(address.country),
        city=tidy_line(address.city),
        line=tidy_line(address.line),
        postcode=tidy_line(address.postcode or "") or None,
    )


def _country(code: str) -> str:
    return tidy_line(code).upper()
