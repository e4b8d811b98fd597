"""``/activate``, where a mailed link leads, and ``/centre``, where a printed form's QR code does.

GET only shows a page, the same for everybody; its script does the rest. The link's secret and the form's number stand
after ``#``, which no browser sends: they are in no log of ours and in no referrer.
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

OPERATIONS: Final = {
    "activate": ("OpenActivationLink", "ActivateByLink", "DisownRegistration", "SendActivationLink"),
    "centre": ("Me", "Centres", "RegistrationAtCentre", "ActivateAtCentre"),
}
"""What each page asks: published operations, as production takes no others from a browser."""


def activation_router(trusted: TrustedDocuments) -> APIRouter:
    """Both pages, each with its script."""
    router = APIRouter(include_in_schema=False)
    for name in OPERATIONS:
        _add(router, trusted, name)
    return router


def _add(router: APIRouter, trusted: TrustedDocuments, name: str) -> None:
    pages = Environment(loader=FileSystemLoader(WEB / name), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    operations = {each.name: each.text for each in trusted.operations if each.name in OPERATIONS[name]}

    def shown(language: Language) -> str:
        say = sentences(language, name)
        return pages.get_template(f"{name}.html.jinja").render(
            language=language,
            other=Language.EN if language is Language.KA else Language.KA,
            say=say,
            given={"operations": operations, "texts": say, "months": months(language)},
        )

    @router.get(f"/{name}")
    async def page(request: Request) -> Response:
        content = await to_thread.run_sync(shown, language_of(request))
        return HTMLResponse(content, headers={"Cache-Control": "no-store"})

    router.add_api_route(f"/{name}.js", served(WEB / name / f"{name}.js"))
