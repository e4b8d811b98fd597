"""Each command once: its key is kept in the transaction that does it, with what it did and a hash of what it said.

The key is a keyed hash of who did what under which command id; the answer is never kept, only where the effect stands.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from domain.event import Act
from domain.office import CommandReused, Receipt
from ledger import packing
from ledger.connecting import LINK, rows
from ledger.keys import MAC_VERSION_BYTES, KeyStore

RETENTION_MONTHS: Final = 13
"""A command id is remembered for this many whole months; sent again later, it would be a new command."""
MONTHS_AHEAD: Final = 3

DDL: Final = """
CREATE TABLE IF NOT EXISTS ledger.command (
    month       date NOT NULL,
    key         bytea NOT NULL,
    body        bytea NOT NULL,
    stream      uuid NOT NULL,
    version     bigint NOT NULL,
    position    bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (key, month)
) PARTITION BY RANGE (month);

CREATE TABLE IF NOT EXISTS ledger.command_other PARTITION OF ledger.command DEFAULT;

DO $$
BEGIN
    IF to_regtype('ledger.new_note') IS NULL THEN
        CREATE TYPE ledger.new_note AS (key bytea, body bytea, stream uuid, version bigint);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION ledger.turn_command_months(kept integer, ahead integer) RETURNS void
LANGUAGE plpgsql AS $$
-- Make a partition for this month and each of the months ahead; drop those whose month is longer past than kept.
DECLARE
    this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    coming date;
    past text;
BEGIN
    FOR coming IN SELECT generate_series(this_month, this_month + make_interval(months => ahead), '1 month') LOOP
        IF to_regclass(format('ledger.command_%s', to_char(coming, 'YYYY_MM'))) IS NULL
            AND NOT EXISTS (SELECT FROM ledger.command_other o WHERE o.month = coming)
        THEN
            EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.command FOR VALUES FROM (%L) TO (%L)',
                           'command_' || to_char(coming, 'YYYY_MM'), coming, coming + interval '1 month');
        END IF;
    END LOOP;
    FOR past IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'ledger.command'::regclass AND c.relname ~ '^command_[0-9]{4}_[0-9]{2}$'
            AND to_date(right(c.relname, 7), 'YYYY_MM') < this_month - make_interval(months => kept)
    LOOP
        EXECUTE format('DROP TABLE ledger.%I', past);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION ledger.turn_months() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- For who may not say himself what is dropped: `RETENTION_MONTHS` and `MONTHS_AHEAD`.
    SELECT ledger.turn_command_months(13, 3)
$$;
"""
"""Partitioned by the month of recording. No unique index spans partitions, so a key is claimed under an advisory lock
of its own first and looked up in the next statement, which sees what was committed before the lock was had: two
requests with one key wait for each other whatever month each of them thinks it is."""

TURN_MONTHS: Final = "SELECT ledger.turn_months()"
"""With every migration, and daily."""

_FORGET: Final = """
DELETE FROM ledger.command WHERE key IN (
    SELECT command_key FROM ledger.event WHERE stream = ANY(%s) AND command_key IS NOT NULL
)
"""
_FIND: Final = "SELECT key, body, stream, version, position FROM ledger.command WHERE key = ANY(%s)"


@dataclass(frozen=True)
class CommandKey:
    """One command's key under every key version in use, the current one first, and its circumstances."""

    macs: tuple[bytes, ...]
    act: Act
    keys: KeyStore

    @staticmethod
    def of(act: Act, keys: KeyStore) -> CommandKey:
        """The key of ``act``: who (id and role), operation, command id."""
        return CommandKey(keys.macs("command", *_identity(act)), act, keys)

    @property
    def current(self) -> bytes:
        """The key that is stored."""
        return self.macs[0]

    def body(self, version: int) -> bytes:
        """The keyed hash of what the command says."""
        return self.keys.mac_under(version, "command body", *_identity(self.act), self.act.body)

    @property
    def lock(self) -> bytes:
        """The advisory lock, packed, under which it is done: nobody else does it until that transaction ends."""
        return packing.LOCK + min(self.macs)[MAC_VERSION_BYTES : MAC_VERSION_BYTES + 8]

    def pack(self, stream: UUID, version: int | None) -> bytes:
        """What is kept of the command when it is done, a ``ledger.new_note``. Raises: struct.error."""
        body = self.body(int.from_bytes(self.current[:MAC_VERSION_BYTES], "big"))
        return packing.row(
            4, packing.octets(self.current), packing.octets(body), packing.uuid(stream), packing.integer(version)
        )

    def find(self, connection: Connection[Any]) -> Receipt | None:
        """What the command did if it was done. Raises: CommandReused if it then said something else."""
        for found in rows(connection, _FIND, (list(self.macs),)):
            return self.receipt(*found)
        return None

    def receipt(self, key: bytes, body: bytes, stream: UUID, version: int, position: int) -> Receipt:
        """What was kept of the command when it was done. Raises: CommandReused."""
        if not hmac.compare_digest(self.body(int.from_bytes(key[:MAC_VERSION_BYTES], "big")), body):
            raise CommandReused
        return Receipt(stream=stream, version=version, position=position)


def forget(connection: Connection[Any], streams: Collection[UUID]) -> None:
    """Forget under which keys anything was done in these streams, and the hashes of what was said then."""
    connection.execute(_FORGET, (list(streams),))


def turn_months(conninfo: str) -> None:
    """Make the months ahead and drop those past their retention. To be called daily."""
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        rows(connection, TURN_MONTHS)


def _identity(act: Act) -> tuple[str | bytes, ...]:
    return act.by.role.value, act.by.id, act.operation, act.command.bytes
