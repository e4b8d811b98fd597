"""The papers that the office issues, as typst templates: ``texts/<language>/documents/<name>.typ``."""

from __future__ import annotations

from functools import cache

from texts.languages import language
from texts.sentences import FOLDER, NoSuchText


@cache
def document(name: str, tongue: str) -> dict[str, bytes]:
    """The typst sources of the paper ``name`` by the path that they import each other by. Raises: NoSuchText."""
    file = FOLDER / language(tongue) / "documents" / f"{name}.typ"
    if not name.isidentifier() or not file.is_file():
        raise NoSuchText(f"document {name}")
    return {"main.typ": file.read_bytes(), "paper.typ": (FOLDER / "paper.typ").read_bytes()}
