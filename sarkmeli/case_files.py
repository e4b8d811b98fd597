"""Which sealed files a case holds on to: asked of the ledger itself, before an unused upload is erased."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from domain.cases import DRAFT
from domain.compatriot.application import Application
from domain.office import Office
from ledger.reader import Reader


class LedgerFiles:
    """Meets `housekeeping.uploads.CaseFiles`."""

    def __init__(self, office: Office, reader: Reader) -> None:
        self.office = office
        self.reader = reader

    def became(self, draft: UUID) -> bool:
        """Whether a case was filed from ``draft``."""
        return self.office.find(DRAFT, str(draft)) is not None

    def of(self, draft: UUID, case: UUID | None) -> Iterator[UUID]:
        """The files that ``case`` holds, or the case that ``draft`` became, if it became one."""
        stream = case or self.office.find(DRAFT, str(draft))
        if stream is None:
            return
        for recorded in self.reader.stream(stream):
            match recorded.event:
                case Application.Registered() | Application.InformationProvided():
                    yield from recorded.event.files
                case Application.DocumentAttached():
                    yield recorded.event.file
                case _:
                    pass
