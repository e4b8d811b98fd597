"""The mailbox's messages: kept as they came, readable as text."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from sandbox.arrivals import Arrivals
from sandbox.state import State

DDL = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL COLLATE NOCASE,
    content BLOB NOT NULL,
    received_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS message_by_recipient ON message (recipient, id);
"""


class Messages:
    """One row a recipient. A message's id grows with its arrival."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._arrivals = Arrivals()

    def keep(self, recipients: list[str], content: bytes) -> None:
        """Store a message for each recipient; wakes who waits for it."""
        with self._state.together():
            for recipient in recipients:
                self._state.add(
                    "INSERT INTO message (recipient, content, received_at) VALUES (?, ?, ?)",
                    (recipient, content, time.time()),
                )
        self._arrivals.tell()

    def after(self, number: int, recipient: str | None) -> list[dict[str, Any]]:
        """The messages after ``number``, oldest first, at most 200; of one recipient if given."""
        rows = self._state.rows(
            "SELECT * FROM message WHERE id > ? AND (? IS NULL OR recipient = ?) ORDER BY id LIMIT 200",
            (number, recipient, recipient),
        )
        return [facts(row) for row in rows]

    async def wait_after(self, number: int, recipient: str | None, seconds: float) -> list[dict[str, Any]]:
        """Like `after`, but waits up to ``seconds`` for the first one."""
        return await self._arrivals.until(lambda: self.after(number, recipient), seconds)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        return [facts(row) for row in self._state.rows("SELECT * FROM message ORDER BY id DESC LIMIT ?", (limit,))]

    def content(self, number: int) -> bytes | None:
        """The message as it came."""
        row = self._state.row("SELECT content FROM message WHERE id = ?", (number,))
        return None if row is None else row["content"]

    def empty(self) -> int:
        """Throw every message away; how many there were."""
        return self._state.run("DELETE FROM message")


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str | None:
    """The message's body of this kind (``plain`` or ``html``)."""
    body = message.get_body((kind,))
    return None if body is None else str(body.get_content()).replace("\r\n", "\n")


def facts(row: sqlite3.Row) -> dict[str, Any]:
    """What the JSON API says of a message."""
    message = parsed(row["content"])
    return {
        "id": row["id"],
        "to": row["recipient"],
        "from": str(message.get("From", "")),
        "subject": str(message.get("Subject", "")),
        "message_id": str(message.get("Message-ID", "")),
        "language": str(message.get("Content-Language", "")),
        "received_at": datetime.fromtimestamp(row["received_at"], UTC).isoformat(),
        "text": part(message, "plain"),
        "html": part(message, "html"),
    }
