"""Papers to try the window with: two photographs, a specimen passport and a letter, all made here and of nobody."""

from __future__ import annotations

import calendar
import io
import time
from functools import cache
from typing import Final

import typst
from PIL import Image, ImageDraw, ImageFont

SAMPLES: Final = {
    "photograph-1.jpg": "image/jpeg",
    "photograph-2.jpg": "image/jpeg",
    "passport.pdf": "application/pdf",
    "motivation-letter.pdf": "application/pdf",
}
"""File name and media type of each sample."""
_MADE: Final = time.gmtime(1_773_273_600)  # 2026-03-12: so that the bytes never change
_LETTER: Final = """
#set page(paper: "a4", margin: 3cm)
#set text(size: 11pt, lang: "en")
#set document(title: "Motivation letter")
#align(right)[Lyon, 12 March 2026]

To the agency,

I was born in Lyon to parents who had left Kutaisi in 1991. At home we spoke Georgian and Megrelian; my grandmother
taught me to read from her books. I teach at a Saturday school where forty children of our community learn the language
and the songs, and every summer I bring a group of them to Imereti.

I ask for the status of compatriot because I want this bond to have a name that both my countries know: to study the
history of the Georgian diaspora in Tbilisi, and to bring the children more easily to the places that they sing of.

#v(2em)
Specimen Applicant
"""


@cache
def sample(kind: str) -> bytes:
    """The sample called ``kind`` (a name of `SAMPLES`), the same bytes every time. Raises: KeyError."""
    match kind:
        case "photograph-1.jpg":
            return _jpeg(_portrait(ground="#dfe7ee", hair="#3b2a20", coat="#23395b"))
        case "photograph-2.jpg":
            return _jpeg(_portrait(ground="#f1efe9", hair="#3b2a20", coat="#6b2737"))
        case "passport.pdf":
            pdf = io.BytesIO()
            _passport().save(pdf, "PDF", resolution=150.0, creationDate=_MADE, modDate=_MADE)
            return pdf.getvalue()
        case "motivation-letter.pdf":
            return bytes(typst.compile(_LETTER.encode(), format="pdf", timestamp=calendar.timegm(_MADE)))
        case _:
            raise KeyError(kind)


def _portrait(*, ground: str, hair: str, coat: str) -> Image.Image:
    """A drawn face on a plain ground, 700 × 900 pixels: 3.5 × 4.5 cm at 508 dots an inch."""
    picture = Image.new("RGB", (700, 900), ground)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((190, 130, 510, 560), fill=hair)
    draw.rectangle((290, 520, 410, 700), fill="#d9a98a")
    draw.pieslice((60, 640, 640, 1220), 180, 360, fill=coat)
    draw.polygon(((290, 650), (410, 650), (350, 760)), fill="#d9a98a")
    draw.ellipse((220, 190, 480, 580), fill="#e5b899")
    draw.pieslice((205, 140, 495, 420), 180, 360, fill=hair)
    for x in (292, 408):
        draw.ellipse((x - 30, 355, x + 30, 385), fill="white")
        draw.ellipse((x - 13, 357, x + 13, 383), fill="#3c4a3a")
        draw.arc((x - 40, 315, x + 40, 375), 200, 340, fill=hair, width=9)
    draw.line((350, 375, 338, 455, 362, 458), fill="#b98b70", width=5, joint="curve")
    draw.arc((300, 455, 400, 520), 20, 160, fill="#a4525a", width=9)
    return picture


def _passport() -> Image.Image:
    page = Image.new("RGB", (1480, 1040), "#f4efe4")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1480, 110), fill="#5a1f2b")
    draw.text((50, 30), "SPECIMEN PASSPORT - NOT A DOCUMENT", fill="white", font=_font(46))
    portrait = _portrait(ground="#dfe7ee", hair="#3b2a20", coat="#23395b")
    page.paste(portrait.resize((420, 540)), (60, 170))  # pyright: ignore[reportUnknownMemberType]
    fields = (
        ("Surname", "SPECIMEN"),
        ("Given names", "NINO"),
        ("Nationality", "FRANCE"),
        ("Date of birth", "14.05.1990"),
        ("Passport No.", "00XX00000"),
        ("Date of expiry", "31.12.2032"),
    )
    for row, (label, value) in enumerate(fields):
        draw.text((540, 170 + row * 92), label, fill="#5b5b5b", font=_font(26))
        draw.text((540, 198 + row * 92), value, fill="#111111", font=_font(42))
    draw.text((60, 850), "P<XXXSPECIMEN<<NINO<<<<<<<<<<<<<<<<<<<<<<<<<", fill="#111111", font=_font(42))
    draw.text((60, 930), "00XX000000XXX9005142F3212319<<<<<<<<<<<<<<00", fill="#111111", font=_font(42))
    return page


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()
