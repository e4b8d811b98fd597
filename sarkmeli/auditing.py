"""What an auditor does to the ledger from outside: check it against its published checkpoints, and have it proven."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from rich.console import Console

from ledger.audit import Consistency, Inclusion, NotProven, Verdict, prove_consistency, prove_inclusion, verify
from ledger.checkpoint import VerifierKey
from ledger.connecting import LINK
from ledger.lineage import Begun, begun
from ledger.logs import newest_number, newest_public_file, number_of, publication_of
from ledger.publication import Publication
from ledger.signer import last_signed, public_file
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings


def verify_ledger(settings: Settings, given: str | None) -> bool:
    """Print what the check of every log found, or of the one whose key is ``given``; whether all is well.

    An earlier log is compared up to where a restore rewound history under it. Raises: NotProven, BadCheckpoint.
    """
    keys = _keys(settings) if given is None else [_key(settings, given)]
    console = Console(highlight=False)
    with reading(settings) as connection:
        well = [_verified(settings, connection, key, console) for key in keys]
    return all(well)


def _verified(settings: Settings, connection: Connection[Any], key: VerifierKey, console: Console) -> bool:
    """Print what the check of one log found; whether all is well."""
    number, publication = number_of(key.name), _publication(settings, key)
    last = last_signed(settings.keys, key, number)
    with console.status("reading the ledger") as status:
        verdict = verify(
            connection, publication, key, last, lambda size: status.update(f"{size} events are as they were signed")
        )
    is_signed_no_more = number < newest_number(settings.keys)
    rewound = verdict.superseded(begun(connection)) if is_signed_no_more else None
    for line in _lines(key, publication, verdict, rewound):
        console.print(line, markup=False, soft_wrap=True)
    if verdict.faults or (verdict.differs is not None and rewound is None):
        return False
    return verdict.checkpoints > 0 or is_signed_no_more


def _lines(key: VerifierKey, publication: Publication, verdict: Verdict, rewound: Begun | None) -> Iterator[str]:
    yield f"key: {key}"
    yield f"checkpoints: {verdict.checkpoints} in {publication.folder}"
    yield from (f"FAULT: {fault}" for fault in verdict.faults)
    if rewound is not None and verdict.differs is not None:
        yield (
            f"{verdict.events} events, up to position {verdict.position}, are as they were signed. REWOUND: history"
            f" goes on otherwise behind position {rewound.after} ({rewound.reason}): what the checkpoints from"
            f" {verdict.differs.size} events on were signed for is lost, and a later log is signed instead"
        )
    elif verdict.differs is not None:
        yield f"DIFFERS: {verdict.differs}"
    elif verdict.checkpoints:
        yield f"{verdict.events} events, up to position {verdict.position}, are as they were signed"
    else:
        yield "nothing was published yet, so nothing can be said"


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


def _keys(settings: Settings) -> list[VerifierKey]:
    """The key of every log, the first one's first. Raises: NotProven if one is not there."""
    newest = newest_number(settings.keys)
    return [_read_key(public_file(settings.keys, number), number < newest) for number in range(1, newest + 1)]


def _key(settings: Settings, given: str | None) -> VerifierKey:
    """Raises: NotProven if there is none to believe."""
    return _read_key(newest_public_file(settings.keys)) if given is None else _parsed(given)


def _read_key(file: Path, of_earlier_log: bool = False) -> VerifierKey:
    try:
        return _parsed(file.read_text())
    except OSError:
        why = "an earlier log cannot be verified without its key" if of_earlier_log else "no checkpoint was signed yet"
        raise NotProven(f"{why}: {file} is not there") from None


def _parsed(given: str) -> VerifierKey:
    try:
        return VerifierKey.parse(given)
    except ValueError as error:
        raise NotProven(f"{error}") from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _each_base64(values: Iterable[bytes]) -> list[str]:
    return [_base64(value) for value in values]
