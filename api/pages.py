"""What our own pages have in common: their headers, style and language; and pages of one sentence, escaped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from babel.dates import get_month_names
from fastapi import APIRouter
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

import texts

WEB: Final = Path(__file__).parent.parent / "web"

CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For our own pages: nothing but our own files, nobody frames us."""

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer of the service."""

_PAGE: Final = Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="{{ language }}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{{ title }}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/page.css">
  </head>
  <body><main><h1>{{ title }}</h1><p>{{ text }}</p></main></body>
</html>
"""
)


FILES: Final = ("page.css", "ask.js")
"""What every page of ours uses."""


def pages_router() -> APIRouter:
    """The files of `FILES`."""
    router = APIRouter(include_in_schema=False)
    for name in FILES:
        router.add_api_route(f"/{name}", served(WEB / name))
    return router


def served(path: Path) -> Callable[[], Awaitable[Response]]:
    """An endpoint that answers with one file."""

    async def file() -> Response:
        return FileResponse(path)

    return file


def months(language: texts.Language) -> list[str]:
    """The months' names: browsers know few languages' own, and Georgian seldom."""
    names = get_month_names("wide", locale=str(language))
    return [names[month] for month in range(1, 13)]


def language_of(request: Request) -> texts.Language:
    """The language that the address asks for, else the one that the browser prefers."""
    asked = request.query_params.get("language")
    return texts.language(asked) if asked else texts.preferred(request.headers.get("accept-language"))


def page(language: str, title: str, text: str, status: int = 200) -> Response:
    """A page with one sentence."""
    return HTMLResponse(
        _PAGE.render(language=language, title=title, text=text), status, headers={"Cache-Control": "no-store"}
    )
