"""The papers that the office issues, as typst templates: ``texts/<language>/documents/<name>.typ``."""

from __future__ import annotations

from functools import cache

from texts.languages import language
from texts.sentences import FOLDER, NoSuchText


@cache
def document(name: str, tongue: str) -> str:
    """The typst source of the paper ``name``. Raises: NoSuchText."""
    file = FOLDER / language(tongue) / "documents" / f"{name}.typ"
    if not name.isidentifier() or not file.is_file():
        raise NoSuchText(f"document {name}")
    return file.read_text(encoding="utf-8")
