"""The address of a payment's page: ours, which sends on to the bank's, so that it works once the bank is back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from api.ports import Ports
from api.tickets import For, Tickets

LASTS: Final = timedelta(days=30)
"""Longer than any order; whether it may still be paid is asked of the payment itself."""


def pay_link(ports: Ports, payment: UUID, now: datetime) -> str:
    """Where to pay this card order."""
    return f"{ports.facts.url}/pay/{Tickets(ports.keys).issue(For.PAY, payment, now, LASTS)}"
