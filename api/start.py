"""``/start`` and ``/graphiql``: where a stranger begins. Both are off in production."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

import texts
from api.documents import TrustedDocuments
from api.pages import CONTENT_POLICY, WEB, language_of, months
from api.ports import Ports
from api.threads import run
from domain.compatriot.documents import DocumentKind
from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.taxpayer.rules import SERVICE as TAXPAYER
from domain.videobar.case import Ground
from texts.sentences import sentences

GRAPHIQL: Final = WEB / "dist" / "graphiql"

GRAPHIQL_POLICY: Final = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self' data:", "img-src 'self' data:; font-src 'self' data:; worker-src 'self'"
)
"""Its editor sets styles as it goes; scripts are still our own files only."""

OFFICE_STEPS: Final = (
    "ClaimNextCall", "Call", "RecordChecks", "Verify",
    "OfficerCases", "StartReview", "RequestInformation", "PrepareConclusion", "Decide",
)  # fmt: skip
"""What staff do on the way to a decision, in order."""

CONSULTANT_STEPS: Final = ("ClaimNextCall", "Call", "SendReadOutCode", "ClarifyUsername", "RecordChecks", "Verify")
"""What a consultant does on the way to an activation, in order; to refuse it stands beside."""

SHOWN_KINDS: Final = [kind.value for kind in DocumentKind if kind is not DocumentKind.INFORMATION]


def start_router(ports: Ports, trusted: TrustedDocuments) -> APIRouter:
    """``/start`` with its scripts, a path for each service; ``/graphiql`` with its."""
    router = APIRouter(include_in_schema=False)
    pages = Environment(loader=FileSystemLoader(WEB / "start"), autoescape=True, trim_blocks=True, lstrip_blocks=True)

    @router.get("/start")
    async def start(request: Request) -> Response:
        shown = _taxpayer if request.query_params.get("service") == TAXPAYER else _start
        return HTMLResponse(await run(shown, ports, pages, trusted, language_of(request)))

    @router.get("/start/{name}")
    async def start_file(name: str) -> Response:
        return _file(WEB / "start", name, ("start.js", "office.js", "steps.js", "taxpayer.js"))

    @router.get("/graphiql")
    async def graphiql(request: Request) -> Response:
        if not (GRAPHIQL / "index.html").is_file():
            language = texts.preferred(request.headers.get("accept-language"))
            return PlainTextResponse(texts.say(language, "start", "graphiql_missing"), 503)
        return FileResponse(
            GRAPHIQL / "index.html", media_type="text/html", headers={"Content-Security-Policy": GRAPHIQL_POLICY}
        )

    @router.get("/graphiql/{name}")
    async def graphiql_file(name: str) -> Response:
        built = tuple(path.name for path in GRAPHIQL.glob("*")) if GRAPHIQL.is_dir() else ()
        return _file(GRAPHIQL, name, built)

    return router


def sample_variables(ports: Ports, language: texts.Language = texts.Language.KA) -> dict[str, Any]:
    """A person of the sandbox's civil registry, as the form would be filled in; documents are yet to be uploaded."""
    return {
        "input": {
            "form": {
                "nameKa": {"first": "ნინო", "last": "მაისურაძე"},
                "nameLatin": {"first": "Nino", "last": "Maisuradze"},
                "birthDate": "1988-03-14",
                "sex": "FEMALE",
                "citizenships": ["GE"],
                "personalNumber": "01008012345",
                "document": {"kind": "OTHER", "number": "18IC40211", "issuer": "GE", "expires": "2034-05-20"},
                "addressAbroad": {"country": "DE", "city": "Berlin", "line": "Torstraße 1", "postcode": "10119"},
                "email": "nino@example.org",
                "telephone": "+493012345678",
                "grounds": {"citizenAbroad": True, "origin": False, "motherTongue": False},
                "tier": "STANDARD",
                "language": language.upper(),
                "channel": "CARD",
            },
            "documents": [],
            "consents": [
                {"kind": consent.kind.value, "version": consent.version} for consent in ports.compatriot_rules.consents
            ],
        }
    }


def _start(ports: Ports, pages: Environment, trusted: TrustedDocuments, language: texts.Language) -> str:
    return pages.get_template("start.html.jinja").render(
        **_common(ports, trusted, language, COMPATRIOT),
        samples=ports.facts.samples,
        samples_url=ports.facts.samples_url,
        kinds=SHOWN_KINDS,
        steps=OFFICE_STEPS,
        sample=json.dumps(sample_variables(ports, language), ensure_ascii=False, indent=2),
    )


def _taxpayer(ports: Ports, pages: Environment, trusted: TrustedDocuments, language: texts.Language) -> str:
    consents = [{"kind": each.kind.value, "version": each.version} for each in ports.taxpayer_rules.consents]
    grounds = {each.value: texts.word(language, each.value) for each in Ground}
    more = {"consents": consents, "recording": ports.videobar_rules.bars[TAXPAYER].consent, "grounds": grounds}
    return pages.get_template("taxpayer.html.jinja").render(
        **_common(ports, trusted, language, TAXPAYER, more), steps=CONSULTANT_STEPS, consents=consents
    )


def _common(
    ports: Ports,
    trusted: TrustedDocuments,
    language: texts.Language,
    service: str,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What both paths show, and give to their scripts with ``more``."""
    say = sentences(language, "start")
    return {
        "language": language,
        "other": texts.Language.EN if language is texts.Language.KA else texts.Language.KA,
        "say": say,
        "links": ports.facts.links,
        "operations": trusted.operations,
        "given": {
            "service": service,
            "operations": {each.name: each.text for each in trusted.operations},
            "texts": say,
            "months": months(language),
            "url": ports.facts.url,
            **(more or {}),
        },
    }


def _file(folder: Path, name: str, known: tuple[str, ...]) -> Response:
    if name not in known:
        return Response(status_code=404)
    return FileResponse(folder / name)
