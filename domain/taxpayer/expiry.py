"""When a registration that nobody activated expires, and that nothing expires unwarned."""

from __future__ import annotations

from datetime import date, timedelta

from domain.taxpayer.refusals import ExpiryAlreadyWarned, ExpiryNotDue, ExpiryNotWarned


def warning_day(activation_until: date, warning_days: int) -> date:
    """The first day on which a warning is sent: ``warning_days`` before the last day."""
    return activation_until - timedelta(days=warning_days)


def refuse_unless_to_be_warned(activation_until: date, today: date, warning_days: int, *, warned: bool) -> None:
    """The last days have come and the taxpayer was not warned. Raises: ExpiryAlreadyWarned, ExpiryNotDue."""
    if warned:
        raise ExpiryAlreadyWarned(activation_until)
    if today < (day := warning_day(activation_until, warning_days)):
        raise ExpiryNotDue(day)


def refuse_unless_expired(activation_until: date, today: date, *, warned: bool) -> None:
    """The taxpayer was warned and the last day is past. Raises: ExpiryNotWarned, ExpiryNotDue."""
    if not warned:
        raise ExpiryNotWarned
    if today <= activation_until:
        raise ExpiryNotDue(activation_until + timedelta(days=1))
