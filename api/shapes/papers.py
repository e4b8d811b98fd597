"""What is sealed of a case, opened: the form, the documents, what was asked and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from domain.compatriot import documents, form
from projections.dossier import Dossier, Paper

Open = Mapping[str, Any]
"""A sealed part's fields by name; one that was erased is `domain.event.ERASED`."""


@dataclass(frozen=True)
class Said:
    """Something said after registration: by whom the event's name tells."""

    event: str
    at: datetime
    text: str | None
    documents: tuple[documents.Document, ...]


@dataclass(frozen=True)
class Papers:
    """Everything personal that stands in a dossier; None or empty where it was erased."""

    number: str | None
    cash_reference: str | None
    form: form.Form | None
    filed: tuple[documents.Document, ...]
    said: tuple[Said, ...]
    refusal: str | None

    @property
    def all_documents(self) -> tuple[documents.Document, ...]:
        """The filed documents and those that came later, in their order."""
        return (*self.filed, *(document for each in self.said for document in each.documents))


def sealed_parts(dossier: Dossier) -> list[Any]:
    """The sealed parts that `papers_of` takes opened, in the same order."""
    parts = [dossier.registration, *(paper.sealed for paper in dossier.papers), dossier.refusal]
    return [part for part in parts if part is not None]


def papers_of(dossier: Dossier, opened: Sequence[Open]) -> Papers:
    """The dossier's papers from what `sealed_parts` gave, opened."""
    parts = iter(opened)
    registration = next(parts)
    said = tuple(_said(paper, next(parts) if paper.sealed is not None else {}) for paper in dossier.papers)
    refusal: Open = next(parts) if dossier.refusal is not None else {}
    filed_form = registration.get("form")
    return Papers(
        number=_text(registration.get("number")),
        cash_reference=_text(registration.get("cash_reference")),
        form=filed_form if isinstance(filed_form, form.Form) else None,
        filed=_documents(registration.get("documents")),
        said=said,
        refusal=_text(refusal.get("reasons")),
    )


def _said(paper: Paper, opened: Open) -> Said:
    text = _text(opened.get("text")) or _text(opened.get("reasons"))
    enclosed = (*_documents(opened.get("documents")), *_documents(opened.get("document")))
    return Said(paper.event, paper.at, text, enclosed)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _documents(value: Any) -> tuple[documents.Document, ...]:
    if isinstance(value, documents.Document):
        return (value,)
    return cast(tuple[documents.Document, ...], value) if isinstance(value, tuple) else ()
