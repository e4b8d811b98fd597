"""Consents: given to the text in force, taken back freely unless the application stands on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from domain.language import Language
from domain.refusals import Refusal


class ConsentKind(StrEnum):
    """What a person may consent to. The text of each, by version, stands in ``texts/<language>/consents/``."""

    PERSONAL_DATA = "PERSONAL_DATA"
    """Processing what the form says for the purpose of this application. Without it there is no application."""
    NEWS = "NEWS"
    """News of programmes for compatriots by e-mail. Free to give, free to take back."""
    OBLIGATIONS_BY_SMS = "OBLIGATIONS_BY_SMS"
    """What a taxpayer declared and owes, by SMS. Free to give, free to take back."""
    MESSAGES_BY_EMAIL = "MESSAGES_BY_EMAIL"
    """The Revenue Service's messages to a taxpayer by e-mail. Free to give, free to take back."""


@dataclass(frozen=True)
class ConsentText:
    """A text that one may consent to, in whatever language it is read."""

    kind: ConsentKind
    version: str


@dataclass(frozen=True)
class Consent:
    """To what, to which version of its text, and in which language the text was shown."""

    kind: ConsentKind
    version: str
    language: Language

    @property
    def text(self) -> ConsentText:
        """The text consented to."""
        return ConsentText(self.kind, self.version)


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
