"""What an administrator does by hand to the epochs of the keys: look, and turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from rich.console import Console
from rich.table import Table

from ledger.connecting import LINK
from ledger.epochs import EPOCH_DAYS, GRACE_DAYS, EpochState, epochs, turn_epoch
from ledger.kms import open_kms
from sarkmeli.restoring import erase_again
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings

OVERDUE = timedelta(days=EPOCH_DAYS + 2)


def turn_keys(settings: Settings, *, at_once: bool) -> str:
    """Turn the epoch; what to do now, and until when older backups serve. Raises: KeysMissing, KmsUnavailable,
    Tampered, RegisterDamaged.

    Whoever stands in the erasure register is erased again first, lest a restored key be wrapped anew.
    """
    erase_again(settings, note=True)
    grace = 0 if at_once else GRACE_DAYS
    kms, conninfo = open_kms(settings.key_holder), settings.keys_as(DbRole.ERASER)
    newest = turn_epoch(conninfo, kms, grace_days=grace)
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        ending = _ending(epochs(connection, kms))
    if not ending:
        return (
            f"epoch {newest} is open, and the keys of all before it are destroyed: no backup of the key store that was "
            "taken until now can be opened any more. Back it up now"
        )
    return f"epoch {newest} is open. Back the key store up now: {'; '.join(ending)}"


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
    for told in _ending(known):
        console.print(told, markup=False, soft_wrap=True)
    return not faults


def _ending(known: Sequence[EpochState]) -> list[str]:
    """When each disabled key is destroyed, in words."""
    return [
        f"the key of epoch {one.number} is destroyed on {_day(one.disabled_at + timedelta(days=GRACE_DAYS))}, and "
        f"backups from before the turn of {_day(one.closed_at)} with it"
        for one in known
        if one.disabled_at and not one.destroyed_at
    ]


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d}"
