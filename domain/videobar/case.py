"""What the video bar asks of the case whose applicant it sees: the Protocol that every service implements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from domain.event import Act, Erased, Root
from domain.office import Address, UnknownCase
from domain.people import Actor, SubjectId
from domain.videobar.checks import Checks, Source


class Ground(StrEnum):
    """Why an electronic application is refused reception (seed 004, the last answer). Which count, each case says."""

    NO_VISUAL_CONTACT = "NO_VISUAL_CONTACT"
    """Direct visual contact could not be had: follows from broken-off calls and is no operator's choice."""
    IDENTITY_DOUBT = "IDENTITY_DOUBT"
    """Reasoned doubt about who the applicant is."""
    CIRCUMSTANCE_DOUBT = "CIRCUMSTANCE_DOUBT"
    """Reasoned doubt about another circumstance that is essential for the status."""
    NO_REPRESENTATIVE = "NO_REPRESENTATIVE"
    """Who calls for another is not shown to be entitled to it."""


DOUBTS: Final = (Ground.IDENTITY_DOUBT, Ground.CIRCUMSTANCE_DOUBT)
"""The grounds on which whatever case may be refused."""


class Case(Protocol):
    """A case as the video bar sees it. Its methods record events, on it and on what its rules change beside it."""

    @property
    def id(self) -> UUID: ...

    @property
    def subject(self) -> SubjectId | None: ...

    @property
    def service(self) -> str:
        """Whose bar it waits at: ``compatriot``, ``taxpayer``."""
        ...

    @property
    def identity_source(self) -> Source:
        """What the declared facts are compared with: the civil registry where there is a Georgian personal number."""
        ...

    @property
    def grounds(self) -> Collection[Ground]:
        """On which an operator may refuse it. None of them is want of visual contact, which nobody chooses."""
        ...

    @property
    def changed(self) -> Sequence[Root]:
        """Every aggregate that the case's own rules changed since it was loaded: saved with the call."""
        ...

    @property
    def claims(self) -> Sequence[Address]:
        """The addresses that go with it."""
        ...

    def refuse_unless_awaits_call(self) -> None:
        """Raises: the service's own refusal if the applicant was seen already or the case has ended."""
        ...

    def verified(
        self, act: Act, *, call: UUID, sitting: int, operator: Actor, checks: Checks, will: str | Erased
    ) -> None:
        """The operator saw the applicant in this ``sitting`` (`Call.sitting`), and every check passed.

        Raises: the service's refusals.
        """
        ...

    def reception_refused(self, act: Act, *, call: UUID, ground: Ground, reasons: str | Erased | None) -> None:
        """Ends the electronic case. ``reasons`` are the operator's, None for NO_VISUAL_CONTACT."""
        ...


class Cases(Protocol):
    """Finds the case at a stream, of whatever service."""

    def load(self, stream: UUID) -> Case:
        """Raises: UnknownCase."""
        ...


class EveryService:
    """The cases of several services as one: a stream is the case of the first service that knows it."""

    def __init__(self, *services: Cases) -> None:
        self.services = services

    def load(self, stream: UUID) -> Case:
        """Raises: UnknownCase."""
        for service in self.services:
            with suppress(UnknownCase):
                return service.load(stream)
        raise UnknownCase
