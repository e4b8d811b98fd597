"""What an administrator does by hand to consumers and the bank's statement: look, rebase."""

from __future__ import annotations

from rich.console import Console

from housekeeping import followers
from housekeeping.statement import Statement
from sarkmeli.house import open_house
from sarkmeli.settings import Settings


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
