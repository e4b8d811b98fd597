"""What a read model is: tables, and what each event does to their rows. Nothing here touches a database.

A model's file is the whole truth about it: its tables' DDL, its ``@on(Event)`` handlers, its queries. A handler is pure
and says keyed changes; the runner folds a batch of them onto the rows that they touch and writes the result set-wise.
So the same events give the same tables however the batches are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias, TypeVar, cast
from uuid import UUID

from psycopg import sql

from domain.event import Root
from ledger.reader import Recorded

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = dict[str, Any]
"""A row by column name. ``jsonb`` columns hold plain JSON: lists and dicts of strings, integers, booleans and null."""

OWNER = "stream"
"""The column of every table that names the stream which owns the row: only that stream's events may write it."""


def instant(at: datetime) -> str:
    """A moment as ``jsonb`` columns hold it: ISO 8601 in UTC, whatever the session's time zone."""
    return at.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class Table:
    """One table of a read model, versioned by name: ``reading.<name>_v<version>``.

    ``ddl`` says ``{table}`` for its name and ``{index}`` for a name that its first index may bear (``{index}`` plus a
    suffix for others); every statement must be repeatable (IF NOT EXISTS). ``key`` is the primary key.
    """

    name: str
    version: int
    key: tuple[str, ...]
    ddl: str

    def bare(self, beside: bool = False) -> str:
        """The table's name without its schema. ``beside``: where a rebuild prepares what will replace the rows."""
        return f"{self.name}_v{self.version}" + ("_beside" if beside else "")

    def at(self, beside: bool = False) -> sql.Identifier:
        """The table's qualified name."""
        return sql.Identifier("reading", self.bare(beside))

    def create(self, beside: bool = False) -> str:
        """The DDL for this place."""
        return self.ddl.replace("{table}", f"reading.{self.bare(beside)}").replace("{index}", self.bare(beside))


@dataclass(frozen=True)
class Put:
    """The row is exactly this; columns not named are null. The key's columns and the owner are filled in."""

    table: Table
    key: Key
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Patch:
    """These columns of a row that exists change: to given values, or to a pure function of the row as it is.

    The function must not alter the row that it is given, nor any list within.
    """

    table: Table
    key: Key
    values: Mapping[str, Any] | Callable[[Row], Mapping[str, Any]]


@dataclass(frozen=True)
class Delete:
    """The row is gone, if it was there."""

    table: Table
    key: Key


Change: TypeAlias = Put | Patch | Delete


class MissingRow(Exception):
    """A patch names a row that is not there."""


class ForeignRow(Exception):
    """A change names a row that another stream owns, in a model that does not declare ``halts``."""


F = TypeVar("F", bound=Callable[..., Iterable[Change]])

_HANDLES = "_handles"


def on(*events: type[Root.Event]) -> Callable[[F], F]:
    """Marks a method ``(self, recorded, event)`` of a `ReadModel` as what these events do to its rows.

    A method that overrides a marked one is marked itself, or the subclass does not handle the event.
    """

    def mark(handler: F) -> F:
        setattr(handler, _HANDLES, events)
        return handler

    return mark


class ReadModel:
    """The base of every read model. Stateless: one instance serves every thread.

    ``version`` goes up with every change of tables or handlers; the new version's tables fill beside the old ones.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    tables: ClassVar[tuple[Table, ...]]
    halts: ClassVar[bool] = False
    """True where handlers write rows that other streams own: then poison cannot be set apart and stops the model."""
    handlers: ClassVar[dict[type[Root.Event], str]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.handlers = {}
        for method_name in dir(cls):
            for event in cast("tuple[type[Root.Event], ...]", getattr(getattr(cls, method_name), _HANDLES, ())):
                if event in cls.handlers:
                    raise TypeError(f"{cls.__qualname__} handles {event.__qualname__} twice")
                cls.handlers[event] = method_name

    @property
    def title(self) -> str:
        """How logs and people call it: ``status v1``."""
        return f"{self.name} v{self.version}"

    def changes(self, recorded: Recorded) -> tuple[Change, ...]:
        """What this event does to the model's rows; nothing if the model does not handle it."""
        method_name = self.handlers.get(type(recorded.event))
        if method_name is None:
            return ()
        return tuple(getattr(self, method_name)(recorded, recorded.event))

    def fold(self, rows: dict[tuple[Table, Key], Row | None], owner: UUID, change: Change) -> None:
        """Lay one change on ``rows`` (None: no such row), replacing and never altering a row that stands there.

        Raises: MissingRow, ForeignRow.
        """
        place = (change.table, change.key)
        found = rows.get(place)
        if found is not None and found[OWNER] != owner and not self.halts:
            raise ForeignRow(f"{change.table.name} {change.key}")
        match change:
            case Put(table, key, values):
                rows[place] = {OWNER: owner, **dict(zip(table.key, key, strict=True)), **values}
            case Patch(table, key, values):
                if found is None:
                    raise MissingRow(f"{table.name} {key}")
                rows[place] = {**found, **(values(dict(found)) if callable(values) else values)}
            case Delete():
                rows[place] = None
