"""Look-ups by number: five wrong codes at a number from one place, sixty from one place at all; see `tries`."""

from __future__ import annotations

from housekeeping.pool import Macs, Pool
from housekeeping.tries import Limits, TooManyTries, Tries, prefix

__all__ = ["ALARM_AT", "PER_PAIR", "PER_PREFIX", "Lookups", "TooManyTries", "prefix"]

PER_PAIR = 5
"""Wrong codes allowed in 15 minutes at one number from one prefix."""
PER_PREFIX = 60
"""Wrong codes allowed in 15 minutes from one prefix, over all numbers."""
ALARM_AT = 50
"""Wrong codes in 15 minutes at one number, over all prefixes, that raise an alarm and nothing else."""


class Lookups(Tries):
    """The counters of tries at a number's code."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        super().__init__(pool, macs, "look-up", Limits(PER_PAIR, PER_PREFIX, ALARM_AT))
