"""Things to be done again and again as time goes by, each in a thread of its own so that none waits for another."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
import structlog
from eventsourcing.persistence import OperationalError

from ledger.kms import KmsUnavailable

LONGEST_PAUSE = 60.0
"""Seconds between two tries of a duty that keeps failing."""


AWAY: Final = (psycopg.OperationalError, OperationalError, KmsUnavailable)
"""PostgreSQL is away, also as the ledger says it, or what holds the keys: nothing is wrong with the duty."""


class Later(Exception):
    """A neighbour is away: the duty's round ends here and what is left is done in a later one."""


@dataclass(frozen=True)
class Duty:
    """Something done every so often; ``do`` gives how many things it did."""

    name: str
    every: float
    do: Callable[[], int]


class Duties:
    """Does every duty on its own rhythm until told to stop. ``name`` is the part of the office that does them."""

    def __init__(self, name: str, duties: Sequence[Duty]) -> None:
        self.duties = tuple(duties)
        self._log = structlog.get_logger(name)

    def run_once(self) -> dict[str, int]:
        """One round of each, in order; how many things each did. Raises what a duty raises."""
        return {duty.name: duty.do() for duty in self.duties}

    def run_forever(self, stop: threading.Event) -> None:
        """Round after round until ``stop`` is set; a duty that fails is said and tried again, ever more seldom."""
        threads = [
            threading.Thread(target=self._keep, args=(duty, stop), name=f"duty {duty.name}") for duty in self.duties
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _keep(self, duty: Duty, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                done = duty.do()
            except Later as later:
                failures += 1
                self._log.warning("put off", duty=duty.name, why=str(later))
            except AWAY as error:
                failures += 1
                self._log.warning(
                    "the database is away, or what holds the keys", duty=duty.name, error=type(error).__name__
                )
            except Exception as error:  # noqa: BLE001 - said, and tried again
                failures += 1
                self._log.error("duty failed", duty=duty.name, error=type(error).__name__, exc_info=failures == 1)
            else:
                failures = 0
                if done:
                    self._log.info("done", duty=duty.name, count=done)
            pause = min(duty.every * 2 ** min(failures, 10), max(LONGEST_PAUSE, duty.every))
            stop.wait(pause * random.uniform(0.8, 1.0))
