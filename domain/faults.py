"""What can be wrong with a form: a fault for every field and reason, all found at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.refusals import Refusal


class FaultCode(StrEnum):
    """Why a field is refused. ``texts/<language>/form.toml`` holds the sentence for each."""

    MISSING = "MISSING"
    TOO_LONG = "TOO_LONG"
    FORBIDDEN_CHARACTERS = "FORBIDDEN_CHARACTERS"
    """Control, invisible or direction-changing characters, or a heap of accents on one letter."""
    NOT_GEORGIAN_SCRIPT = "NOT_GEORGIAN_SCRIPT"
    NOT_LATIN_SCRIPT = "NOT_LATIN_SCRIPT"
    BIRTH_DATE_IN_FUTURE = "BIRTH_DATE_IN_FUTURE"
    BIRTH_DATE_TOO_LONG_AGO = "BIRTH_DATE_TOO_LONG_AGO"
    COUNTRY_UNKNOWN = "COUNTRY_UNKNOWN"
    CITIZENSHIP_REPEATED = "CITIZENSHIP_REPEATED"
    TOO_MANY = "TOO_MANY"
    PERSONAL_NUMBER_MALFORMED = "PERSONAL_NUMBER_MALFORMED"
    DOCUMENT_NUMBER_MALFORMED = "DOCUMENT_NUMBER_MALFORMED"
    DOCUMENT_EXPIRED = "DOCUMENT_EXPIRED"
    ADDRESS_IN_GEORGIA = "ADDRESS_IN_GEORGIA"
    EMAIL_MALFORMED = "EMAIL_MALFORMED"
    EMAIL_NOT_CONFIRMED = "EMAIL_NOT_CONFIRMED"
    TELEPHONE_MALFORMED = "TELEPHONE_MALFORMED"
    GROUNDS_MISSING = "GROUNDS_MISSING"
    GROUNDS_EXCLUDE_EACH_OTHER = "GROUNDS_EXCLUDE_EACH_OTHER"
    NOT_A_CITIZEN_OF_GEORGIA = "NOT_A_CITIZEN_OF_GEORGIA"
    NOT_A_CITIZEN_OF_ANOTHER_STATE = "NOT_A_CITIZEN_OF_ANOTHER_STATE"
    PHOTOGRAPHS_NOT_TWO = "PHOTOGRAPHS_NOT_TWO"
    PHOTOGRAPHS_SAME = "PHOTOGRAPHS_SAME"
    IDENTITY_DOCUMENT_MISSING = "IDENTITY_DOCUMENT_MISSING"
    MOTIVATION_LETTER_MISSING = "MOTIVATION_LETTER_MISSING"
    DOCUMENT_REPEATED = "DOCUMENT_REPEATED"
    DOCUMENT_OF_WRONG_KIND = "DOCUMENT_OF_WRONG_KIND"
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_REPEATED = "CONSENT_REPEATED"
    CONSENT_OUTDATED = "CONSENT_OUTDATED"
    """The text consented to is not the one in force: it must be read again."""
    TOO_SHORT = "TOO_SHORT"
    SCRIPTS_MIXED = "SCRIPTS_MIXED"
    """Letters of two alphabets in one name."""
    DIGIT_MISSING = "DIGIT_MISSING"
    CAPITAL_MISSING = "CAPITAL_MISSING"
    SMALL_LETTER_MISSING = "SMALL_LETTER_MISSING"
    TOO_COMMON = "TOO_COMMON"
    """Among those that attackers try first, or the username itself."""
    NOT_REPEATED = "NOT_REPEATED"
    IDENTIFICATION_MALFORMED = "IDENTIFICATION_MALFORMED"
    """Neither a personal number of 11 digits nor a legal person's code of 9."""
    MOBILE_MALFORMED = "MOBILE_MALFORMED"
    """Not a Georgian mobile number, 5XXXXXXXX."""
    MOBILE_NOT_CONFIRMED = "MOBILE_NOT_CONFIRMED"
    LEGAL_CODE_MALFORMED = "LEGAL_CODE_MALFORMED"
    """Not a legal person's code of 9 digits."""
    NEITHER_GEORGIAN_NOR_LATIN = "NEITHER_GEORGIAN_NOR_LATIN"
    """A name in another script, or in two."""
    NOT_ASKED = "NOT_ASKED"
    """This office does not ask for it and does not keep it."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong: ``field`` is its path as the API names it (``nameKa.first``, ``citizenships[1]``)."""

    field: str
    code: FaultCode


@dataclass(eq=False)
class FormRefused(Refusal):
    """The form as a whole, with everything that is wrong with it."""

    code = "FORM_REFUSED"

    faults: tuple[Fault, ...]
