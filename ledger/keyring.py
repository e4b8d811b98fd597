"""Which epochs and secrets there are: their rows in the key store, checked at opening against the keys themselves."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import Connection

from ledger.connecting import rows
from ledger.kms import EPOCH, SECRETS, KeysMissing, Kms

DDL: Final = """
CREATE TABLE IF NOT EXISTS keystore.identity (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id  uuid NOT NULL
);
CREATE TABLE IF NOT EXISTS keystore.epoch (
    number       integer PRIMARY KEY,
    fingerprint  bytea NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at    timestamptz,
    destroyed_at timestamptz
);
CREATE TABLE IF NOT EXISTS keystore.secret (
    name        text NOT NULL,
    version     integer NOT NULL,
    fingerprint bytea NOT NULL,
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at  timestamptz,
    PRIMARY KEY (name, version)
);
ALTER TABLE keystore.epoch ADD COLUMN IF NOT EXISTS disabled_at timestamptz;
"""
"""Rows about keys, never keys. ``secret`` names: see `ledger.kms.SECRETS`. An epoch is closed (nothing more is wrapped
under it), disabled (nothing is wrapped under it any more) and destroyed, in this order; see `ledger.epochs`."""

RING_LOCK: Final = 1398895211, 4
"""Advisory lock (``Sark`` in ASCII, see `ledger.barrier`): shared by whoever mints, exclusive for whoever turns the
epoch or opens the key store."""


class Keyring:
    """The key store's epochs and secrets as they were at opening."""

    def __init__(self, kms: Kms) -> None:
        self._kms = kms
        self._secrets: dict[str, tuple[int, ...]] = {}
        self.id: UUID
        self.is_new = False

    def open(self, connection: Connection[Any]) -> None:
        """Check every key that is in use against the key management service; make the first ones in a new key store.

        Raises: KeysMissing.
        """
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", RING_LOCK)
            found = connection.execute("SELECT id FROM keystore.identity").fetchone()
            if found is None and not _may_make(connection):
                raise KeysMissing("this key store has no keys yet: run `sarkmeli migrate`")
            if found is None:
                self.id, self.is_new = self._make_new(connection), True
            else:
                self.id = found[0]
            self._check(connection)

    def live(self, name: str) -> tuple[int, ...]:
        """The versions of the secret that are in use, the current one first."""
        return self._secrets[name]

    def current(self, name: str) -> int:
        """The version that new things are made under."""
        return self._secrets[name][0]

    def _make_new(self, connection: Connection[Any]) -> UUID:
        identity = uuid4()
        connection.execute("INSERT INTO keystore.identity (id) VALUES (%s)", (identity,))
        self._kms.create(EPOCH, 1)
        self._kms.enable(EPOCH, 1)  # of an earlier key store, whose keys are there still
        connection.execute(
            "INSERT INTO keystore.epoch (number, fingerprint) VALUES (1, %s)", (self._kms.fingerprint(EPOCH, 1),)
        )
        for name in SECRETS:
            self._kms.create(name, 1)
            connection.execute(
                "INSERT INTO keystore.secret (name, version, fingerprint) VALUES (%s, 1, %s)",
                (name, self._kms.fingerprint(name, 1)),
            )
        return identity

    def _check(self, connection: Connection[Any]) -> None:
        epochs = connection.execute(
            "SELECT 'epoch', number, fingerprint FROM keystore.epoch WHERE disabled_at IS NULL AND destroyed_at IS NULL"
        ).fetchall()
        secrets = connection.execute(
            "SELECT name, version, fingerprint FROM keystore.secret WHERE retired_at IS NULL ORDER BY version DESC"
        ).fetchall()
        for name, version, fingerprint in (*epochs, *secrets):
            if self._kms.fingerprint(name, version) != fingerprint:
                raise KeysMissing(f"the key {name}-{version} is not the one that this key store was made with")
        for wanted in SECRETS:
            self._secrets[wanted] = tuple(version for name, version, _ in secrets if name == wanted)
            if not self._secrets[wanted]:
                raise KeysMissing(f"the key store has no {wanted} secret in use")


def _may_make(connection: Connection[Any]) -> bool:
    return rows(connection, "SELECT has_table_privilege('keystore.identity', 'INSERT')")[0][0]
