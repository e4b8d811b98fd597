"""Who is let in by an API key, and the headers that every page of the sandbox carries."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def bearer_key(expected: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets in who sends ``Authorization: Bearer <expected>``."""

    async def check(request: Request) -> None:
        sent = request.headers.get("authorization", "")
        if not hmac.compare_digest(sent.encode(), f"Bearer {expected}".encode()):
            raise HTTPException(401, "unknown API key", headers={"WWW-Authenticate": "Bearer"})

    return check


class PageHeaders:
    """Nothing is cached, framed, sniffed or scripted; forms lead to the sandbox or on to the service."""

    def __init__(self, app: ASGIApp, service_url: str) -> None:
        self._app = app
        service = urlsplit(service_url)
        self._policy = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; "
            f"form-action 'self' {service.scheme}://{service.netloc}; frame-ancestors 'self'; base-uri 'none'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", self._policy)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self._app(scope, receive, send_with_headers)
