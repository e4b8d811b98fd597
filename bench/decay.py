"""Whether appending grows slower as the ledger grows: 10^7 events there against 10^5, in turns, 64 writers.

Two ledgers stand in one PostgreSQL, filled by one statement each with rows like those that are appended. Their streams'
ids are UUIDv7: with random ones, which touch another page of the index each, a fifth of the rate would be lost.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench import memory
from bench.append import STATE, TOPIC, WRITERS, appending, compare, ours
from bench.append_place import a_place
from domain.office import Office
from ledger.lineage import keep_lineage
from ledger.opening import environment
from ledger.schema import make_ledger
from sarkmeli import embedded

FEW = 10**5
MANY = 10**7
GOAL = 0.9

FILL = """
INSERT INTO ledger.event (position, stream, version, topic, plain, recorded_at, lineage)
SELECT number, uuidv7(), 1, %(topic)s, %(state)s, clock_timestamp(),
       (SELECT id FROM ledger.lineage ORDER BY generation DESC LIMIT 1)
FROM generate_series(1, %(count)s) AS number
"""


@contextmanager
def a_ledger(folder: Path, database: str, count: int) -> Generator[Office]:
    """An office whose ledger holds so many events."""
    with psycopg.connect(embedded.conninfo(folder, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")  # pyright: ignore
    conninfo = embedded.conninfo(folder, database)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        make_ledger(connection)
        keep_lineage(connection)
        connection.execute(FILL, {"topic": TOPIC, "state": STATE, "count": count})
        connection.execute("SELECT setval('ledger.position', %s)", (count,))
        connection.execute("VACUUM (ANALYZE) ledger.event")
        connection.execute("CHECKPOINT")
    env = environment(conninfo, "", folder / "keys")
    office = Office(env={name: value for name, value in env.items() if not name.startswith("LEDGER_KEY")})
    try:
        yield office
    finally:
        office.close()


def main(many: int) -> None:
    """Print the lines."""
    with (
        a_place() as place,
        a_ledger(place.folder, "small", FEW) as small,
        a_ledger(place.folder, "large", many) as large,
    ):
        compare(
            "decay", GOAL,
            lambda: ours(WRITERS, appending(large.recorder)),
            lambda: ours(WRITERS, appending(small.recorder)),
        )  # fmt: skip
        print(memory.told("decay"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
