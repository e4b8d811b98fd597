"""The few pages of our own: a sentence under a heading. Everything in them is escaped, nothing in them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from jinja2 import Environment
from starlette.responses import FileResponse, HTMLResponse, Response

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
    <link rel="stylesheet" href="/page.css">
  </head>
  <body><main><h1>{{ title }}</h1><p>{{ text }}</p></main></body>
</html>
"""
)


def pages_router() -> APIRouter:
    """``/page.css``, which every page of ours uses."""
    router = APIRouter(include_in_schema=False)

    @router.get("/page.css")
    async def style() -> Response:
        return FileResponse(WEB / "start" / "page.css", media_type="text/css")

    return router


def page(language: str, title: str, text: str, status: int = 200) -> Response:
    """A page with one sentence."""
    return HTMLResponse(
        _PAGE.render(language=language, title=title, text=text), status, headers={"Cache-Control": "no-store"}
    )
