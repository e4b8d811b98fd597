"""Carries out an erasure that two persons decided, in steps that may be repeated: so a kill anywhere is mended.

The order is what makes it final. The case is fenced before its keys go, so that nothing new is sealed under them; its
public name is noted before, too, because it goes with them, and who knows it must be told to forget it; the keys go
before the files, so that a file left behind is noise; and that all is erased is said last, once it is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from consumers.acting import act_upon
from domain.erasing import Belongings, Erasing, EveryErasing
from domain.erasure import LegalGround
from domain.event import Act
from domain.office import Office, Receipt, UnknownCase
from gateways.files import Files
from housekeeping import notices
from housekeeping.erasure_requests import Asked, ErasureGroundDiffers, ErasureNotAsked, ErasureRequests
from housekeeping.one_time_codes import OneTimeCodes
from housekeeping.presence import Presence
from housekeeping.uploads import Uploads, original_of
from ledger.erasure import Eraser
from ledger.memory import MEMORY
from ledger.reader import Reader
from projections import case as cases
from projections import poison, tracking
from projections import registration as registrations
from projections.answers import Pool
from projections.model import ReadModel
from projections.tracking import Place

log = structlog.get_logger("deadlines")

UNFINISHED: Final = (cases.erasing, registrations.erasing)
"""What each service's read model knows of erasures that are not done yet."""


class RowsOfCases(Protocol):
    """A housekeeping table with rows of cases: password hashes, sessions, links."""

    def forget(self, case: UUID, /) -> None:
        """Remove every row of the case; may be repeated."""
        ...


@dataclass(frozen=True)
class Rows:
    """The housekeeping tables that hold rows of a case. ``pool`` is the ledger database's; ``of_cases`` are those that
    let a taxpayer in: passwords, sessions, links."""

    pool: Pool
    requests: ErasureRequests
    uploads: Uploads
    codes: OneTimeCodes
    presence: Presence
    of_cases: tuple[RowsOfCases, ...] = ()


class PublicStream(Protocol):
    """What is published of cases. Implemented by `consumers.relay.forgotten.Unpublishing`."""

    def forget(self, case: UUID, fence: int) -> None:
        """Nothing more of the case is published, and whoever follows is told to forget it; may be repeated."""
        ...


