"""What a read model is: tables, and what each event does to their rows. Nothing here touches a database.

A model's file is the whole truth about it: its tables' DDL, its ``@on(Event)`` handlers, its queries. A handler is pure
and says keyed changes; the runner folds a batch of them onto the rows that they touch and writes the result set-wise.
So the same events give the same tables however the batches are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, TypeAlias, TypeVar, cast
from uuid import UUID

from psycopg import sql

from domain.event import Root
from ledger.reader import Recorded
from ledger.topics import is_declared, topic_of

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = dict[str, Any]
"""A row by column name. ``jsonb`` columns hold plain JSON: lists and dicts of strings, integers, booleans and null."""

OWNER = "stream"
"""The column of every table that names the stream which owns the row: only that stream's events may write it."""


def instant(at: datetime) -> str:
    """A moment as ``jsonb`` columns hold it: ISO 8601 in UTC, whatever the session's time zone."""
    return at.astimezone(UTC).isoformat()


@dataclass(frozen=True, eq=False)
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

    def named(self, key: Key) -> Row:
        """The key's columns by name."""
        return {self.key[0]: key[0]} if len(key) == 1 else dict(zip(self.key, key, strict=True))

    def create(self, beside: bool = False) -> str:
        """The DDL for this place."""
        return self.ddl.replace("{table}", f"reading.{self.bare(beside)}").replace("{index}", self.bare(beside))


@dataclass(slots=True)
class Put:
    """The row is exactly this; columns not named are null. The key's columns and the owner are filled in."""

    table: Table
    key: Key
    values: Mapping[str, Any]


@dataclass(slots=True)
class Patch:
    """These columns of a row that exists change: to given values, or to a pure function of the row as it is.

    The function must not alter the row that it is given, nor any list within.
    """

    table: Table
    key: Key
    values: Mapping[str, Any] | Callable[[Row], Mapping[str, Any]]


@dataclass(slots=True)
class Delete:
    """The row is gone, if it was there."""

    table: Table
    key: Key


Change: TypeAlias = Put | Patch | Delete
Handler: TypeAlias = Callable[[Recorded, Any], Iterable[Change]]


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

    @cached_property
    def by_topic(self) -> Mapping[str, Handler]:
        """The handler of each topic that the model handles."""
        return {topic_of(event): getattr(self, method_name) for event, method_name in self.handlers.items()}

    def changes(self, recorded: Recorded) -> Iterable[Change]:
        """What this event does to the model's rows; nothing if the model does not handle it, sound or not.

        Raises: Undecodable, also for a topic that no class declares; what the handler raises, as it is gone through.
        """
        handler = self.by_topic.get(recorded.topic)
        if handler is None:
            if not is_declared(recorded.topic):
                recorded.decoded()
            return ()
        return handler(recorded, recorded.event)

    def fold(self, rows: dict[tuple[Table, Key], Row | None], owner: UUID, change: Change) -> None:
        """Lay one change on ``rows`` (None: no such row); a row that stands there is altered.

        Raises: MissingRow, ForeignRow.
        """
        table, key = change.table, change.key
        found = rows.get((table, key))
        if found is not None and found[OWNER] != owner and not self.halts:
            raise ForeignRow(f"{table.name} {key}")
        if isinstance(change, Put):
            rows[table, key] = {OWNER: owner, **table.named(key), **change.values}
        elif isinstance(change, Patch):
            if found is None:
                raise MissingRow(f"{table.name} {key}")
            values = change.values
            found.update(values(found) if callable(values) else values)
        else:
            rows[table, key] = None
