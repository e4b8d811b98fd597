"""The papers that the office issues, as typst templates: ``texts/<language>/documents/<name>.typ``.

What a decision was issued with is named by its event (``decision-v1``): such a template, and the ``paper-v1.typ`` that
it stands on, never change after that; another wording or another look is another version. So it is with the form that
people sign (``registration-form-v1`` on ``form-v1.typ``).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from texts.languages import language
from texts.sentences import FOLDER, NoSuchText

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@cache
def document(name: str, tongue: str) -> dict[str, bytes]:
    """The typst sources of the paper ``name`` by the path that they import each other by. Raises: NoSuchText."""
    file = FOLDER / language(tongue) / "documents" / f"{name}.typ"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise NoSuchText(f"document {name}")
    return {"main.typ": file.read_bytes(), **{part.name: part.read_bytes() for part in FOLDER.glob("*-v*.typ")}}
