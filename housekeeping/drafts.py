"""Drafts: what a person has begun and not yet filed. A draft's secret, kept by the browser, is all its authority.

A draft is minted with its subject, the key under which its files and later its case are sealed. It ends 24 hours after
its last use; `housekeeping.uploads` clears away what it held.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import LiteralString, Protocol
from uuid import UUID, uuid4

from domain.people import SubjectId
from domain.refusals import Refusal
from housekeeping.pool import Macs, Pool
from housekeeping.tries import prefix

DDL = """
CREATE TABLE IF NOT EXISTS housekeeping.draft (
    id         uuid        PRIMARY KEY,
    secret     bytea       NOT NULL,               -- SHA-256 of 256 random bits
    subject    uuid        NOT NULL,
    "case"     uuid,                               -- set where papers are added to a case that is there already
    prefix     bytea       NOT NULL,               -- keyed digest of the address prefix that opened it
    email      bytea,                              -- keyed digest of the address confirmed with a mailed code
    opened_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    held_until timestamptz,                        -- a command that takes its files may be under way until then
    expiring   boolean     NOT NULL DEFAULT false
);
ALTER TABLE housekeeping.draft ADD COLUMN IF NOT EXISTS mobile bytea;  -- as email, confirmed with a code by SMS
CREATE INDEX IF NOT EXISTS draft_expires_at ON housekeeping.draft (expires_at);
CREATE INDEX IF NOT EXISTS draft_prefix ON housekeeping.draft (prefix, opened_at);
"""

_COUNT = """
SELECT count(*) FILTER (WHERE prefix = %s AND opened_at > now() - interval '24 hours'),
       count(*) FILTER (WHERE expires_at > now())
FROM housekeeping.draft
"""
_OPEN = """
INSERT INTO housekeeping.draft (id, secret, subject, "case", prefix, expires_at)
VALUES (%s, %s, %s, %s, %s, now() + interval '24 hours')
RETURNING expires_at
"""
_FIND = """
SELECT id, secret, subject, "case", expires_at, statement_timestamp(), email FROM housekeeping.draft
WHERE id = %s AND NOT expiring AND expires_at > now()
"""
_CONFIRM = "UPDATE housekeeping.draft SET email = %s WHERE id = %s AND NOT expiring"
_CONFIRMED = "SELECT email FROM housekeeping.draft WHERE id = %s"
_CONFIRM_MOBILE = "UPDATE housekeeping.draft SET mobile = %s WHERE id = %s AND NOT expiring"
_CONFIRMED_MOBILE = "SELECT mobile FROM housekeeping.draft WHERE id = %s"


@dataclass(eq=False)
class TooManyDrafts(Refusal):
    """From this address prefix, or in all, more drafts are open than the office keeps."""

    code = "TOO_MANY_DRAFTS"


class MintsSubjects(Protocol):
    """Mints the key of a person who begins a draft. Implemented by ``ledger.keys``."""

    def mint(self) -> SubjectId:
        """A new subject; its key is committed before this returns."""
        ...


@dataclass(frozen=True)
class DraftLimits:
    """How many drafts may be open. ``per_prefix`` counts 24 hours."""

    per_prefix: int = 60
    in_all: int = 50_000


@dataclass(frozen=True)
class OpenedDraft:
    """A draft just opened. ``token`` is its secret, shown this once: for the cookie, or as a bearer."""

    id: UUID
    subject: SubjectId
    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Draft:
    """A draft whose secret was shown."""

    id: UUID
    subject: SubjectId
    case: UUID | None
    expires_at: datetime
    found_at: datetime
    """PostgreSQL's clock, UTC, when it was found."""
    email: bytes | None = field(default=None, repr=False)
    """The keyed digest of the address that it had confirmed by then; see `Drafts.as_found`."""


@dataclass(frozen=True)
class ConfirmedAsFound:
    """What one draft had confirmed when it was found. Meets ``domain.compatriot.commands.ConfirmedEmails``."""

    _draft: Draft
    _is: Callable[[bytes | None, UUID, str], bool]

    def confirmed(self, draft: UUID, email: str) -> bool:
        """Whether this draft, and no other, had confirmed this very address."""
        return draft == self._draft.id and self._is(self._draft.email, draft, email)


