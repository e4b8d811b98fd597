"""What an administrator does by hand to read models, consumers, the bank's statement: look, rebuild, retry, rebase."""

from __future__ import annotations

from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from housekeeping import followers
from housekeeping.statement import Statement
from projections import filling
from projections.all import MODELS, named
from projections.follower import retry
from projections.lag import lag
from projections.poison import every
from projections.rebuild import rebuild
from projections.tracking import Place
from projections.turns import session
from sarkmeli.house import open_house
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings


def show_status(settings: Settings) -> bool:
    """Print how far each read model is and what is quarantined; whether all is well."""
    console = Console()
    table = Table("read model", "position", "behind", "seconds", "quarantined", "stopped")
    with session(settings.ledger_as(DbRole.AUDITOR)) as db:
        lags, quarantined = lag(db, MODELS), every(db)
    for one in lags:
        position = "never ran" if one.position is None else str(one.position)
        figures = (position, str(one.behind), f"{one.seconds:.1f}", str(one.quarantined), one.stopped or "")
        table.add_row(f"{one.model} v{one.version}", *figures)
    console.print(table)
    for mark in quarantined:
        console.print(f"quarantined: {mark}", markup=False)
    return all(one.position is not None and one.stopped is None and not one.quarantined for one in lags)


def rebuild_model(settings: Settings, name: str) -> int:
    """Make the read model again beside the one that serves; the position it then stands at. Raises: LookupError."""
    model = named(name)
    columns = (TextColumn(model.title), BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f}"))
    with open_house(settings) as house, Progress(*columns) as progress:
        task = progress.add_task("events", total=max(1, house.ledger.reader.settled()))

        def told(so_far: filling.Progress) -> None:
            progress.update(task, completed=so_far.done, total=max(1, so_far.total))

        return rebuild(settings.ledger_as(DbRole.RUNNER), house.ledger.reader, model, told=told)


def retry_stream(settings: Settings, name: str, stream: UUID) -> bool:
    """Replay a quarantined stream into the read model and lift its mark; False if it was not quarantined.

    Raises: LookupError, Poison if the model still cannot take it.
    """
    with open_house(settings) as house, session(settings.ledger_as(DbRole.RUNNER)) as db:
        return retry(db, house.ledger.reader, Place(named(name)), stream)


def show_unread(settings: Settings) -> bool:
    """Print where the bank shows each credit notice that could not be read; whether there are none."""
    console = Console()
    with open_house(settings) as house:
        unread = Statement(house.pool).unread()
    for one in unread:
        named = one.transaction or "without a readable transaction id"
        where = f"shown after cursor {one.after}, at place {one.place + 1}"
        console.print(f"{one.found_at:%Y-%m-%d %H:%M} UTC: {named}, {where}", markup=False)
    return not unread


def rebase_consumer(settings: Settings, name: str, position: int) -> None:
    """Let the consumer go on in this ledger from ``position``: after a restore, a person's decision.

    Raises: LookupError for a consumer that never ran.
    """
    with open_house(settings) as house, house.pool.connection() as db:
        if name not in (known := followers.positions(db)):
            raise LookupError(f"no consumer {name} ever ran; there are {', '.join(known) or 'none'}")
        followers.rebase(db, name, house.ledger.reader.lineage(), position)
