"""The registration form: what it asks, how it is kept, and everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from domain.consents import Consent, ConsentKind, ConsentText
from domain.contacts import LONGEST_EMAIL, tidy_email, tidy_mobile
from domain.faults import Fault, FaultCode
from domain.identification import is_legal_code, is_personal_number
from domain.language import Language
from domain.taxpayer.password import NewPassword, password_faults
from domain.taxpayer.username import tidy_username, username_faults
from domain.writing import line_faults, tidy_line

OPTIONAL_CONSENTS: Final = frozenset({ConsentKind.OBLIGATIONS_BY_SMS, ConsentKind.MESSAGES_BY_EMAIL})
"""The form's two boxes; everything else on it is mandatory."""


class TaxpayerKind(StrEnum):
    """Whom the identification names."""

    PERSON = "PERSON"
    LEGAL_PERSON = "LEGAL_PERSON"


@dataclass(frozen=True)
class Form:
    """The form as filed, without the password. Every value is personal."""

    username: str
    identification: str
    """A person's number (11 digits) or a legal person's code (9)."""
    mobile: str
    """E.164: +995 and nine digits that begin with 5."""
    email: str
    language: Language
    """Of every message to the taxpayer."""

    @property
    def kind(self) -> TaxpayerKind:
        """By the length of the identification."""
        return TaxpayerKind.LEGAL_PERSON if is_legal_code(self.identification) else TaxpayerKind.PERSON


def tidied(form: Form) -> Form:
    """The form as it is kept: one way of writing for what can be written in several. Says nothing of its faults."""
    return replace(
        form,
        username=tidy_username(form.username),
        identification=tidy_line(form.identification).replace(" ", ""),
        mobile=tidy_mobile(form.mobile) or tidy_line(form.mobile),
        email=tidy_email(form.email) or tidy_line(form.email),
    )


def filing_faults(
    form: Form, password: NewPassword, consents: Sequence[Consent], texts: Collection[ConsentText]
) -> tuple[Fault, ...]:
    """Everything wrong with a tidied form and what comes with it, at once, in the order of the form.

    ``texts`` are the consents' texts in force.
    """
    return (
        *username_faults(form.username),
        *_identification_faults(form.identification),
        *password_faults(password, form.username),
        *_mobile_faults(form.mobile),
        *_email_faults(form.email),
        *_consent_faults(consents, texts),
    )


def _identification_faults(identification: str) -> Iterator[Fault]:
    if not identification:
        yield Fault("identification", FaultCode.MISSING)
    elif not (is_personal_number(identification) or is_legal_code(identification)):
        yield Fault("identification", FaultCode.IDENTIFICATION_MALFORMED)


def _mobile_faults(mobile: str) -> Iterator[Fault]:
    if not mobile:
        yield Fault("mobile", FaultCode.MISSING)
    elif tidy_mobile(mobile) != mobile:
        yield Fault("mobile", FaultCode.MOBILE_MALFORMED)


def _email_faults(email: str) -> Iterator[Fault]:
    faults = tuple(line_faults("email", email, LONGEST_EMAIL))
    yield from faults
    if not faults and tidy_email(email) != email:
        yield Fault("email", FaultCode.EMAIL_MALFORMED)


def _consent_faults(consents: Sequence[Consent], texts: Collection[ConsentText]) -> Iterator[Fault]:
    given = [consent.kind for consent in consents]
    if len(set(given)) < len(given):
        yield Fault("consents", FaultCode.CONSENT_REPEATED)
    if not {consent.text for consent in consents} <= set(texts):
        yield Fault("consents", FaultCode.CONSENT_OUTDATED)
