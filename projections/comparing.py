"""Whether a read model that serves says what the ledger says: folded anew in memory and compared, nothing written.

Both sides are hashed by PostgreSQL, row by row, as it would show them: one byte in one column is another hash. The
model is read in one snapshot and the ledger up to the position of that snapshot, so that neither disturbs the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from ledger import events
from ledger.lineage import current_lineage
from ledger.reader import Recorded
from projections import poison, tracking
from projections.filling import BEFORE_ALL, Folded, Known, Progress, fold_portion, seldom_collecting, unhandled
from projections.model import OWNER, Key, ReadModel, Row, Table
from projections.rows import ONE_SPELLING, Columns, listed
from projections.tracking import Db, Place

_SERVED = """
SELECT {owner}, {key}, sha256(to_jsonb(t)::text::bytea) FROM {table} t WHERE {owner} BETWEEN %s AND %s
"""
_FOLDED = "SELECT {owner}, {key}, sha256(to_jsonb(t)::text::bytea) FROM unnest({arrays}) AS t ({columns})"
_SERVED_ROW = "SELECT to_jsonb(t) FROM {table} t WHERE ({key}) = ({given})"
_FOLDED_ROW = "SELECT to_jsonb(t) FROM unnest({arrays}) AS t ({columns})"

AFTER_ALL: Final = UUID(int=2**128 - 1)
MOST_TOLD: Final = 100
"""Differences told of one model; those beyond are only counted."""


@dataclass(frozen=True)
class Difference:
    """One row that serves and is not what the ledger says. ``columns`` names what differs, no value.

    ``what`` is ``differs``, ``is missing``, or ``should not be there``.
    """

    table: str
    key: Key
    what: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.table} {', '.join(map(str, self.key))}"
        return f"{where} {self.what}" + (f" in {', '.join(self.columns)}" if self.columns else "")


@dataclass
class Comparison:
    """What was found of one model. ``served`` and ``folded`` hash everything compared on either side.

    ``apart`` are streams left out: they are quarantined, and their rows say that they are stale. ``unable`` says why
    nothing could be compared, if so.
    """

    model: ReadModel
    position: int = 0
    rows: int = 0
    apart: tuple[UUID, ...] = ()
    different: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])
    served: str = ""
    folded: str = ""
    unable: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether all that the model says was compared and is what the ledger says: what never ran is well."""
        return self.is_same and not self.apart

    @property
    def is_same(self) -> bool:
        """Whether what was compared is what the ledger says."""
        return self.different == 0 and self.served == self.folded


def compare(
    db: Db, ledger: Db, model: ReadModel, told: Callable[[Progress], None] = lambda progress: None
) -> Comparison:
    """Compare the model that serves with the ledger up to where it stands. Both connections may be read-only.

    ``db`` must be in a REPEATABLE READ transaction, ``ledger`` on the ledger's database and autocommitting.
    """
    found = Comparison(model)
    place = Place(model)
    standing = tracking.find(db, place)
    if standing is None or standing.position == 0:
        found.unable = "it never ran" if standing is None or standing.fill_until is None else "it is being filled"
        return found
    if standing.lineage != (lineage := current_lineage(ledger)):
        found.unable, found.different = f"it followed the ledger {standing.lineage}, this one is {lineage}", 1
        return found
    compare_at(db, ledger, found, standing.position, told)
    return found


def compare_at(
    db: Db,
    ledger: Db,
    found: Comparison,
    position: int,
    told: Callable[[Progress], None] = lambda progress: None,
    known: Known | None = None,
) -> None:
    """As `compare`, into ``found``, of a model that stands at ``position``, having seen only what is ``known``."""
    found.position = position
    apart = poison.streams(db, Place(found.model))
    found.apart = tuple(sorted(apart))
    db.execute(ONE_SPELLING)
    with seldom_collecting():
        _Comparing(db, ledger, found, apart, known).run(told)


