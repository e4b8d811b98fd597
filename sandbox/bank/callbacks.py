"""The bank's way of telling the service: signed, repeated until taken, and on demand lost, late or doubled."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from sandbox.bank.cards import Delivery
from sandbox.settings import Settings
from sandbox.state import State

log = logging.getLogger("sandbox")

DDL = """
CREATE TABLE IF NOT EXISTS callback (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    body BLOB NOT NULL,
    due_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    taken_at REAL,
    given_up INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS callback_waiting ON callback (due_at) WHERE taken_at IS NULL AND given_up = 0;
"""

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds before each further try; after the last the bank gives up and waits to be asked."""

PATIENCE = 5.0
"""Seconds that the service has for its answer."""


def signature(secret: str, body: bytes, at: int) -> str:
    """``t=<unix seconds>,v1=<hex HMAC-SHA-256 over "<t>." and the raw body>``."""
    told = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={told}"


@dataclass(frozen=True)
class Delivered:
    """What one round of deliveries came to."""

    taken: int
    refused: int


class Callbacks:
    """The outbox: a row is written with the fact it tells of, sent when due, and again until it is taken."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state = state
        self._settings = settings
        self._client = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)
        self._sending = asyncio.Lock()
        self.changed = asyncio.Event()

    def tell(self, path: str, content: Mapping[str, object], delivery: Delivery) -> None:
        """Put a callback into the outbox, as often and as late as ``delivery`` says."""
        if delivery is Delivery.LOST:
            return
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        due = time.time() + (self._settings.late_after if delivery is Delivery.LATE else 0.0)
        for _ in range(2 if delivery is Delivery.DOUBLED else 1):
            self._state.add("INSERT INTO callback (path, body, due_at) VALUES (?, ?, ?)", (path, body, due))
        self.changed.set()

    def next_due(self) -> float | None:
        """When the next callback is to be sent, in Unix time."""
        row = self._state.row("SELECT min(due_at) AS due FROM callback WHERE taken_at IS NULL AND given_up = 0")
        return None if row is None else row["due"]

    def hasten(self) -> None:
        """Whatever waits is due now."""
        self._state.run("UPDATE callback SET due_at = 0 WHERE taken_at IS NULL AND given_up = 0")

    async def deliver(self) -> Delivered:
        """Send everything that is due, once."""
        async with self._sending:
            waiting = self._state.rows(
                "SELECT id, path, body, tries FROM callback "
                "WHERE taken_at IS NULL AND given_up = 0 AND due_at <= ? ORDER BY id LIMIT 100",
                (time.time(),),
            )
            took = await asyncio.gather(
                *(self._send(row["id"], row["path"], row["body"], row["tries"]) for row in waiting)
            )
        return Delivered(taken=took.count(True), refused=took.count(False))

    async def _send(self, number: int, path: str, body: bytes, tries: int) -> bool:
        secret = self._settings.credentials.bank_signing_secret
        headers = {
            "Content-Type": "application/json",
            "X-Bank-Signature": signature(secret, body, int(time.time())),
        }
        try:
            answer = await self._client.post(f"{self._settings.service_url}{path}", content=body, headers=headers)
            outcome = str(answer.status_code)
            taken = answer.is_success
        except httpx.HTTPError as error:
            outcome, taken = type(error).__name__, False
        log.info("bank: callback %d to %s, try %d: %s", number, path, tries + 1, outcome)
        if taken:
            self._state.run(
                "UPDATE callback SET taken_at = ?, tries = ? WHERE id = ?", (time.time(), tries + 1, number)
            )
        elif tries >= len(PAUSES):
            self._state.run("UPDATE callback SET given_up = 1, tries = ? WHERE id = ?", (tries + 1, number))
        else:
            due = time.time() + PAUSES[tries]
            self._state.run("UPDATE callback SET due_at = ?, tries = ? WHERE id = ?", (due, tries + 1, number))
        return taken

    async def close(self) -> None:
        await self._client.aclose()
