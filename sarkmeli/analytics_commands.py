"""`sarkmeli analytics …`: the marts made from the warehouse, and the report of what may be told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from domain.language import Language
from sarkmeli.options import Folder, Tongue, begin, leave, plainly
from sarkmeli.settings_apart import WarehouseAlone

app = typer.Typer(help="Figures of the office that single out nobody.", no_args_is_help=True)


@contextmanager
def _plainly() -> Generator[None]:
    """What a person can mend is said in a sentence, and the command fails."""
    import requests
    from pyiceberg.exceptions import RESTError
    from sqlalchemy.exc import DBAPIError

    from consumers.analytics.edition import Damaged
    from consumers.analytics.report.page import NotSetUp
    from consumers.analytics.store import Busy, Unopened

    try:
        with plainly():
            yield
    except (Busy, Damaged, NotSetUp, Unopened) as error:
        leave(str(error))
    except (OSError, DBAPIError, RESTError, requests.RequestException) as away:
        leave(f"the warehouse or a file cannot be reached: {' '.join(str(away).split())}")


@app.command()
def refresh(folder: Folder = None) -> None:
    """Bring the marts to what the warehouse holds now, and forget in them what it has forgotten."""
    import texts
    from sarkmeli import analytics

    with _plainly():
        stands = analytics.refresh(begin(folder, WarehouseAlone))
    typer.echo("the marts are current")
    if stands:
        typer.echo(texts.say(texts.Language.EN, "analytics", "stands"))


@app.command()
def keep(folder: Folder = None) -> None:
    """Bring the marts to what the warehouse holds, now and as often as it is tidied, until it is told to end."""
    from sarkmeli.parts import fold_marts
    from sarkmeli.processes import tell_service_manager

    with _plainly():
        fold_marts(begin(folder, WarehouseAlone), tell_service_manager)


@app.command()
def report(
    html: Annotated[Path | None, typer.Option(help="Write it as one page into this file.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for machines.")] = False,
    language: Tongue = Language.KA,
    folder: Folder = None,
) -> None:
    """Print the report of today, with plots; the same numbers as a page or for machines. Nobody can be told apart."""
    from rich.console import Console

    import texts
    from sarkmeli import analytics

    tongue = texts.language(language)
    with _plainly():
        told = analytics.report(begin(folder, WarehouseAlone))
        if html is not None:
            if not html.absolute().parent.is_dir():
                leave(f"there is no folder {html.absolute().parent}")
            told.write(html, tongue)
            typer.echo(texts.say(tongue, "analytics", "wrote", file=str(html)))
    if as_json:
        typer.echo(told.json())
    elif html is None:
        told.show(Console(), tongue)
    if told.stands and not as_json:
        typer.echo(texts.say(tongue, "analytics", "stands"))