class _Comparing:
    def __init__(self, db: Db, ledger: Db, found: Comparison, apart: frozenset[UUID], known: Known | None) -> None:
        self.db, self.ledger, self.found, self.apart, self.known = db, ledger, found, apart, known
        self.sides = [_Side(db, table) for table in found.model.tables]
        self.without = unhandled(found.model)
        self.hashes = (hashlib.sha256(), hashlib.sha256())

    def run(self, told: Callable[[Progress], None]) -> None:
        done, total = events.count(self.ledger, BEFORE_ALL, self.found.position, self.without)
        first, after, last = BEFORE_ALL, BEFORE_ALL, False
        while not last:
            folded, last = fold_portion(self.found.model, self._read, after, self.known)
            until = AFTER_ALL if last else folded[-1].stream
            self._compare(folded, first, until)
            if not last:
                first, after = UUID(int=until.int + 1), until
            done += sum(one.events for one in folded)
            told(Progress(done, total))
        self.found.served, self.found.folded = (one.hexdigest() for one in self.hashes)

    def _read(self, after: UUID, limit: int) -> Iterator[Recorded]:
        for row in events.by_stream(self.ledger, after, self.found.position, limit, self.without):
            yield Recorded(*row)

    def _compare(self, folded: Sequence[Folded], first: UUID, until: UUID) -> None:
        """The rows of the streams from ``first`` to ``until``; with all portions, of every id that a row can have."""
        for side in self.sides:
            made = {
                key: row
                for one in folded
                if one.stream not in self.apart
                for (table, key), row in one.rows.items()
                if table is side.table and row is not None
            }
            served = {
                key: digest for owner, key, digest in side.served(self.db, first, until) if owner not in self.apart
            }
            expected = {key: digest for _, key, digest in side.folded(self.db, list(made.values()))}
            self.found.rows += len(served)
            for key in sorted(served.keys() | expected.keys()):
                self._take(side, key, served.get(key), expected.get(key), made.get(key))

    def _take(self, side: _Side, key: Key, served: bytes | None, expected: bytes | None, made: Row | None) -> None:
        for digest, it in zip((served, expected), self.hashes, strict=True):
            if digest is not None:
                it.update(f"{side.table.name} {key} {digest.hex()}\n".encode())
        if served == expected:
            return
        self.found.different += 1
        if len(self.found.differences) < MOST_TOLD:
            what = "is missing" if served is None else "should not be there" if expected is None else "differs"
            columns = side.differing(self.db, key, made) if made is not None and served is not None else ()
            self.found.differences.append(Difference(side.table.name, key, what, columns))


class _Side:
    """One table as it serves, and rows of its shape that stand in no table."""

    def __init__(self, db: Db, table: Table) -> None:
        self.table = table
        self.columns = Columns(db, table, beside=False)
        names = tuple(self.columns.types)
        pieces = {
            "table": table.at(),
            "owner": sql.Identifier(OWNER),
            "key": listed(table.key),
            "arrays": self.columns.arrays(names),
            "columns": listed(names),
            "given": sql.SQL(", ").join(sql.Placeholder() * len(table.key)),
        }
        self._served = sql.SQL(_SERVED).format(**pieces)
        self._folded = sql.SQL(_FOLDED).format(**pieces)
        self._served_row = sql.SQL(_SERVED_ROW).format(**pieces)
        self._folded_row = sql.SQL(_FOLDED_ROW).format(**pieces)

    def served(self, db: Db, first: UUID, until: UUID) -> Iterator[tuple[UUID, Key, bytes]]:
        """Owner, key and digest of each row that these streams own."""
        return ((row[0], row[1:-1], row[-1]) for row in db.execute(self._served, (first, until)))

    def folded(self, db: Db, rows: Sequence[Row]) -> Iterator[tuple[UUID, Key, bytes]]:
        """The same of rows in memory."""
        return ((row[0], row[1:-1], row[-1]) for row in db.execute(self._folded, self.columns.parameters(rows)))

    def differing(self, db: Db, key: Key, row: Row) -> tuple[str, ...]:
        """The columns in which the row that serves differs from this one."""
        (served,) = db.execute(self._served_row, key).fetchall()
        (made,) = db.execute(self._folded_row, self.columns.parameters([row])).fetchall()
        here: dict[str, Any] = served[0]
        there: dict[str, Any] = made[0]
        return tuple(name for name in self.columns.types if here.get(name) != there.get(name))
