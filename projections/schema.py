"""What `sarkmeli migrate` applies for the read side, in order. Every statement is repeatable."""

from __future__ import annotations

from projections.all import MODELS
from projections.partitions import PARTITION_DDL
from projections.poison import QUARANTINE_DDL
from projections.tracking import SCHEMA_DDL, TRACKING_DDL
from projections.turns import RUNNER_DDL
from projections.versions import VERSION_DDL, made

PROJECTIONS_DDL: tuple[str, ...] = (
    SCHEMA_DDL,
    TRACKING_DDL,
    RUNNER_DDL,
    QUARANTINE_DDL,
    VERSION_DDL,
    *(table.create() for model in MODELS for table in model.tables),
    *made(MODELS),
)

MIRROR_DDL: tuple[str, ...] = (*PROJECTIONS_DDL, PARTITION_DDL)
"""The same in a database that has no ledger beside it."""
