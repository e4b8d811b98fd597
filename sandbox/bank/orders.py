"""Card orders: opened by the merchant, paid on the bank's page, settled once, refunded."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sandbox.bank.callbacks import Callbacks
from sandbox.bank.cards import Card, Delivery
from sandbox.settings import Settings
from sandbox.state import State

log = logging.getLogger("sandbox")

DDL = """
CREATE TABLE IF NOT EXISTS card_order (
    order_id TEXT PRIMARY KEY,
    page TEXT NOT NULL UNIQUE,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    return_url TEXT NOT NULL,
    language TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    paid_amount TEXT,
    transaction_id TEXT UNIQUE,
    payer TEXT,
    card TEXT,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    settles_at REAL,
    delivery TEXT
);
CREATE TABLE IF NOT EXISTS refund (
    refund_id TEXT PRIMARY KEY,
    of_transaction TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    transaction_id TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL
);
"""


class Status(StrEnum):
    """Where an order stands; OPEN and PROCESSING are not final."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    DECLINED = "declined"
    EXPIRED = "expired"


class Conflict(Exception):
    """What is asked contradicts what was asked before under the same id, or what is there."""


@dataclass(frozen=True)
class Asked:
    """A merchant's order: amount with two decimals, ISO 4217 currency, ``lasts`` in seconds."""

    order_id: str
    amount: Decimal
    currency: str
    return_url: str
    language: str
    lasts: float


