"""The sandbox's pages, from ``sandbox/pages``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(name: str, **facts: Any) -> str:
    """The page ``name`` with its facts filled in and escaped."""
    return _pages.get_template(name).render(**facts)
