"""The API put together: one ASGI application over its ports."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import correlation
from api.activation_pages import activation_router
from api.answers import PASSING
from api.bank import bank_router
from api.documents import TrustedDocuments
from api.downloads import downloads_router
from api.endpoint import RETRY_AFTER, Endpoint, log_bug
from api.gate import Gate
from api.health import health_router
from api.look_up import look_up_router
from api.metrics import REQUESTS, SECONDS
from api.pages import HEADERS, pages_router
from api.ports import Ports
from api.schema import build_schema
from api.signalling import signalling_router
from api.signing_in import sign_in_router
from api.start import start_router
from api.switchboard import Switchboard
from api.uploads import Reception, uploads_router
from ledger.connecting import conninfo_of

log = structlog.get_logger("api")

HSTS: Final = "max-age=63072000; includeSubDomains"

GRAPHQL: Final = "/graphql"

HEADER: Final = correlation.HEADER.lower().encode()


def create_app(ports: Ports) -> Doorway:
    """The service over these ports."""
    closed = ports.facts.production
    board = Switchboard(ports)
    gate = Gate((conninfo_of(ports.pool), ports.keys.conninfo))

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncGenerator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gate.watch)
            tasks.start_soon(board.run)
            yield
            tasks.cancel_scope.cancel()

    app = FastAPI(title="Sarkmeli", docs_url=None, redoc_url=None, openapi_url=None, lifespan=alive)
    for passing in PASSING:
        app.add_exception_handler(passing, _away)
    app.add_exception_handler(Exception, _failed)
    trusted = TrustedDocuments.read()
    graphql = Route(GRAPHQL, Counted(Endpoint(build_schema(closed=closed), ports, trusted)), methods=["POST"])
    app.router.routes.append(graphql)
    routers = [
        health_router(ports),
        pages_router(),
        look_up_router(trusted),
        activation_router(trusted),
        bank_router(ports),
        sign_in_router(ports),
        downloads_router(ports),
        signalling_router(board),
        uploads_router(reception(ports)),
    ]
    if not closed:
        routers.append(start_router(ports, trusted))
    for router in routers:
        app.include_router(router)
    return Doorway(Front(app, graphql), ports)


def reception(ports: Ports) -> Reception:
    """What receiving uploads needs of the ports."""

    def client(request: Request) -> str:
        peer = request.client.host if request.client else None
        return ports.proxies.client(peer, request.headers.getlist("x-forwarded-for"))

    return Reception(
        drafts=ports.drafts,
        uploads=ports.uploads,
        files=ports.files,
        inspector=ports.inspector,
        client=client,
        origins=frozenset({ports.facts.url}),
    )


class Counted:
    """Answers GraphQL requests, and counts them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        with SECONDS.time():
            answer = await self.endpoint(Request(scope, receive))
        REQUESTS.labels(answer.status_code).inc()
        await answer(scope, receive, send)


class Front:
    """Takes GraphQL requests first: they need nothing of what FastAPI does for a request on its way to a route."""

    def __init__(self, app: ASGIApp, graphql: Route) -> None:
        self.app = app
        self.graphql = graphql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "http" and scope["path"] == GRAPHQL:
            scope["route"] = self.graphql
            await self.graphql.handle(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Doorway:
    """Around everything: an id on every request, headers on every answer, a bug logged without the values it met."""

    def __init__(self, app: ASGIApp, ports: Ports) -> None:
        self.app = app
        self.closing = False
        told = {**HEADERS, "Strict-Transport-Security": HSTS} if ports.facts.url.startswith("https://") else HEADERS
        self.headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]

    def close_connections(self) -> None:
        """From now on every answer closes its connection: this process draws to an end."""
        self.closing = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        with correlation.correlated(Headers(scope=scope)) as told:
            await self._through(scope, receive, send, str(told))

    async def _through(self, scope: Scope, receive: Receive, send: Send, told: str) -> None:
        begun = False

        async def outward(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                said = {name for name, _ in message["headers"]}
                ours = [each for each in self.headers if each[0] not in said]
                closing = [(b"connection", b"close")] if self.closing else []
                message["headers"] = [*message["headers"], *ours, *closing, (HEADER, told.encode())]
            await send(message)

        try:
            await self.app(scope, receive, outward)
        except PASSING as error:
            if scope["type"] == "http" and not begun:
                await _away(Request(scope), error)(scope, receive, outward)
        except Exception as error:  # noqa: BLE001 - the last door: everything is logged here, nothing goes further
            log_bug(error, field=_place(scope))
            if scope["type"] == "http" and not begun:
                await _failed(Request(scope), error)(scope, receive, outward)


def _place(scope: Scope) -> str | None:
    """The route's pattern and not the path, which may hold a secret: a payment's link does."""
    return getattr(scope.get("route"), "path", None)


def _away(request: Request, error: Exception) -> Response:
    """The database is away, or has no room: the same may be sent again in a moment."""
    log.warning("database_away", field=_place(request.scope), error=type(error).__qualname__)
    again = {"Retry-After": str(RETRY_AFTER)}
    return JSONResponse({"message": "This cannot be answered now. Send it again in a moment."}, 503, again)


def _failed(_: Request, __: Exception) -> Response:
    """A bug; it is logged as it passes through the `Doorway`."""
    return JSONResponse({"message": "The service failed."}, 500)
