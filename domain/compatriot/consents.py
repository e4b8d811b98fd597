"""Consents: given to the text in force, taken back freely unless the application stands on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from domain.compatriot.form import Consent, ConsentKind, ConsentText
from domain.refusals import Refusal


@dataclass(eq=False)
class ConsentTextOutdated(Refusal):
    """The text consented to is not in force: it must be read again."""

    code = "CONSENT_TEXT_OUTDATED"


@dataclass(eq=False)
class ConsentNotGiven(Refusal):
    """What was not given is not taken back."""

    code = "CONSENT_NOT_GIVEN"

    kind: ConsentKind


@dataclass(eq=False)
class ConsentNeeded(Refusal):
    """The application stands on this consent; who takes it back withdraws the application."""

    code = "CONSENT_NEEDED"

    kind: ConsentKind


def refuse_unless_in_force(consent: Consent, texts: Collection[ConsentText]) -> None:
    """Raises: ConsentTextOutdated."""
    if consent.text not in texts:
        raise ConsentTextOutdated


def refuse_unless_retractable(
    kind: ConsentKind, given: Collection[ConsentKind], required: Collection[ConsentKind], *, running: bool
) -> None:
    """Given, and not one on which a ``running`` application stands. Raises: ConsentNotGiven, ConsentNeeded."""
    if kind not in given:
        raise ConsentNotGiven(kind)
    if running and kind in required:
        raise ConsentNeeded(kind)
