"""Wrong passwords at a username are counted, and nobody locks its holder out; so are questions for usernames.

The same username written with look-alikes is the same username, as everywhere.
"""

from __future__ import annotations

from housekeeping.pool import Macs, Pool
from housekeeping.tries import Limits, Tries

PER_PAIR = 5
"""Wrong passwords allowed in 15 minutes at one username from one prefix."""
PER_PREFIX = 60
"""Wrong passwords allowed in 15 minutes from one prefix, over all usernames."""
ALARM_AT = 50
"""Wrong passwords in 15 minutes at one username, over all prefixes, that raise an alarm and nothing else."""


QUESTIONS = 60
"""Questions in 15 minutes from one prefix whether a username is free: that it is taken is told, and slowly."""


class SignInTries(Tries):
    """The counters of tries at a username's password."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        super().__init__(pool, macs, "taxpayer-sign-in", Limits(PER_PAIR, PER_PREFIX, ALARM_AT))


class UsernameQuestions(Tries):
    """The counters of questions whether a username is free, whatever username; nothing gives them back."""

    def __init__(self, pool: Pool, macs: Macs) -> None:
        super().__init__(pool, macs, "username-question", Limits(QUESTIONS, QUESTIONS, alarm_at=0))
