"""What the operator compares during the call: each check with its source and verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class CheckKind(StrEnum):
    """The facts that are compared (seed 000: surname, first name, validity of the document, citizenship, picture)."""

    SURNAME = "SURNAME"
    FIRST_NAME = "FIRST_NAME"
    DOCUMENT_VALIDITY = "DOCUMENT_VALIDITY"
    CITIZENSHIP = "CITIZENSHIP"
    PICTURE = "PICTURE"


class Source(StrEnum):
    """What a fact was compared with."""

    CIVIL_REGISTRY = "CIVIL_REGISTRY"
    """Where the person has a Georgian personal number."""
    UPLOADED_DOCUMENT = "UPLOADED_DOCUMENT"
    """Otherwise: what was uploaded with the form."""


class Verdict(StrEnum):
    """What the comparison gave."""

    MATCHES = "MATCHES"
    DIFFERS = "DIFFERS"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    """The source did not answer or does not say. Never a pass."""


@dataclass(frozen=True)
class Check:
    """One comparison."""

    source: Source
    verdict: Verdict

    @property
    def passes(self) -> bool:
        return self.verdict is Verdict.MATCHES


@dataclass(frozen=True)
class Checks:
    """Everything that the operator compared; None is a check not made yet. Visual contact is a check of its own."""

    surname: Check | None = None
    first_name: Check | None = None
    document_validity: Check | None = None
    citizenship: Check | None = None
    picture: Check | None = None
    visual_contact: bool = False

    def each(self) -> Iterator[tuple[CheckKind, Check | None]]:
        """Every check by its kind, in the order of the form."""
        yield CheckKind.SURNAME, self.surname
        yield CheckKind.FIRST_NAME, self.first_name
        yield CheckKind.DOCUMENT_VALIDITY, self.document_validity
        yield CheckKind.CITIZENSHIP, self.citizenship
        yield CheckKind.PICTURE, self.picture

    def missing(self) -> tuple[CheckKind, ...]:
        """The checks not made."""
        return tuple(kind for kind, check in self.each() if check is None)

    def not_passed(self) -> tuple[CheckKind, ...]:
        """The checks made that are no pass: what differs and what was not available."""
        return tuple(kind for kind, check in self.each() if check is not None and not check.passes)

    def of_other_source(self, source: Source) -> tuple[CheckKind, ...]:
        """The checks made against anything but ``source``."""
        return tuple(kind for kind, check in self.each() if check is not None and check.source is not source)
