"""How a neighbour behaves at the moment: well, slowly, failing, wrongly. For trying what the service does then."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict

log = logging.getLogger("sandbox")


class Mode(StrEnum):
    """A restart of the sandbox ends every misbehaviour."""

    OK = "ok"
    SLOW = "slow"
    """Answers, but later than anyone waits."""
    FAILING = "failing"
    """Answers 503."""
    WRONG = "wrong"
    """Answers 200 with what was not asked."""


class Wish(BaseModel):
    """The body of ``POST /…/behaviour``."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode
    times: int | None = None
    """How many answers it lasts; until the next wish if not given."""
    seconds: float = 30.0
    """How late ``slow`` is."""


class Behaviour:
    """One neighbour's present behaviour."""

    def __init__(self, neighbour: str) -> None:
        self._neighbour = neighbour
        self._wish = Wish(mode=Mode.OK)

    def become(self, wish: Wish) -> Wish:
        log.info("%s: from now on %s", self._neighbour, wish.mode)
        self._wish = wish
        return wish

    async def next_answer(self) -> Mode:
        """How to answer this one request: waits if slow, raises 503 if failing, else OK or WRONG."""
        wish = self._wish
        if wish.mode is not Mode.OK and wish.times is not None:
            left = wish.times - 1
            self._wish = wish.model_copy(update={"times": left}) if left > 0 else Wish(mode=Mode.OK)
        await misbehave(wish.mode, wish.seconds)
        return wish.mode if wish.mode is Mode.WRONG else Mode.OK


async def misbehave(mode: Mode, seconds: float) -> None:
    """Wait, or raise, as the mode says."""
    if mode is Mode.SLOW:
        await asyncio.sleep(seconds)
    if mode is Mode.FAILING:
        raise HTTPException(503, "out of order, as asked", headers={"Retry-After": "1"})
