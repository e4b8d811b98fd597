"""The bank's test cards: what each does to an order and to the callback that should tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Delivery(StrEnum):
    """What becomes of a callback or a credit notice."""

    PROMPT = "prompt"
    LOST = "lost"
    """Never sent; the fact is there for whoever asks."""
    LATE = "late"
    DOUBLED = "doubled"


@dataclass(frozen=True)
class Card:
    """One test card. ``decline``: why the bank says no; ``short``: how much less than asked it pays."""

    number: str
    ka: str
    en: str
    decline: str | None = None
    delivery: Delivery = Delivery.PROMPT
    slow: bool = False
    short: Decimal = Decimal("0.00")

    def spaced(self) -> str:
        return " ".join(self.number[at : at + 4] for at in range(0, 16, 4))


CARDS: dict[str, Card] = {
    card.number: card
    for card in (
        Card("4000000000000010", "გადახდა სრულდება", "approved"),
        Card("4000000000000028", "ბარათი უარყოფილია", "declined", decline="declined"),
        Card("4000000000000036", "თანხა არ არის საკმარისი", "insufficient funds", decline="insufficient_funds"),
        Card("4000000000000044", "ბანკი აყოვნებს პასუხს", "slow: approved some seconds later", slow=True),
        Card("4000000000000051", "შეტყობინება იკარგება", "approved, callback lost", delivery=Delivery.LOST),
        Card("4000000000000069", "შეტყობინება იგვიანებს", "approved, callback late", delivery=Delivery.LATE),
        Card("4000000000000077", "შეტყობინება ორჯერ მოდის", "approved, callback doubled", delivery=Delivery.DOUBLED),
        Card("4000000000000085", "იხდის 1.00-ით ნაკლებს", "approved, 1.00 less than asked", short=Decimal("1.00")),
    )
}


def passes_luhn(number: str) -> bool:
    """Whether the card number's check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(number))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
