"""The papers: accessible, the same bytes each time, in our own fonts, and deaf to what people write into them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import texts
from domain.compatriot.fees import parse_schedule
from domain.compatriot.rules import Rules
from gateways.documents import DecisionPaper, ReceiptPaper, decision_pdf, receipt_pdf
from texts import NoSuchText, fonts

DECISION = DecisionPaper(
    template="decision-v1",
    language="ka",
    office_name="სერვისების განვითარების სააგენტო",
    number="123-456-7890",
    name="ნინო ქართველიშვილი",
    name_latin="Nino Kartvelishvili",
    born=date(1990, 5, 14),
    filed=date(2026, 1, 2),
    decided=date(2026, 3, 2),
    outcome="GRANTED",
    reasons="განმცხადებლის წარმომავლობა დადასტურებულია.\n\nმშობლიური ენა ქართულია.",
)
RECEIPT = ReceiptPaper(
    language="en",
    office_name="Service Development Agency",
    number="123-456-7890",
    name="ნინო",
    name_latin="Nino",
    filed=date(2026, 1, 2),
    tier="EXPEDITED",
    fee="100.00 GEL",
    cash_reference="RF12",
    until=date(2026, 2, 1),
    documents=("PHOTOGRAPH", "PHOTOGRAPH", "IDENTITY", "MOTIVATION_LETTER"),
)


@pytest.fixture(scope="module", autouse=True)
def _fonts() -> None:
    fonts.prepare()


def fonts_of(pdf: pikepdf.Pdf) -> set[str]:
    return {
        str(thing["/BaseFont"]).partition("+")[2]
        for thing in pdf.objects
        if isinstance(thing, pikepdf.Dictionary) and "/BaseFont" in thing and "/DescendantFonts" not in thing
    }


def text_of(pdf: pikepdf.Pdf) -> str:
    """All characters that the fonts' ToUnicode tables map: enough to see which letters were drawn."""
    found = ""
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Dictionary) and "/ToUnicode" in thing:
            for line in thing["/ToUnicode"].read_bytes().decode().splitlines():
                parts = line.strip().split()
                if len(parts) == 2 and all(part.startswith("<") for part in parts):
                    found += bytes.fromhex(parts[1].strip("<>")).decode("utf-16-be")
    return found


@pytest.mark.parametrize("language", ["ka", "en"])
@pytest.mark.parametrize("outcome", ["GRANTED", "REFUSED"])
def test_a_decision_is_an_accessible_pdf_in_our_own_fonts(language: str, outcome: str) -> None:
    content = decision_pdf(replace(DECISION, language=language, outcome=outcome))
    with pikepdf.open(io.BytesIO(content)) as pdf:
        with pdf.open_metadata() as told:
            assert told["pdfuaid:part"] == "1"
        assert str(pdf.Root["/Lang"]).startswith(language)
        assert pdf.Root["/MarkInfo"]["/Marked"]
        assert pdf.Root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert {name.partition("-")[0] for name in fonts_of(pdf)} == {"SarkmeliGeorgian", "SarkmeliLatin"}
        assert set("ქართველიშვილი") <= set(text_of(pdf))


def test_the_same_decision_is_the_same_file() -> None:
    assert decision_pdf(DECISION) == decision_pdf(DECISION)
    assert decision_pdf(DECISION) != decision_pdf(replace(DECISION, outcome="REFUSED"))


@settings(deadline=None, max_examples=40)
@given(words=st.text(max_size=200))
def test_whatever_is_written_is_set_and_never_run(words: str) -> None:
    marks = '#panic("x") $ * _ @ ` ] } #import "/etc/passwd" \\ '
    content = decision_pdf(replace(DECISION, reasons=words + marks, name=words or "x", name_latin=marks))
    with pikepdf.open(io.BytesIO(content)) as pdf:
        assert "#" in text_of(pdf)


def test_a_letter_of_no_font_of_ours_is_a_question_mark() -> None:
    with pikepdf.open(io.BytesIO(decision_pdf(replace(DECISION, name_latin="Şćhönlë 漢字 \u202e")))) as pdf:
        assert "?" in text_of(pdf)
        assert "漢" not in text_of(pdf)
        assert set("Şćhönlë") <= set(text_of(pdf))


def test_a_decision_is_set_with_the_template_it_was_issued_with() -> None:
    for template in ("decision-v0", "receipt/../decision-v1", "../documents/decision-v1"):
        with pytest.raises(NoSuchText):
            decision_pdf(replace(DECISION, template=template))
    inforce = Rules(fees=parse_schedule((files("domain.compatriot") / "fees.toml").read_text())).decision_paper
    assert all(texts.document(inforce, language) for language in texts.Language)


def test_an_outcome_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no outcome"):
        decision_pdf(replace(DECISION, outcome="MAYBE"))


@pytest.mark.parametrize("language", ["ka", "en"])
def test_a_receipt_is_set_in_both_languages(language: str) -> None:
    assert receipt_pdf(replace(RECEIPT, language=language)).startswith(b"%PDF-")


def test_without_set_up_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(fonts.FontsMissing):
        fonts.prepared(tmp_path)


def test_a_font_that_is_not_the_one_we_know_is_not_taken(tmp_path: Path) -> None:
    forged = tmp_path / "noto-sans-latin-400-normal.woff2"
    forged.write_bytes(b"another")
    with pytest.raises(ValueError, match="not the file that we know"):
        fonts._make(forged, tmp_path, "Latin", 400)
