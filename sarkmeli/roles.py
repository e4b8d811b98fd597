"""The database roles of the office: who connects for which work, and how a connection is made theirs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

DEFAULT_PREFIX: Final = "sarkmeli"


class DbRole(StrEnum):
    """What a connection is for. A role's name in PostgreSQL is the office's prefix and this, as ``sarkmeli_app``."""

    OWNER = "owner"
    """Owns ledger, housekeeping and key store. Only a migration works as it, and for no longer than it takes."""
    APP = "app"
    """The API, the notices, the deadlines: appends, reads, keeps house, mints subjects."""
    RUNNER = "runner"
    """The projections: reads the ledger, owns the read models."""
    SIGNER = "signer"
    """The checkpoints: reads the ledger, keeps the tree over it, notes what was signed."""
    ERASER = "eraser"
    """Erasure and the turning of epochs: destroys keys, removes what tells of an erased case."""
    AUDITOR = "auditor"
    """Looks at ledger and read models, and changes nothing."""

    def named(self, prefix: str) -> str:
        """The role's name in PostgreSQL."""
        return f"{prefix}_{self.value}"


def conninfo_as(conninfo: str, role: DbRole, prefix: str) -> str:
    """libpq connection info with which one works as ``role``.

    Where ``conninfo`` names no user, the role itself logs in. Otherwise that user does, and becomes the role before
    the first statement, for which it must be a member of it.
    """
    given = conninfo_to_dict(conninfo)
    name = role.named(prefix)
    if not given.get("user"):
        return make_conninfo(conninfo, user=name)
    options = f"{given.get('options') or ''} -c role={name}".strip()
    return make_conninfo(conninfo, options=options)
