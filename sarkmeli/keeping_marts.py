"""The marts kept up to date by a process of their own, so forgotten cases leave them unasked.

Folding reads many rows. Where it were to be killed for its memory, nothing that collects dies with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import duckdb
import requests
import structlog
from prometheus_client import Counter, Gauge
from pyiceberg.exceptions import RESTError
from sqlalchemy.exc import DBAPIError

from consumers.analytics.store import Busy, Unopened, opened
from consumers.warehouse.table import open_table
from sarkmeli.settings import Settings
from sarkmeli.warehouse import place_of

log = structlog.get_logger("analytics")

REFRESHED: Final = Gauge(
    "sarkmeli_marts_refreshed_seconds",
    "When the marts were last what the warehouse holds, in seconds since the epoch.",
    multiprocess_mode="max",
)
"""An instant and no age: an age stands still when nobody measures it any more."""

FAILED: Final = Counter("sarkmeli_marts_failures", "Rounds in which the marts could not be brought up to date.")

SOONER: Final = 0.1
"""What failed is tried again after this part of the time between two rounds."""


def marts_file(settings: Settings) -> Path:
    """Where the marts are."""
    return settings.folder.absolute() / "analytics" / "marts.duckdb"


def keep_marts(settings: Settings, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Bring the marts to what the warehouse holds, now and as often as it is tidied, until ``stop``."""
    log.info("keeping the marts", file=str(marts_file(settings)), every=f"{settings.warehouse_tidy_every:g} s")
    ready()
    while not stop.is_set():
        done = keep_marts_once(settings)
        stop.wait(settings.warehouse_tidy_every * (1 if done else SOONER))


def keep_marts_once(settings: Settings) -> bool:
    """Bring the marts to what the warehouse holds now; whether they are. What stands in the way is said and counted.

    A neighbour that is away, a file that another process has open or that is damaged: the next round tries again, and
    the gauge stays where it was.
    """
    file = marts_file(settings)
    try:
        with opened(file) as marts:
            done = marts.refresh(open_table(place_of(settings)))
    except Busy as busy:
        FAILED.inc()
        log.warning("the marts are in use; the next round refreshes them", error=str(busy))
        return False
    except (Unopened, duckdb.Error) as error:
        FAILED.inc()
        log.error("the marts cannot be refreshed: delete the file, it is made anew", file=str(file), error=str(error))
        return False
    except (OSError, RESTError, DBAPIError, requests.RequestException) as error:
        FAILED.inc()
        log.error("the marts cannot be refreshed: what was forgotten may stay in them",
                  error=f"{type(error).__name__}: {error}")  # fmt: skip
        return False
    REFRESHED.set(time.time())
    log.info("refreshed the marts", came=done.came, went=done.went, forgotten=done.forgotten)
    return True
