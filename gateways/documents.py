"""The papers that the office issues, set by typst as PDF/UA-1 (ISO 14289-1): a screen reader reads them too.

Facts reach a template as data and never as its source, so nothing that a person wrote can act in it. The same facts
give the same bytes: a decision received twice is the same file.
"""

from __future__ import annotations

import calendar
import io
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any, Final, cast

import segno
import typst
from fontTools.ttLib import TTFont

import texts
from texts import fonts

_UNDRAWN: Final = "?"


@dataclass(frozen=True)
class DecisionPaper:
    """What a decision's paper says. ``outcome`` is GRANTED or REFUSED; ``number`` as it is shown, grouped.

    ``template`` is the one that the decision was issued with (``decision-v1``).
    """

    template: str
    language: str
    office_name: str
    number: str
    name: str
    name_latin: str
    born: date
    filed: date
    decided: date
    outcome: str
    reasons: str


@dataclass(frozen=True)
class ReceiptPaper:
    """What the receipt for a registered application says. Never the code. ``documents`` are kinds."""

    language: str
    office_name: str
    number: str
    name: str
    name_latin: str
    filed: date
    tier: str
    fee: str
    cash_reference: str
    until: date
    documents: tuple[str, ...]


@dataclass(frozen=True)
class RegistrationFormPaper:
    """What the filled registration form says, to be signed at a service centre. Never the code, nor the password.

    ``number`` as it is shown, grouped; ``link``: where its QR code leads the consultant; ``until``: the last day.
    """

    language: str
    office_name: str
    number: str
    link: str
    username: str
    identification: str
    is_legal_person: bool
    mobile: str
    email: str
    by_sms: bool
    by_email: bool
    filed: date
    until: date


def decision_pdf(paper: DecisionPaper) -> bytes:
    """The decision. Raises: texts.fonts.FontsMissing; NoSuchText; ValueError for an outcome that is none."""
    if paper.outcome not in {"GRANTED", "REFUSED"}:
        raise ValueError(f"no outcome: {paper.outcome}")
    told = _told(paper, ("number", "name", "name_latin", "born", "filed", "decided", "reasons"))
    return _set(paper.template, paper.language, {**told, "granted": paper.outcome == "GRANTED"}, paper.decided)


def receipt_pdf(paper: ReceiptPaper) -> bytes:
    """The receipt. Raises: texts.fonts.FontsMissing."""
    told = _told(paper, ("number", "name", "name_latin", "filed", "fee", "cash_reference", "until"))
    words = {
        "tier": texts.word(paper.language, paper.tier),
        "documents": [_drawable(texts.word(paper.language, kind)) for kind in paper.documents],
    }
    return _set("receipt", paper.language, {**told, **words}, paper.filed)


def registration_form_pdf(paper: RegistrationFormPaper) -> bytes:
    """The form, filled in, with room for the signature. Raises: texts.fonts.FontsMissing."""
    told = _told(paper, ("number", "username", "identification", "mobile", "email", "filed", "until"))
    told |= {"legal": paper.is_legal_person, "by_sms": paper.by_sms, "by_email": paper.by_email}
    return _set("registration-form-v1", paper.language, told, paper.filed, {"qr.svg": qr_code(paper.link)})


def qr_code(link: str) -> bytes:
    """``link`` as a QR code (ISO/IEC 18004) in SVG, a quarter of which may be stained or torn."""
    drawn = io.BytesIO()
    segno.make_qr(link, error="q").save(drawn, kind="svg", border=4, svgclass=None, lineclass=None)
    return drawn.getvalue()


def _told(paper: DecisionPaper | ReceiptPaper | RegistrationFormPaper, names: tuple[str, ...]) -> dict[str, Any]:
    language = texts.language(paper.language)
    told = {name: _drawable(str(texts.spoken(getattr(paper, name), language))) for name in names}
    return {**told, "office_name": _drawable(paper.office_name), "language": str(language)}


def _set(
    name: str, language: str, facts: dict[str, Any], on: date, images: Mapping[str, bytes] = MappingProxyType({})
) -> bytes:
    folder = fonts.prepared()
    facts = {**facts, "fonts": list(fonts.FAMILIES), "on": [on.year, on.month, on.day]}
    only_ours = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)])
    compiler = typst.Compiler(
        cast(Any, {**texts.document(name, language), **images}),
        font_paths=only_ours,
        sys_inputs={"facts": json.dumps(facts)},
    )
    made = compiler.compile(format="pdf", pdf_standards=["ua-1"], timestamp=calendar.timegm(on.timetuple()))
    assert isinstance(made, bytes)
    return made


def _drawable(text: str) -> str:
    """``text`` composed, and with a question mark for each character that none of our fonts can draw."""
    drawn = _drawn()
    return "".join(c if c == "\n" or ord(c) in drawn else _UNDRAWN for c in unicodedata.normalize("NFC", text))


@cache
def _drawn() -> frozenset[int]:
    found: set[int] = set()
    for file in fonts.prepared().glob("*-400.ttf"):
        with TTFont(file) as font:
            found |= cast(dict[int, str], cast(Any, font).getBestCmap()).keys()
    return frozenset(found)
