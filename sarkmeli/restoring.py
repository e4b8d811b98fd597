"""What an administrator does by hand after a restore: one command that makes everything belong together again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg

from housekeeping import followers, notices
from housekeeping.relay import standings as relay_standings
from ledger import restoring
from ledger.checkpoint import VerifierKey
from ledger.connecting import LINK, rows
from ledger.epochs import Mended, mend_epochs
from ledger.erasure import erase_who_is_back, who_is_back
from ledger.erasure_register import ErasureRegister
from ledger.kms import CHECKPOINT, KeysMissing, open_kms
from ledger.lineage import begin_lineage
from ledger.logs import Log, current_log
from ledger.restoring import Compared, Standing
from ledger.signer import last_signed, public_file
from projections.all import MODELS
from projections.tracking import Place, find
from sarkmeli.roles import WORKERS, DbRole
from sarkmeli.settings import Settings

PATIENCE: Final = 6.0
"""Seconds for sessions to end whose process has: PostgreSQL notices a lost one within 5."""

_OTHERS: Final = """
SELECT format('%%s in %%s, process %%s of the server', usename, datname, pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
    AND EXISTS (SELECT FROM unnest(%s::text[]) AS worker WHERE pg_has_role(usename, worker, 'MEMBER'))
ORDER BY pid
"""


class OfficeAtWork(Exception):
    """Somebody is connected as the office is: what works on a half-restored database signs, mails and goes on."""

    def __init__(self, sessions: Sequence[str]) -> None:
        super().__init__(
            f"the office is still at work, or somebody with its rights is: {'; '.join(sessions)}. Stop every process "
            "of the office and end these sessions, then begin again"
        )


class NotARestore(Exception):
    """The ledger is not the beginning of what was signed: it was changed, or events were appended after the restore."""

    def __init__(self, compared: Compared) -> None:
        super().__init__(
            f"the ledger differs from what was signed: {compared.told}. A restore takes events from the end and "
            "changes none. If the service already worked on the restored ledger, these are its events: repeat with "
            "--new-log. If not, somebody changed history: keep everything as it is, and ask an auditor"
        )


@dataclass(frozen=True)
class Follower:
    """Something that followed the ledger, and how to have it follow the restored one."""

    name: str
    position: int
    ahead: int
    """Positions beyond the ledger's end."""
    remedy: str


@dataclass(frozen=True)
class Restored:
    """What was found and done."""

    lineage: UUID
    position: int
    """The ledger's last."""
    keys: Mended
    erased_again: int
    unknown_keys: int
    """Keys of events that the key store never minted; marked as lost."""
    compared: Compared | None
    """None where nothing was ever signed."""
    new_log: Log | None
    notices_dropped: int
    followers: tuple[Follower, ...]


def after_restore(
    settings: Settings,
    reason: str,
    *,
    accept_loss: bool = False,
    new_log: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Do all that a restore leaves to be done; every step may be repeated, and so may the whole.

    Nobody else may be at work. Whoever was erased is erased again before anything else: the mending wraps every key
    anew under a new epoch, and a key wrapped there would be in backups for 35 days more. Then the keys: nothing else
    happens while they do not belong with the ledger. Raises: OfficeAtWork, KeysLost, KeysMissing, KmsUnavailable,
    RegisterDamaged, NotARestore.
    """
    refuse_office_at_work(settings)
    kms = open_kms(settings.key_holder)
    told("the erasure register")
    erased_again = erase_again(settings, note=True)
    told("the keys' epochs")
    mended = mend_epochs(settings.keys_as(DbRole.ERASER), kms, accept_loss=accept_loss)
    owner, key_owner = settings.ledger_as(DbRole.OWNER), settings.keys_as(DbRole.OWNER)
    with (
        psycopg.connect(owner, autocommit=True, **LINK) as ledger,
        psycopg.connect(key_owner, autocommit=True, **LINK) as key_store,
    ):
        told("the keys of every event")
        unknown = restoring.never_minted(ledger, key_store)
        if unknown and not accept_loss:
            raise KeysMissing(
                f"{len(unknown)} keys of the ledger's events were never minted in this key store: it is older than the "
                "ledger. Restore a younger one, or the ledger to an earlier moment. If neither can be had, these "
                "persons' data are gone for ever: repeat with --accept-loss, and they read as erased"
            )
        if unknown:
            restoring.mark_lost(key_store, unknown)
        key_store_id: UUID = rows(key_store, "SELECT id FROM keystore.identity")[0][0]
        log = current_log(kms, key_store_id, settings.checkpoints)
        compared = _compare(settings, ledger, log, told)
        if compared is not None and compared.standing is Standing.OTHER and not new_log:
            raise NotARestore(compared)
        lineage = begin_lineage(ledger, reason)
        if begun := compared is not None and (new_log or compared.standing is not Standing.WHOLE):
            kms.create(CHECKPOINT, log.next.number)
        restoring.drop_tree_ahead(ledger)
        last = restoring.end_of(ledger)
        return Restored(
            lineage=lineage,
            position=last,
            keys=mended,
            erased_again=erased_again,
            unknown_keys=len(unknown),
            compared=compared,
            new_log=log.next if begun else None,
            notices_dropped=notices.drop_after(ledger, last),
            followers=_followers(settings, last),
        )


def refuse_office_at_work(settings: Settings, patience: float = PATIENCE) -> None:
    """Raises: OfficeAtWork if others are connected who may do what the office's processes do.

    Sessions that end meanwhile are waited for, up to ``patience`` seconds.
    """
    until = time.monotonic() + patience
    while at_work := [
        *_others(settings.ledger_as(DbRole.OWNER), settings),
        *_others(settings.keys_as(DbRole.OWNER), settings),
    ]:
        if time.monotonic() > until:
            raise OfficeAtWork(at_work)
        time.sleep(0.1)


def _others(conninfo: str, settings: Settings) -> list[str]:
    workers = [role.named(settings.database_roles) for role in WORKERS]
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        return [told for (told,) in rows(connection, _OTHERS, (workers,))]


def erase_again(settings: Settings, *, note: bool = False) -> int:
    """Destroy the keys of whoever stands in the erasure register and is back; how many were.

    Every process asks at its opening, for what was added since somebody who may erase did so with ``note``: then it is
    noted that all up to there is done. Raises: KeysMissing where the process may not erase, RegisterDamaged, OSError,
    psycopg.Error.
    """
    register = ErasureRegister(settings.erasures)
    if not register.path.exists():
        return 0
    asking = DbRole.ERASER if note else DbRole.APP
    with psycopg.connect(settings.keys_as(asking), autocommit=True, **LINK) as connection:
        back = who_is_back(connection, register)
    if not back.subjects and (back.begin == back.end or not note):
        return 0
    try:
        with psycopg.connect(settings.keys_as(DbRole.ERASER), autocommit=True, **LINK) as connection:
            erase_who_is_back(connection, back)
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
        if not back.subjects:
            raise
        raise KeysMissing(
            f"{len(back.subjects)} persons who were erased are back, so the key store was restored, and this process "
            "may not erase them again: run `sarkmeli ledger restored`"
        ) from error
    return len(back.subjects)


def _compare(
    settings: Settings, ledger: psycopg.Connection[tuple[object, ...]], log: Log, told: Callable[[str], None]
) -> Compared | None:
    public = public_file(settings.keys, log.number)
    if not public.exists():
        return None
    key = VerifierKey.parse(public.read_text())
    signed = last_signed(settings.keys, key, log.number)
    if signed is None and not log.publication.sizes():
        return None
    return restoring.compare(
        ledger, log.publication, key, signed, lambda size: told(f"{size} events are as they were signed")
    )


def _followers(settings: Settings, last: int) -> tuple[Follower, ...]:
    with psycopg.connect(settings.ledger_as(DbRole.APP), autocommit=True, **LINK) as connection:
        standings = [(model, find(connection, Place(model))) for model in MODELS]
        consumers = followers.positions(connection)
        relays = relay_standings(connection)
    found: list[Follower] = []
    for model, standing in standings:
        if standing is not None:
            remedy = f"sarkmeli projections rebuild {model.name}"
            found.append(Follower(model.title, standing.position, max(0, standing.position - last), remedy))
    for name, position in consumers.items():
        remedy = f"sarkmeli consumers rebase {name} {min(position, last)}"
        found.append(Follower(name, position, max(0, position - last), remedy))
    for relay in relays:
        position = relay.position or 0
        remedy = f"sarkmeli relay replay --from 0 (delete first the topics that {relay.name} wrote)"
        found.append(Follower(relay.name, position, max(0, position - last), remedy))
    return tuple(found)
