"""E-mail address, telephone and mobile number: their one normal form, or none."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

LONGEST_EMAIL: Final = 254
"""Source: RFC 5321, 4.5.3.1.3, less the angle brackets."""
LONGEST_TELEPHONE: Final = 40
"""As typed, with spaces and brackets."""
LONGEST_MOBILE: Final = 30

_MOBILE: Final = re.compile(r"(?:\+?995)?(5[0-9]{8})")
"""Source: the registration form, "მობილურის ნომერი (5XXXXXXXX)"; the country's prefix may stand before it."""
_BETWEEN_DIGITS: Final = dict.fromkeys(map(ord, " -()\u00a0"))


def tidy_email(typed: str) -> str | None:
    """The address in the form in which it is confirmed, kept and written to; None if no mail can reach it.

    The domain becomes lower-case ASCII (IDNA); the local part is ASCII and keeps its case (RFC 5321, 2.4). No question
    is asked of DNS: that the address is the applicant's is what the mailed code proves.
    """
    typed = typed.strip(" ")
    if len(typed) > LONGEST_EMAIL or not typed.isprintable():
        return None
    try:
        return validate_email(typed, check_deliverability=False, allow_smtputf8=False).ascii_email
    except (EmailNotValidError, UnicodeError):
        return None


def tidy_telephone(typed: str) -> str | None:
    """The number as E.164 (``+995555123456``), None if it has no country prefix or no such number can exist."""
    if len(typed) > LONGEST_TELEPHONE or not typed.isprintable():
        return None
    try:
        number = phonenumbers.parse(typed.strip(), None)
    except phonenumbers.NumberParseException:
        return None
    if number.extension is not None or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def tidy_mobile(typed: str) -> str | None:
    """The Georgian mobile number as E.164 (``+995555123456``), None if it is none."""
    if len(typed) > LONGEST_MOBILE:
        return None
    match = _MOBILE.fullmatch(typed.translate(_BETWEEN_DIGITS))
    return f"+995{match[1]}" if match else None
