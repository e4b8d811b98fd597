"""`sarkmeli ledger …`: what an administrator does to the ledger itself, which is little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sarkmeli.options import Folder, begin, leave, plainly

if TYPE_CHECKING:
    from sarkmeli.restoring import Restored

app = typer.Typer(help="The ledger itself.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The ledger itself."""


@app.command()
def restored(
    reason: Annotated[str, typer.Argument(help="What was restored, to when, and why: it is kept with the ledger.")],
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Have persons whose keys are nowhere any more read as erased.")
    ] = False,
    new_log: Annotated[
        bool, typer.Option("--new-log", help="Begin a new log although the ledger is not the beginning of the signed.")
    ] = False,
    folder: Folder = None,
) -> None:
    """After a restore, before anything starts: mend the keys, erase again who was, begin a lineage, say what to do."""
    from sarkmeli.restoring import NotARestore, OfficeAtWork, after_restore

    console = Console()
    settings = begin(folder)
    try:
        with plainly(), console.status("looking") as status:
            done = after_restore(
                settings, reason, accept_loss=accept_loss, new_log=new_log, told=lambda what: status.update(what)
            )
    except (NotARestore, OfficeAtWork) as error:
        leave(str(error))
    for line in _lines(done):
        console.print(line, markup=False, soft_wrap=True)


def _lines(done: Restored) -> list[str]:
    enabled = f", enabled: {', '.join(map(str, done.keys.enabled))}" if done.keys.enabled else ""
    said = [
        f"lineage: {done.lineage}, from position {done.position} on; clients' older tokens are refused",
        f"epoch: {done.keys.epoch}{enabled}. Back the key store up now",
        f"erased again from the register: {done.erased_again}",
    ]
    if lost := done.keys.lost + done.unknown_keys:
        said.append(f"LOST: the data of {lost} persons, whose keys are nowhere any more; they read as erased")
    if done.notices_dropped:
        said.append(f"notices of events that are gone: {done.notices_dropped}, dropped")
    if done.compared is None:
        said.append("log: nothing was signed before")
    elif done.new_log is None:
        said.append(f"log: everything that was signed is there, {done.compared.signed} events")
    else:
        said.append(
            f"log: {done.compared.signed} events were signed, the ledger has {done.compared.events}. Log "
            f"{done.new_log.number} begins, called {done.new_log.origin}, in {done.new_log.publication.folder}: "
            "give its key (checkpoint-N.pub) to whoever verifies. What was published stays, as evidence of what is lost"
        )
    for one in done.followers:
        ahead = f", {one.ahead} ahead of the ledger" if one.ahead else ""
        said.append(f"{one.name} stands at {one.position}{ahead}: {one.remedy}")
    return said
