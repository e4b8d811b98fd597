"""How an error is told where anybody may read it: kind and place, and its words only if they are nobody's data."""

from __future__ import annotations

import traceback

import psycopg
import structlog

SPEAKS = (OSError, ImportError, AttributeError, NameError, psycopg.OperationalError, psycopg.ProgrammingError)
"""Errors whose own words cannot hold what a person told us. Others are logged by kind and place only."""


def told(exc_info: structlog.typing.ExcInfo) -> str:
    """Where an error arose and of what kind it and its causes are: a message such as "invalid: 'Nino'" stays unsaid."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines += traceback.format_tb(error.__traceback__)
        lines.append(type(error).__qualname__ + (f": {error}" if isinstance(error, SPEAKS) else "") + "\n")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        lines += ["caused by\n"] if error is not None else []
    return "".join(lines).rstrip()
