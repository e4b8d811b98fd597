"""The mailbox: what the mail server took, as pages and as JSON. Paths below ``/mailbox``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import HTMLResponse, Response

from sandbox.inbox import inbox
from sandbox.mail.messages import Messages, parsed, part
from sandbox.mail.server import MailWish, Postman
from sandbox.templates import page

MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
)

Number = Annotated[int, Path(ge=1, lt=2**63)]


def mailbox(messages: Messages, postman: Postman) -> APIRouter:
    """``GET /messages?to=&after=&wait=`` waits up to ``wait`` seconds until there is one."""
    router = inbox("/mailbox", "mailbox.html", messages)

    def found(number: int) -> bytes:
        content = messages.content(number)
        if content is None:
            raise HTTPException(404, "no such message")
        return content

    @router.get("/messages/{number}")
    async def message(number: Number) -> HTMLResponse:
        content = found(number)
        told = parsed(content)
        return HTMLResponse(
            page("message.html", number=number, headers=list(told.items()), text=part(told, "plain") or "")
        )  # fmt: skip

    @router.get("/messages/{number}/html")
    async def html(number: Number) -> HTMLResponse:
        body = part(parsed(found(number)), "html")
        if body is None:
            raise HTTPException(404, "no HTML part")
        return HTMLResponse(body, headers={"Content-Security-Policy": MAIL_POLICY})

    @router.get("/messages/{number}/raw")
    async def raw(number: Number) -> Response:
        return Response(found(number), media_type="text/plain; charset=utf-8")

    @router.post("/behaviour")
    async def behave(wish: MailWish) -> MailWish:
        postman.wish = wish
        return wish

    return router
