"""The command line: one command a process, and what an administrator does by hand. `python -m sarkmeli --help`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from domain.language import Language
from sarkmeli import (
    analytics_commands,
    erase_commands,
    keys_commands,
    ledger_commands,
    mirror_commands,
    projections_commands,
    relay_commands,
    warehouse_commands,
)
from sarkmeli.options import Folder, Tongue, audited, auditors, begin, leave, plainly, settings_of, verified
from sarkmeli.stories import Told

app = typer.Typer(
    name="sarkmeli",
    help="The window at which a state office serves a person who is not in the room.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
audit_app = typer.Typer(help="Checking history, proving it, and reading one case's.", no_args_is_help=True)
consumers_app = typer.Typer(help="What follows the ledger and acts.", no_args_is_help=True)
bank_app = typer.Typer(help="What a person must see to with the bank.", no_args_is_help=True)
app.add_typer(projections_commands.app, name="projections")
app.add_typer(mirror_commands.app, name="mirror")
app.add_typer(consumers_app, name="consumers")
app.add_typer(bank_app, name="bank")
app.add_typer(audit_app, name="audit")
app.add_typer(keys_commands.app, name="keys")
app.add_typer(ledger_commands.app, name="ledger")
app.add_typer(warehouse_commands.app, name="warehouse")
app.add_typer(analytics_commands.app, name="analytics")
app.add_typer(relay_commands.app, name="relay")
app.command()(erase_commands.erase)


@app.command()
def run(
    folder: Folder = None,
    port: Annotated[int | None, typer.Option(help="Instead of SARKMELI_PORT; 0 takes a free one.")] = None,
    sandbox_port: Annotated[int | None, typer.Option(help="Instead of SARKMELI_SANDBOX_PORT; 0 as above.")] = None,
    smtp_port: Annotated[int | None, typer.Option(help="Instead of SARKMELI_SMTP_PORT; 0 as above.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Remove what an earlier run left, and begin anew.")] = False,
    kafka: Annotated[bool, typer.Option("--kafka", help="Start the sandbox's Kafka and the relay to it, too.")] = False,
    tell: Annotated[int | None, typer.Option(help="A file descriptor that is told when all is ready.")] = None,
) -> None:
    """Start everything on this machine, the sandbox neighbours too, and keep it running until Ctrl-C."""
    from sarkmeli import embedded, running
    from sarkmeli.run_folder import AlreadyRuns, NotBegunAnew
    from sarkmeli.supervisor import Failed

    settings = settings_of(folder=folder, port=port, sandbox_port=sandbox_port, smtp_port=smtp_port)
    try:
        status = running.run(settings, reset=reset, colours=sys.stdout.isatty(), kafka=kafka, tell=tell)
    except AlreadyRuns as running_already:
        where = running_already.addresses
        told = f": {where.url}/start" if where else "; it is starting or stopping, or its PostgreSQL runs alone"
        leave(f"{running_already}{told}. Its folder is {settings.folder.absolute()}")
    except (Failed, NotBegunAnew, embedded.NotStarted) as failure:
        leave(str(failure))
    else:
        raise typer.Exit(status)


@app.command()
def postgres(folder: Folder = None) -> None:
    """Start only the PostgreSQL of a folder that `run` made, to restore or look into it, and keep it until Ctrl-C."""
    from sarkmeli import embedded, running
    from sarkmeli.run_folder import AlreadyRuns
    from sarkmeli.supervisor import Failed

    try:
        running.run_postgres(settings_of(folder=folder))
    except (AlreadyRuns, Failed, embedded.NotStarted) as failure:
        leave(str(failure))


@app.command()
def demo(
    folder: Folder = None,
    story: Annotated[Told, typer.Option(help="Whose: a service's name")] = Told.COMPATRIOT,
) -> None:
    """Tell one person's whole story: to the office that runs in the folder, or to one on a throw-away folder."""
    from sarkmeli.demo import run_demo

    raise typer.Exit(run_demo(settings_of(folder=folder), story))


@app.command()
def migrate(folder: Folder = None) -> None:
    """Make the databases if they are not there, bring their tables to this release, and make or find the keys."""
    from sarkmeli import parts

    settings = begin(folder)
    with parts.plainly():
        parts.prepare(settings)


@app.command()
def api(folder: Folder = None) -> None:
    """Serve the API alone."""
    _part("api", folder)


@app.command()
def runner(folder: Folder = None) -> None:
    """Keep the read models current, alone."""
    _part("runner", folder)


@app.command()
def notices(folder: Folder = None) -> None:
    """Send notices, alone."""
    _part("notices", folder)


@app.command()
def deadlines(folder: Folder = None) -> None:
    """Keep deadlines, alone."""
    _part("deadlines", folder)


