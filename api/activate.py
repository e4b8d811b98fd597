"""``/activate``, where an activation link leads: GET only shows a page, the same for all; its script does the rest.

The link's secret stands after ``#``, which no browser sends: it is in no log of ours and in no referrer.
"""

from __future__ import annotations

from typing import Final

from anyio import to_thread
from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.documents import TrustedDocuments
from api.pages import WEB, language_of, months, served
from texts import Language
from texts.sentences import sentences

OPERATIONS: Final = ("OpenActivationLink", "ActivateByLink", "DisownRegistration", "SendActivationLink")
"""What the page asks: published operations, as production takes no others from a browser."""


def activate_router(trusted: TrustedDocuments) -> APIRouter:
    """``/activate`` and its script."""
    router = APIRouter(include_in_schema=False)
    pages = Environment(
        loader=FileSystemLoader(WEB / "activate"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    operations = {each.name: each.text for each in trusted.operations if each.name in OPERATIONS}

    def shown(language: Language) -> str:
        say = sentences(language, "activate")
        return pages.get_template("activate.html.jinja").render(
            language=language,
            other=Language.EN if language is Language.KA else Language.KA,
            say=say,
            given={"operations": operations, "texts": say, "months": months(language)},
        )

    @router.get("/activate")
    async def activate(request: Request) -> Response:
        return HTMLResponse(
            await to_thread.run_sync(shown, language_of(request)), headers={"Cache-Control": "no-store"}
        )

    router.add_api_route("/activate.js", served(WEB / "activate" / "activate.js"))
    return router
