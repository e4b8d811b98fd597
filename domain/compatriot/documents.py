"""The documents of an application: what each is, and which of them the form needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.faults import Fault, FaultCode

PHOTOGRAPHS = 2
"""So many photographs. Source: the agency's published conditions, "2 ფოტოსურათი"."""
MAX_DOCUMENTS = 12
"""Files that a draft may hold; an answer to a request for information as many again."""


class DocumentKind(StrEnum):
    """What a document is for."""

    PHOTOGRAPH = "PHOTOGRAPH"
    IDENTITY = "IDENTITY"
    """Passport or other document of citizenship and identity."""
    MOTIVATION_LETTER = "MOTIVATION_LETTER"
    INFORMATION = "INFORMATION"
    """An answer to what the officer asked for."""
    OTHER = "OTHER"


@dataclass(frozen=True)
class Document:
    """A file that the sealing gateway has taken in and found sound.

    ``file`` is the id of the sealed copy that is read, with metadata and active parts gone; ``size`` in bytes and
    ``digest``, SHA-256 in hexadecimal, are the copy's. What was really sent is kept beside it as evidence, under the
    id that `housekeeping.uploads.original_of` derives.
    """

    id: UUID
    kind: DocumentKind
    media_type: str
    size: int
    digest: str
    file: UUID


FILED_KINDS = frozenset(DocumentKind) - {DocumentKind.INFORMATION}
"""Kinds that may be enclosed with the form."""


def enclosure_faults(documents: Sequence[Document]) -> Iterator[Fault]:
    """Two different photographs, a document of citizenship and identity, a motivation letter; others are welcome.

    Source: the agency's published conditions, the list of documents that an electronic application must enclose.
    """
    yield from answer_faults(documents)
    kinds = [document.kind for document in documents]
    if not FILED_KINDS.issuperset(kinds):
        yield Fault("documents", FaultCode.DOCUMENT_OF_WRONG_KIND)
    photographs = [document for document in documents if document.kind is DocumentKind.PHOTOGRAPH]
    if len(photographs) != PHOTOGRAPHS:
        yield Fault("documents", FaultCode.PHOTOGRAPHS_NOT_TWO)
    if len({photograph.digest for photograph in photographs}) < len(photographs):
        yield Fault("documents", FaultCode.PHOTOGRAPHS_SAME)
    if DocumentKind.IDENTITY not in kinds:
        yield Fault("documents", FaultCode.IDENTITY_DOCUMENT_MISSING)
    if DocumentKind.MOTIVATION_LETTER not in kinds:
        yield Fault("documents", FaultCode.MOTIVATION_LETTER_MISSING)


def answer_faults(documents: Sequence[Document]) -> Iterator[Fault]:
    """No document twice, and not more than the office takes at once."""
    if len({document.id for document in documents}) < len(documents):
        yield Fault("documents", FaultCode.DOCUMENT_REPEATED)
    if len(documents) > MAX_DOCUMENTS:
        yield Fault("documents", FaultCode.TOO_MANY)


def attachment_faults(document: Document, held: Sequence[Document]) -> Iterator[Fault]:
    """What an officer attaches is not in the case already."""
    if any(document.id == other.id or document.file == other.file for other in held):
        yield Fault("document", FaultCode.DOCUMENT_REPEATED)