@app.command()
def checkpoints(folder: Folder = None) -> None:
    """Publish signed checkpoints of the ledger, alone."""
    _part("checkpoints", folder)


@app.command()
def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if a description is not current.")
    ] = False,
    path: Annotated[Path, typer.Option(help="The file of the GraphQL schema.")] = Path("schema.graphql"),
    stream: Annotated[Path, typer.Option(help="The file of the public stream's description.")] = Path("asyncapi.json"),
) -> None:
    """Write the GraphQL schema and the public stream's description from the code."""
    from api.schema import sdl
    from consumers.relay import asyncapi

    try:
        told = {path: sdl(), stream: asyncapi.current(stream)}
    except asyncapi.Breaking as breaking:
        leave(
            f"{stream} promises its readers otherwise: {breaking}. Give what changed a new version where it is listed"
        )
    for file, text in told.items():
        if not check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            leave(f"{file} is not what the code says: run `make schema`, and read the difference as a client would")


@consumers_app.command("rebase")
def consumers_rebase(
    name: Annotated[str, typer.Argument(help="The consumer: notices.")],
    position: Annotated[int, typer.Argument(help="The ledger position after which it goes on.", min=0)],
    folder: Folder = None,
) -> None:
    """Let a consumer that followed another ledger (before a restore) go on in this one."""
    from sarkmeli.upkeep import rebase_consumer

    with plainly():
        rebase_consumer(begin(folder), name, position)
    typer.echo(f"{name} goes on after {position}")


@bank_app.command("unread")
def bank_unread(folder: Folder = None) -> None:
    """The bank's credit notices that made no sense: money of nobody yet; fails unless there are none."""
    from sarkmeli.upkeep import show_unread

    with plainly():
        none_left = show_unread(begin(folder))
    raise typer.Exit(0 if none_left else 1)


Key = Annotated[
    str | None, typer.Option(help="The verifier key of one log, instead of the key folder's own.", show_default=False)
]

SignerNotes = Annotated[
    Path | None,
    typer.Option(help="A folder with copies of the key folder's checkpoint-*.pub and .signed.", show_default=False),
]


@audit_app.command("verify")
def audit_verify(
    key: Key = None,
    signer_notes: SignerNotes = None,
    history: Annotated[bool, typer.Option("--history", help="Only history, and not the read models.")] = False,
    folder: Folder = None,
) -> None:
    """Compare history with every log's checkpoints, and the read models with history; fails, and says where."""
    from sarkmeli import auditing
    from sarkmeli.read_models import verify_read_models

    with verified():
        settings = auditors(folder, signer_notes)
        well = auditing.verify_ledger(settings, key)
        well = (history or verify_read_models(settings)) and well
    raise typer.Exit(0 if well else 1)


@audit_app.command("prove")
def audit_prove(
    position: Annotated[
        int | None, typer.Option(help="The position of the event to prove.", show_default=False)
    ] = None,
    old: Annotated[int | None, typer.Option("--from", help="Events of the earlier one.", show_default=False)] = None,
    new: Annotated[int | None, typer.Option("--to", help="Events of the later one.", show_default=False)] = None,
    key: Key = None,
    signer_notes: SignerNotes = None,
    folder: Folder = None,
) -> None:
    """Print, as JSON, that an event stands in the last checkpoint, or that one checkpoint extends another."""
    from sarkmeli import auditing

    with verified():
        if position is not None and old is None and new is None:
            typer.echo(auditing.prove_event(auditors(folder, signer_notes), key, position))
        elif position is None and old is not None and new is not None:
            typer.echo(auditing.prove_growth(auditors(folder, signer_notes), key, old, new))
        else:
            leave("say either --position, or both --from and --to")


@audit_app.command("replay")
def audit_replay(
    number: Annotated[str, typer.Argument(help="The case's number.")],
    token: Annotated[
        str, typer.Option(envvar="SARKMELI_STAFF_TOKEN", help="An auditor's bearer token.", show_default=False)
    ],
    as_of: Annotated[
        str | None, typer.Option(help="Only what was recorded by then, as 2026-11-22T10:00+04:00.", show_default=False)
    ] = None,
    language: Tongue = Language.KA,
    folder: Folder = None,
) -> None:
    """Tell a case's events in plain words, with the state after each, to a signed-in auditor, on record."""
    from sarkmeli import replay

    with audited():
        for line in replay.replay_case(begin(folder), number, token, as_of, language):
            typer.echo(line)


def main() -> None:
    """The program."""
    app()


def _part(name: str, folder: Path | None) -> None:
    from sarkmeli import parts
    from sarkmeli.processes import tell_service_manager

    settings = begin(folder)
    with parts.plainly():
        parts.run_part(name, settings, tell_service_manager)
