"""The settings of a mirror: read models in a PostgreSQL of their own, fed from Kafka."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class MirrorSettings(BaseSettings):
    """Part of `sarkmeli.settings.Settings`."""

    mirror_database_url: SecretStr | None = Field(
        default=None, description="The database of mirrored read models, apart from the ledger's; no mirror if empty."
    )
    mirror_models: tuple[str, ...] = Field(
        default=("status", "registration"),
        description="The read models that the mirror keeps (JSON list); the look-up by number asks these two.",
    )
