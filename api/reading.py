"""How questions wait for a read model, and what they answer when it cannot."""

from __future__ import annotations

from typing import TypeVar

from api.declined import NothingThere, NotYet, Stale, TokenRefused
from api.ports import Ports
from ledger.token import BadToken, OtherLineage
from projections import poison
from projections.answers import Answer
from projections.model import ReadModel

R = TypeVar("R")


def caught_up(ports: Ports, model: ReadModel, position: int) -> bool:
    """Wait, as long as a request may, until ``model`` stands at ``position``; whether it came there."""
    return ports.waiting.wait_for(model, position, ports.facts.longest_wait.total_seconds())


def at_least(ports: Ports, model: ReadModel, token: str | None) -> None:
    """Wait until ``model`` has followed the ledger to ``token``. Raises: TokenRefused, NotYet."""
    if token is None:
        return
    try:
        position = ports.tokens.decode(token)
    except (BadToken, OtherLineage):
        raise TokenRefused from None
    if not caught_up(ports, model, position):
        raise NotYet


def shown_row(answer: Answer[R]) -> R:
    """The row that a query found. Raises: Stale, NothingThere."""
    if isinstance(answer.row, poison.Stale):
        raise Stale
    if answer.row is None:
        raise NothingThere
    return answer.row
