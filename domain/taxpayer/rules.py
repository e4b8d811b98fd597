"""The settings of the taxpayer rules: what the office may choose, with the values that it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from domain.consents import ConsentKind, ConsentText

SERVICE = "taxpayer"
"""The service's name: in codes, in the bar's queue, in read models."""


@dataclass(frozen=True)
class Rules:
    """Every setting of this service. Days are calendar days in Tbilisi.

    What a setting decided for a registration stands in its events: a changed setting changes none that waits.
    """

    activation_days: int = 30
    """A registration that nobody activated expires after so many days."""
    warning_days: int = 7
    """So many days lie between the warning and the last day, at least."""
    link_lasts: timedelta = timedelta(hours=24)
    """For so long an activation link opens."""
    consents: tuple[ConsentText, ...] = (
        ConsentText(ConsentKind.OBLIGATIONS_BY_SMS, "v1"),
        ConsentText(ConsentKind.MESSAGES_BY_EMAIL, "v1"),
    )
    """The version of each consent's text that is in force; ``texts/`` holds the words."""

    def __post_init__(self) -> None:
        if not 0 < self.warning_days < self.activation_days:
            raise ValueError("the warning comes before the last day and not before the first")
        if self.link_lasts <= timedelta():
            raise ValueError("a link opens for some time")
