"""What an administrator and an auditor do to read models by hand: look, make again, mend, remove, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC
from typing import Final
from uuid import UUID

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ledger.connecting import LINK
from ledger.opening import open_reader
from projections import filling, versions
from projections.all import MODELS, named
from projections.comparing import MOST_TOLD, Comparison, compare
from projections.follower import retry
from projections.lag import Lag, lag
from projections.model import ReadModel
from projections.poison import Quarantined, every
from projections.rebuild import rebuild
from projections.tracking import Place
from projections.turns import session
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings

LINE_EVERY: Final = 2.0
"""Seconds between two lines about progress where there is no terminal."""


def show_status(settings: Settings) -> bool:
    """Print how far each read model is, what stopped it, what is quarantined and left behind; whether all is well."""
    console = Console()
    table = Table("read model", "position", "behind", "seconds", "quarantined", "stopped")
    with session(settings.ledger_as(DbRole.AUDITOR)) as db:
        lags, quarantined, left = lag(db, MODELS), every(db), versions.left_behind(db, MODELS)
    for one in lags:
        position = "never ran" if one.position is None else str(one.position)
        figures = (position, str(one.behind), f"{one.seconds:.1f}", str(one.quarantined), "yes" if one.stopped else "")
        table.add_row(_title(one), *figures)
    console.print(table)
    # One line each, however narrow the terminal: they hold commands to be copied.
    for line in (*_stopped(lags), *apart(quarantined), *left_behind(left)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return all(one.position is not None and one.stopped is None and not one.quarantined for one in lags)


def _stopped(lags: Sequence[Lag]) -> Generator[str]:
    return (f"stopped: {_title(one)}: {one.stopped}" for one in lags if one.stopped)


def apart(quarantined: Sequence[Quarantined], remedy: str = "projections") -> Generator[str]:
    """A line for each stream that a model of this release has set apart."""
    in_force = {(model.name, model.version) for model in MODELS}
    for one in (one for one in quarantined if (one.model, one.version) in in_force):
        since = f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" + (f", {one.retries} retries" if one.retries else "")
        yield (
            f"quarantined: {one.model} v{one.version}: {_replayed(one.model, one.stream, remedy)}. "
            f"It cannot take position {one.position}: {one.error}, since {since}"
        )


def left_behind(left: Sequence[versions.Version], remedy: str = "projections") -> Generator[str]:
    """A line for each version that this release does not use."""
    for one in left:
        command = f"`sarkmeli {remedy} drop {one.model} {one.version}` once no other release runs"
        yield f"left behind: {one.model} v{one.version}; {command}"


def _title(one: Lag) -> str:
    return f"{one.model} v{one.version}"


def rebuild_model(settings: Settings, name: str) -> int:
    """Make the read model again beside the one that serves; the position it then stands at. Raises: LookupError."""
    model = named(name)
    conninfo = settings.ledger_as(DbRole.RUNNER)
    with closing(open_reader(conninfo)) as reader, shown(model.title) as told:
        return rebuild(conninfo, reader, model, told=told)


def retry_stream(settings: Settings, name: str, stream: UUID) -> bool:
    """Replay a quarantined stream into the read model and lift its mark; False if it was not quarantined.

    Raises: LookupError, Poison if the model still cannot take it.
    """
    conninfo = settings.ledger_as(DbRole.RUNNER)
    with closing(open_reader(conninfo)) as reader, session(conninfo) as db:
        return retry(db, reader, Place(named(name)), stream)


def drop_version(settings: Settings, name: str, version: int) -> tuple[str, ...]:
    """Drop the tables of a version that no program uses; their names. Raises: LookupError, InUse, BusyElsewhere."""
    with session(settings.ledger_as(DbRole.RUNNER)) as db:
        return versions.drop_version(db, MODELS, name, version)


def verify_read_models(settings: Settings) -> bool:
    """Compare every read model that serves with the ledger, and print what was found; whether all is well."""
    console = Console()
    well = [_verified(settings, model, console) for model in MODELS]
    return all(well)


def _verified(settings: Settings, model: ReadModel, console: Console) -> bool:
    conninfo = settings.ledger_as(DbRole.AUDITOR)
    with (
        psycopg.connect(conninfo, autocommit=True, **LINK) as ledger,
        psycopg.connect(conninfo, **LINK) as db,
        shown(model.title) as told,
    ):
        db.read_only = True
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        found = compare(db, ledger, model, told)
    for line in lines_of(found):
        console.print(line, markup=False, soft_wrap=True)
    return found.is_well


def lines_of(found: Comparison, remedy: str = "projections") -> Generator[str]:
    """What is told of a comparison. ``remedy`` is the group of commands that mends it."""
    title = found.model.title
    if found.unable is not None:
        yield f"{title}: {found.unable}"
        return
    for difference in found.differences:
        yield f"DIFFERS: {title}: {difference}"
    if found.different > MOST_TOLD:
        yield f"DIFFERS: {title}: {found.different - MOST_TOLD} rows more"
    if found.is_same:
        yield f"{title}: {found.rows} rows at position {found.position} are what the ledger says"
    else:
        yield f"{title}: hash {found.served[:16]}, by the ledger {found.folded[:16]}"
    for stream in found.apart:
        yield f"NOT COMPARED: {title}: {_replayed(found.model.name, stream, remedy)}"


def _replayed(model: str, stream: UUID, remedy: str = "projections") -> str:
    return f"stream {stream} is quarantined: `sarkmeli {remedy} retry {model} {stream}` once its fault is mended"


@contextmanager
def shown(title: str) -> Generator[Callable[[filling.Progress], None]]:
    """Progress as a bar with rate and time left; as a line now and then where there is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(title, console)
        return
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.completed:,.0f} of {task.total:,.0f}"))
    with Progress(*columns, _Rate(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("events", total=1)

        def told(progress: filling.Progress) -> None:
            bar.update(task, completed=progress.done, total=max(1, progress.total))

        yield told


class _Rate(ProgressColumn):
    """Events a second: lately, or since the beginning while nothing else can be said."""

    def render(self, task: Task) -> Text:
        pace = task.speed or (task.completed / task.elapsed if task.elapsed else 0.0)
        return Text(f"{pace:,.0f}/s")


class _Lines:
    """One line every few seconds: how far, how fast, how long still."""

    def __init__(self, title: str, console: Console) -> None:
        self._title = title
        self._console = console
        self._first: tuple[float, int] | None = None
        self._next = 0.0

    def __call__(self, progress: filling.Progress) -> None:
        now = time.monotonic()
        began, before = self._first = self._first or (now, progress.done)
        over = progress.done >= progress.total
        if now < self._next and not over:
            return
        self._next = now + LINE_EVERY
        rate = (progress.done - before) / (now - began) if now > began else 0.0
        pace = f", {rate:,.0f}/s, {(progress.total - progress.done) / rate:,.0f} s left" if rate else ""
        self._console.print(
            f"{self._title}: {progress.done:,} of {progress.total:,} events{pace}", highlight=False, soft_wrap=True
        )
