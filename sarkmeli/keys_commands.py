"""`sarkmeli keys …`: looking at the epochs of the keys, and turning one by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from sarkmeli.options import Folder, begin, plainly

app = typer.Typer(help="The keys: which epochs there are, and turning one.", no_args_is_help=True)


@app.command()
def turn(
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="Destroy the keys of ended epochs now: no backup from before opens any more."),
    ] = False,
    folder: Folder = None,
) -> None:
    """Begin a new epoch, wrap every key under it and end the one before; what was stopped halfway is finished."""
    from sarkmeli.keys import turn_keys

    with plainly():
        told = turn_keys(begin(folder), at_once=at_once)
    typer.echo(told)


@app.command()
def status(folder: Folder = None) -> None:
    """Which epochs there are, whose keys they wrap, and when their keys end; fails unless all is well."""
    from sarkmeli.keys import show_keys

    with plainly():
        well = show_keys(begin(folder))
    raise typer.Exit(0 if well else 1)
