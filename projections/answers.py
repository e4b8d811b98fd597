"""What queries answer: a row, nothing or `Stale`, and the position of the read model in the same snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, LiteralString, TypeAlias, TypeVar

from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from ledger.connecting import asking
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.model import Table
from projections.poison import Stale
from projections.tracking import Db

R = TypeVar("R")
T = TypeVar("T")

Pool: TypeAlias = ConnectionPool[Db]
"""The read pool, opened with ``kwargs={"autocommit": True}``: a question costs one round trip."""

LARGEST_PAGE = 100


@dataclass(frozen=True)
class Answer(Generic[R]):
    """``row`` as the model had it when it stood at ledger ``position``; None if there is no such thing there (yet)."""

    row: R | Stale | None
    position: int

    def known(self) -> R | None:
        """The row if it is there and not stale."""
        return None if isinstance(self.row, Stale) else self.row


@dataclass(frozen=True)
class Page(Generic[R]):
    """Rows in the order of their ``position``, which is also the cursor to go on after."""

    rows: Sequence[R | Stale]
    cursors: Sequence[int]
    has_next: bool
    position: int
    """Where the read model stood."""


def page_of(
    found: Sequence[dict[str, Any]], limit: int, read: Callable[[dict[str, Any]], R | Stale], key: str = "stream"
) -> Page[R]:
    """A page from rows fetched with `paged`'s ``limit``; a lone row of nulls carries the position alone."""
    rows = [row for row in found if row[key] is not None]
    shown = rows[: limit - 1]
    return Page(
        rows=[read(row) for row in shown],
        cursors=[row["position"] for row in shown],
        has_next=len(rows) == limit,
        position=found[0]["model_position"] if found else 0,
    )


def ask(text: LiteralString, **tables: Table) -> bytes:
    """A query with the live names of its tables filled in, rendered once."""
    return sql.SQL(text).format(**{name: table.at() for name, table in tables.items()}).as_bytes()


def fetch(pool: Pool, query: bytes, arguments: Sequence[Any] | Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a question, by column name. A connection that died with its server is replaced and asked again."""

    def rows(db: Db) -> list[dict[str, Any]]:
        with db.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, arguments).fetchall()

    return asking(pool, rows)


def fetch_one(pool: Pool, query: bytes, arguments: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any] | None:
    """The first row of a question, if there is one."""
    return next(iter(fetch(pool, query, arguments)), None)


def paged(first: int) -> int:
    """How many rows to fetch for a page of ``first``: one more, to know whether there is another page."""
    return max(0, min(first, LARGEST_PAGE)) + 1


def revive(row: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """A row that came as JSON, with the columns in ``kinds`` read as what they are."""
    return {name: kinds[name](value) if value is not None and name in kinds else value for name, value in row.items()}


def unhex(text: str) -> bytes:
    """Bytes as PostgreSQL writes them into JSON."""
    return bytes.fromhex(text.removeprefix("\\x"))


def maybe(kind: Callable[[T], R], value: T | None) -> R | None:
    """``kind`` of a column that may be null."""
    return None if value is None else kind(value)


def unpacked(packed: bytes | None) -> Sealed | None:
    """A sealed column's value."""
    return maybe(Sealed.unpack, packed)


def sealed_part(recorded: Recorded) -> bytes | None:
    """The event's sealed bytes as the ledger has them, never opened on the way: a sealed column's value."""
    return recorded.sealed.pack() if recorded.sealed is not None else None
