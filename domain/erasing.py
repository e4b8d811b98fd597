"""Erasing a case, of whatever service: what belongs to it, and the commands that every service has for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.erasure import LegalGround
from domain.event import Act, Root
from domain.office import Receipt, UnknownCase
from domain.people import SubjectId


class ErasableCase(Protocol):
    """A case, as far as its erasure goes."""

    @property
    def id(self) -> UUID: ...

    @property
    def is_forgotten(self) -> bool:
        """Whether its personal data are erased, or are to be."""
        ...

    @property
    def is_erased(self) -> bool:
        """Whether that is done."""
        ...


class Belongings(Protocol):
    """A case and every stream that says something of its people."""

    @property
    def case(self) -> ErasableCase: ...

    @property
    def draft(self) -> UUID:
        """What the case was filed from."""
        ...

    @property
    def subjects(self) -> tuple[SubjectId, ...]:
        """Everybody whose data belong to the case."""
        ...

    @property
    def files(self) -> tuple[UUID, ...]:
        """Every sealed file of the case: documents, recordings."""
        ...

    @property
    def call_ids(self) -> tuple[UUID, ...]:
        """Its calls at the video bar."""
        ...

    @property
    def streams(self) -> tuple[UUID, ...]:
        """Every stream that was fenced, the case's own first."""
        ...

    @property
    def addressed(self) -> tuple[UUID, ...]:
        """Those of them to which nothing may lead any more, the case's own first."""
        ...


class Erasing(Protocol):
    """A service's commands of erasure. Each may be repeated with the same ``act``. All raise UnknownCase."""

    @property
    def fences(self) -> tuple[type[Root.Event], ...]:
        """The events by which the streams of a case say that it is to be erased."""
        ...

    @property
    def never_again(self) -> Collection[str]:
        """Kinds of addresses that people still hold on paper: none of them may ever come to mean somebody else."""
        ...

    def check(self, act: Act, *, case: UUID, ground: LegalGround) -> None:
        """Whether the first of two persons may ask for it now. Raises: the service's refusals."""
        ...

    def request(self, act: Act, *, case: UUID, ground: LegalGround, asked_by: str, asked_at: datetime) -> Receipt:
        """The second person confirms: everything of the case is fenced, in one transaction."""
        ...

    def finish(self, act: Act, *, case: UUID, subjects: tuple[SubjectId, ...]) -> Receipt:
        """Say that all is erased, once it is. Raises: NotForThisRole."""
        ...

    def belongings(self, case: UUID) -> Belongings:
        """All that belongs to the case, as the ledger has it now."""
        ...


class EveryErasing:
    """The erasures of several services: a stream is the case of the first service that knows it."""

    def __init__(self, *services: Erasing) -> None:
        self.services = services

    def of(self, case: UUID) -> tuple[Erasing, Belongings]:
        """The service of this case and what belongs to it. Raises: UnknownCase."""
        for service in self.services:
            try:
                return service, service.belongings(case)
            except UnknownCase:
                continue
        raise UnknownCase

    def belongings(self, case: UUID) -> Belongings:
        """All that belongs to the case, of whatever service. Raises: UnknownCase."""
        return self.of(case)[1]
