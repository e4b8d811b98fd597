"""A ledger of rows written straight into its table, with gaps as rolled-back appends leave them; its checkpoints."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ledger.audit import verify
from ledger.checkpointer import Checkpointer
from ledger.publication import Publication
from ledger.signer import SigningFolder

_ADD = """
WITH placed AS (
    SELECT number, (SELECT last_value FROM ledger.position) + number * 2 - (number %% 3 = 0)::integer AS position
    FROM generate_series(1, %s) AS number
), drawn AS (SELECT setval('ledger.position', (SELECT max(position) FROM placed)))
INSERT INTO ledger.event
    (position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage)
SELECT position, gen_random_uuid(), 1, 'sample.Letter.Written',
       convert_to(repeat('{"a":1}', 1 + position::int %% 9), 'UTF8'),
       CASE WHEN position %% 4 > 0 THEN decode(md5(position::text), 'hex') END,
       CASE WHEN position %% 4 > 0 THEN gen_random_uuid() END,
       CASE WHEN position %% 5 > 0 THEN decode(md5(number::text), 'hex') END,
       CASE WHEN position %% 7 > 0 THEN clock_timestamp() END, clock_timestamp(),
       (SELECT id FROM ledger.lineage LIMIT 1)
FROM placed, drawn
"""


@dataclass
class SignedLedger:
    conninfo: str
    folder: Path
    origin: str = "sarkmeli.example/ledger"

    def __post_init__(self) -> None:
        self.publication = Publication(self.folder / "checkpoints")
        with self.connect() as connection:
            connection.execute(
                "INSERT INTO ledger.lineage (generation, id, after_position, reason, system, timeline) "
                "VALUES (1, gen_random_uuid(), 0, 'test', 'here', 1) ON CONFLICT DO NOTHING"
            )

    def connect(self):
        return psycopg.connect(self.conninfo, autocommit=True)

    def add(self, count: int) -> None:
        with self.connect() as connection:
            connection.execute(_ADD, (count,))

    def signer(self, *, new: bool = True) -> SigningFolder:
        return SigningFolder(self.folder / "keys", self.origin, new=new)

    @contextmanager
    def checkpointer(self, signer=None, publication=None):
        made = Checkpointer(self.conninfo, signer or self.signer(), publication or self.publication)
        try:
            yield made
        finally:
            made.close()

    def publish(self) -> int:
        with self.checkpointer() as checkpointer:
            return checkpointer.round()

    def verify(self, connection=None):
        signer = self.signer()
        if connection is not None:
            return verify(connection, self.publication, signer.key, signer.last())
        with self.connect() as own:
            return verify(own, self.publication, signer.key, signer.last())
