"""The text messages that the gateway took: one for each idempotency key."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from sandbox.arrivals import Arrivals
from sandbox.state import State

DDL = """
CREATE TABLE IF NOT EXISTS sms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    mobile TEXT NOT NULL,
    text TEXT NOT NULL,
    received_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS sms_by_mobile ON sms (mobile, id);
"""


class KeyReused(Exception):
    """Another message was taken under this key."""


class Messages:
    """The messages' table. A message's id grows with its arrival."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._arrivals = Arrivals()

    def keep(self, key: str, sender: str, mobile: str, text: str) -> tuple[int, bool]:
        """The message's id, and whether it is new: the same key brings the same message once. Raises: KeyReused."""
        new = self._state.run(
            "INSERT OR IGNORE INTO sms (key, sender, mobile, text, received_at) VALUES (?, ?, ?, ?, ?)",
            (key, sender, mobile, text, time.time()),
        )
        row = self._state.row("SELECT * FROM sms WHERE key = ?", (key,))
        assert row is not None
        if (row["sender"], row["mobile"], row["text"]) != (sender, mobile, text):
            raise KeyReused
        if new:
            self._arrivals.tell()
        return row["id"], bool(new)

    def after(self, number: int, mobile: str | None) -> list[dict[str, Any]]:
        """The messages after ``number``, oldest first, at most 200; of one mobile if given."""
        rows = self._state.rows(
            "SELECT * FROM sms WHERE id > ? AND (? IS NULL OR mobile = ?) ORDER BY id LIMIT 200",
            (number, mobile, mobile),
        )
        return [facts(row) for row in rows]

    async def wait_after(self, number: int, mobile: str | None, seconds: float) -> list[dict[str, Any]]:
        """Like `after`, but waits up to ``seconds`` for the first one."""
        return await self._arrivals.until(lambda: self.after(number, mobile), seconds)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        return [facts(row) for row in self._state.rows("SELECT * FROM sms ORDER BY id DESC LIMIT ?", (limit,))]

    def empty(self) -> int:
        """Throw every message away; how many there were."""
        return self._state.run("DELETE FROM sms")


def facts(row: sqlite3.Row) -> dict[str, Any]:
    """What the JSON API says of a message."""
    return {
        "id": row["id"],
        "from": row["sender"],
        "to": row["mobile"],
        "text": row["text"],
        "received_at": datetime.fromtimestamp(row["received_at"], UTC).isoformat(),
    }
