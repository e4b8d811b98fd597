"""The two languages that the office speaks, which one a person asked for, and text made safe to show."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """Georgian first; English complete."""

    KA = "ka"
    EN = "en"


def language(name: str) -> Language:
    """The language called ``name`` in any case (``KA``, ``en``, ``ka-GE``); Georgian for any that we do not speak."""
    try:
        return Language(name.strip().lower().replace("_", "-").split("-", 1)[0])
    except ValueError:
        return Language.KA


def preferred(accept_language: str | None) -> Language:
    """The language that an ``Accept-Language`` header (RFC 9110, 12.5.4) likes best of those that we speak."""
    best, weight = Language.KA, 0.0
    for part in (accept_language or "")[:500].split(","):
        tag, _, parameters = part.partition(";")
        primary = tag.strip().lower().split("-", 1)[0]
        spoken = primary in {Language.KA, Language.EN}
        if spoken and (quality := _quality(parameters)) > weight:
            best, weight = Language(primary), quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


def without_controls(text: str) -> str:
    """``text`` without control and invisible formatting characters, which could forge lines or turn the reading."""
    return "".join(c for c in text if c == "\n" or not _is_control(c))


def on_one_line(text: str) -> str:
    """``text`` with every run of white space, line breaks above all, made one blank: fit for a mail's header."""
    return " ".join(without_controls(text).split())


def _is_control(character: str) -> bool:
    point = ord(character)
    return (
        point < 0x20
        or 0x7F <= point <= 0x9F
        or point in {0x200B, 0x200E, 0x200F, 0x061C, 0xFEFF}
        or 0x2028 <= point <= 0x202E
        or 0x2060 <= point <= 0x206F
        or 0xD800 <= point <= 0xDFFF
    )
