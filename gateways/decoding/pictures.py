"""Pictures: JPEG, PNG and HEIC, decoded whole and written anew as JPEG with nothing but the pixels."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any, Final, cast

import pillow_heif
import puremagic
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from gateways.decoding.limits import Fault, Limits, foreign_content

ASPECT: Final = 3.5 / 4.5
"""Width to height of a photograph, 3.5 × 4.5 cm."""
ASPECT_TOLERANCE: Final = 0.02
QUALITY: Final = 92
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"})
_DRAWN_ELSEWHERE: Final = 4096
"""Bytes from the start in which other programs look for their own signature."""

Image.MAX_IMAGE_PIXELS = None  # `examine` refuses by its own limit, before anything is decoded
pillow_heif.register_heif_opener(thumbnails=False)  # pyright: ignore[reportUnknownMemberType]
_PLUGINS: Final = (JpegImagePlugin, PngImagePlugin)  # loaded now, while modules may still be read from disk


def examine(kind: str, content: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """The picture's facts and its JPEG. Raises: Fault."""
    format, end = _format_and_end(content)
    if foreign_content(content[:_DRAWN_ELSEWHERE], content[end:]):
        raise Fault("UPLOAD_AMBIGUOUS")
    try:
        with Image.open(io.BytesIO(content), formats=[format]) as picture:
            _refuse_too_many_pixels(picture.size, limits)
            if kind == "PHOTOGRAPH":
                _refuse_unlike_a_photograph(_upright_size(picture), limits)
            drawn = _pixels(picture)
    except UnidentifiedImageError:
        raise Fault("UPLOAD_DAMAGED") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, RuntimeError):
        # what Pillow and libheif raise for a file that is cut or does not keep to its format
        raise Fault("UPLOAD_DAMAGED") from None
    kept = io.BytesIO()
    drawn.save(kept, "JPEG", quality=QUALITY, optimize=True)
    return {"media_type": "image/jpeg", "width": drawn.width, "height": drawn.height}, kept.getvalue()


def is_heic(content: bytes) -> bool:
    """Whether it says of itself that it is HEIC. ISO/IEC 23008-12, annex B."""
    return content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS


def _format_and_end(content: bytes) -> tuple[str, int]:
    """Which of our formats this is by its content, and where the picture ends. Raises: Fault."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG", _end_of_jpegs(content)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", _end_of_png(content)
    if is_heic(content):
        return "HEIF", _end_of_boxes(content)
    if b"%PDF-" in content[:1024]:
        raise Fault("UPLOAD_AMBIGUOUS")
    raise Fault("UPLOAD_TYPE_NOT_TAKEN", found=_named(content))


def _named(content: bytes) -> str:
    """What a file seems to be, for the person who sent it; empty if nobody knows."""
    try:
        guesses = puremagic.magic_string(content[:65536])  # pyright: ignore[reportUnknownMemberType]
    except (puremagic.PureError, ValueError, IndexError, struct.error):
        return ""
    return str(cast(Any, guesses[0]).extension).removeprefix(".").upper()[:8] if guesses else ""


def _end_of_jpegs(content: bytes) -> int:
    """Where the last picture ends: cameras put smaller ones after the first (CIPA DC-007). Raises: Fault if cut."""
    end = _end_of_jpeg(content, 0)
    while content.startswith(b"\xff\xd8\xff", end):
        end = _end_of_jpeg(content, end)
    return end


def _end_of_jpeg(content: bytes, at: int) -> int:
    """Where the picture that starts at ``at`` ends. ITU-T T.81, annex B. Raises: Fault if it has no end marker."""
    at += 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            raise Fault("UPLOAD_DAMAGED")
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0xD9:
            return at + 2
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
            if marker == 0xDA:
                at = _after_scan(content, at)
    if content[at : at + 2] == b"\xff\xd9":
        return at + 2
    raise Fault("UPLOAD_TRUNCATED")


def _after_scan(content: bytes, at: int) -> int:
    while (at := content.find(b"\xff", at)) != -1:
        if at + 1 < len(content) and content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2
    raise Fault("UPLOAD_TRUNCATED")


def _end_of_png(content: bytes) -> int:
    """Where the IEND chunk ends. PNG specification, 5.3. Raises: Fault if there is none."""
    at = 8
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        at += 12 + length
        if name == b"IEND" and at <= len(content):
            return at
    raise Fault("UPLOAD_TRUNCATED")


def _end_of_boxes(content: bytes) -> int:
    """Where the last box ends. ISO/IEC 14496-12, 4.2. Raises: Fault if a box is cut."""
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        if size == 1 and at + 16 <= len(content):
            size = struct.unpack_from(">Q", content, at + 8)[0]
        if size == 0:
            return len(content)
        if size < 8 or not name.isascii():
            return at
        if at + size > len(content):
            raise Fault("UPLOAD_TRUNCATED")
        at += size
    return at


def _refuse_too_many_pixels(size: tuple[int, int], limits: Limits) -> None:
    if size[0] * size[1] > limits.pixels:
        raise Fault("UPLOAD_TOO_MANY_PIXELS", width=size[0], height=size[1], most=limits.pixels // 1_000_000)


def _upright_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height as it is looked at: EXIF orientations 5 to 8 lie on their side."""
    width, height = picture.size
    return (height, width) if picture.getexif().get(0x0112, 1) in {5, 6, 7, 8} else (width, height)


def _refuse_unlike_a_photograph(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width < limits.photograph_width:
        raise Fault("PHOTOGRAPH_TOO_SMALL", width=width, least=limits.photograph_width)
    if abs(width / height - ASPECT) > ASPECT * ASPECT_TOLERANCE:
        raise Fault("PHOTOGRAPH_WRONG_SHAPE", width=width, height=height)


def _pixels(picture: Image.Image) -> Image.Image:
    """The picture upright, in sRGB, on white where it was transparent, and without anything else."""
    profile = picture.info.get("icc_profile")
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        coloured = upright.convert("RGBA")
        ground = Image.new("RGB", coloured.size, "white")
        ground.paste(coloured, mask=coloured.getchannel("A"))
        return ground
    if upright.mode.startswith("I;16") or upright.mode == "I":
        upright = upright.convert("I").point(lambda value: value * (1 / 256)).convert("L")  # pyright: ignore
    elif profile and upright.mode in {"RGB", "CMYK", "L"}:
        upright = _in_srgb(upright, profile)
    plain = upright.convert("RGB")
    return Image.frombytes("RGB", plain.size, plain.tobytes())


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile: colours as they are
        srgb = ImageCms.createProfile("sRGB")  # pyright: ignore
        converted = ImageCms.profileToProfile(
            picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), cast(Any, srgb), outputMode="RGB"
        )
        if converted is not None:
            return converted
    return picture
