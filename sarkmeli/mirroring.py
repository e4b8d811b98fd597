"""Wiring of a mirror, and what an administrator does to it by hand. It opens neither the ledger nor the key store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.console import Console
from rich.table import Table

from consumers.mirror import retrying
from consumers.mirror.comparing import caught_up, compare_mirror
from consumers.mirror.mirror import Mirror
from consumers.mirror.outgoing import internal_topic
from consumers.mirror.topics import Topics
from ledger.barrier import Barrier
from ledger.connecting import LINK, rows
from projections import partitions, tracking, versions
from projections.all import MODELS, named
from projections.model import ReadModel
from projections.poison import every
from projections.tracking import Place
from projections.turns import session
from sarkmeli.kafka import client
from sarkmeli.migrate import MIRROR, create_databases, migrate_one
from sarkmeli.read_models import apart, left_behind, lines_of, shown
from sarkmeli.rights import keep_to_role
from sarkmeli.roles import DbRole, conninfo_as
from sarkmeli.settings import Settings

LATE: Final = 60.0
"""Seconds for which a record may wait. A mirror that lives is behind by one or two."""

_LAST = "SELECT coalesce(max(position), 0) FROM ledger.event WHERE position <= %s"
_QUARANTINED = "SELECT count(*) FROM reading.quarantine WHERE model = %s AND version = %s AND NOT beside"


class NoMirror(Exception):
    """The settings name no mirror, or one that will not do."""


def mirror_as(settings: Settings, role: DbRole) -> str:
    """libpq connection info of the mirror's database for work that is ``role``'s. Raises: NoMirror."""
    return conninfo_as(_conninfo(settings), role, settings.database_roles)


def models_of(settings: Settings) -> Sequence[ReadModel]:
    """The read models that the mirror keeps."""
    return [named(name) for name in settings.mirror_models]


def open_mirror(settings: Settings) -> Mirror:
    """What keeps the mirror current. Raises: NoMirror, NoKafka, WrongRights, psycopg.Error."""
    conninfo = mirror_as(settings, DbRole.RUNNER)
    keep_to_role(settings, "mirror", conninfo, DbRole.RUNNER, [DbRole.RUNNER])
    with psycopg.connect(conninfo, autocommit=True, **LINK) as db:
        _refuse_ledger(db)
    return Mirror(conninfo, models_of(settings), client(settings), settings.kafka_topic_prefix)


def migrate_mirror(settings: Settings) -> None:
    """Make the mirror's database if it is not there, and bring its tables to this release.

    Raises: NoMirror, TooOld, NotAllowed, psycopg.Error.
    """
    conninfo = _conninfo(settings)
    create_databases(conninfo)
    with psycopg.connect(conninfo, autocommit=True) as db:
        _refuse_ledger(db)
    migrate_one(conninfo, MIRROR, settings.database_roles, login="user" not in conninfo_to_dict(conninfo))


def show_mirror(settings: Settings) -> bool:
    """Print how far each model of the mirror is, partition by partition where it lags; whether all is well."""
    console = Console()
    table = Table("read model", "position", "records behind", "seconds", "quarantined", "stopped")
    models = models_of(settings)
    well, stopped = True, list[str]()
    with session(mirror_as(settings, DbRole.AUDITOR)) as db, Topics(client(settings)) as topics:
        topic = topics.find(internal_topic(settings.kafka_topic_prefix))
        written = topics.written(topic)
        owed = topics.written_before(topic, time.time() - LATE)
        for model in models:
            found, standing = partitions.source_of(db, model), tracking.find(db, Place(model))
            marks = partitions.partitions_of(db, model)
            why = None if found is None else found[1]
            if found is not None and found[0] != topic:
                why = f"it follows {found[0].id}, and {topic.name} is {topic.id} now: {_ANEW} {model.name}`"
            behind = sum(max(0, written[mark.number] - mark.next) for mark in marks if mark.number in written)
            late = [mark.moved_at for mark in marks if mark.next < written.get(mark.number, 0)]
            seconds = max((time.time() - moved.timestamp() for moved in late), default=0.0)
            quarantined = rows(db, _QUARANTINED, (model.name, model.version))[0][0]
            position = "never ran" if standing is None else str(standing.position)
            table.add_row(model.title, position, str(behind), f"{seconds:.1f}", str(quarantined), "yes" if why else "")
            waiting = sum(mark.next < owed.get(mark.number, 0) for mark in marks)
            stopped += [f"stopped: {model.title}: {why}"] if why else []
            stopped += [_late(model.title, waiting)] if waiting and not why else []
            well = well and standing is not None and not why and not quarantined and not waiting
        lines = [*stopped, *apart(every(db), "mirror"), *left_behind(versions.left_behind(db, MODELS), "mirror")]
    console.print(table)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return well


def _late(title: str, partitions_behind: int) -> str:
    return (
        f"late: {title}: in {partitions_behind} partitions records have waited for more than {LATE:.0f} s. Where "
        "no `sarkmeli mirror run` runs, start it; where one does, its log says why"
    )


def compare_with_ledger(settings: Settings, seconds: float) -> bool:
    """Wait until the mirror has what the ledger has now, compare every model, print it; whether all is well."""
    console = Console()
    models = models_of(settings)
    auditor, mirror = settings.ledger_as(DbRole.AUDITOR), mirror_as(settings, DbRole.AUDITOR)
    well = True
    with psycopg.connect(auditor, autocommit=True, **LINK) as ledger:
        last = rows(ledger, _LAST, (Barrier().settled(ledger),))[0][0]
        for model in models:
            with psycopg.connect(mirror, autocommit=True, **LINK) as db:
                if not caught_up(db, model, last, seconds):
                    console.print(
                        f"LATE: {model.title} is not at {last} after {seconds:g} s: what is there is compared"
                    )
                    well = False
            with psycopg.connect(mirror, **LINK) as db, shown(model.title) as told:
                db.read_only = True
                db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                found = compare_mirror(db, ledger, model, told)
            for line in lines_of(found, "mirror"):
                console.print(line, markup=False, soft_wrap=True)
            well = found.is_well and found.unable is None and well
    return well


def begin_anew(settings: Settings, name: str) -> None:
    """Empty a model of the mirror: its members fill it again from the topic's beginning. Raises: LookupError."""
    with session(mirror_as(settings, DbRole.RUNNER)) as db:
        partitions.forget(db, Place(named(name)))


