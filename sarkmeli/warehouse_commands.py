"""`sarkmeli warehouse …`: filling the tables for analysts from the public stream, and keeping them tidy."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from sarkmeli.options import Folder, begin, begin_with_kafka, leave, plainly
from sarkmeli.settings_apart import WarehouseAlone

app = typer.Typer(help="The warehouse: the public stream in tables for analysts.", no_args_is_help=True)


@contextmanager
def _plainly() -> Generator[None]:
    """What a person can mend is said in a sentence, and the command fails."""
    import requests
    from pyiceberg.exceptions import RESTError
    from sqlalchemy.exc import DBAPIError

    from consumers.kafka_reasons import REFUSED
    from consumers.warehouse.tidying import Untidied
    from sarkmeli.kafka import NoKafka

    try:
        with plainly():
            yield
    except NoKafka as error:
        leave(str(error))
    except Untidied as error:
        leave(f"not tidied: {error}")
    except REFUSED as refused:
        leave(f"Kafka refuses us: {refused}")
    except (OSError, DBAPIError, RESTError, requests.RequestException) as away:
        leave(f"the warehouse cannot be reached: {' '.join(str(away).split())}")


@app.command()
def collect(folder: Folder = None) -> None:
    """Write the public stream into the warehouse until it is told to end; several may run and share the work."""
    from sarkmeli.processes import tell_service_manager
    from sarkmeli.warehouse import collect as collecting

    settings, stop = begin_with_kafka(folder, WarehouseAlone), threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda _number, _frame: stop.set())
    with _plainly():
        collecting(settings, stop, tell_service_manager)


@app.command()
def tidy(
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="Expire every older snapshot now: what was forgotten is in no file any more."),
    ] = False,
    folder: Folder = None,
) -> None:
    """Rewrite small files, expire old snapshots, delete leftovers; collectors do so by themselves, too."""
    from sarkmeli.warehouse import tidy_warehouse

    with _plainly():
        done = tidy_warehouse(begin(folder, WarehouseAlone), at_once=at_once)
    typer.echo(
        f"{done.compacted.before} files rewritten as {done.compacted.after}, {done.snapshots} snapshots expired, "
        f"{done.files} files deleted"
    )


@app.command()
def status(folder: Folder = None) -> None:
    """How far the warehouse is behind Kafka, what it holds, what made no sense; fails unless all is well."""
    from sarkmeli.warehouse import show_warehouse

    with _plainly():
        well = show_warehouse(begin_with_kafka(folder, WarehouseAlone))
    raise typer.Exit(0 if well else 1)


@app.command()
def rebuild(folder: Folder = None) -> None:
    """Empty the table of facts; collectors fill it again from the beginning of Kafka's topics."""
    from sarkmeli.warehouse import rebuild_warehouse

    with _plainly():
        files = rebuild_warehouse(begin(folder, WarehouseAlone))
    typer.echo(f"{files} files taken out; whoever collects begins anew")
