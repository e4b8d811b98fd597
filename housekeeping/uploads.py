"""Uploads: the files of a draft, from the first byte until a case in the ledger holds them or their day is over.

Order is what keeps this right. A row stands before its files do, so no file is ever without one. A command that takes
files holds their draft first (`Uploads.hold`); the draft then stays for another day, and before anything of it is
cleared away the ledger is asked which files a case holds. Expiry marks the draft before it touches a file, under the
row lock that `hold` needs too: one of the two comes first, and the other sees it. So a command that stood still for a
day between `hold` and its commit is the only one that could find its files gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4, uuid5

from domain.people import SubjectId
from domain.refusals import Refusal
from housekeeping.drafts import Draft
from housekeeping.pool import Db, Macs, Pool
from housekeeping.tries import prefix

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.upload (
    id         uuid        PRIMARY KEY,
    draft      uuid        NOT NULL REFERENCES housekeeping.draft,
    file       uuid        NOT NULL,               -- the copy to read; `original_of` gives the evidence beside it
    prefix     bytea       NOT NULL,               -- keyed digest of the address prefix that it came from
    state      text        NOT NULL CHECK (state IN ('RECEIVING', 'KEPT', 'REFUSED', 'DISCARDED')),
    kind       text        NOT NULL,
    stored     bigint      NOT NULL,               -- bytes that the store holds or may come to hold for it
    media_type text,
    size       bigint,                             -- of the copy, clear
    digest     bytea,                              -- SHA-256 of the copy, sealed under the subject's key
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS upload_draft ON housekeeping.upload (draft);
CREATE INDEX IF NOT EXISTS upload_prefix ON housekeeping.upload (prefix, at);
CREATE INDEX IF NOT EXISTS upload_receiving ON housekeeping.upload (at) WHERE state = 'RECEIVING';

CREATE OR REPLACE FUNCTION housekeeping.hold_uploads(of_draft uuid) RETURNS SETOF housekeeping.upload
LANGUAGE plpgsql AS $$
-- Nothing where the draft is over; else a row of nulls, and the draft's files as they are once it is held: the second
-- statement sees what was committed while the first one waited.
BEGIN
    UPDATE housekeeping.draft SET held_until = now() + interval '24 hours'
    WHERE id = of_draft AND NOT expiring AND expires_at > now();
    IF FOUND THEN
        RETURN NEXT NULL;
        RETURN QUERY SELECT * FROM housekeeping.upload WHERE draft = of_draft AND state = 'KEPT' ORDER BY at, id;
    END IF;
END
$$;
"""

_COUNTING = 0x75706C6F6164
"""Advisory lock under which quotas are counted and a row is added: two at once could both be the last."""

