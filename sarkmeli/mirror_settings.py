"""The settings of a mirror: read models in a PostgreSQL of their own, fed from Kafka."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
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

    @field_validator("mirror_models")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Loaded only where the setting is given: no other setting needs the read models."""
        from projections.all import MODELS

        known = [model.name for model in MODELS if not model.halts]
        for name in names:
            if name not in known:
                raise ValueError(f"no read model {name} that can be mirrored; there are {', '.join(known)}")
        if len(set(names)) < len(names):
            raise ValueError("a read model is named twice")
        return names
