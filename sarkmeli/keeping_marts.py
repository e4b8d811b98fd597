"""The marts brought up to date after each round of tidying the warehouse, so forgotten cases leave them unasked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import duckdb
import structlog
from prometheus_client import Gauge

from consumers.analytics.store import Busy, Unopened, opened
from consumers.warehouse.table import Warehouse
from sarkmeli.settings import Settings

log = structlog.get_logger("analytics")

REFRESHED: Final = Gauge(
    "sarkmeli_marts_refreshed_seconds",
    "When the marts were last what the warehouse holds, in seconds since the epoch.",
    multiprocess_mode="max",
)
"""An instant and no age: an age stands still when nobody measures it any more."""


def marts_file(settings: Settings) -> Path:
    """Where the marts are."""
    return settings.folder.absolute() / "analytics" / "marts.duckdb"


def keep_marts(settings: Settings, warehouse: Warehouse) -> bool:
    """Bring the marts to what the warehouse holds now; whether they are. What stands in the way is logged.

    A file that another process has open, or that is damaged, must not stop the warehouse: the next round tries again,
    and the gauge stays where it was. Raises: what the warehouse's catalog and files raise.
    """
    file = marts_file(settings)
    try:
        with opened(file) as marts:
            done = marts.refresh(warehouse.facts.refresh())
    except Busy as busy:
        log.warning("the marts are in use; the next round refreshes them", error=str(busy))
        return False
    except (Unopened, duckdb.Error) as error:
        log.error("the marts cannot be refreshed: delete the file, it is made anew", file=str(file), error=str(error))
        return False
    REFRESHED.set(time.time())
    log.info("refreshed the marts", came=done.came, went=done.went, forgotten=done.forgotten)
    return True
