"""The database roles of the office: who connects for which work, and what each of them may do. This is the one place.

Nobody else may anything: see `sarkmeli.migrate`, which makes the roles and grants exactly this, each time anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PREFIX: Final = "sarkmeli"
"""What the roles' names begin with, unless the office's settings say otherwise: roles are a whole server's."""


class DbRole(StrEnum):
    """What a connection is for. A role's name in PostgreSQL is the office's prefix and this, as ``sarkmeli_app``."""

    OWNER = "owner"
    """Owns ledger, housekeeping and key store. Only a migration works as it, and for no longer than it takes."""
    APP = "app"
    """The API, the notices, the deadlines: appends, reads, keeps house, mints subjects."""
    RUNNER = "runner"
    """The projections: reads the ledger, owns the read models. Opens nothing that is sealed."""
    SIGNER = "signer"
    """The checkpoints: reads the ledger, keeps the tree over it, notes what was signed."""
    ERASER = "eraser"
    """Erasure and the turning of epochs: destroys keys, removes what tells of an erased case."""
    RELAY = "relay"
    """The relay to Kafka: reads the ledger and the keys that pseudonyms come from, says how far it is."""
    AUDITOR = "auditor"
    """Looks at ledger and read models, and changes nothing."""

    def named(self, prefix: str) -> str:
        """The role's name in PostgreSQL."""
        return f"{prefix}_{self.value}"


WORKERS: Final = tuple(role for role in DbRole if role is not DbRole.OWNER)
"""Those whom processes connect as."""


@dataclass(frozen=True)
class May:
    """What each role may do with one thing, in SQL's own words; nothing where nothing is said."""

    on: str
    app: str = ""
    runner: str = ""
    signer: str = ""
    eraser: str = ""
    relay: str = ""
    auditor: str = ""

    @property
    def schema(self) -> str:
        """The schema that it is, or is in."""
        return self.on.split()[-1].split(".")[0]

    def of(self, role: DbRole) -> str:
        """The privileges of one role, as GRANT lists them."""
        return "" if role is DbRole.OWNER else getattr(self, role.value)


R, RW = "SELECT", "SELECT, INSERT, UPDATE, DELETE"
RUN, USE = "EXECUTE", "USAGE"

LEDGER_RIGHTS: Final = (
    May("SCHEMA ledger", app=USE, runner=USE, signer=USE, eraser=USE, relay=USE, auditor=USE),
    # History has one door; nobody writes past it, whoever may knock.
    May("FUNCTION ledger.append", app=RUN),
    May("FUNCTION ledger.keep_lineage", app=RUN, runner=RUN, relay=RUN),
    May("FUNCTION ledger.turn_months", app=RUN),
    May("TABLE ledger.event", app=R, runner=R, signer=R, eraser=R, relay=R, auditor=R),
    May("TABLE ledger.lineage", app=R, runner=R, signer=R, eraser=R, relay=R, auditor=R),
    May("SEQUENCE ledger.position", app=R, runner=R, signer=R, eraser=R, relay=R, auditor=R),
    May("TABLE ledger.key_store", app=R, signer=R, eraser=R, relay=R, auditor=R),
    May("TABLE ledger.address", app=R, eraser="SELECT, UPDATE, DELETE"),
    May("TABLE ledger.command", app=R, eraser="SELECT, DELETE"),
    May("TABLE ledger.tree", app=R, signer="SELECT, UPDATE", auditor=R),
    May("TABLE ledger.tile", app=R, signer="SELECT, INSERT, UPDATE", auditor=R),
    May("TABLE ledger.checkpoint", app=R, signer="SELECT, INSERT", auditor=R),
    # The runner owns the read models: only who owns a table may drop it, and it makes and drops them by version.
    May("SCHEMA reading", app=USE, auditor=USE),
    May("ALL TABLES IN SCHEMA reading", app=R, auditor=R),
    May("SCHEMA housekeeping", app=USE, relay=USE),
    May("ALL TABLES IN SCHEMA housekeeping", app=RW),
    May("TABLE housekeeping.relay", relay=RW),
    # It gives each public fact its number and says what is forgotten; who erases takes numbers away.
    May("TABLE housekeeping.publication", relay="SELECT, UPDATE"),
    May("TABLE housekeeping.published_case", relay="SELECT, INSERT, UPDATE"),
    May("TABLE housekeeping.published_stream", relay="SELECT, INSERT, UPDATE"),
    May("TABLE housekeeping.published_fact", relay="SELECT, INSERT"),
    May("TABLE housekeeping.forgotten", relay="SELECT, DELETE"),
    May("ALL ROUTINES IN SCHEMA housekeeping", app=RUN),
)
"""In the ledger's database."""

KEYS_RIGHTS: Final = (
    May("SCHEMA keystore", app=USE, eraser=USE, relay=USE),
    May("TABLE keystore.identity", app=R, eraser=R, relay=R),
    May("TABLE keystore.secret", app=R, eraser=R, relay=R),
    May("TABLE keystore.epoch", app=R, eraser="SELECT, INSERT, UPDATE", relay=R),
    May("TABLE keystore.register_read", app=R, eraser="SELECT, INSERT, UPDATE"),
    May("TABLE keystore.subject", app="SELECT, INSERT", eraser="SELECT, UPDATE", relay=R),
    May("FUNCTION keystore.mint", app=RUN),
    May("FUNCTION keystore.mint_for", app=RUN),
)
"""In the key store's database."""

MIRROR_RIGHTS: Final = tuple(may for may in LEDGER_RIGHTS if may.schema == "reading")
"""In a mirror's database: what the read models may be used for beside the ledger."""

READERS: Final = (DbRole.APP, DbRole.AUDITOR)
"""Who may read what the runner makes."""

OWNERS: Final = {
    "ledger": DbRole.OWNER,
    "housekeeping": DbRole.OWNER,
    "keystore": DbRole.OWNER,
    "reading": DbRole.RUNNER,
}
"""Whose each schema is, and everything in it."""


def conninfo_as(conninfo: str, role: DbRole, prefix: str = PREFIX) -> str:
    """libpq connection info with which one works as ``role``.

    Where ``conninfo`` names no user, the role itself logs in. Otherwise that user does, and becomes the role before
    the first statement, for which it must be a member of it.
    """
    if not conninfo_to_dict(conninfo).get("user"):
        return make_conninfo(conninfo, user=role.named(prefix))
    return become(conninfo, role, prefix)


def become(conninfo: str, role: DbRole, prefix: str = PREFIX) -> str:
    """libpq connection info with which the same login becomes ``role`` before its first statement."""
    options = conninfo_to_dict(conninfo).get("options") or ""
    return make_conninfo(conninfo, options=f"{options} -c role={role.named(prefix)}".strip())
