"""A case's number and code: how they are made, written in groups, and read however a person types them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final, NewType

CaseNumber = NewType("CaseNumber", str)
"""Ten digits, ungrouped: nine random and a Damm check digit."""
CaseCode = NewType("CaseCode", str)
"""Sixteen characters of Crockford's base32, upper case, ungrouped: 80 bits."""

NUMBER_LENGTH: Final = 10
CODE_LENGTH: Final = 16
CASH_REFERENCE_DIGITS: Final = 12
_RF00: Final = "271500"
"""The letters RF as ISO 11649 counts them (R is 27, F is 15), and check digits 00."""
LONGEST_TYPED: Final = 64
"""Whoever types more than this has not typed a number or a code."""

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Source: Douglas Crockford, "Base 32"; no I, L, O, U."""

_DAMM: Final = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
"""Source: H. Michael Damm, "Total anti-symmetrische Quasigruppen" (2004), the order-10 table; it finds every single
wrong digit and every swap of neighbours."""

_SEPARATORS: Final = dict.fromkeys(map(ord, " \t\u00a0\u2007\u2009\u202f-\u2010\u2011\u2012\u2013\u2014\u2212._"))
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})


def damm(digits: str) -> str:
    """The Damm check digit of ``digits``."""
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)


def new_number(below: Callable[[int], int] = secrets.randbelow) -> CaseNumber:
    """A number that nobody can guess from another. ``below(n)`` draws from 0 to n - 1."""
    digits = f"{below(10 ** (NUMBER_LENGTH - 1)):0{NUMBER_LENGTH - 1}d}"
    return CaseNumber(digits + damm(digits))


def read_number(typed: str) -> CaseNumber | None:
    """The number that was typed, or None if no case can have it (length, characters, check digit)."""
    number = _tidy(typed)
    if len(number) != NUMBER_LENGTH or not (number.isascii() and number.isdigit()) or damm(number) != "0":
        return None
    return CaseNumber(number)


def new_cash_reference(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A creditor reference that banks check as it is typed: ``RF``, two check digits, twelve random digits.

    Source: ISO 11649. It is not the case's number: whoever pays for a relative learns nothing that opens the case.
    """
    digits = f"{below(10**CASH_REFERENCE_DIGITS):0{CASH_REFERENCE_DIGITS}d}"
    return f"RF{98 - int(digits + _RF00) % 97:02d}{digits}"


def group_number(number: str) -> str:
    """The number as it is written: ``123 456 7890``."""
    return f"{number[:3]} {number[3:6]} {number[6:]}"


def code_from(mac: bytes) -> CaseCode:
    """The code that the first 80 bits of ``mac`` spell. Raises: ValueError if ``mac`` is shorter."""
    bits = CODE_LENGTH * 5
    if len(mac) * 8 < bits:
        raise ValueError("a code needs 80 bits")
    value = int.from_bytes(mac[: bits // 8], "big")
    return CaseCode("".join(CROCKFORD[value >> shift & 31] for shift in range(bits - 5, -1, -5)))


def read_code(typed: str) -> CaseCode | None:
    """The code that was typed, or None if no case can have it."""
    code = _tidy(typed)
    return CaseCode(code) if len(code) == CODE_LENGTH and set(code) <= set(CROCKFORD) else None


def group_code(code: str) -> str:
    """The code as it is written: ``ABCD-EFGH-JKMN-PQRS``."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def same_code(expected: str, typed: str) -> bool:
    """Whether ``typed`` is the code, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(_tidy(expected).encode(), _tidy(typed).encode(errors="replace"))


def _tidy(typed: str) -> str:
    """Case, spaces, hyphens and the letters that look like digits do not matter."""
    if len(typed) > LONGEST_TYPED:
        return ""
    return typed.translate(_SEPARATORS).upper().translate(_LOOKALIKES)
