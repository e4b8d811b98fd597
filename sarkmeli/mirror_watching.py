"""The mirror as it is seen from beside the ledger. Nothing of Kafka's is loaded for that."""

from __future__ import annotations

from projections.all import named
from projections.mirrored import Mirrored
from sarkmeli.roles import DbRole, conninfo_as
from sarkmeli.settings import Settings


def watched_mirror(settings: Settings) -> Mirrored | None:
    """The mirror that the settings name, if they name one."""
    if settings.mirror_database_url is None:
        return None
    conninfo = settings.mirror_database_url.get_secret_value()
    models = [named(name) for name in settings.mirror_models]
    return Mirrored(conninfo_as(conninfo, DbRole.APP, settings.database_roles), models)
