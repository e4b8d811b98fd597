"""The settings of the warehouse: where its tables are, and how the public stream is written into them."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


class WarehouseSettings(BaseSettings):
    """Part of `sarkmeli.settings.Settings`."""

    warehouse: SecretStr = Field(
        default=SecretStr(""),
        description="The Iceberg catalog: https://… of a REST catalog, or a SQLAlchemy address; SQLite's if empty.",
    )
    warehouse_folder: str = Field(
        default="", description="Where the tables' files go: a folder or s3://bucket/prefix; `warehouse` if empty."
    )
    warehouse_token: SecretStr = Field(default=SecretStr(""), description="A bearer token for the REST catalog.")
    warehouse_credential: SecretStr = Field(
        default=SecretStr(""), description="What the REST catalog gives tokens for, as id:secret."
    )
    warehouse_every: float = Field(
        default=10.0, gt=0, le=3600, description="Seconds after which what was collected is committed."
    )
    warehouse_rows: int = Field(
        default=50_000, ge=1, le=1_000_000, description="Records after which it is committed sooner."
    )
    warehouse_tidy_every: float = Field(
        default=3600.0, ge=10, description="Seconds between two rounds of tidying by each collector."
    )
    warehouse_snapshot_hours: float = Field(
        default=24.0, gt=0, le=24 * 30, description="Hours for which older snapshots are kept."
    )
    warehouse_leftover_hours: float = Field(
        default=24.0, ge=3, le=24 * 30, description="Hours after which files of killed writers are deleted."
    )
    warehouse_unreadable_days: float = Field(
        default=30.0, gt=0, description="Days for which records that made no sense are kept."
    )

    @field_validator("warehouse")
    @classmethod
    def _a_catalog_is_one(cls, address: SecretStr) -> SecretStr:
        text = address.get_secret_value()
        if text and not text.startswith(("http://", "https://")):
            try:
                make_url(text)
            except ArgumentError:
                raise ValueError("neither https:// nor a SQLAlchemy address") from None
        return address

    @model_validator(mode="after")
    def _snapshots_outlive_two_rounds(self) -> Self:
        """Else who refreshes after each round would find the snapshot gone that it stands at, and begin anew."""
        if self.warehouse_snapshot_hours * 3600 < 2 * self.warehouse_tidy_every:
            raise ValueError(
                "SARKMELI_WAREHOUSE_SNAPSHOT_HOURS is less than two rounds of tidying, SARKMELI_WAREHOUSE_TIDY_EVERY"
            )
        return self

    def warehouse_unfit_for_production(self) -> list[str]:
        """What stands between these settings and a public service: a catalog that is spoken to in clear."""
        if self.warehouse.get_secret_value().startswith("http://"):
            return ["SARKMELI_WAREHOUSE is not https"]
        return []
