"""The report as one page that needs nothing else: no host, no file beside it, and its own policy forbids both."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from consumers.analytics.edition import Edition
from consumers.analytics.report.charts import chapters
from consumers.analytics.report.drawing import figure
from consumers.analytics.report.speech import Speech

_HERE: Final = Path(__file__).parent
LIBRARY: Final = _HERE.parents[2] / "web" / "dist" / "plotly-basic.min.js"
"""The part of plotly.js that draws bars and points; set-up puts it there."""


class NotSetUp(Exception):
    """The plotting library was never fetched; the message names the remedy."""


def page(edition: Edition, speech: Speech, *, older: bool = False) -> str:
    """The page's HTML. ``older``: a new edition was not made, see `edition`. Raises: NotSetUp."""
    if not LIBRARY.is_file():
        raise NotSetUp(f"{LIBRARY} is missing: run `make setup`")
    library, script = LIBRARY.read_text(encoding="utf-8"), (_HERE / "page.js").read_text(encoding="utf-8")
    if "</script" in library.lower():
        raise NotSetUp(f"{LIBRARY} cannot stand inside a page: run `make setup` again")
    told = [
        {
            "name": chapter.name,
            "title": chapter.title,
            "figures": chapter.figures,
            "charts": [(chart, figure(chart)) for chart in chapter.charts],
            "note": speech.say("held_back", count=chapter.held_back) if chapter.held_back else "",
        }
        for chapter in chapters(edition, speech)
    ]
    words = {name: speech.say(name) for name in ("title", "rule", "table", "nothing", "footer")}
    return _template().render(
        **words,
        language=str(speech.language),
        as_of=speech.say("as_of", day=edition.day, number=edition.number),
        older=speech.say("older") if older else "",
        chapters=told,
        policy=_policy(library, script),
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        library=Markup(library),  # noqa: S704 - what set-up fetched under its lock
        script=Markup(script),  # noqa: S704 - our own file
    )


def write(text: str, file: Path) -> None:
    """Put the page in its place whole or not at all. Raises: OSError."""
    handle, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    try:
        with open(handle, "w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        Path(unfinished).chmod(0o644)
        Path(unfinished).rename(file)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def _policy(*scripts: str) -> str:
    """Nothing may be fetched; these scripts may run, and plotly may set styles and draw data images."""
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts
    )
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _template() -> Any:
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    environment.filters["embedded"] = _embedded
    return environment.get_template("page.html.jinja")


def _embedded(value: Any) -> Markup:
    """JSON that ends no script element, whatever is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character, written in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, written)
    return Markup(text)  # noqa: S704 - escaped above
