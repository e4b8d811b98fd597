"""Drafts, uploads and sealed files with a key store of their own, for whatever tests them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from databases import NewDatabase
from psycopg_pool import ConnectionPool

from domain.people import SubjectId
from gateways.files import Files, open_store
from housekeeping.drafts import Draft, DraftLimits, Drafts
from housekeeping.schema import HOUSEKEEPING_DDL
from housekeeping.uploads import Slot, Upload, UploadLimits, Uploads
from ledger.keys import KeyStore
from ledger.schema import make_key_store

HERE, ELSEWHERE = "192.0.2.7", "2001:db8::1"
EMAIL = "canary@example.org"
CONTENT = b"clear content of a paper"


class Cases:
    """Which files the ledger holds, as far as these tests need one."""

    def __init__(self, *files: UUID) -> None:
        self.files = files

    def became(self, draft: UUID) -> bool:
        return bool(self.files)

    def of(self, draft: UUID, case: UUID | None) -> tuple[UUID, ...]:
        return self.files


@dataclass
class Room:
    """The tables, the key store and the files of one test."""

    pool: ConnectionPool
    keys: KeyStore
    files: Files
    folder: Path

    def drafts(self, **limits: int) -> Drafts:
        return Drafts(self.pool, self.keys, self.keys, DraftLimits(**limits))

    def uploads(self, files=None, **limits: int) -> Uploads:
        return Uploads(self.pool, self.keys, files or self.files, UploadLimits(**limits))

    def draft(self, address: str = HERE) -> Draft:
        drafts = self.drafts()
        found = drafts.find(drafts.open(address).token)
        assert found is not None
        return found

    def write(self, slot: Slot) -> None:
        for file in (slot.original, slot.file):
            with self.files.writer(slot.subject, file) as writer:
                writer.write(CONTENT)
                writer.finish()

    def kept(self, draft: Draft, kind: str = "OTHER") -> Upload:
        uploads = self.uploads()
        slot = uploads.begin(draft, kind, HERE)
        self.write(slot)
        upload = uploads.keep(slot, "application/pdf", len(CONTENT), len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        assert upload is not None
        return upload

    def destroy(self, subjects: Collection[SubjectId]) -> None:
        for subject in subjects:
            self.keys.erase(subject)

    def stored(self) -> int:
        return sum(each.is_file() for each in self.folder.rglob("*"))

    def days_pass(self, draft: Draft, days: int = 1) -> None:
        with self.pool.connection() as db:
            db.execute(
                "UPDATE housekeeping.draft SET expires_at = expires_at - make_interval(days => %s),"
                " held_until = held_until - make_interval(days => %s) WHERE id = %s",
                (days, days, draft.id),
            )


def keys_and_housekeeping(conninfo: str) -> None:
    """In one database, without the office's roles."""
    make_key_store(conninfo)
    with psycopg.connect(conninfo, autocommit=True) as db:
        for statement in HOUSEKEEPING_DDL:
            db.execute(statement)  # pyright: ignore


@contextmanager
def a_room(new_database: NewDatabase, tmp_path: Path) -> Iterator[Room]:
    """A room over a new database, closed afterwards."""
    conninfo = new_database(keys_and_housekeeping)
    keys = KeyStore(conninfo, tmp_path / "keys")
    with ConnectionPool(conninfo, kwargs={"autocommit": True}, min_size=1, max_size=12) as pool:
        yield Room(pool, keys, Files(open_store(str(tmp_path / "files")), keys), tmp_path / "files")
    keys.close()
