"""What the commands share: their common option, the settings, and how a failure is said."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from domain.language import Language
from sarkmeli.settings import Settings

Folder = Annotated[Path | None, typer.Option(help="Instead of SARKMELI_FOLDER.", show_default=False)]
Tongue = Annotated[Language, typer.Option(case_sensitive=False, help="In which language it is told.")]


@contextmanager
def plainly() -> Generator[None]:
    """What a person can mend is said in a sentence, and the command fails."""
    from projections.poison import Poison
    from projections.runner import BusyElsewhere
    from sarkmeli import parts

    try:
        with parts.plainly():
            yield
    except (LookupError, BusyElsewhere, Poison) as error:
        leave(str(error.args[0] if isinstance(error, LookupError) and error.args else error))


@contextmanager
def audited() -> Generator[None]:
    """As `plainly`, for what an auditor can mend."""
    from ledger.audit import NotProven
    from ledger.checkpoint import BadCheckpoint
    from sarkmeli.replay import NotShown
    from sarkmeli.signed_in import NotSignedIn

    try:
        with plainly():
            yield
    except (NotProven, NotShown, NotSignedIn, BadCheckpoint) as error:
        leave(str(error))


@contextmanager
def verified() -> Generator[None]:
    """As `audited`, for what reads the signer's notes."""
    try:
        with audited():
            yield
    except PermissionError as error:
        leave(
            f"{error.filename}: this account may not read it. Have checkpoint-*.pub and checkpoint-*.signed copied "
            "from the key folder to one that it may read, and name that by --signer-notes"
        )


def auditors(folder: Path | None, signer_notes: Path | None) -> Settings:
    """As `begin`, with the signer's notes in ``signer_notes`` if it is given. Raises: PermissionError."""
    settings = begin(folder)
    if signer_notes is not None:
        settings = settings.model_copy(update={"key_folder": signer_notes})
    with suppress(FileNotFoundError):
        for name in os.listdir(settings.keys):
            if name.startswith("checkpoint-") and name.endswith((".pub", ".signed")):
                (settings.keys / name).open("rb").close()
    return settings


def begin(folder: Path | None, kind: type[Settings] = Settings) -> Settings:
    """The settings, with logging set up; ``kind`` says what production asks for. Leaves if one will not do."""
    from sarkmeli.logs import configure

    settings = settings_of(kind, folder=folder)
    configure(settings)
    return settings


def begin_with_kafka(folder: Path | None, kind: type[Settings] = Settings) -> Settings:
    """As `begin`, for who speaks to Kafka: where the settings name none, that of the `run` in their folder is meant."""
    from sarkmeli.run_folder import RunFolder

    settings = begin(folder, kind)
    addresses = None if settings.has_kafka else RunFolder(settings.folder).addresses()
    if addresses is None or not addresses.kafka:
        return settings
    return settings.model_copy(update={"kafka_bootstrap_servers": addresses.kafka})


def settings_of(kind: type[Settings] = Settings, **given: Any) -> Settings:
    """From the environment, and from the options where they were given. Leaves if one will not do."""
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        said = "; ".join(
            (f"SARKMELI_{str(fault['loc'][0]).upper()}: " if fault["loc"] else "")
            + fault["msg"].removeprefix("Value error, ")
            for fault in faults
        )
        leave(said)
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        leave(f"SARKMELI_{named[1].upper() if named else '…'}: not a JSON value of the kind that is asked for")


def leave(text: str) -> NoReturn:
    """Say why, and fail."""
    typer.echo(text, err=True)
    raise typer.Exit(1)