_LIVE_DRAFT = """
UPDATE housekeeping.draft SET expires_at = least(now() + interval '24 hours', opened_at + interval '7 days')
WHERE id = %s AND NOT expiring AND expires_at > now() RETURNING id
"""
_COUNT = """
SELECT count(*) FILTER (WHERE draft = %(draft)s AND state IN ('RECEIVING', 'KEPT')),
       count(*) FILTER (WHERE prefix = %(prefix)s AND at > now() - interval '24 hours'),
       coalesce(sum(stored) FILTER (WHERE prefix = %(prefix)s), 0),
       coalesce(sum(stored), 0)
FROM housekeeping.upload
"""
_BEGIN = """
INSERT INTO housekeeping.upload (id, draft, file, prefix, state, kind, stored)
VALUES (%s, %s, %s, %s, 'RECEIVING', %s, %s)
"""
_KEEP = """
UPDATE housekeeping.upload SET state = 'KEPT', stored = %s, media_type = %s, size = %s, digest = %s
WHERE id = %s AND state = 'RECEIVING'
"""
_END = "UPDATE housekeeping.upload SET state = %s, stored = 0 WHERE id = %s"
_OF = """
SELECT id, kind, media_type, size, digest, file FROM housekeeping.upload
WHERE draft = %s AND state = 'KEPT' ORDER BY at, id
"""
_HOLD = "SELECT id, kind, media_type, size, digest, file FROM housekeeping.hold_uploads(%s)"
_LOCK = "SELECT held_until IS NOT NULL FROM housekeeping.draft WHERE id = %s AND NOT expiring FOR UPDATE"
_DISCARD = """
UPDATE housekeeping.upload SET state = 'DISCARDED' WHERE id = %s AND draft = %s AND state = 'KEPT' RETURNING file
"""
_ABANDONED = """
UPDATE housekeeping.upload SET state = 'REFUSED' WHERE id IN (
    SELECT id FROM housekeeping.upload
    WHERE state = 'RECEIVING' AND at < now() - interval '1 hour'
        AND (%(spared)s::timestamptz IS NULL OR at >= %(spared)s)
    LIMIT %(most)s FOR UPDATE SKIP LOCKED
) AND state = 'RECEIVING' RETURNING id, file
"""
_EXPIRE = """
UPDATE housekeeping.draft SET expiring = true WHERE id IN (
    SELECT id FROM housekeeping.draft
    WHERE (expiring OR (expires_at <= now() AND coalesce(held_until <= now(), true)))
        AND (%(spared)s::timestamptz IS NULL OR opened_at >= %(spared)s)
    ORDER BY expires_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING id, "case", held_until IS NOT NULL, subject
"""
_END_OF = "UPDATE housekeeping.draft SET expiring = true WHERE subject = ANY(%s) RETURNING id"
_FILES = "SELECT file FROM housekeeping.upload WHERE draft = %s"
_CLEAR = "DELETE FROM housekeeping.upload WHERE draft = %s"
_CLOSE = "DELETE FROM housekeeping.draft WHERE id = %s"

_BATCH = 100


@dataclass(eq=False)
class DraftOver(Refusal):
    """The draft's day is over; a new one has to be begun."""

    code = "DRAFT_OVER"


@dataclass(eq=False)
class TooManyFiles(Refusal):
    """The draft holds ``most`` files already."""

    code = "TOO_MANY_FILES"
    most: int


@dataclass(eq=False)
class UploadQuotaFull(Refusal):
    """From this address prefix, or in all, more was uploaded within a day than the office takes unfiled."""

    code = "UPLOAD_QUOTA_FULL"


@dataclass(eq=False)
class UploadUnknown(Refusal):
    """The draft holds no such file, or no longer."""

    code = "UPLOAD_UNKNOWN"
    id: UUID


class Sealer(Protocol):
    """Seals small values under a subject's key. Implemented by ``ledger.keys``."""

    def seal(self, subject: SubjectId, value: bytes, context: bytes) -> bytes:
        """``value`` sealed, bound to ``context``."""
        ...

    def unseal(self, subject: SubjectId, sealed: bytes, context: bytes) -> bytes:
        """What `seal` was given."""
        ...


class Keys(Macs, Sealer, Protocol):
    """What uploads need of the key store."""


class Erases(Protocol):
    """Removes files. Implemented by ``gateways.files``."""

    def erase(self, file: UUID) -> None:
        """Remove ``file``; one that is not there is erased already."""
        ...


class CaseFiles(Protocol):
    """Knows which files the ledger's cases hold. Joined to the ledger in ``sarkmeli``."""

    def became(self, draft: UUID) -> bool:
        """Whether a case was filed from ``draft``."""
        ...

    def of(self, draft: UUID, case: UUID | None) -> Iterable[UUID]:
        """The files that ``case`` holds, or where it is None the case that ``draft`` became, if it became one."""
        ...


