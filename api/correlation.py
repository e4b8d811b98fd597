"""One id ties together all that a request sets in motion: its log lines, its events, the mails that follow from them.

A caller may name it: by the trace id of ``traceparent`` (W3C Trace Context) or by an ``X-Request-Id`` that is a UUID.
Anything else is not taken over, as it would reach events and logs unread; an id is minted then. Every answer bears it.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID

import structlog
from starlette.datastructures import Headers
from uuid6 import uuid7

HEADER: Final = "X-Request-Id"
"""The response header, and the request header beside ``traceparent``."""

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_NONE: Final = UUID(int=0)

_current: ContextVar[UUID | None] = ContextVar("correlation", default=None)


def current() -> UUID:
    """The id of the request in whose course this runs, in its task or one of its threads; minted outside of any."""
    return _current.get() or minted()


def minted() -> UUID:
    """A new id."""
    return UUID(int=uuid7().int)


def named_by(headers: Headers) -> UUID | None:
    """The id that the caller names, if it is well-formed and not zero."""
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    named = found["trace"] if found else headers.get(HEADER, "")
    if not _UUID.fullmatch(named) or (told := UUID(named)) == _NONE:
        return None
    return told


@contextmanager
def correlated(headers: Headers) -> Generator[UUID]:
    """Within: everything logged and recorded bears the id that is given back."""
    told = named_by(headers) or minted()
    token = _current.set(told)
    try:
        with structlog.contextvars.bound_contextvars(correlation=str(told)):
            yield told
    finally:
        _current.reset(token)
