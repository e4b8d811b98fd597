"""What arrived at a neighbour that takes messages: mail, and texts to phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sandbox.templates import page


class Arrived(Protocol):
    """Messages, each with a number that grows."""

    def newest(self, limit: int, /) -> Sequence[Any]:
        """The last so many."""
        ...

    async def wait_after(self, number: int, to: str | None, seconds: float, /) -> Sequence[Any]:
        """Those after a number, to somebody if said; waits so long for the first."""
        ...

    def empty(self) -> int:
        """Remove them; how many."""
        ...


def inbox(prefix: str, overview_page: str, messages: Arrived) -> APIRouter:
    """A page, and for programs ``GET /messages?to=&after=&wait=``, which waits up to ``wait`` seconds for the first."""
    router = APIRouter(prefix=prefix, tags=[prefix.strip("/")])

    @router.get("")
    async def overview() -> HTMLResponse:
        return HTMLResponse(page(overview_page, messages=messages.newest(100)))

    @router.get("/messages")
    async def listing(
        to: str | None = None,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        wait: Annotated[float, Query(ge=0, le=60)] = 0.0,
    ) -> dict[str, Any]:
        return {"messages": await messages.wait_after(after, to, wait)}

    @router.delete("/messages")
    async def empty() -> dict[str, int]:
        return {"deleted": messages.empty()}

    return router
