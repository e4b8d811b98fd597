"""Fee and term by effective date: a schedule that is read from a file, never a number in code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, cast

from domain.compatriot.form import Tier
from domain.payments.money import Money


class BrokenSchedule(ValueError):
    """The schedule cannot be read; the office does not open with it."""


@dataclass(frozen=True)
class Fee:
    """What one tier costs and how many calendar days its conclusion takes, for whoever registers from a day on."""

    tier: Tier
    effective_from: date
    amount: Money
    term_days: int
    source: str


@dataclass(frozen=True)
class FeeSchedule:
    """Every fee that ever was in force, and those already published for a later day."""

    fees: tuple[Fee, ...]

    def in_force(self, tier: Tier, on: date) -> Fee:
        """The fee of ``tier`` for an application registered on the Tibilisi day ``on``.

        Raises: LookupError if the schedule begins later.
        """
        applicable = [fee for fee in self.fees if fee.tier is tier and fee.effective_from <= on]
        if not applicable:
            raise LookupError(f"no {tier} fee is in force on {on}")
        return max(applicable, key=lambda fee: fee.effective_from)


def parse_schedule(text: str) -> FeeSchedule:
    """Read a schedule from TOML: ``[[fee]]`` tables with tier, effective_from, amount, currency, term_days, source.

    Raises: BrokenSchedule if a table is malformed, a tier has no fee or two from one day.
    """
    try:
        tables = cast("list[Mapping[str, Any]]", tomllib.loads(text)["fee"])
        fees = tuple(_fee(table) for table in tables)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BrokenSchedule(f"the schedule of fees is malformed: {error}") from error
    if {fee.tier for fee in fees} != set(Tier):
        raise BrokenSchedule("the schedule of fees lacks a tier")
    if len({(fee.tier, fee.effective_from) for fee in fees}) != len(fees):
        raise BrokenSchedule("the schedule of fees has two fees for one tier from one day")
    return FeeSchedule(fees)


def _fee(table: Mapping[str, Any]) -> Fee:
    effective_from, amount, term_days = table["effective_from"], table["amount"], table["term_days"]
    if type(effective_from) is not date or not isinstance(amount, str):
        raise TypeError('effective_from is a date, amount a string such as "50.00"')
    if type(term_days) is not int or term_days < 1:
        raise ValueError("term_days is a number of days")
    return Fee(
        tier=Tier(table["tier"]),
        effective_from=effective_from,
        amount=Money(Decimal(amount), table["currency"]),
        term_days=term_days,
        source=str(table["source"]),
    )
