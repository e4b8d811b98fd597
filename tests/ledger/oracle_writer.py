"""A process that appends through the recorder, many threads at once, and notes in a file what was answered.

``python oracle_writer.py CONNINFO SEED EVENTS FILE``; may be killed at any moment.
"""

from __future__ import annotations

import json
import random
import sys
from threading import Lock, Thread
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import OperationalError, StoredEvent
from psycopg.conninfo import conninfo_to_dict

import ledger

THREADS = 8


def opened(environment: dict[str, str]) -> ledger.Factory:
    """PostgreSQL may be on its way down or up as a writer begins."""
    while True:
        try:
            return ledger.Factory(environment)
        except (OperationalError, psycopg.OperationalError):
            pass


def main(conninfo: str, seed: int, wanted: int, path: str) -> None:
    parts = conninfo_to_dict(conninfo)
    factory = opened(
        {
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": "",
            "CREATE_TABLE": "no",
        }
    )
    recorder, lock, left = factory.application_recorder(), Lock(), [wanted]

    def write(number: int) -> None:
        chance, stream, version = random.Random(seed * 100 + number), uuid4(), 0
        while left[0] > 0:
            if version > 50:
                stream, version = uuid4(), 0
            fresh = [StoredEvent(stream, version + n, "some", b"{}") for n in range(1, chance.randint(2, 5))]
            try:
                positions = recorder.insert_events(fresh)
            except OperationalError:  # nothing stored, or unknown: another stream, and no claim
                stream, version = UUID(int=chance.getrandbits(128)), 0
                continue
            version += len(fresh)
            with lock:
                left[0] -= len(fresh)
                for event, position in zip(fresh, positions, strict=True):
                    print(json.dumps([str(event.originator_id), event.originator_version, position]), file=told)
                told.flush()

    with open(path, "a") as told:
        threads = [Thread(target=write, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    factory.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
