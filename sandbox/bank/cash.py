"""Cash paid in at any bank with a reference: each becomes a credit notice, told to the service and listed for it."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.bank.callbacks import Callbacks
from sandbox.bank.cards import Delivery
from sandbox.bank.orders import moment, transaction
from sandbox.state import State

log = logging.getLogger("sandbox")

DDL = """
CREATE TABLE IF NOT EXISTS credit_notice (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    transaction_id TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    payer TEXT NOT NULL,
    booked_at REAL NOT NULL
);
"""

PAGE = 100
"""How many notices one listing holds at most."""


@dataclass(frozen=True)
class PaidIn:
    """What a payer filled in at the counter."""

    reference: str
    amount: Decimal
    currency: str
    payer: str


class Cash:
    """The credit notices, in the order of booking; a cursor is a notice's number."""

    def __init__(self, state: State, callbacks: Callbacks) -> None:
        self._state = state
        self._callbacks = callbacks

    def take(self, paid: PaidIn, delivery: Delivery) -> sqlite3.Row:
        """Book the money and tell the service, as ``delivery`` says."""
        with self._state.together():
            cursor = self._state.add(
                "INSERT INTO credit_notice (transaction_id, reference, amount, currency, payer, booked_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (transaction("CN"), paid.reference, str(paid.amount), paid.currency, paid.payer, time.time()),
            )
            notice = self._state.row("SELECT * FROM credit_notice WHERE cursor = ?", (cursor,))
            assert notice is not None
            self._callbacks.tell("/bank/credit-notices", notice_facts(notice), delivery)
        log.info("bank: cash %s %s booked as %s", notice["amount"], notice["currency"], notice["transaction_id"])
        return notice

    def find(self, transaction_id: str) -> sqlite3.Row | None:
        return self._state.row("SELECT * FROM credit_notice WHERE transaction_id = ?", (transaction_id,))

    def after(self, cursor: int) -> list[sqlite3.Row]:
        """The notices after ``cursor``, oldest first, at most `PAGE`."""
        return self._state.rows(
            "SELECT * FROM credit_notice WHERE cursor > ? ORDER BY cursor LIMIT ?", (cursor, PAGE)
        )  # fmt: skip


def notice_facts(notice: sqlite3.Row) -> dict[str, Any]:
    """What the API and the callback say of a credit notice."""
    return {
        "cursor": str(notice["cursor"]),
        "transaction_id": notice["transaction_id"],
        "reference": notice["reference"],
        "amount": notice["amount"],
        "currency": notice["currency"],
        "payer": notice["payer"],
        "booked_at": moment(notice["booked_at"]),
    }
