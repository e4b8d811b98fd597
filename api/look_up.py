"""``/``, where every mail leads: shows an application or a registration by number and code; in production, too."""

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

OPERATIONS: Final = (
    "Status", "ProvideInformation", "ReceiveDecision", "ResendCode", "Centres", "Office", "GiveConsent",
    "WithdrawConsent",
)  # fmt: skip
"""What the page asks: published operations, as production takes no others from a browser."""


def look_up_router(trusted: TrustedDocuments) -> APIRouter:
    """``/`` and its scripts."""
    router = APIRouter(include_in_schema=False)
    pages = Environment(loader=FileSystemLoader(WEB / "status"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    operations = {each.name: each.text for each in trusted.operations if each.name in OPERATIONS}

    def shown(language: Language) -> str:
        say, words = sentences(language, "status"), sentences(language, "words")
        return pages.get_template("status.html.jinja").render(
            language=language,
            other=Language.EN if language is Language.KA else Language.KA,
            say=say,
            given={"operations": operations, "texts": say, "words": words, "months": months(language)},
        )

    @router.get("/")
    async def look_up(request: Request) -> Response:
        return HTMLResponse(await to_thread.run_sync(shown, language_of(request)))

    for script in ("status.js", "registration.js"):
        router.add_api_route(f"/{script}", served(WEB / "status" / script))
    return router
