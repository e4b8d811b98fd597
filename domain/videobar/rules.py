"""The video bar's settings: whose staff serve which service, when one may enter, when the office gives up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from domain.calendar import Hours
from domain.people import Role


@dataclass(frozen=True)
class Bar:
    """One service's window at the video bar."""

    staff: Role
    """Who calls its applicants in: operators, or the Revenue Service's consultants."""
    hours: Hours
    """When one may enter; who entered before closing is served."""
    consent: str
    """The version of the consent to recording that is in force at this bar; texts/ holds its words."""
    consent_kind: str = "CALL_RECORDING"
    """The name of its text in texts/*/consents."""
    declares: bool = False
    """Whether one tells who one is before entering, for the staff to compare."""
    broken_off_limit: int = 3
    """After so many calls broken off for want of visual contact, the electronic application is refused reception."""

    def __post_init__(self) -> None:
        if self.broken_off_limit < 1:
            raise ValueError("no application is refused reception before a call of its was broken off")


@dataclass(frozen=True)
class Rules:
    """Every setting of the video bar."""

    bars: Mapping[str, Bar]
    """By service."""
    longest_sitting: timedelta = timedelta(hours=4)
    """After so long without an end, an operator is taken to have gone away, and the office takes the call back."""
