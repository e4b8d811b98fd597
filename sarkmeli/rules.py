"""The services' rules as the settings choose them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, time, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from domain.calendar import REVENUE_SERVICE, ROUND_THE_CLOCK, Hours
from domain.compatriot.fees import parse_schedule
from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.compatriot.rules import Rules as CompatriotRules
from domain.payments.commands import Rules as PaymentRules
from domain.people import Role
from domain.taxpayer.centres import Centres, parse_centres
from domain.taxpayer.rules import SERVICE as TAXPAYER
from domain.taxpayer.rules import Rules as TaxpayerRules
from domain.videobar.rules import Bar
from domain.videobar.rules import Rules as VideobarRules
from sarkmeli.settings import Settings, WrongFile

T = TypeVar("T")

RECORDING_CONSENT = "v1"
"""The version of texts/*/consents/call-recording that whoever enters the compatriots' bar agrees to."""
TAXPAYER_RECORDING_CONSENT = "v1"
"""The version of texts/*/consents/taxpayer-call-recording that whoever enters the taxpayers' bar agrees to."""


def compatriot_rules(settings: Settings) -> CompatriotRules:
    """Raises: WrongFile, ValueError."""
    return CompatriotRules(
        fees=_from_file("fees_file", settings.fees_file, files("domain.compatriot") / "fees.toml", parse_schedule),
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
    compatriots = Bar(
        staff=Role.OPERATOR,
        hours=hours(settings),
        consent=RECORDING_CONSENT,
        broken_off_limit=settings.broken_off_limit,
    )
    taxpayers = Bar(
        staff=Role.CONSULTANT,
        hours=taxpayer_hours(settings),
        consent=TAXPAYER_RECORDING_CONSENT,
        consent_kind="TAXPAYER_CALL_RECORDING",
        declares=True,
        broken_off_limit=settings.broken_off_limit,
    )
    return VideobarRules(bars={COMPATRIOT: compatriots, TAXPAYER: taxpayers})


def taxpayer_rules(settings: Settings) -> TaxpayerRules:
    """Raises: ValueError."""
    return TaxpayerRules(
        activation_days=settings.activation_days,
        warning_days=settings.warning_days,
        link_lasts=timedelta(hours=settings.link_hours),
    )


def service_centres(settings: Settings) -> Centres:
    """The service centres and the places that one may name. Raises: WrongFile."""
    ours = files("domain.taxpayer")
    places = (ours / "places.toml").read_text(encoding="utf-8")
    return _from_file(
        "centres_file", settings.centres_file, ours / "centres.toml", lambda text: parse_centres(text, places)
    )


def payment_rules(settings: Settings) -> PaymentRules:
    """The payments' rules."""
    return PaymentRules(order_lifetime=timedelta(hours=settings.order_hours))


def hours(settings: Settings) -> Hours:
    """When the compatriots' bar lets people in. Raises: ValueError."""
    return _hours(settings.bar_hours, settings.weekdays, settings.holidays)


def taxpayer_hours(settings: Settings) -> Hours:
    """When the taxpayers' bar lets people in: its published hours, unless others are set. Raises: ValueError."""
    if not settings.taxpayer_bar_hours and not settings.uses_sandbox:
        weekdays, holidays = frozenset(settings.taxpayer_weekdays), frozenset(settings.taxpayer_holidays)
        return replace(REVENUE_SERVICE, weekdays=weekdays, holidays=holidays)
    return _hours(settings.taxpayer_bar_hours, settings.taxpayer_weekdays, settings.taxpayer_holidays)


def _hours(written: str, weekdays: Collection[int], holidays: Collection[date]) -> Hours:
    if not written:
        return ROUND_THE_CLOCK
    opens, _, closes = written.partition("-")
    return Hours(time.fromisoformat(opens), time.fromisoformat(closes), frozenset(weekdays), frozenset(holidays))


def _from_file(setting: str, given: Path | None, ours: Traversable, parse: Callable[[str], T]) -> T:
    """What ``parse`` makes of the file that a setting names, or of ours. Raises: WrongFile."""
    try:
        return parse((given or ours).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongFile(f"SARKMELI_{setting.upper()}: {error}") from error