def retry_stream(settings: Settings, name: str, stream: UUID) -> bool:
    """Replay a quarantined stream from the topic and lift its mark; False if it was not quarantined.

    Raises: LookupError, Poison if the model still cannot take it, KafkaError.
    """
    told = client(settings)
    with session(mirror_as(settings, DbRole.RUNNER)) as db, Topics(told) as topics:
        source = topics.find(internal_topic(settings.kafka_topic_prefix))
        return retrying.retry(db, named(name), stream, source, told)


def drop_version(settings: Settings, name: str, version: int) -> tuple[str, ...]:
    """Drop the tables of a version that no program uses; their names. Raises: LookupError, InUse, BusyElsewhere."""
    with session(mirror_as(settings, DbRole.RUNNER)) as db:
        dropped = versions.drop_version(db, MODELS, name, version)
        partitions.forget_version(db, name, version)
        return dropped


_ANEW = "`sarkmeli mirror rebuild"


def _conninfo(settings: Settings) -> str:
    if settings.mirror_database_url is None:
        raise NoMirror("SARKMELI_MIRROR_DATABASE_URL is empty: there is no mirror")
    return make_conninfo(settings.mirror_database_url.get_secret_value())


def _refuse_ledger(db: Connection[tuple[object, ...]]) -> None:
    """A mirror in the ledger's database would write the read models that serve there."""
    if rows(db, "SELECT to_regclass('ledger.event')")[0][0] is not None:
        raise NoMirror(f"SARKMELI_MIRROR_DATABASE_URL: {db.info.dbname} is the ledger's own database")
