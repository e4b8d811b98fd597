"""Papers with canaries in every corner: what is drawn, metadata, comments, file names."""

import io
import random
import secrets

import pikepdf
from PIL import Image
from PIL.PngImagePlugin import PngInfo

SIZE = (700, 900)


def photograph(seed, words):
    """A JPEG whose Exif, XMP and comment hold what ``words`` gives."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x8298] = words("Exif description"), words("Exif artist"), words("Exif copyright")
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + words("Exif user comment").encode()
    exif.get_ifd(0x8825)[0x001D] = "1907:11:29"
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{words('XMP', 'georgian')}</x:xmpmeta>".encode()
    return _saved(seed, "JPEG", exif=exif, xmp=xmp, comment=words("JPEG comment").encode(), quality=85)


def picture(seed, words):
    """A PNG with texts beside its pixels."""
    told = PngInfo()
    told.add_text("Author", words("PNG text"))
    told.add_itxt("Title", words("PNG international text", "georgian"), zip=False)
    return _saved(seed, "PNG", pnginfo=told)


def letter(words, pages=1, *, compressed=False):
    """A PDF that says its words in the page, in its title and in its XMP."""
    pdf = pikepdf.new()
    for _ in range(pages):
        page = pdf.add_blank_page(page_size=(595, 842))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
        said = f"% {secrets.token_urlsafe(6000)}\nBT /F1 12 Tf 72 700 Td ({words('PDF page')}) Tj ET"
        page.Contents = pdf.make_stream(said.encode())
    with pdf.open_metadata() as metadata:
        metadata["dc:description"] = words("PDF XMP", "georgian")
    pdf.docinfo["/Title"] = words("PDF title")
    out = io.BytesIO()
    if compressed:
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    else:
        pdf.save(out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.generalized)
    return out.getvalue()


def acting(words):
    """A PDF that is refused: it runs a script."""
    pdf = pikepdf.new()
    pdf.add_blank_page()
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=words("script of a refused PDF"))
    pdf.Root.OpenAction = script
    out = io.BytesIO()
    pdf.save(out, compress_streams=False)
    return out.getvalue()


def slice_of(content):
    """Some bytes of a file that no other file holds: a third of it in, where pictures and letters are all chance."""
    for start in range(len(content) // 3, len(content) - 24):
        piece = content[start : start + 24]
        if b"\n" not in piece and len(set(piece)) > 15:
            return piece
    raise AssertionError("nothing in this file is its own")


def _saved(seed, kind, **more):
    noise = random.Random(seed)
    small = Image.frombytes("RGB", (70, 90), noise.randbytes(70 * 90 * 3))
    out = io.BytesIO()
    small.resize(SIZE, Image.Resampling.BILINEAR).save(out, kind, **more)
    return out.getvalue()