class Erasures:
    """Asks for, confirms and carries out erasures of cases of the ``services``, each by its own rules.

    ``models`` are the read models that must have emptied their rows; ``memory``: for how many seconds a process may
    remember a key.
    """

    def __init__(
        self,
        office: Office,
        reader: Reader,
        eraser: Eraser,
        rows: Rows,
        files: Files,
        models: Sequence[ReadModel],
        services: Sequence[Erasing],
        public: PublicStream,
        memory: float = MEMORY,
    ) -> None:
        self.office = office
        self.reader = reader
        self.eraser = eraser
        self.rows = rows
        self.files = files
        self.models = models
        self.public = public
        self.memory = memory
        self.commands = EveryErasing(*services)

    def asked(self, case: UUID) -> Asked | None:
        """The request of this case that waits for its second person."""
        return self.rows.requests.find(case)

    def ask(self, act: Act, case: UUID, ground: LegalGround) -> Asked:
        """The first person asks; nothing changes until another confirms. If somebody asked already, that one stands.

        Raises: UnknownCase, NotForThisRole, ErasureUnderWay, PersonalDataGone, and the service's own refusals:
        StillConsidered, MoneyDueBack; StillAwaited, AccountInUse.
        """
        service, _ = self.commands.of(case)
        service.check(act, case=case, ground=ground)
        return self.rows.requests.ask(case, ground, act.by.id)

    def confirm(self, act: Act, case: UUID, ground: LegalGround | None = None) -> Receipt:
        """The second person confirms, on the ``ground`` that was asked for: from now on it will be carried out.

        Raises: ErasureNotAsked, ErasureGroundDiffers, ErasureNeedsAnother, and as `ask`.
        """
        if (asked := self.asked(case)) is None:
            raise ErasureNotAsked
        if ground not in (None, asked.ground):
            raise ErasureGroundDiffers(asked.ground)
        service, _ = self.commands.of(case)
        return service.request(act, case=case, ground=asked.ground, asked_by=asked.by, asked_at=asked.at)

    def resume(self) -> int:
        """Carry on with every erasure that is not done yet. How many were finished."""
        return sum(self._carried_on(case) for case in self.unfinished())

    def unfinished(self) -> list[UUID]:
        """The cases whose erasure was decided and is not done.

        By the read models, and by the requests, which stay until all is done: a read model may have set the case apart.
        """
        known = [case for unfinished in UNFINISHED for case in unfinished(self.rows.pool)]
        asked = (case for case in self.rows.requests.cases() if case not in known)
        return [*known, *(case for case in asked if self._was_decided(case))]

    def is_decided(self, case: UUID) -> bool:
        """Whether two persons decided that it be erased. Raises: UnknownCase."""
        return self.commands.belongings(case).case.is_forgotten

    def carry_out(self, case: UUID) -> bool:
        """Erase what two persons decided; False if that is not decided, or not all have heard of it yet.

        May be repeated, and begun anew after it was broken off anywhere. Raises: UnknownCase, database errors, OSError.
        """
        service, found = self.commands.of(case)
        if not found.case.is_forgotten:
            return False
        return all(step(self, service, found) for step in STEPS)

    def told_at(self, service: Erasing, found: Belongings) -> int:
        """The ledger position by which every stream of the case has said that it is to be erased."""
        return max(
            recorded.position
            for stream in found.streams
            for recorded in self.reader.stream(stream)
            if isinstance(recorded.event, service.fences)
        )

    # The steps.

    def leave_the_stream(self, service: Erasing, found: Belongings) -> bool:
        """Nothing more of the case is published; what it was known by is kept until whoever follows is told."""
        self.public.forget(found.case.id, self.told_at(service, found))
        return True

    def destroy_keys(self, service: Erasing, found: Belongings) -> bool:
        """Nothing sealed under them can be read any more, here at once, in other processes within 5 seconds."""
        self.eraser.destroy_keys(found.subjects)
        return True

    def remove_traces(self, service: Erasing, found: Belongings) -> bool:
        """The number leads nowhere; nobody can tell any more which commands were sent about the case."""
        self.eraser.remove_traces(found.addressed, found.streams, service.never_again)
        return True

    def remove_rows(self, service: Erasing, found: Belongings) -> bool:
        """Drafts and what was uploaded in them, codes, notices sent and to be sent, who was at which call."""
        case, draft = found.case.id, found.draft
        self.rows.uploads.forget(found.subjects)
        self.rows.codes.forget((case, draft, *found.call_ids))
        self.rows.presence.forget(found.call_ids)
        for rows in self.rows.of_cases:
            rows.forget(case)
        with self.rows.pool.connection() as db:
            notices.forget(db, case)
        self.rows.requests.confirmed(case)
        return True

    def await_read_models(self, service: Erasing, found: Belongings) -> bool:
        """Every read model has emptied the case's rows; they do so by themselves, on the event.

        One that has set a stream of the case apart has not, wherever it stands.
        """
        told = self.told_at(service, found)
        with self.rows.pool.connection() as db:
            standing = [tracking.find(db, Place(model)) for model in self.models]
        for one in (apart := self._apart(found)):  # looked at after the positions: a mark is made as they move
            log.error("erasure waits for what is quarantined", case=str(found.case.id), remedy=one)
        return not apart and all(one is not None and one.position >= told for one in standing)

    def await_memories(self, service: Erasing, found: Belongings) -> bool:
        """No process remembers any of the keys."""
        return self.eraser.is_forgotten(found.subjects, self.memory)

    def remove_files(self, service: Erasing, found: Belongings) -> bool:
        """Both copies of every document, and every recording."""
        for file in found.files:
            self.files.erase(file)
            self.files.erase(original_of(file))
        return True

    def say_so(self, service: Erasing, found: Belongings) -> bool:
        """It is done."""
        case = found.case.id
        if not found.case.is_erased:
            service.finish(act_upon(self.office, "erased", case), case=case, subjects=found.subjects)
        self.rows.requests.remove(case)
        return True

    def held_up(self, case: UUID) -> tuple[str, ...]:
        """The commands without which this case is not erased to the end: read models have set streams of it apart."""
        return self._apart(self.commands.belongings(case))

    def _apart(self, found: Belongings) -> tuple[str, ...]:
        with self.rows.pool.connection() as db:
            marks = [(model, poison.streams(db, Place(model))) for model in self.models]
        return tuple(
            f"sarkmeli projections retry {model.name} {stream}"
            for model, streams in marks
            for stream in found.streams
            if stream in streams
        )

    def _was_decided(self, case: UUID) -> bool:
        """As `is_decided`; False of a case that the ledger has not, as after a restore."""
        try:
            return self.is_decided(case)
        except UnknownCase:
            return False

    def _carried_on(self, case: UUID) -> bool:
        """One that cannot be carried out is said and keeps no other waiting; it is tried again in the next round."""
        try:
            return self.carry_out(case)
        except Exception as error:
            log.error("erasure not carried out", case=str(case), error=type(error).__name__, exc_info=True)
            return False


Step = Callable[[Erasures, Erasing, Belongings], bool]

STEPS: Final[tuple[Step, ...]] = (
    Erasures.leave_the_stream,
    Erasures.destroy_keys,
    Erasures.remove_traces,
    Erasures.remove_rows,
    Erasures.await_read_models,
    Erasures.remove_files,
    Erasures.await_memories,
    Erasures.say_so,
)
"""In this order; each True if it is done."""
