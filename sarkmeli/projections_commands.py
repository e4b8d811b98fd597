"""`sarkmeli projections …`: how far the read models are, making one again, mending and removing."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from sarkmeli.options import Folder, begin, leave, plainly

app = typer.Typer(help="The read models: how far they are, and making one again.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="The read model's name.")]


@app.command()
def status(folder: Folder = None) -> None:
    """How far each read model is behind the ledger, and what it has quarantined; fails unless all is well."""
    from sarkmeli.read_models import show_status

    with plainly():
        well = show_status(begin(folder))
    raise typer.Exit(0 if well else 1)


@app.command()
def rebuild(model: Model, folder: Folder = None) -> None:
    """Make a read model again from the ledger's first event, beside the one that serves; goes on if it was stopped."""
    from sarkmeli.read_models import rebuild_model

    with plainly():
        position = rebuild_model(begin(folder), model)
    typer.echo(f"{model} was made again and stands at {position}")


@app.command()
def retry(
    model: Model,
    stream: Annotated[UUID, typer.Argument(help="The quarantined stream.")],
    folder: Folder = None,
) -> None:
    """Replay a quarantined stream, after what was wrong has been mended, and lift its mark; fails if it has none."""
    from sarkmeli.read_models import retry_stream

    with plainly():
        lifted = retry_stream(begin(folder), model, stream)
    if not lifted:
        leave(f"{model} has not quarantined {stream}: `sarkmeli projections status` tells what it has")
    typer.echo("lifted")


@app.command()
def drop(
    model: Model,
    version: Annotated[int, typer.Argument(help="The version, as `projections status` tells it.", min=1)],
    folder: Folder = None,
) -> None:
    """Remove the tables of a version that no release uses any more; refuses the one that this release uses."""
    from psycopg.errors import LockNotAvailable

    from projections.versions import InUse
    from sarkmeli.read_models import drop_version

    try:
        with plainly():
            dropped = drop_version(begin(folder), model, version)
    except InUse as error:
        leave(str(error))
    except LockNotAvailable:
        leave(f"{model} v{version} is being read: stop the release that reads it, then try again")
    typer.echo(f"dropped {', '.join(dropped)}")
