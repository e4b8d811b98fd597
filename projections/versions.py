"""Which versions of which read models have tables here, and removing one that no program uses any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from projections.model import ReadModel
from projections.tracking import Db, forget_version
from projections.turns import BusyElsewhere, take_turn_on

VERSION_DDL: Final = """
CREATE TABLE IF NOT EXISTS reading.version (
    model   text        NOT NULL,
    version integer     NOT NULL,
    tables  text[]      NOT NULL,   -- without schema and version
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version)
)
"""

_BEFORE: Final = """
INSERT INTO reading.version (model, version, tables)
SELECT model, 1, tables FROM (VALUES
    ('status', ARRAY['status', 'status_payment', 'status_call']),
    ('case', ARRAY['case', 'case_payment', 'case_call']),
    ('officer_list', ARRAY['officer_list']),
    ('queue', ARRAY['queue']),
    ('payments', ARRAY['payment', 'payment_refund'])
) AS before (model, tables)
WHERE to_regclass('reading.' || tables[1] || '_v1') IS NOT NULL
ON CONFLICT DO NOTHING
"""
"""Tables that were made before anybody noted which."""

_MADE = (
    "INSERT INTO reading.version (model, version, tables) VALUES ({model}, {version}, {tables}) ON CONFLICT DO NOTHING"
)
_ALL = "SELECT model, version, tables FROM reading.version ORDER BY model, version"
_GONE = "DELETE FROM reading.version WHERE model = %s AND version = %s"


@dataclass(frozen=True)
class Version:
    """One version of a read model that has tables here."""

    model: str
    version: int
    tables: tuple[str, ...]


class InUse(Exception):
    """This program reads and keeps that version: dropping it would stop the office."""


def made(models: Sequence[ReadModel]) -> tuple[str, ...]:
    """The statements that note the versions in force, for whoever makes their tables."""
    noted = (
        sql.SQL(_MADE)
        .format(
            model=sql.Literal(model.name),
            version=sql.Literal(model.version),
            tables=sql.Literal([table.name for table in model.tables]),
        )
        .as_string()
        for model in models
    )
    return (_BEFORE, *noted)


def versions(db: Db) -> list[Version]:
    """Every version that has tables here."""
    return [Version(model, version, tuple(tables)) for model, version, tables in db.execute(_ALL).fetchall()]


def left_behind(db: Db, models: Sequence[ReadModel]) -> list[Version]:
    """The versions that no model of this program is."""
    in_use = {(model.name, model.version) for model in models}
    return [one for one in versions(db) if (one.model, one.version) not in in_use]


def drop_version(db: Db, models: Sequence[ReadModel], name: str, version: int) -> tuple[str, ...]:
    """Drop a version's tables and forget how far it was; the tables that were dropped.

    Raises: LookupError if there is none, InUse if it is this program's own, BusyElsewhere while a runner of another
    release works on it, psycopg.errors.LockNotAvailable while somebody reads it without end.
    """
    found = next((one for one in versions(db) if (one.model, one.version) == (name, version)), None)
    if (name, version) in {(model.name, model.version) for model in models}:
        raise InUse(f"{name} v{version} is in use: this release reads it")
    if found is None:
        there = ", ".join(f"{one.model} {one.version}" for one in left_behind(db, models)) or "none"
        raise LookupError(f"no {name} v{version} was left behind; there is {there}")
    for beside in (False, True):
        if not take_turn_on(db, name, version, beside):
            raise BusyElsewhere(f"a runner of another release works on {name} v{version}: stop it first")
    with db.transaction():
        db.execute("SET LOCAL lock_timeout = '5s'")
        for table in found.tables:
            for end in ("", "_beside"):
                db.execute(
                    sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("reading", f"{table}_v{version}{end}"))
                )
        forget_version(db, name, version)
        db.execute(_GONE, (name, version))
    return tuple(f"reading.{table}_v{version}" for table in found.tables)
