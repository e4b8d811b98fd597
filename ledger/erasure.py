"""Forgetting people for good: their keys are destroyed, and what leads to a case that is erased is removed.

All of it runs under a database role of its own, which may do this and nothing else; see `sarkmeli.roles`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from domain.people import SubjectId
from ledger import addresses, idempotency, keys
from ledger.connecting import LINK, rows
from ledger.erasure_register import NOWHERE, ErasureRegister, Mark
from ledger.memory import MEMORY

DDL: Final = """
CREATE TABLE IF NOT EXISTS keystore.register_read (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint NOT NULL,
    line text NOT NULL
);
"""
"""Up to where the erasure register is applied to this key store: of everybody before, no key is here. It is restored
with the keys that it speaks of, so who came back with a backup stands behind the mark that came back, too."""

BATCH: Final = 10_000

_READ: Final = "SELECT size, line FROM keystore.register_read"
_NOTE: Final = """
INSERT INTO keystore.register_read (size, line) VALUES (%s, %s)
ON CONFLICT (one) DO UPDATE SET size = excluded.size, line = excluded.line
"""


@dataclass(frozen=True)
class Back:
    """Who stands in the register and has a key all the same, looked for from the last mark to ``end``."""

    subjects: tuple[SubjectId, ...]
    begin: Mark
    end: Mark


def who_is_back(connection: Connection[Any], register: ErasureRegister) -> Back:
    """Raises: RegisterDamaged, OSError."""
    begin = next((Mark(*row) for row in rows(connection, _READ)), NOWHERE)
    erased, end = register.since(begin)
    found = [one for at in range(0, len(erased), BATCH) for one in keys.live(connection, erased[at : at + BATCH])]
    return Back(tuple(found), begin, end)


def erase_who_is_back(connection: Connection[Any], back: Back) -> None:
    """Destroy their keys, and begin behind them the next time."""
    with connection.transaction():
        keys.destroy(connection, back.subjects)
        connection.execute(_NOTE, (back.end.size, back.end.line))


class Eraser:
    """Connects for each piece of work and no longer. Both connection infos are those of the eraser's role."""

    def __init__(self, ledger_conninfo: str, keys_conninfo: str, register: ErasureRegister) -> None:
        self._ledger = ledger_conninfo
        self._keys = keys_conninfo
        self._register = register

    def destroy_keys(self, subjects: Collection[SubjectId]) -> None:
        """Destroy the subjects' keys, and with them the keys of their files; processes forget them within 5 seconds.

        They stand in the register, on disk, before the first key goes: no restored key store brings them back. May be
        repeated. Raises: OSError if the register cannot be written, in which case no key was destroyed.
        """
        with _connected(self._keys) as connection:
            if not (live := keys.live(connection, subjects)):
                return
            self._register.add(live, datetime.now(UTC))
            keys.destroy(connection, live)

    def forget_unfiled(self, subjects: Collection[SubjectId]) -> None:
        """Destroy the keys of people who filed nothing. May be repeated.

        They do not stand in the register: there may be any number of them, and no history tells of them. Should a key
        come back with a restored key store, the draft's row and its files do not.
        """
        with _connected(self._keys) as connection:
            keys.destroy(connection, subjects)

    def is_forgotten(self, subjects: Collection[SubjectId], after: float = MEMORY) -> bool:
        """Whether no process remembers a key of the subjects: they were destroyed so many seconds ago, or longer."""
        with _connected(self._keys) as connection:
            return keys.rests(connection, subjects, after)

    def remove_traces(self, addressed: Collection[UUID], streams: Collection[UUID], kept: Collection[str]) -> None:
        """Remove what leads to a case: what is ``addressed``, and by which commands anything was done in ``streams``.

        Addresses of the kinds that are ``kept`` lead nowhere from now on and can never be minted again: to whoever
        looks them up they are as any that never was. May be repeated.
        """
        with _connected(self._ledger) as connection, connection.transaction():
            for stream in addressed:
                addresses.forget(connection, stream, kept)
            idempotency.forget(connection, streams)


@contextmanager
def _connected(conninfo: str) -> Generator[Connection[Any]]:
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        yield connection
