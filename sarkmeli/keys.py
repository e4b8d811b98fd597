"""What an administrator does by hand to the epochs of the keys: look, and turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
from rich.console import Console
from rich.table import Table

from ledger.connecting import LINK
from ledger.epochs import EPOCH_DAYS, GRACE_DAYS, epochs, turn_epoch
from ledger.kms import open_kms
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings

OVERDUE = timedelta(days=EPOCH_DAYS + 2)


def turn_keys(settings: Settings, *, at_once: bool) -> int:
    """The epoch that is open now. Raises: KeysMissing, KmsUnavailable, Tampered."""
    grace = 0 if at_once else GRACE_DAYS
    return turn_epoch(settings.keys_as(DbRole.ERASER), open_kms(settings.key_holder), grace_days=grace)


def show_keys(settings: Settings) -> bool:
    """Print every epoch; whether all is well. Raises: KmsUnavailable."""
    console = Console()
    table = Table("epoch", "opened", "closed", "disabled", "destroyed", "persons", "key")
    with psycopg.connect(settings.keys_as(DbRole.APP), autocommit=True, **LINK) as connection:
        known = epochs(connection, open_kms(settings.key_holder))
    for one in known:
        days = (one.opened_at, one.closed_at, one.disabled_at, one.destroyed_at)
        table.add_row(str(one.number), *map(_day, days), str(one.subjects), "there" if one.has_key else "gone")
    console.print(table)
    faults = [f"epoch {one.number}: {one.fault}" for one in known if one.fault]
    if not known or known[-1].opened_at < datetime.now(UTC) - OVERDUE:
        faults.append("the turn is overdue: is the deadlines process running?")
    for fault in faults:
        console.print(f"FAULT: {fault}", markup=False, soft_wrap=True)
    ending = [one for one in known if one.disabled_at and not one.destroyed_at]
    for one in ending:
        assert one.disabled_at is not None
        end = _day(one.disabled_at + timedelta(days=GRACE_DAYS))
        console.print(f"the key of epoch {one.number} is destroyed on {end}: backups from before the turn end with it")
    return not faults


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d}"
