"""What a person agrees to, in versions that never change once published: an event names the kind and the version."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from texts.languages import language
from texts.sentences import FOLDER, NoSuchText

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@cache
def consent(kind: str, tongue: str, version: str) -> str:
    """The text of a consent as Markdown: ``consents/<kind>-<version>.md``, ``kind`` as its enum says it.

    Raises: NoSuchText if this kind was never published in this version.
    """
    name = f"{_file_name(kind)}-{version.lower()}"
    file = FOLDER / language(tongue) / "consents" / f"{name}.md"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise NoSuchText(f"consent {kind} {version}")
    return file.read_text(encoding="utf-8")


def consent_versions(kind: str) -> tuple[str, ...]:
    """The published versions of a consent, oldest first (``("v1",)``); the last is the one to show."""
    stem = f"{_file_name(kind)}-v"
    numbers = [
        int(file.stem.removeprefix(stem))
        for file in (FOLDER / "ka" / "consents").glob("*.md")
        if file.stem.startswith(stem) and file.stem.removeprefix(stem).isdigit()
    ]
    return tuple(f"v{number}" for number in sorted(numbers))


def _file_name(kind: str) -> str:
    return kind.lower().replace("_", "-")
