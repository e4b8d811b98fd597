"""How a person may write: scripts, lengths and characters, with hostile input in mind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from domain.faults import Fault, FaultCode

LONGEST_NAME: Final = 100
LONGEST_LINE: Final = 200
LONGEST_TEXT: Final = 10_000
LONGEST_PERSON: Final = 255
"""All in characters, after normalisation."""
MOST_ACCENTS: Final = 3
"""Combining marks on one letter; more is a drawing over the lines above."""

_JOINERS: Final = frozenset("\u200c\u200d")
"""Invisible, but spelling in Persian and Indic scripts."""
_NEVER: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (among them every direction mark), surrogate, private, unassigned, separators."""


def _name_in(letter: str) -> re.Pattern[str]:
    """Words of ``letter`` joined by one space, hyphen, apostrophe or point; linear in the length of what it reads."""
    return re.compile(f"['’]?{letter}+(?:(?:['’.-] ?| ){letter}+)*[.]?")


_MKHEDRULI: Final = _name_in("[\u10d0-\u10fa\u10fd-\u10ff]")
"""The living alphabet and the letters of older and kindred orthographies. Source: Unicode, block Georgian."""
_LATIN: Final = _name_in("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]")
"""Basic Latin and the letters of the world's Latin orthographies, no phonetic, small-capital or full-width ones."""


_PERSON: Final = re.compile(r"[!-~]+")


def tidy_line(text: str) -> str:
    """One line as it is kept: NFC, a run of spaces is one, none at the ends. Control characters stay, to be seen."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return re.sub(" {2,}", " ", unicodedata.normalize("NFC", spaced)).strip(" ")


def tidy_text(text: str) -> str:
    """Several lines as they are kept: NFC, line ends as line feeds, no blanks at the ends."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip(" \n\t")


def tidy_georgian(text: str) -> str:
    """A Georgian name as it is kept: Mtavruli capitals, a way of shouting, become Mkhedruli."""
    return tidy_line(text).lower()


def may_be_written(text: str, *, lines: bool = False) -> bool:
    """Whether every character may stand in a text: nothing invisible, nothing that turns what stands beside it.

    ``lines`` allows line feeds and tabs.
    """
    accents = 0
    for character in text:
        category = unicodedata.category(character)
        if category in _NEVER and character not in _JOINERS and not (lines and character in "\n\t"):
            return False
        accents = accents + 1 if category in ("Mn", "Me") else 0
        if accents > MOST_ACCENTS:
            return False
    return True


def line_faults(field: str, text: str, longest: int = LONGEST_LINE) -> Iterator[Fault]:
    """What is wrong with a line that must be there, in any script."""
    if not text:
        yield Fault(field, FaultCode.MISSING)
    elif len(text) > longest:
        yield Fault(field, FaultCode.TOO_LONG)
    elif not may_be_written(text):
        yield Fault(field, FaultCode.FORBIDDEN_CHARACTERS)


def text_faults(field: str, text: str, *, required: bool) -> Iterator[Fault]:
    """What is wrong with a text of several lines."""
    if not text:
        if required:
            yield Fault(field, FaultCode.MISSING)
    elif len(text) > LONGEST_TEXT:
        yield Fault(field, FaultCode.TOO_LONG)
    elif not may_be_written(text, lines=True):
        yield Fault(field, FaultCode.FORBIDDEN_CHARACTERS)


def person_faults(field: str, person: str) -> Iterator[Fault]:
    """What is wrong with a person claim, which stands in events unsealed: it is an identifier and no place for words.

    Printable ASCII without spaces. Source: OpenID Connect Core, 2, of ``sub``: at most 255 ASCII characters.
    """
    if not person:
        yield Fault(field, FaultCode.MISSING)
    elif len(person) > LONGEST_PERSON:
        yield Fault(field, FaultCode.TOO_LONG)
    elif not _PERSON.fullmatch(person):
        yield Fault(field, FaultCode.FORBIDDEN_CHARACTERS)


def georgian_name_faults(field: str, name: str) -> Iterator[Fault]:
    """What is wrong with a name that must be in Mkhedruli."""
    yield from _name_faults(field, name, _MKHEDRULI, FaultCode.NOT_GEORGIAN_SCRIPT)


def latin_name_faults(field: str, name: str) -> Iterator[Fault]:
    """What is wrong with a name that must be in Latin script."""
    yield from _name_faults(field, name, _LATIN, FaultCode.NOT_LATIN_SCRIPT)


def name_faults(field: str, name: str) -> Iterator[Fault]:
    """What is wrong with a name that may be in Mkhedruli or in Latin script, and not in both."""
    faults = tuple(line_faults(field, name, LONGEST_NAME))
    yield from faults
    if not faults and not (_MKHEDRULI.fullmatch(name) or _LATIN.fullmatch(name)):
        yield Fault(field, FaultCode.NEITHER_GEORGIAN_NOR_LATIN)


def _name_faults(field: str, name: str, script: re.Pattern[str], wrong_script: FaultCode) -> Iterator[Fault]:
    faults = tuple(line_faults(field, name, LONGEST_NAME))
    yield from faults
    if not faults and not script.fullmatch(name):
        yield Fault(field, wrong_script)