class Drafts:
    """Opens drafts, finds them by their secret, and keeps which e-mail address and mobile each has confirmed."""

    def __init__(self, pool: Pool, macs: Macs, subjects: MintsSubjects, limits: DraftLimits | None = None) -> None:
        self._pool = pool
        self._macs = macs
        self._subjects = subjects
        self._limits = limits or DraftLimits()

    def open(self, address: str, *, subject: SubjectId | None = None, case: UUID | None = None) -> OpenedDraft:
        """A new draft for whoever asks from ``address``; for papers to a case, with that case and its subject.

        Raises: TooManyDrafts; ValueError for what is no address.
        """
        mac = self._macs.mac("draft-prefix", prefix(address))
        with self._pool.connection() as db:
            from_here, in_all = db.execute(_COUNT, (mac,)).fetchone() or (0, 0)
        if from_here >= self._limits.per_prefix or in_all >= self._limits.in_all:
            raise TooManyDrafts
        draft, secret = uuid4(), secrets.token_urlsafe(32)
        owner = subject or self._subjects.mint()
        with self._pool.connection() as db:
            row = db.execute(_OPEN, (draft, _digest(secret), owner, case, mac)).fetchone()
        assert row is not None
        return OpenedDraft(draft, owner, f"{draft.hex}.{secret}", row[0])

    def find(self, token: str) -> Draft | None:
        """The draft that this secret opens; None for any other text, or if the draft's time is over."""
        name, _, secret = token.partition(".")
        try:
            draft = UUID(hex=name)
        except ValueError:
            return None
        with self._pool.connection() as db:
            row = db.execute(_FIND, (draft,)).fetchone()
        if row is None or not hmac.compare_digest(row[1], _digest(secret)):
            return None
        return Draft(row[0], SubjectId(row[2]), row[3], row[4], row[5].astimezone(UTC), row[6])

    def confirm_email(self, draft: UUID, email: str) -> None:
        """Note that a code mailed to ``email`` came back; ``email`` as ``domain.contacts`` tidies it."""
        with self._pool.connection() as db:
            db.execute(_CONFIRM, (self._email(draft, email), draft))

    def confirmed(self, draft: UUID, email: str) -> bool:
        """Whether this draft has confirmed this very address, and no other since."""
        return self._is_kept(_CONFIRMED, draft, self._email(draft, email))

    def confirm_mobile(self, draft: UUID, mobile: str) -> None:
        """Note that a code sent to ``mobile`` came back; ``mobile`` as the form tidies it."""
        with self._pool.connection() as db:
            db.execute(_CONFIRM_MOBILE, (self._mobile(draft, mobile), draft))

    def confirmed_mobile(self, draft: UUID, mobile: str) -> bool:
        """Whether this draft has confirmed this very mobile, and no other since."""
        return self._is_kept(_CONFIRMED_MOBILE, draft, self._mobile(draft, mobile))

    def _is_kept(self, query: LiteralString, draft: UUID, given: bytes) -> bool:
        with self._pool.connection() as db:
            row = db.execute(query, (draft,)).fetchone()
        return row is not None and row[0] is not None and hmac.compare_digest(row[0], given)

    def as_found(self, draft: Draft) -> ConfirmedAsFound:
        """Answers of this draft what `confirmed` would have answered when it was found, and asks nothing anew."""
        return ConfirmedAsFound(draft, self._is)

    def _is(self, digest: bytes | None, draft: UUID, email: str) -> bool:
        return digest is not None and hmac.compare_digest(digest, self._email(draft, email))

    def _email(self, draft: UUID, email: str) -> bytes:
        return self._macs.mac("draft-email", draft.bytes, email)

    def _mobile(self, draft: UUID, mobile: str) -> bytes:
        return self._macs.mac("draft-mobile", draft.bytes, mobile)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
