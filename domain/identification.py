"""The numbers by which the state knows a person and a legal person, as they are kept."""

from __future__ import annotations

import re
from typing import Final

_PERSONAL_NUMBER: Final = re.compile(r"[0-9]{11}")
_LEGAL_CODE: Final = re.compile(r"[0-9]{9}")


def is_personal_number(text: str) -> bool:
    """Eleven digits; may start with 0, and has no public check digit."""
    return _PERSONAL_NUMBER.fullmatch(text) is not None


def is_legal_code(text: str) -> bool:
    """A legal person's identification code: nine digits."""
    return _LEGAL_CODE.fullmatch(text) is not None
