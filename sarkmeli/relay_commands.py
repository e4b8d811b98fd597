"""`sarkmeli relay …`: the way from the ledger to Kafka, and what a person does about it by hand."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from sarkmeli.options import Folder, begin_with_kafka, leave, plainly

app = typer.Typer(help="The way from the ledger to Kafka.", invoke_without_command=True)


@contextmanager
def reached() -> Generator[None]:
    """As `plainly`, for who needs Kafka too."""
    from kafka.errors import KafkaError

    from consumers.relay.halting import Halt
    from consumers.relay.replaying import AtWork
    from sarkmeli.kafka import NoKafka

    try:
        with plainly():
            yield
    except (AtWork, Halt, NoKafka) as error:
        leave(str(error))
    except KafkaError as error:
        leave(f"Kafka cannot be reached, or refused: {type(error).__name__}: {error}")


@app.callback()
def relay(context: typer.Context, folder: Folder = None) -> None:
    """Relay what may leave the house to Kafka, alone; with a command, what that says."""
    if context.invoked_subcommand is None:
        run(folder)


@app.command()
def run(folder: Folder = None) -> None:
    """Relay what may leave the house to Kafka, alone. `sarkmeli relay` does the same."""
    from sarkmeli import parts
    from sarkmeli.processes import tell_service_manager

    settings = begin_with_kafka(folder)
    with reached():
        parts.run_part("relay", settings, tell_service_manager)


@app.command()
def replay(
    start: Annotated[int, typer.Option("--from", help="The ledger position after which to begin.", min=0)],
    folder: Folder = None,
) -> None:
    """Have topics that are gone or were made anew filled from a position on; the others get nothing twice."""
    from sarkmeli.relaying import fill_anew

    with reached():
        filled = fill_anew(begin_with_kafka(folder), start)
    typer.echo(f"the relay fills {', '.join(filled)} from after position {start}")


@app.command()
def status(folder: Folder = None) -> None:
    """How far the relay is, why it stands still, what in its topics was changed; fails unless all is well."""
    from sarkmeli.relaying import show_status

    with plainly():
        well = show_status(begin_with_kafka(folder))
    raise typer.Exit(0 if well else 1)


@app.command()
def watch(
    beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Also what was said before now, not only what comes.")
    ] = False,
    folder: Folder = None,
) -> None:
    """Print the public stream as it comes, in plain words, until Ctrl-C."""
    from sarkmeli import watching

    with reached():
        try:
            settings, console = begin_with_kafka(folder), Console(highlight=False)
            watching.watch(settings, threading.Event(), beginning=beginning, console=console)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None
