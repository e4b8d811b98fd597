"""Bounds short messages: to one number within an hour, and for whoever asks from one place.

Each one costs money and disturbs somebody; so a message is counted before it is sent, and it fails closed. What
anybody may have sent to a number is counted apart from what the office itself sends there: a stranger who fills the one
takes nothing from whoever sits before a consultant, and a full count tells nobody of a call.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.refusals import Refusal
from housekeeping import hourly
from housekeeping.pool import Macs, Pool
from housekeeping.tries import prefix

PER_NUMBER = 5
PER_PREFIX = 30


@dataclass(eq=False)
class TooManyMessages(Refusal):
    """So many short messages went to this number, or were asked for from here; the next may be in ``seconds``."""

    seconds: int

    code = "TOO_MANY_MESSAGES"


class SmsSent:
    """Counts short messages: ``per_number``, for the public and for the office, and ``per_prefix`` within an hour."""

    def __init__(self, pool: Pool, macs: Macs, per_number: int = PER_NUMBER, per_prefix: int = PER_PREFIX) -> None:
        self._pool = pool
        self._macs = macs
        self._per_number = per_number
        self._per_prefix = per_prefix

    def take(self, mobile: str, address: str | None) -> None:
        """Count a message to ``mobile``, before it is sent, that somebody at ``address`` asks for.

        None for the office's own people: many of them sit behind one address. Raises: TooManyMessages, in which case
        nothing was counted; ValueError for what is no address.
        """
        if address is None:
            counted = [(self._macs.mac("sms-number-office", mobile), self._per_number)]
        else:
            counted = [
                (self._macs.mac("sms-number", mobile), self._per_number),
                (self._macs.mac("sms-prefix", prefix(address)), self._per_prefix),
            ]
        with self._pool.connection() as db, db.transaction():
            waits = [hourly.take(db, key, most) for key, most in counted]
            if any(wait is not None for wait in waits):
                raise TooManyMessages(max(wait or 0 for wait in waits))

    def sweep(self) -> int:
        """Remove what was counted more than an hour ago, here and of codes and links; how many rows."""
        return hourly.sweep(self._pool)
