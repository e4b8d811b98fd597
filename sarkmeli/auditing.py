"""What an auditor does to the ledger from outside: check it against its published checkpoints, and have it proven."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from rich.console import Console

from ledger.audit import Consistency, Inclusion, NotProven, prove_consistency, prove_inclusion, verify
from ledger.checkpoint import VerifierKey
from ledger.connecting import LINK
from ledger.logs import newest_public_file, number_of, publication_of
from ledger.publication import Publication
from ledger.signer import last_signed
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings


def verify_ledger(settings: Settings, given: str | None) -> bool:
    """Print what the check found; whether all is well. Raises: NotProven, BadCheckpoint."""
    console = Console()
    key = _key(settings, given)
    publication = _publication(settings, key)
    last = last_signed(settings.keys, key, number_of(key.name))
    with reading(settings) as connection, console.status("reading the ledger") as status:
        verdict = verify(
            connection, publication, key, last, lambda size: status.update(f"{size} events are as they were signed")
        )
    console.print(f"key: {key}", markup=False, soft_wrap=True)
    console.print(f"checkpoints: {verdict.checkpoints} in {publication.folder}", markup=False, soft_wrap=True)
    for fault in verdict.faults:
        console.print(f"FAULT: {fault}", markup=False, soft_wrap=True)
    if verdict.differs is not None:
        console.print(f"DIFFERS: {verdict.differs}", markup=False, soft_wrap=True)
    elif verdict.checkpoints:
        console.print(f"{verdict.events} events, up to position {verdict.position}, are as they were signed")
    else:
        console.print("nothing was published yet, so nothing can be said")
    return verdict.is_well and verdict.checkpoints > 0


def prove_event(settings: Settings, given: str | None, position: int) -> str:
    """One line of JSON: `inclusion_told`. Raises: NotProven."""
    key = _key(settings, given)
    with reading(settings) as connection:
        found = prove_inclusion(connection, _publication(settings, key), key, position)
    return json.dumps(inclusion_told(key, found))


def prove_growth(settings: Settings, given: str | None, old: int, new: int) -> str:
    """One line of JSON: `consistency_told`. Raises: NotProven."""
    key = _key(settings, given)
    with reading(settings) as connection:
        found = prove_consistency(connection, _publication(settings, key), key, old, new)
    return json.dumps(consistency_told(key, found))


def inclusion_told(key: VerifierKey, found: Inclusion) -> dict[str, Any]:
    """All that another program needs: the note, its key, the leaf's bytes (`ledger.leaves`), index and audit path."""
    return {
        "key": str(key),
        "checkpoint": found.note,
        "position": found.leaf.position,
        "index": found.leaf.index,
        "leaf": _base64(found.leaf.content),
        "proof": _each_base64(found.proof),
    }


def consistency_told(key: VerifierKey, found: Consistency) -> dict[str, Any]:
    """All that another program needs: both notes, their key, and the proof."""
    return {"key": str(key), "old": found.old_note, "checkpoint": found.new_note, "proof": _each_base64(found.proof)}


@contextmanager
def reading(settings: Settings) -> Generator[Connection[Any]]:
    """A connection that only reads, with one view of the ledger from its first question to its last."""
    with psycopg.connect(settings.ledger_as(DbRole.AUDITOR), **LINK) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def _publication(settings: Settings, key: VerifierKey) -> Publication:
    """The checkpoints of the log that the key is of."""
    return publication_of(settings.checkpoints, number_of(key.name))


def _key(settings: Settings, given: str | None) -> VerifierKey:
    """Raises: NotProven if there is none to believe."""
    if given is None:
        newest = newest_public_file(settings.keys)
        try:
            given = newest.read_text()
        except OSError:
            raise NotProven(f"no checkpoint was signed yet: {newest} is not there") from None
    try:
        return VerifierKey.parse(given)
    except ValueError as error:
        raise NotProven(f"{error}") from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _each_base64(values: Iterable[bytes]) -> list[str]:
    return [_base64(value) for value in values]