@dataclass(frozen=True)
class UploadLimits:
    """Bytes count what the store holds: what was sent and the copy written anew."""

    size: int = 10 * 1024 * 1024
    per_draft: int = 12
    per_prefix: int = 240
    """Files begun in 24 hours, kept or refused: an inspection costs time."""
    bytes_per_prefix: int = 500 * 1024 * 1024
    bytes_in_all: int = 20 * 1024 * 1024 * 1024


@dataclass(frozen=True)
class Slot:
    """A place for one file that is about to come. ``original`` is for what is sent, ``file`` for the copy."""

    id: UUID
    draft: UUID
    subject: SubjectId
    file: UUID

    @property
    def original(self) -> UUID:
        return original_of(self.file)


@dataclass(frozen=True)
class Upload:
    """A file found sound and kept. ``size`` in bytes and ``digest`` (SHA-256, hexadecimal) are the copy's."""

    id: UUID
    kind: str
    media_type: str
    size: int
    digest: str
    file: UUID


def original_of(file: UUID) -> UUID:
    """The sealed file in which what was really sent is kept as evidence, beside the copy written anew."""
    return uuid5(file, "original")


class Uploads:
    """The rows, their quotas, and their end."""

    def __init__(self, pool: Pool, keys: Keys, files: Erases, limits: UploadLimits | None = None) -> None:
        self._pool = pool
        self._keys = keys
        self._files = files
        self.limits = limits or UploadLimits()

    def begin(self, draft: Draft, kind: str, address: str, announced: int | None = None) -> Slot:
        """A place for a file of ``announced`` bytes (as many as are taken, unless said). Extends the draft's day.

        Raises: DraftOver, TooManyFiles, UploadQuotaFull.
        """
        stored = 2 * min(announced if announced is not None else self.limits.size, self.limits.size)
        mac = self._keys.mac("upload-prefix", prefix(address))
        slot = Slot(uuid4(), draft.id, draft.subject, uuid4())
        with self._pool.connection() as db, db.transaction():
            if db.execute(_LIVE_DRAFT, (draft.id,)).fetchone() is None:
                raise DraftOver
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_COUNTING,))
            counted = db.execute(_COUNT, {"draft": draft.id, "prefix": mac}).fetchone()
            assert counted is not None
            self._refuse_over_quota(counted, stored)
            db.execute(_BEGIN, (slot.id, slot.draft, slot.file, mac, kind, stored))
        return slot

    def keep(self, slot: Slot, media_type: str, size: int, original_size: int, digest: str) -> Upload | None:
        """The file came, was found sound, and its copy of ``size`` bytes is in the store. None if it came too late."""
        sealed = self._keys.seal(slot.subject, bytes.fromhex(digest), _context(slot.id))
        with self._pool.connection() as db:
            kept = db.execute(_KEEP, (size + original_size, media_type, size, sealed, slot.id)).rowcount
        if not kept:
            return None
        [upload] = [upload for upload in self.of(slot.draft, slot.subject) if upload.id == slot.id]
        return upload

    def refuse(self, slot: Slot) -> None:
        """The file was declined or did not come: erase what the store holds of it. Its row goes on counting."""
        self._erase(slot.file)
        with self._pool.connection() as db:
            db.execute(_END, ("REFUSED", slot.id))

    def of(self, draft: UUID, subject: SubjectId) -> tuple[Upload, ...]:
        """The files kept for ``draft``, in the order in which they came."""
        with self._pool.connection() as db:
            rows = db.execute(_OF, (draft,)).fetchall()
        return tuple(self._upload(subject, row) for row in rows)

    def hold(self, draft: Draft, ids: Sequence[UUID]) -> tuple[Upload, ...]:
        """These files in this order, safe from expiry for a day: to be called before the command that takes them.

        Raises: DraftOver, UploadUnknown.
        """
        with self._pool.connection() as db:
            rows = db.execute(_HOLD, (draft.id,)).fetchall()
        if not rows:
            raise DraftOver
        there = {row[0]: row for row in rows}
        for id in ids:
            if id not in there:
                raise UploadUnknown(id)
        return tuple(self._upload(draft.subject, there[id]) for id in ids)

    def discard(self, draft: Draft, id: UUID) -> None:
        """The person takes a file back. If a command may be taking it just now, its bytes stay till the draft ends.

        Raises: UploadUnknown.
        """
        with self._pool.connection() as db, db.transaction():
            held = db.execute(_LOCK, (draft.id,)).fetchone()
            gone = db.execute(_DISCARD, (id, draft.id)).fetchone() if held is not None else None
        if held is None or gone is None:
            raise UploadUnknown(id)
        if not held[0]:
            self._erase(gone[0])
            with self._pool.connection() as db:
                db.execute(_END, ("DISCARDED", id))

    def expire(
        self,
        cases: CaseFiles,
        destroy_keys: Callable[[Collection[SubjectId]], None],
        spared_before: datetime | None = None,
    ) -> int:
        """Clear away drafts whose day is over, with every file that no case holds. How many drafts; resumable.

        Where no case was filed from a draft, the key of the person who began it goes first: `destroy_keys`. What was
        begun before ``spared_before``, when the ledger was restored, is left: it may have been filed since the backup.
        Raises: ExceptionGroup of what went wrong with single drafts, when all others are done; they come again.
        """
        with self._pool.connection() as db:
            bounds = {"most": _BATCH, "spared": spared_before}
            abandoned = db.execute(_ABANDONED, bounds).fetchall()
            ended: list[tuple[UUID, UUID | None, bool, SubjectId]] = db.execute(_EXPIRE, bounds).fetchall()  # pyright: ignore
        for id, file in abandoned:
            self._erase(file)
            with self._pool.connection() as db:
                db.execute(_END, ("REFUSED", id))
        failed: list[Exception] = []
        for draft, case, held, subject in ended:
            try:
                if case is None and not cases.became(draft):
                    destroy_keys([subject])
                kept = frozenset(cases.of(draft, case)) if held else frozenset[UUID]()
                with self._pool.connection() as db:
                    self._clear(db, draft, kept)
            except Exception as error:  # noqa: BLE001 - raised below: one draft must not keep the others
                failed.append(error)
        if failed:
            raise ExceptionGroup("drafts could not be cleared away", failed)
        return len(ended)

    def forget(self, subjects: Collection[SubjectId]) -> None:
        """End every draft of these people now, with all that was uploaded in it, whatever a case holds. Resumable."""
        with self._pool.connection() as db:
            for (draft,) in db.execute(_END_OF, (list(subjects),)).fetchall():
                self._clear(db, draft, frozenset())

    def _clear(self, db: Db, draft: UUID, kept: frozenset[UUID]) -> None:
        for (file,) in db.execute(_FILES, (draft,)).fetchall():
            if file not in kept:
                self._erase(file)
        with db.transaction():
            db.execute(_CLEAR, (draft,))
            db.execute(_CLOSE, (draft,))

    def _erase(self, file: UUID) -> None:
        self._files.erase(file)
        self._files.erase(original_of(file))

    def _refuse_over_quota(self, counted: tuple[Any, ...], more: int) -> None:
        in_draft, from_here, bytes_here, bytes_all = counted
        if in_draft >= self.limits.per_draft:
            raise TooManyFiles(self.limits.per_draft)
        if (
            from_here >= self.limits.per_prefix
            or bytes_here + more > self.limits.bytes_per_prefix
            or bytes_all + more > self.limits.bytes_in_all
        ):
            raise UploadQuotaFull

    def _upload(self, subject: SubjectId, row: tuple[Any, ...]) -> Upload:
        id, kind, media_type, size, sealed, file = row
        return Upload(id, kind, media_type, size, self._keys.unseal(subject, sealed, _context(id)).hex(), file)


def _context(upload: UUID) -> bytes:
    return b"upload digest" + upload.bytes
