"""PDFs: read strictly, refused if anything in them can act, and written anew without what readers never look at."""

from __future__ import annotations

import io
from typing import Any, Final, cast

import pikepdf

from gateways.decoding.limits import Fault, Limits, foreign_content

ACTIVE_KEYS: Final = {
    "/JS": "JavaScript",
    "/JavaScript": "JavaScript",
    "/AA": "AA",
    "/Launch": "Launch",
    "/EmbeddedFile": "EmbeddedFile",
    "/EmbeddedFiles": "EmbeddedFile",
    "/EF": "EmbeddedFile",
    "/Collection": "EmbeddedFile",
    "/XFA": "XFA",
    "/RichMedia": "RichMedia",
    "/RichMediaContent": "RichMedia",
}
"""Dictionary keys that bring action or other files into a PDF. ISO 32000-2, 12.6, 7.11.4, 12.7.8, 13.7."""
ACTIVE_NAMES: Final = {
    "/JavaScript": "JavaScript",
    "/Launch": "Launch",
    "/SubmitForm": "SubmitForm",
    "/ImportData": "ImportData",
    "/GoToE": "EmbeddedFile",
    "/GoToR": "GoToR",
    "/Rendition": "RichMedia",
    "/Movie": "RichMedia",
    "/Sound": "RichMedia",
    "/Screen": "RichMedia",
    "/RichMedia": "RichMedia",
    "/RichMediaExecute": "RichMedia",
    "/GoTo3DView": "RichMedia",
    "/3D": "RichMedia",
    "/FileAttachment": "EmbeddedFile",
    "/EmbeddedFile": "EmbeddedFile",
}
"""Values of /S (an action), /Subtype (an annotation) and /Type that do the same. ISO 32000-2, tables 171 and 201."""
_NAMING_KEYS: Final = ("/S", "/Subtype", "/Type")
_END_WITHIN: Final = 1024


def examine(content: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """The document's facts and the copy to keep. Raises: Fault."""
    end = content.rfind(b"%%EOF")
    if end < 0:
        raise Fault("UPLOAD_TRUNCATED")
    if len(content) - end > _END_WITHIN or foreign_content(content[5:1024], content[end + 5 :]):
        raise Fault("UPLOAD_AMBIGUOUS")
    try:
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False, inherit_page_attributes=True) as pdf:
            if pdf.is_encrypted:
                raise Fault("UPLOAD_ENCRYPTED")
            _refuse_active(pdf, limits)
            pages = len(pdf.pages)
            if pages == 0:
                raise Fault("UPLOAD_EMPTY")
            if pages > limits.pages:
                raise Fault("UPLOAD_TOO_MANY_PAGES", pages=pages, most=limits.pages)
            kept = _written_anew(pdf)
            if cast(list[object], pdf.get_warnings()):  # pyright: ignore[reportUnknownMemberType]
                # something could not be read and would be missing from the copy
                raise Fault("UPLOAD_DAMAGED")
            return {"media_type": "application/pdf", "pages": pages}, kept
    except pikepdf.PasswordError:
        raise Fault("UPLOAD_ENCRYPTED") from None
    except (pikepdf.PdfError, pikepdf.ForeignObjectError, ValueError, KeyError, TypeError, RuntimeError):
        raise Fault("UPLOAD_DAMAGED") from None


def _refuse_active(pdf: pikepdf.Pdf, limits: Limits) -> None:
    """Look at every object, also those that no page refers to. Raises: Fault."""
    if len(pdf.objects) > limits.objects:
        raise Fault("UPLOAD_TOO_COMPLEX")
    opens = pdf.Root.get("/OpenAction")
    if isinstance(opens, pikepdf.Dictionary) and opens.get("/S") != pikepdf.Name("/GoTo"):
        raise Fault("UPLOAD_ACTIVE", found="OpenAction")
    left = limits.objects * 20
    for top in pdf.objects:
        waiting: list[Any] = [top]
        while waiting:
            left -= 1
            if left < 0:
                raise Fault("UPLOAD_TOO_COMPLEX")
            waiting += _inside(waiting.pop())


def _inside(thing: Any) -> list[Any]:
    """The containers directly within ``thing``, itself being looked at. Raises: Fault if it can act."""
    if isinstance(thing, pikepdf.Stream):
        thing = thing.stream_dict
    if isinstance(thing, pikepdf.Dictionary):
        return [value for key, value in _looked_at(thing) if not value.is_indirect and key != "/Parent"]
    if isinstance(thing, pikepdf.Array):
        return [item for item in cast(list[Any], thing.as_list()) if _is_container(item) and not item.is_indirect]
    return []


def _looked_at(dictionary: pikepdf.Dictionary) -> list[tuple[str, Any]]:
    for naming in _NAMING_KEYS:
        value = dictionary.get(naming)
        if isinstance(value, pikepdf.Name) and str(value) in ACTIVE_NAMES:
            raise Fault("UPLOAD_ACTIVE", found=ACTIVE_NAMES[str(value)])
    found: list[tuple[str, Any]] = []
    for key, value in cast(dict[str, Any], dictionary.as_dict()).items():
        if key in ACTIVE_KEYS:
            raise Fault("UPLOAD_ACTIVE", found=ACTIVE_KEYS[key])
        if _is_container(value):
            found.append((key, value))
    return found


def _is_container(value: Any) -> bool:
    return isinstance(value, pikepdf.Dictionary | pikepdf.Array | pikepdf.Stream)


def _written_anew(pdf: pikepdf.Pdf) -> bytes:
    """One revision, only what the pages need, without the author's and program's names."""
    for key in ("/Metadata", "/OpenAction", "/PieceInfo"):
        if key in pdf.Root:
            del pdf.Root[key]
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    pdf.remove_unreferenced_resources()
    kept = io.BytesIO()
    pdf.save(kept, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return kept.getvalue()
