"""Applications registered through GraphQL by 64 clients, against the events that the library's own recorder appends.

Each registration is a whole command over HTTP: a form, four uploads and a consent are read, judged, sealed and stored
as three or more events with their addresses and command key; the peer stores one event a turn, from 64 threads. What
follows the ledger (read models, mails, deadlines, checkpoints, and the sandbox that takes the mails) stands still while
the clock runs, as the peer has nothing that follows it, and goes on between the rounds.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.postgres import PostgresFactory

from bench.append import WRITERS, appending, ours
from bench.load import contest
from bench.memory import tell_peaks
from bench.registering import registering
from ledger.opening import environment
from sarkmeli import embedded
from sarkmeli.processes import recorded
from sarkmeli.run_folder import RunFolder

T = TypeVar("T")

EACH = 8
"""Registrations of one client in one round."""
ROUNDS = 3
GOAL = 0.5


def main() -> None:
    """Print the line."""
    with registering(WRITERS * EACH * (ROUNDS + 1)) as office:
        with stock_recorder(office.folder) as recorder:
            line = contest(
                "commands",
                lambda: alone(office.folder, lambda: office.per_second(WRITERS, EACH)),
                lambda: alone(office.folder, lambda: ours(WRITERS, appending(recorder))),
                GOAL,
                ROUNDS,
            )
        tell_peaks("commands", office.folder)
    print(line)


def alone(folder: RunFolder, turn: Callable[[], T]) -> T:
    """What the turn measures, with nothing but PostgreSQL and the API beside it."""
    others = [one for one in recorded(folder.running) if one.name != "postgres" and not one.name.startswith("api")]
    processes = [process for one in others if (process := one.process()) is not None]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        return turn()
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


@contextmanager
def stock_recorder(folder: RunFolder) -> Generator[ApplicationRecorder]:
    """The library's own recorder, as it is shipped, in a database of its own on the same server."""
    with psycopg.connect(embedded.conninfo(folder.path, "postgres"), autocommit=True) as db:
        db.execute("CREATE DATABASE stock")
    env = environment(embedded.conninfo(folder.path, "stock"), "", folder.path / "keys")
    factory = PostgresFactory({**env, "CREATE_TABLE": "y", "POSTGRES_SCHEMA": "public"})
    try:
        yield factory.application_recorder()
    finally:
        factory.close()


if __name__ == "__main__":
    main()
