"""Minting: a subject's key is made, wrapped under the open epoch and committed before anything is sealed with it.

Who mints *for a cause*, as a transaction of the bank is one, is given the subject that stands for it already. So two
who take the same money at once, or one who was killed in between and comes again, seal under one key, and no key is
left of which nobody knows: what it sealed would outlive every erasure in the logs and backups of PostgreSQL.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from uuid6 import uuid7

from domain.people import SubjectId
from ledger.aead import KEY_BYTES, bind
from ledger.connecting import Pool, asking, rows
from ledger.kms import EPOCH, KeysMissing, Kms

DDL: Final = """
CREATE OR REPLACE FUNCTION keystore.mint(subject uuid, its_key uuid, under integer, its_wrapped bytea) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- The open epoch, which is not turned before this transaction ends. Only if the key is wrapped under that one is the
-- subject put there. Each statement sees what was committed before it began: the second, whatever turned the epoch
-- while the first one waited.
DECLARE
    now_open integer;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1398895211, 4);
    SELECT max(number) INTO now_open FROM keystore.epoch WHERE closed_at IS NULL;
    IF now_open = under THEN
        INSERT INTO keystore.subject (id, key_id, epoch, wrapped) VALUES (subject, its_key, under, its_wrapped)
        ON CONFLICT (id) DO NOTHING;
    END IF;
    RETURN now_open;
END
$$;

CREATE OR REPLACE FUNCTION keystore.mint_for(
    causes bytea[], subject uuid, its_key uuid, under integer, its_wrapped bytea, OUT now_open integer, OUT stands uuid
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
-- As keystore.mint, and who stands for the cause from now on: whoever did before, if its key is there still; else the
-- subject, if it is put there; else nobody. The cause is given under every key version in use, the current one first.
-- Whoever mints for a cause waits for whoever else does: the second statement sees what the one before put there.
BEGIN
    PERFORM pg_advisory_xact_lock(1398895211, 8);
    PERFORM pg_advisory_xact_lock_shared(1398895211, 4);
    SELECT max(number) INTO now_open FROM keystore.epoch WHERE closed_at IS NULL;
    SELECT id INTO stands FROM keystore.subject WHERE cause = ANY(causes) AND wrapped IS NOT NULL LIMIT 1;
    IF stands IS NULL AND now_open = under THEN
        INSERT INTO keystore.subject (id, key_id, epoch, wrapped, cause)
        VALUES (subject, its_key, under, its_wrapped, causes[1]) RETURNING id INTO stands;
    END IF;
END
$$;
"""

SALT_BYTES: Final = 16

_MINT: Final = "SELECT keystore.mint(%s, %s, %s::integer, %s::bytea)"
_MINT_FOR: Final = "SELECT now_open, stands FROM keystore.mint_for(%s::bytea[], %s, %s, %s::integer, %s::bytea)"


class Minter:
    """Mints subjects of one key store. Safe for many threads."""

    def __init__(self, pool: Pool, kms: Kms) -> None:
        self._pool = pool
        self._kms = kms
        self._epoch = 1
        """Under which the last subject was minted here: mostly the one that is open."""

    def mint(self, causes: Sequence[bytes] = ()) -> SubjectId:
        """A new subject, or who stands for the cause already, which is given under every key version in use.

        Its key is committed before this returns. Raises: KeysMissing, KmsUnavailable, psycopg.OperationalError.
        """
        subject, key_id = UUID(int=uuid7().int), UUID(int=uuid7().int)
        secret = os.urandom(KEY_BYTES + SALT_BYTES)
        epoch = self._epoch
        while True:  # mostly once: the epoch is turned every few weeks
            wrapped = self._wrapped(epoch, secret, place(subject, key_id))
            now_open, stands = self._put(causes, subject, key_id, epoch, wrapped)
            if stands is not None:
                return SubjectId(stands)
            if now_open is None:
                raise KeysMissing("the key store has no open epoch")
            if now_open == epoch:
                self._kms.wrap(EPOCH, epoch, secret, place(subject, key_id))  # says why it cannot
            self._epoch = epoch = now_open

    def _wrapped(self, epoch: int, secret: bytes, context: bytes) -> bytes | None:
        """The secret under this epoch's key; None if that cannot be used any more."""
        try:
            return self._kms.wrap(EPOCH, epoch, secret, context)
        except KeysMissing:
            return None

    def _put(
        self, causes: Sequence[bytes], subject: UUID, key_id: UUID, epoch: int, wrapped: bytes | None
    ) -> tuple[int | None, UUID | None]:
        """Put the subject there if ``epoch`` is open, its key wrapped, and nobody stands for the cause.

        The epoch that is open; who now stands there, this subject or the cause's.
        """
        given = (subject, key_id, epoch if wrapped is not None else None, wrapped)
        if causes:
            found = asking(self._pool, lambda connection: rows(connection, _MINT_FOR, (list(causes), *given)))
            return found[0][0], found[0][1]
        now_open = asking(self._pool, lambda connection: rows(connection, _MINT, given))[0][0]
        return now_open, subject if wrapped is not None and now_open == epoch else None


def place(subject: UUID, key_id: UUID) -> bytes:
    """What a subject's wrapped key is bound to."""
    return bind("sarkmeli subject", subject.bytes, key_id.bytes)
