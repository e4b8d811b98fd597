"""Sentences by key: ``texts/<language>/<book>.toml``, or every file of the folder ``texts/<language>/<book>/``."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from texts.languages import Language, language, without_controls

FOLDER: Final = Path(__file__).parent
TBILISI: Final = ZoneInfo("Asia/Tbilisi")
"""Every day and hour that a person reads is Tbilisi's."""

_DAY: Final = {Language.KA: "d MMMM, y", Language.EN: "d MMMM y"}


class NoSuchText(LookupError):
    """The key or file that was asked for stands nowhere in this language: a mistake of ours, never of the person."""


def say(tongue: str, book: str, key: str, **facts: Any) -> str:
    """The sentence under ``key`` of ``book``, its ``{fact}``s filled in as they read in that language.

    Raises: NoSuchText; KeyError if the sentence names a fact that was not given.
    """
    chosen = language(tongue)
    return _template(chosen, book, key).format_map({name: spoken(fact, chosen) for name, fact in facts.items()})


def form_fault(tongue: str, code: str, **facts: Any) -> str:
    """What is wrong with one field of a form, from ``form.toml``. Raises: NoSuchText."""
    return say(tongue, "form", code, **facts)


def word(tongue: str, value: str) -> str:
    """The word for a code or an enum's value, from ``words.toml``; the value itself where it has none."""
    return sentences(language(tongue), "words").get(value, value)


def spoken(value: Any, tongue: Language) -> Any:
    """``value`` as a person reads it in ``tongue``: dates and sums by its customs, enums and codes by their words.

    Texts keep their line breaks and lose every other control character. What has no words of its own stays as it is,
    so that a template can still ask whether it is there.
    """
    match value:
        case Enum():
            return word(tongue, str(value.value))
        case str():
            return without_controls(value)
        case bool() | None:
            return value
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return format_datetime(moment, f"{_DAY[tongue]}, HH:mm", tzinfo=TBILISI, locale=str(tongue))
        case date():
            return format_date(value, _DAY[tongue], locale=str(tongue))
        case Decimal():
            return f"{value:f}"
        case tuple() | list() | set() | frozenset():
            return ", ".join(str(spoken(item, tongue)) for item in cast(tuple[Any, ...], value))
        case _:
            pass
    if hasattr(value, "amount") and hasattr(value, "currency"):
        return f"{value.amount:f} {word(tongue, str(value.currency))}"
    return value


def facts_named(sentence: str) -> frozenset[str]:
    """The facts that a sentence names between braces."""
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


@cache
def sentences(tongue: Language, book: str) -> dict[str, str]:
    """Every sentence of a book by key; a table's keys are joined to its name by a dot.

    Raises: NoSuchText if there is no such book, ValueError if a key stands twice.
    """
    single, folder = FOLDER / tongue / f"{book}.toml", FOLDER / tongue / book
    files = [single] if single.is_file() else sorted(folder.glob("*.toml"))
    if not files:
        raise NoSuchText(f"{tongue}/{book}")
    found: dict[str, str] = {}
    for file in files:
        for key, sentence in _flat(tomllib.loads(file.read_text(encoding="utf-8"))):
            if key in found:
                raise ValueError(f"{file.name}: {key} stands twice in {tongue}/{book}")
            found[key] = sentence
    return found


def _template(tongue: Language, book: str, key: str) -> str:
    try:
        return sentences(tongue, book)[key]
    except KeyError:
        raise NoSuchText(f"{tongue}/{book}: {key}") from None


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(cast(dict[str, Any], value), f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", str(value).strip()))
    return found
