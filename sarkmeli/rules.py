"""The services' rules as the settings choose them."""

from __future__ import annotations

from datetime import time, timedelta
from importlib.resources import files

from domain.calendar import ROUND_THE_CLOCK, Hours
from domain.compatriot.fees import parse_schedule
from domain.compatriot.rules import SERVICE
from domain.compatriot.rules import Rules as CompatriotRules
from domain.payments.commands import Rules as PaymentRules
from domain.people import Role
from domain.videobar.rules import Bar
from domain.videobar.rules import Rules as VideobarRules
from sarkmeli.settings import Settings

RECORDING_CONSENT = "v1"
"""The version of texts/*/consents/call-recording that whoever enters the bar agrees to."""


def compatriot_rules(settings: Settings) -> CompatriotRules:
    """Raises: BrokenSchedule, ValueError."""
    schedule = settings.fees_file or files("domain.compatriot") / "fees.toml"
    return CompatriotRules(
        fees=parse_schedule(schedule.read_text(encoding="utf-8")),
        reception_days=settings.reception_days,
        information_days=settings.information_days,
        warning_days=settings.warning_days,
        longest_extension=settings.longest_extension,
        end_moves_for_holidays=settings.end_moves_for_holidays,
        weekdays=frozenset(settings.weekdays),
        holidays=frozenset(settings.holidays),
        refunded_endings=frozenset(settings.refunded_endings),
    )


def videobar_rules(settings: Settings) -> VideobarRules:
    """Raises: ValueError."""
    bar = Bar(staff=Role.OPERATOR, hours=hours(settings), broken_off_limit=settings.broken_off_limit)
    return VideobarRules(bars={SERVICE: bar}, consent=RECORDING_CONSENT)


def payment_rules(settings: Settings) -> PaymentRules:
    """The payments' rules."""
    return PaymentRules(order_lifetime=timedelta(hours=settings.order_hours))


def hours(settings: Settings) -> Hours:
    """When the bar lets people in. Raises: ValueError."""
    if not settings.bar_hours:
        return ROUND_THE_CLOCK
    opens, _, closes = settings.bar_hours.partition("-")
    return Hours(
        time.fromisoformat(opens),
        time.fromisoformat(closes),
        frozenset(settings.weekdays),
        frozenset(settings.holidays),
    )
