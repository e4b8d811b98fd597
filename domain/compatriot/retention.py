"""Until when the office must keep an application's personal data, whoever asks that they be erased."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from domain.compatriot.state import OPEN, State
from domain.refusals import Refusal


@dataclass(eq=False)
class StillConsidered(Refusal):
    """The application is being considered and its data are needed for that; the applicant may withdraw it first."""

    code = "STILL_CONSIDERED"

    state: State


@dataclass(eq=False)
class MoneyDueBack(Refusal):
    """Money of this case is due back and was not sent yet: it goes back before the person is forgotten."""

    code = "MONEY_DUE_BACK"


def refuse_unless_erasable(state: State, refunds: Collection[object]) -> None:
    """The application has ended or is decided, and nothing is owed to whoever paid.

    An application under way is processed because the person asked for it; it ends by the applicant's own withdrawal,
    with its own safeguards, and not by the erasure of its data.
    Source: Law of Georgia on Personal Data Protection, articles 5(1)(k) (the person's application is considered) and 16
    (erasure is refused while there is a ground for processing). Raises: StillConsidered, MoneyDueBack.
    """
    if state in OPEN:
        raise StillConsidered(state)
    if refunds:
        raise MoneyDueBack
