"""The SMS gateway's interface, below ``/sms`` and by API key, and the phones that it sends to, below ``/phones``."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from sandbox.doors import bearer_key
from sandbox.inbox import inbox
from sandbox.settings import Settings
from sandbox.sms.messages import KeyReused, Messages

log = logging.getLogger("sandbox")

FAILS = "+995500000002"
REJECTED = "+995500000003"
"""Numbers that meet the same answer always."""


class SmsMode(StrEnum):
    OK = "ok"
    SLOW = "slow"
    """Takes the message and answers later than anyone waits."""
    FAILING = "failing"
    """Takes nothing and answers 503."""
    MUTE = "mute"
    """Takes the message and answers 503 all the same."""
    REJECTING = "rejecting"
    """Takes nothing and answers 422: do not send it again."""
    WRONG = "wrong"
    """Takes nothing and answers 302 to nowhere."""


class SmsWish(BaseModel):
    """The body of ``POST /sms/behaviour``; ``times``: for how many answers, until the next wish if not given."""

    model_config = ConfigDict(extra="forbid")

    mode: SmsMode
    times: int | None = None
    seconds: float = 30.0
    """How late ``slow`` is."""


class Text(BaseModel):
    """The body of ``POST /sms/messages``."""

    model_config = ConfigDict(extra="forbid")

    sender: Annotated[str, Field(alias="from", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,10}$")]
    to: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{7,14}$")]
    text: Annotated[str, Field(min_length=1, max_length=670)]


class Exchange:
    """The gateway's present behaviour."""

    def __init__(self) -> None:
        self.wish = SmsWish(mode=SmsMode.OK)

    def next_mode(self, mobile: str) -> SmsMode:
        """How to answer this one message."""
        if mobile in (FAILS, REJECTED):
            return SmsMode.FAILING if mobile == FAILS else SmsMode.REJECTING
        mode, times = self.wish.mode, self.wish.times
        if mode is not SmsMode.OK and times is not None:
            self.wish = self.wish.model_copy(update={"times": times - 1}) if times > 1 else SmsWish(mode=SmsMode.OK)
        return mode


def sms_gateway(settings: Settings, messages: Messages) -> APIRouter:
    """``POST /messages`` with an ``Idempotency-Key``; ``POST /behaviour`` to make it misbehave."""
    exchange = Exchange()
    router = APIRouter(prefix="/sms", tags=["SMS gateway"])
    keyed = APIRouter(dependencies=[Depends(bearer_key(settings.credentials.sms_api_key))])

    @keyed.post("/messages")
    async def send(
        told: Text, idempotency_key: Annotated[str, Header(min_length=8, max_length=100)], response: Response
    ) -> dict[str, Any]:
        late, mode = exchange.wish.seconds, exchange.next_mode(told.to)
        if mode is SmsMode.FAILING:
            raise HTTPException(503, "out of order, as asked", headers={"Retry-After": "1"})
        if mode is SmsMode.REJECTING:
            raise HTTPException(422, "no such subscriber")
        if mode is SmsMode.WRONG:
            raise HTTPException(302, "elsewhere", headers={"Location": "/nowhere"})
        try:
            number, new = messages.keep(idempotency_key, told.sender, told.to, told.text)
        except KeyReused:
            raise HTTPException(409, "another message has this key") from None
        if mode is SmsMode.MUTE:
            raise HTTPException(503, "taken, but nobody says so, as asked")
        if mode is SmsMode.SLOW:
            await asyncio.sleep(late)
        log.info("sms: took %d", number)
        response.status_code = 201 if new else 200
        return {"id": str(number), "state": "ACCEPTED"}

    @router.post("/behaviour")
    async def behave(wish: SmsWish) -> SmsWish:
        log.info("SMS gateway: from now on %s", wish.mode)
        exchange.wish = wish
        return wish

    router.include_router(keyed)
    return router


def phones(messages: Messages) -> APIRouter:
    """What arrived."""
    return inbox("/phones", "phones.html", messages)
