"""Relay's conventions (GraphQL Cursor Connections): pages by opaque cursor, things by id."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

import strawberry

from api.declined import LinkRefused
from api.limits import MAX_PAGE, PAGE

_MARK: Final = b"after:"


@strawberry.interface(description="Anything that can be fetched again by its id.")
class Node:
    id: strawberry.ID


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True)
class Slice:
    """What of a list is asked for: ``first`` rows after position ``after``."""

    first: int
    after: int


def sliced(first: int | None, after: str | None) -> Slice:
    """The slice that a connection's arguments ask for. Raises: LinkRefused for a cursor that is not ours."""
    return Slice(max(1, min(MAX_PAGE, PAGE if first is None else first)), 0 if after is None else position_of(after))


def cursor_at(position: int) -> str:
    """The opaque cursor of a row."""
    return base64.urlsafe_b64encode(_MARK + str(position).encode()).decode().rstrip("=")


def position_of(cursor: str) -> int:
    """The row after which to go on. Raises: LinkRefused."""
    if len(cursor) > 64:
        raise LinkRefused
    try:
        plain = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise LinkRefused from None
    digits = plain.removeprefix(_MARK)
    if not plain.startswith(_MARK) or not digits.isdigit() or len(digits) > 18:
        raise LinkRefused
    return int(digits)


def page_info(cursors: list[str], *, after: str | None, has_next: bool) -> PageInfo:
    """What a connection says of its page."""
    return PageInfo(
        has_next_page=has_next,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
