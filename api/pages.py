"""The few pages of our own: a sentence under a heading. Everything in them is escaped, nothing in them runs."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

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
    <link rel="stylesheet" href="/start/start.css">
  </head>
  <body><main><h1>{{ title }}</h1><p>{{ text }}</p></main></body>
</html>
"""
)


def page(language: str, title: str, text: str, status: int = 200) -> Response:
    """A page with one sentence."""
    return HTMLResponse(
        _PAGE.render(language=language, title=title, text=text), status, headers={"Cache-Control": "no-store"}
    )