class Orders:
    """The orders' table and its rules. Times are Unix seconds."""

    def __init__(self, state: State, settings: Settings, callbacks: Callbacks) -> None:
        self._state = state
        self._settings = settings
        self._callbacks = callbacks

    def open(self, asked: Asked) -> sqlite3.Row:
        """The order under this id: made if new, the same one if asked alike. Raises: Conflict if asked otherwise."""
        now = time.time()
        self._state.run(
            "INSERT INTO card_order (order_id, page, amount, currency, return_url, language, status, created_at, "
            "expires_at) VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?) ON CONFLICT (order_id) DO NOTHING",
            (
                asked.order_id, secrets.token_urlsafe(16), str(asked.amount), asked.currency, asked.return_url,
                asked.language, now, now + asked.lasts,
            ),
        )  # fmt: skip
        order = self.find(asked.order_id)
        if order is None or (Decimal(order["amount"]), order["currency"]) != (asked.amount, asked.currency):
            raise Conflict("this order id was used for another amount")
        return order

    def find(self, order_id: str) -> sqlite3.Row | None:
        """The order as it stands now."""
        self.settle_due()
        return self._state.row("SELECT * FROM card_order WHERE order_id = ?", (order_id,))

    def at_page(self, page: str) -> sqlite3.Row | None:
        self.settle_due()
        return self._state.row("SELECT * FROM card_order WHERE page = ?", (page,))

    def of_transaction(self, transaction_id: str) -> sqlite3.Row | None:
        """The order that was paid by this transaction."""
        return self._state.row("SELECT * FROM card_order WHERE transaction_id = ?", (transaction_id,))

    def pay(self, order_id: str, card: Card, payer: str) -> None:
        """Charge ``card`` for an open order. Raises: Conflict if the order is not open any more."""
        masked = f"•••• {card.number[-4:]}"
        settles_at = time.time() + self._settings.slow_after if card.slow else 0.0
        order = self.find(order_id)
        paid = max(Decimal(order["amount"]) - card.short, Decimal("0.01")) if order else Decimal(0)
        moved = self._state.run(
            "UPDATE card_order SET status = 'processing', payer = ?, card = ?, paid_amount = ?, reason = ?, "
            "settles_at = ?, delivery = ? WHERE order_id = ? AND status = 'open'",
            (payer, masked, str(paid), card.decline, settles_at, card.delivery, order_id),
        )
        if not moved:
            raise Conflict("this order is closed")
        log.info("bank: order %s, card %s", order_id, masked)
        self._callbacks.changed.set()
        self.settle_due()

    def settle_due(self) -> int:
        """Settle what is due and expire what is past its time; how many orders that closed."""
        now = time.time()
        due = self._state.rows("SELECT * FROM card_order WHERE status = 'processing' AND settles_at <= ?", (now,))
        for order in due:
            outcome = Status.DECLINED if order["reason"] else Status.PAID
            self._close(order["order_id"], outcome, Delivery(order["delivery"]))
        stale = self._state.rows("SELECT * FROM card_order WHERE status = 'open' AND expires_at <= ?", (now,))
        for order in stale:
            self._close(order["order_id"], Status.EXPIRED, Delivery.PROMPT)
        return len(due) + len(stale)

    def hasten(self) -> None:
        """Whatever is being processed settles now."""
        self._state.run("UPDATE card_order SET settles_at = 0 WHERE status = 'processing'")

    def next_due(self) -> float | None:
        """When the next order settles or expires, in Unix time."""
        row = self._state.row(
            "SELECT min(CASE status WHEN 'open' THEN expires_at ELSE settles_at END) AS due FROM card_order "
            "WHERE status IN ('open', 'processing')"
        )
        return None if row is None else row["due"]

    def refund(self, transaction_id: str, currency: str, paid: Decimal, refund_id: str, amount: Decimal) -> sqlite3.Row:
        """Give back (part of) an incoming transaction, once per ``refund_id``. Raises: Conflict."""
        known = self._refund(refund_id)
        if known is None:
            given = sum((Decimal(row["amount"]) for row in self.refunds(transaction_id)), Decimal(0))
            if amount + given > paid:
                raise Conflict("more than was paid")
            self._state.run(
                "INSERT INTO refund (refund_id, of_transaction, amount, currency, transaction_id, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (refund_id, transaction_id, str(amount), currency, transaction("RF"), time.time()),
            )
            log.info("bank: refund %s of %s", refund_id, transaction_id)
            known = self._refund(refund_id)
        if known is None or (known["of_transaction"], Decimal(known["amount"])) != (transaction_id, amount):
            raise Conflict("this refund id was used for another refund")
        return known

    def refunds(self, transaction_id: str) -> list[sqlite3.Row]:
        return self._state.rows("SELECT * FROM refund WHERE of_transaction = ? ORDER BY created_at", (transaction_id,))

    def _refund(self, refund_id: str) -> sqlite3.Row | None:
        return self._state.row("SELECT * FROM refund WHERE refund_id = ?", (refund_id,))

    def _close(self, order_id: str, status: Status, delivery: Delivery) -> None:
        with self._state.together():
            closed = self._state.run(
                "UPDATE card_order SET status = ?1, transaction_id = CASE WHEN ?1 = 'paid' THEN ?2 END, "
                "paid_amount = CASE WHEN ?1 = 'paid' THEN paid_amount END "
                "WHERE order_id = ?3 AND status IN ('open', 'processing')",
                (status, transaction("TR"), order_id),
            )
            if closed:
                self._callbacks.tell(
                    "/bank/callback", {"event": "order.closed", "order_id": order_id, "status": status}, delivery
                )
        log.info("bank: order %s is %s", order_id, status)


def transaction(kind: str) -> str:
    """A new bank transaction id."""
    return f"{kind}{secrets.token_hex(8).upper()}"


def moment(unix: float) -> str:
    """ISO 8601, UTC."""
    return datetime.fromtimestamp(unix, UTC).isoformat()


def refund_facts(refund: sqlite3.Row) -> dict[str, Any]:
    """What the API says of a refund."""
    return {
        "refund_id": refund["refund_id"],
        "status": "done",
        "amount": refund["amount"],
        "currency": refund["currency"],
        "transaction_id": refund["transaction_id"],
        "refunded_at": moment(refund["created_at"]),
    }
