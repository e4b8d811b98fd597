"""Money: an amount with its currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

LARGEST: Final = Decimal("1000000000")
"""No fee and no transfer to the office comes near it; a larger figure is a broken or hostile message."""

_TETRI: Final = Decimal("0.01")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Money:
    """A positive amount of one currency (ISO 4217) in exactly two decimals: for the lari, tetri.

    Raises: ValueError for anything else, so that what is not money cannot become an event.
    """

    amount: Decimal
    currency: str = "GEL"

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or not 0 < self.amount < LARGEST:
            raise ValueError("an amount is positive and finite")
        if self.amount != (exact := self.amount.quantize(_TETRI)):
            raise ValueError("an amount has no more than two decimals")
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError("a currency is three capital letters")
        object.__setattr__(self, "amount", exact)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
