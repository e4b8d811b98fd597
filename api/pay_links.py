"""The address of a payment's page: ours, which sends on to the bank's, so that it works once the bank is back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from api.ports import Facts
from api.tickets import For, Macs, Tickets

LASTS: Final = timedelta(days=30)
"""Longer than any order; whether it may still be paid is asked of the payment itself."""


def pay_link(facts: Facts, keys: Macs, payment: UUID, now: datetime) -> str:
    """Where to pay this card order."""
    return f"{facts.url}/pay/{Tickets(keys).issue(For.PAY, payment, now, LASTS)}"
