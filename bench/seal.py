"""How fast the checkpointer takes events into the signed tree, against how fast 64 writers append them."""

from __future__ import annotations

import time

import psycopg

from bench import memory
from bench.append import STATE, WRITERS, appending, ours
from bench.append_place import Place, a_place
from ledger.checkpointer import Checkpointer
from ledger.publication import Publication
from ledger.signer import SigningFolder

EVENTS = 300_000
GOAL = 1.0

FILL = """
WITH drawn AS (SELECT ledger.draw(%(count)s) AS first)
INSERT INTO ledger.event
    (position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage)
SELECT first + number, gen_random_uuid(), 1, 'bench:Appended', %(state)s, NULL, NULL, NULL, NULL, clock_timestamp(),
       (SELECT id FROM ledger.lineage LIMIT 1)
FROM drawn, generate_series(0, %(count)s - 1) AS number
"""


def main() -> None:
    """Print the lines."""
    with a_place() as place:
        appended = ours(WRITERS, appending(place.office.recorder))
        with psycopg.connect(place.conninfo(), autocommit=True) as connection:
            connection.execute(FILL, {"count": EVENTS, "state": STATE})
        taken = _taking_rate(place)
        ratio = taken / appended
        verdict = "ok" if ratio >= GOAL else "short"
        print(f"bench seal ours={taken:.0f}/s peer={appended:.0f}/s ratio={ratio:.2f} goal={GOAL:.2f} {verdict}")
        print(memory.told("seal"))


def _taking_rate(place: Place) -> float:
    """Events a second from the first to the signed and published checkpoint."""
    signer = SigningFolder(place.folder / "signing", "sarkmeli/bench", new=True)
    checkpointer = Checkpointer(place.conninfo(), signer, Publication(place.folder / "checkpoints"))
    began = time.perf_counter()
    taken = checkpointer.round()
    rate = taken / (time.perf_counter() - began)
    checkpointer.close()
    return rate


if __name__ == "__main__":
    main()
