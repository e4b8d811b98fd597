"""The operator's free texts, as they are kept."""

from __future__ import annotations

import unicodedata
from typing import Final

from domain.videobar.refusals import WordsTooLong, WordsUnreadable

LONGEST: Final = 4000
"""Characters of the applicant's will or the operator's reasons."""

_UNREADABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (among them every direction mark), surrogate, private, unassigned, separators."""


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
