"""`sarkmeli mirror …`: read models in a PostgreSQL of their own, fed from Kafka."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer

from sarkmeli.options import Folder, begin, begin_with_kafka, leave
from sarkmeli.projections_commands import Model
from sarkmeli.settings_apart import MirrorAlone

app = typer.Typer(help="Read models in a database of their own, fed from Kafka.", no_args_is_help=True)


@contextmanager
def plainly() -> Generator[None]:
    """As for every command, and what one can mend at the mirror, the topic or the brokers."""
    from kafka.errors import KafkaError

    from consumers.mirror.retrying import NothingCame
    from consumers.mirror.topics import NoTopic
    from projections.partitions import CannotBePartitioned, OtherSource
    from sarkmeli import options
    from sarkmeli.kafka import NoKafka
    from sarkmeli.mirroring import NoMirror

    try:
        with options.plainly():
            yield
    except (NoMirror, NoKafka, NoTopic, NothingCame, OtherSource, CannotBePartitioned) as error:
        leave(str(error))
    except KafkaError as error:
        leave(f"Kafka: {type(error).__name__}: the brokers cannot be reached or do not let us in")


@app.command()
def migrate(folder: Folder = None) -> None:
    """Make the mirror's database if it is not there, and bring its tables and roles to this release."""
    from sarkmeli.mirroring import migrate_mirror

    with plainly():
        migrate_mirror(begin(folder, MirrorAlone))


@app.command()
def run(folder: Folder = None) -> None:
    """Keep the mirror's read models current until SIGTERM; any number of these share the work."""
    from sarkmeli.parts import keep_mirror
    from sarkmeli.processes import tell_service_manager

    with plainly():
        keep_mirror(begin_with_kafka(folder, MirrorAlone), tell_service_manager)


@app.command()
def status(folder: Folder = None) -> None:
    """How far the mirror is behind the internal topic, and what it has quarantined; fails unless all is well."""
    from sarkmeli.mirroring import show_mirror

    with plainly():
        well = show_mirror(begin_with_kafka(folder, MirrorAlone))
    raise typer.Exit(0 if well else 1)


@app.command()
def compare(
    timeout: Annotated[float, typer.Option(help="Seconds that the mirror is given to catch up.", min=0)] = 60.0,
    folder: Folder = None,
) -> None:
    """Wait until the mirror has what the ledger has now, and compare every row; fails, and says where they differ."""
    from sarkmeli.mirroring import compare_with_ledger

    with plainly():
        well = compare_with_ledger(begin(folder, MirrorAlone), timeout)
    raise typer.Exit(0 if well else 1)


@app.command()
def rebuild(model: Model, folder: Folder = None) -> None:
    """Empty a read model of the mirror, to be filled again from the topic's beginning; one that stopped goes on."""
    from sarkmeli.mirroring import begin_anew

    with plainly():
        begin_anew(begin(folder, MirrorAlone), model)
    typer.echo(f"{model} begins anew: `sarkmeli mirror status` tells how far it is")


@app.command()
def retry(
    model: Model,
    stream: Annotated[UUID, typer.Argument(help="The quarantined stream.")],
    folder: Folder = None,
) -> None:
    """Replay a quarantined stream from the topic, after what was wrong has been mended; fails if it has none."""
    from sarkmeli.mirroring import retry_stream

    with plainly():
        lifted = retry_stream(begin_with_kafka(folder, MirrorAlone), model, stream)
    if not lifted:
        leave(f"{model} has not quarantined {stream}: `sarkmeli mirror status` tells what it has")
    typer.echo("lifted")


@app.command()
def drop(
    model: Model,
    version: Annotated[int, typer.Argument(help="The version, as `mirror status` tells it.", min=1)],
    folder: Folder = None,
) -> None:
    """Remove the tables of a version that no release uses any more; refuses the one that this release uses."""
    from psycopg.errors import LockNotAvailable

    from projections.versions import InUse
    from sarkmeli.mirroring import drop_version

    try:
        with plainly():
            dropped = drop_version(begin(folder, MirrorAlone), model, version)
    except InUse as error:
        leave(str(error))
    except LockNotAvailable:
        leave(f"{model} v{version} is being read: stop the release that reads it, then try again")
    typer.echo(f"dropped {', '.join(dropped)}")
