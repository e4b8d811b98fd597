"""The statements that a test's own threads send to PostgreSQL: others in its process send theirs at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest


def this_thread() -> Callable[[], bool]:
    """Whether it is the thread that asked for this, and no other."""
    here = threading.get_ident()
    return lambda: threading.get_ident() == here


def sent(monkeypatch: pytest.MonkeyPatch, ours: Callable[[], bool] | None = None) -> list[str]:
    """What is sent from now on, as text; ``ours`` says of the thread that it runs in whether it counts."""
    counts, statements = ours or this_thread(), list[str]()
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if counts():
            statements.append(query.decode() if isinstance(query, bytes) else str(query))
        return execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    return statements
