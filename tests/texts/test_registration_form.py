"""The registration form on paper: read, scanned and heard as it was filled in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gateways.documents import RegistrationFormPaper, registration_form_pdf
from texts import fonts

FORM = RegistrationFormPaper(
    language="ka",
    office_name="შემოსავლების სამსახური",
    number="240 600 6335",
    link="https://window.example.ge/centre#2406006335",
    username="გიორგი-ბერიძე",
    identification="01024067891",
    is_legal_person=False,
    mobile="+995555123456",
    email="giorgi.beridze@example.org",
    by_sms=True,
    by_email=False,
    filed=date(2026, 11, 22),
    until=date(2026, 12, 22),
)
LONGEST = replace(FORM, username="ა" * 64, email=f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.org")


@pytest.fixture(scope="module", autouse=True)
def _fonts() -> None:
    fonts.prepare()


def read(content: bytes) -> str:
    """The text, as a program that reads PDF finds it; the places where a long value may be broken taken out."""
    pages = pypdfium2.PdfDocument(content)
    text = " ".join(page.get_textpage().get_text_bounded() for page in pages)
    return " ".join(text.replace("\u200b", "").split())


def drawn(content: bytes, page: int = 0) -> Image.Image:
    """A page as it is printed, 150 dots an inch."""
    return pypdfium2.PdfDocument(content)[page].render(scale=150 / 72).to_pil()


def elements(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Dictionary]:
    """The structure that a screen reader goes through (ISO 32000-1, 14.7)."""
    waiting: list[pikepdf.Object] = [pdf.Root["/StructTreeRoot"]]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, pikepdf.Array):
            waiting += list(thing)
        elif isinstance(thing, pikepdf.Dictionary):
            if "/S" in thing:
                yield thing
            if "/K" in thing:
                waiting.append(thing["/K"])


def test_the_form_says_what_was_filled_in() -> None:
    text = read(registration_form_pdf(FORM))
    for told in (FORM.number, FORM.username, FORM.identification, FORM.mobile, FORM.email, FORM.office_name):
        assert told in text
    for label in ("სარეგისტრაციო ანკეტა", "მომხმარებელი", "პირადი ნომერი", "22 დეკემბერი, 2026", "ხელმოწერა"):
        assert label in text
    assert "დეკლარირებულ ვალდებულებებზე: დიახ" in text
    assert "შეტყობინებები ელექტრონულ ფოსტაზე: არა" in text
    assert "იურიდიული პირის" not in text


def test_a_legal_persons_form_is_signed_by_who_may_act_for_it() -> None:
    form = replace(FORM, language="en", identification="405200116", is_legal_person=True, by_sms=False, by_email=True)
    text = read(registration_form_pdf(form))
    assert "Identification number of the legal person: 405200116" in text
    assert "I may act for this legal person" in text
    assert "declared obligations by SMS: No" in text
    assert "messages by e-mail: Yes" in text


@pytest.mark.parametrize("language", ["ka", "en"])
def test_it_is_an_accessible_pdf_with_every_font_in_it(language: str) -> None:
    with pikepdf.open(io.BytesIO(registration_form_pdf(replace(FORM, language=language)))) as pdf:
        with pdf.open_metadata() as told:
            assert told["pdfuaid:part"] == "1"
        assert str(pdf.Root["/Lang"]).startswith(language)
        assert pdf.Root["/MarkInfo"]["/Marked"]
        assert len(pdf.pages) == 1
        tree = list(elements(pdf))
        kinds = [str(element["/S"]) for element in tree]
        assert {"/H1", "/H2", "/P", "/Figure"} <= set(kinds)
        (figure,) = (element for element in tree if element["/S"] == "/Figure")
        assert FORM.number in str(figure["/Alt"])
        descriptors = [thing for thing in pdf.objects if isinstance(thing, pikepdf.Dictionary) and "/FontName" in thing]
        assert any("SarkmeliGeorgian" in str(font["/FontName"]) for font in descriptors)
        assert all("/FontFile2" in font or "/FontFile3" in font for font in descriptors)


def test_the_consultants_scanner_reads_the_link_from_stained_paper() -> None:
    page = drawn(registration_form_pdf(FORM)).convert("L").rotate(3, fillcolor=255)
    (code,) = zxingcpp.read_barcodes(page)
    assert (code.text, code.format) == (FORM.link, zxingcpp.BarcodeFormat.QRCode)
    middle = code.position.top_left, code.position.bottom_right
    x, y = (middle[0].x + middle[1].x) // 2, (middle[0].y + middle[1].y) // 2
    ImageDraw.Draw(page).ellipse((x - 12, y - 12, x + 12, y + 12), fill=128)
    assert [each.text for each in zxingcpp.read_barcodes(page)] == [FORM.link]


def test_the_longest_values_are_printed_whole_and_inside_the_margins() -> None:
    content = registration_form_pdf(LONGEST)
    text = read(content).replace(" ", "")
    assert LONGEST.username in text
    assert LONGEST.email in text
    pages = pypdfium2.PdfDocument(content)
    assert len(pages) <= 2
    margin = 25 / 25.4 * 72 - 1
    for page in pages:
        words = page.get_textpage()
        for rect in (words.get_rect(at) for at in range(words.count_rects())):
            assert margin <= rect[0]
            assert rect[2] <= page.get_width() - margin


def test_the_same_form_is_the_same_file() -> None:
    assert registration_form_pdf(FORM) == registration_form_pdf(FORM)
    assert registration_form_pdf(FORM) != registration_form_pdf(replace(FORM, number="240 600 6336"))


@settings(deadline=None, max_examples=15)
@given(words=st.text(min_size=1, max_size=64))
def test_whatever_a_field_holds_is_set_and_never_run(words: str) -> None:
    marks = '#panic("x") $ * _ @ ` ] } #image("/etc/passwd") \\ '
    assert "#panic" in read(registration_form_pdf(replace(FORM, username=marks + words, email=words)))
