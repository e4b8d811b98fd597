"""Files that somebody might send on purpose, or by mistake, and good ones beside them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pikepdf
import pillow_heif
from PIL import Image, PngImagePlugin

CANARY = "CANARY-7f3a-ლუკა"
"""Stands where a person's data might hide: in metadata, comments, a file's name."""


def picture(width: int = 700, height: int = 900) -> Image.Image:
    drawn = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (drawn, drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT), drawn))


def jpeg(width: int = 700, height: int = 900, **options) -> bytes:
    out = io.BytesIO()
    picture(width, height).save(out, "JPEG", quality=85, **options)
    return out.getvalue()


def jpeg_with_canary() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x9286] = CANARY
    exif.get_ifd(0x8825)[29] = CANARY
    return jpeg(exif=exif.tobytes(), comment=CANARY.encode(), icc_profile=CANARY.encode())


def jpeg_on_its_side() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(900, 700, exif=exif.tobytes())


def png(mode: str = "RGB", width: int = 700, height: int = 900) -> bytes:
    out, told = io.BytesIO(), PngImagePlugin.PngInfo()
    told.add_text("Author", CANARY)
    drawn = picture(width, height)
    if mode == "I;16":
        drawn = drawn.convert("I").point(lambda value: value * 257).convert(mode)
    drawn.convert(mode).save(out, "PNG", pnginfo=told)
    return out.getvalue()


def heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(picture()).save(out, quality=60)
    return out.getvalue()


def png_that_unpacks_to(width: int, height: int) -> bytes:
    """A small, valid PNG of so many pixels, all of them black."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row * 1000) for _ in range(height // 1000)) + packer.compress(row * (height % 1000))
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("run.sh", "echo")
    return out.getvalue()


def pdf(change=None, **saved) -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.docinfo["/Author"] = CANARY
        if change is not None:
            change(made)
        made.save(out, **saved)
    return out.getvalue()


def action(**facts) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(
        {"/Type": pikepdf.Name("/Action"), **{f"/{name}": value for name, value in facts.items()}}
    )


def annotated(subtype: str, **facts):
    def change(made: pikepdf.Pdf) -> None:
        note = pikepdf.Dictionary(
            {"/Type": pikepdf.Name("/Annot"), "/Subtype": pikepdf.Name(subtype), "/Rect": pikepdf.Array([0, 0, 9, 9])}
        )
        for name, value in facts.items():
            note[f"/{name}"] = value
        made.pages[0]["/Annots"] = pikepdf.Array([note])

    return change


def in_root(key: str, value):
    def change(made: pikepdf.Pdf) -> None:
        made.Root[key] = value(made) if callable(value) else value

    return change


SCRIPT = action(S=pikepdf.Name("/JavaScript"), JS="app.alert(1)")
ACTIVE = {
    "JavaScript in the name tree": in_root(
        "/Names",
        lambda _: pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=pikepdf.Array(["run", SCRIPT]))),
    ),
    "a script at opening": in_root("/OpenAction", SCRIPT),
    "a submission at opening": in_root("/OpenAction", action(S=pikepdf.Name("/SubmitForm"), F="http://x")),
    "an additional action of the document": in_root("/AA", pikepdf.Dictionary(WC=SCRIPT)),
    "an additional action of a page": lambda made: made.pages[0].obj.__setitem__("/AA", pikepdf.Dictionary(O=SCRIPT)),
    "a launch": annotated("/Link", A=action(S=pikepdf.Name("/Launch"), F="calc.exe")),
    "an action after a harmless one": annotated(
        "/Link", A=action(S=pikepdf.Name("/GoTo"), D=pikepdf.Array([0]), Next=pikepdf.Array([SCRIPT]))
    ),
    "an embedded file": lambda made: made.attachments.__setitem__("a.exe", pikepdf.AttachedFileSpec(made, b"MZ")),
    "an attached file": annotated("/FileAttachment"),
    "an XFA form": in_root("/AcroForm", pikepdf.Dictionary(Fields=pikepdf.Array(), XFA="<xdp/>")),
    "rich media": annotated("/RichMedia"),
    "a film": annotated("/Screen"),
    "a script that no page refers to": lambda made: made.Root.__setitem__(
        "/Unread", made.make_indirect(pikepdf.Array([pikepdf.Array([SCRIPT])]))
    ),
    "a name written in hexadecimal": annotated("/Link", A=action(S=pikepdf.Name("/JavaScript"))),
}


def without_pages() -> bytes:
    return pdf(lambda made: made.pages.__delitem__(0))


def encrypted(user: str) -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="owner", user=user, R=6))


def with_many_pages(count: int) -> bytes:
    def change(made: pikepdf.Pdf) -> None:
        for _ in range(count - 1):
            made.add_blank_page()

    return pdf(change)


def pdf_that_unpacks_to(size: int) -> bytes:
    """A PDF whose catalog stands in a compressed stream of objects that unpacks to ``size`` bytes."""
    packer = zlib.compressobj(1)
    blanks = b" " * (1 << 20)
    packed = packer.compress(b"2 0 <</Type/Catalog/Pages 3 0 R>>")
    packed += b"".join(packer.compress(blanks) for _ in range(size >> 20)) + packer.flush()
    out = b"%PDF-1.7\n"
    places = {1: len(out)}
    out += b"1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n" % len(packed)
    out += packed + b"\nendstream\nendobj\n"
    places[3] = len(out)
    out += b"3 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n"
    places[4] = len(out)
    rows = [(0, 0, 65535), (1, places[1], 0), (2, 1, 0), (1, places[3], 0), (1, places[4], 0)]
    table = b"".join(struct.pack(">BIH", *row) for row in rows)
    out += b"4 0 obj\n<</Type/XRef/W[1 4 2]/Size 5/Root 2 0 R/Length %d>>\nstream\n" % len(table)
    return out + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % places[4]
