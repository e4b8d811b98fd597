"""Staff sign-in in a browser: away to the provider with state, nonce and PKCE, back once, then a session's cookie."""

from __future__ import annotations

from typing import Final

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import texts
from api.callers import SESSION_COOKIE, from_our_pages
from api.declined import LinkRefused
from api.endpoint import set_cookie
from api.pages import page
from api.ports import Ports
from api.refusals import sentence
from api.threads import Abroad, run, run_abroad
from gateways.sign_in import SignInRefused, SignInUnavailable
from housekeeping.sessions import DAY_HOURS
from housekeeping.sign_ins import MINUTES

log = structlog.get_logger("api")

BROWSER_COOKIE: Final = "__Host-sign-in"
LONGEST: Final = 2048


def sign_in_router(ports: Ports) -> APIRouter:
    """``/sign-in``, ``/sign-in/callback``, ``POST /sign-out``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in")
    async def sign_in(request: Request) -> Response:
        language = texts.preferred(request.headers.get("accept-language"))
        return await run_abroad(Abroad.SIGN_IN, _begin, ports, language, request.query_params.get("return", "/start"))

    @router.get("/sign-in/callback")
    async def callback(request: Request) -> Response:
        language = texts.preferred(request.headers.get("accept-language"))
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        return await run_abroad(
            Abroad.SIGN_IN, _complete, ports, language, state, code, request.cookies.get(BROWSER_COOKIE, "")
        )

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        secret = request.cookies.get(SESSION_COOKIE, "")
        if not from_our_pages(ports, request):
            return Response(status_code=403)
        if secret:
            await run(ports.sessions.close, secret)
        response = Response(status_code=204)
        set_cookie(response, SESSION_COOKIE, "", 0)
        return response

    return router


def _begin(ports: Ports, language: str, asked: str) -> Response:
    begun = ports.sign_ins.begin(own_path(asked))
    try:
        there = ports.sign_in.begin(begun.state, begun.nonce, begun.verifier)
    except SignInUnavailable:
        return _away(language)
    response = RedirectResponse(there, 303, headers={"Cache-Control": "no-store"})
    # Lax: the provider's redirect comes from another site, and must bring the cookie back.
    response.set_cookie(
        BROWSER_COOKIE, begun.browser, max_age=MINUTES * 60, path="/", secure=True, httponly=True, samesite="lax"
    )
    return response


def _complete(ports: Ports, language: str, state: str, code: str, browser: str) -> Response:
    title = texts.say(language, "start", "signed_in_title")
    refused = page(language, title, sentence(LinkRefused(), language), 400)
    if not state or not code or not browser or max(map(len, (state, code, browser))) > LONGEST:
        return refused
    begun = ports.sign_ins.take(state, browser)
    if begun is None:
        return refused
    try:
        known = ports.sign_in.redeem(code, begun.verifier, begun.nonce)
    except SignInRefused as why:
        log.warning("sign_in_refused", reason=why.reason)
        return refused
    except SignInUnavailable:
        return _away(language)
    secret = ports.sessions.open(
        person=known.person,
        account=known.account,
        name=known.name,
        roles=known.roles,
        personal_number=known.personal_number,
        centre=known.centre,
    )
    # A page and not a redirect: a strict cookie would not come with a redirect that another site began.
    response = page(language, title, f"{texts.say(language, 'start', 'signed_in')} {known.name}")
    response.headers["Refresh"] = f"1; url={begun.return_to}"
    set_cookie(response, SESSION_COOKIE, secret, DAY_HOURS * 3600)
    response.delete_cookie(BROWSER_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _away(language: str) -> Response:
    title = texts.say(language, "start", "signed_in_title")
    return page(language, title, texts.say(language, "start", "failed"), 503)


def own_path(asked: str) -> str:
    """``asked`` if it is a path of our own, else the start: nobody is sent on to a stranger's page."""
    own = asked.startswith("/") and not asked.startswith("//") and len(asked) <= 200
    return asked if own and asked.isascii() and asked.isprintable() and "\\" not in asked else "/start"
