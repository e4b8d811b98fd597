"""Applications registered through GraphQL by 64 clients, against the events that the library's own recorder appends.

Each registration is a whole command over HTTP: a form, four uploads and a consent are read, judged, sealed and stored
as three or more events with their addresses and command key; the peer stores one event a turn, from 64 threads. What
follows the ledger (read models, mails, deadlines, checkpoints, and the sandbox that takes the mails) stands still while
the clock runs, as the peer has nothing that follows it, and goes on between the rounds.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.postgres import PostgresFactory

from bench.append import WRITERS, appending, ours
from bench.drafts import ReadyDraft, ready_drafts
from bench.load import Request, contest, per_second
from bench.memory import tell_peaks
from ledger.opening import environment
from sarkmeli import embedded
from sarkmeli.house import open_house
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import OPERATIONS, Outside
from sarkmeli.processes import recorded
from sarkmeli.run_folder import RunFolder
from sarkmeli.settings import Settings
from sarkmeli.story import Story
from sarkmeli.throw_away import throw_away_office

T = TypeVar("T")

EACH = 8
"""Registrations of one client in one round."""
ROUNDS = 3
GOAL = 0.5


def main() -> None:
    """Print the line."""
    with throw_away_office() as (folder, addresses):
        outside = Outside(addresses.url, addresses.sandbox, sandbox_credentials(folder.path))
        story = Story(outside)
        for step in story.steps()[:4]:
            step.do()
        with open_house(Settings(folder=folder.path)) as house:
            drafts = iter(ready_drafts(house, story, WRITERS * EACH * (ROUNDS + 1)))
        port = urlsplit(addresses.url).port or 80
        with stock_recorder(folder) as recorder:
            line = contest(
                "commands",
                lambda: alone(folder, lambda: registered(port, drafts)),
                lambda: alone(folder, lambda: ours(WRITERS, appending(recorder))),
                GOAL,
                ROUNDS,
            )
        outside.close()
        tell_peaks("commands", folder)
    print(line)


def registered(port: int, drafts: Iterator[ReadyDraft]) -> float:
    """Registrations a second, one connection a client."""
    query = (OPERATIONS / "RegisterApplication.graphql").read_text(encoding="utf-8")

    def registration(draft: ReadyDraft) -> Request:
        body = {"query": query, "variables": draft.variables}
        return Request.post("/graphql", body, Authorization=f"Bearer {draft.token}")

    lanes = [[registration(next(drafts)) for _ in range(EACH)] for _ in range(WRITERS)]
    return per_second(port, lanes, lambda body: b'"ApplicationRegistered"' in body)


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
