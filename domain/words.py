"""What the staff write in their own words, as it is kept."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from domain.refusals import Refusal

LONGEST: Final = 4000
"""Characters of the applicant's will, or of a reason."""

_UNREADABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (among them every direction mark), surrogate, private, unassigned, separators."""


@dataclass(eq=False)
class ReasonsMissing(Refusal):
    """What a person decides is reasoned in writing."""

    code = "REASONS_MISSING"


@dataclass(eq=False)
class WordsTooLong(Refusal):
    """A text is longer than is kept; counted in characters."""

    code = "WORDS_TOO_LONG"
    longest: int


@dataclass(eq=False)
class WordsUnreadable(Refusal):
    """A text holds control, unpaired or unassigned characters."""

    code = "WORDS_UNREADABLE"


def words(text: str) -> str:
    """``text`` as it is kept: NFC, line ends as line feeds, no blanks at its ends; perhaps nothing.

    Raises: WordsTooLong, WordsUnreadable.
    """
    if len(text) > 2 * LONGEST:
        raise WordsTooLong(LONGEST)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(text) > LONGEST:
        raise WordsTooLong(LONGEST)
    if any(unicodedata.category(character) in _UNREADABLE and character not in "\n\t" for character in text):
        raise WordsUnreadable
    return text


def reasons(text: str) -> str:
    """Reasons as they are kept. Raises: ReasonsMissing, and as `words`."""
    if not (kept := words(text)):
        raise ReasonsMissing
    return kept
