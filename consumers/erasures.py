"""Carries out an erasure that two persons decided, in steps that may be repeated: so a kill anywhere is mended.

The order is what makes it final. The case is fenced before its keys go, so that nothing new is sealed under them; the
keys go before the files, so that a file left behind is noise; and that all is erased is said last, once it is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from consumers.acting import act_upon
from domain.compatriot.application import Application
from domain.compatriot.commands import NUMBER
from domain.compatriot.erasure import Belongings
from domain.compatriot.erasure import Erasures as Commands
from domain.erasure import LegalGround
from domain.event import Act
from domain.office import Office, Receipt
from domain.payments.commands import CASH_REFERENCE
from domain.payments.payment import Payment
from domain.videobar.call import Call
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
from projections import tracking
from projections.answers import Pool
from projections.model import ReadModel
from projections.tracking import Place

log = structlog.get_logger("deadlines")

NEVER_AGAIN: Final = (NUMBER, CASH_REFERENCE)
"""Addresses that people still hold on paper: none of them may ever come to mean somebody else."""


class Forgetful(Protocol):
    """Keeps rows of a case by its id alone."""

    def forget(self, case: UUID, /) -> None:
        """Remove them. May be repeated."""
        ...


@dataclass(frozen=True)
class Rows:
    """The housekeeping tables that hold rows of a case. ``pool`` is the ledger database's; ``accounts`` are those that
    let a taxpayer in: passwords, sessions, links."""

    pool: Pool
    requests: ErasureRequests
    uploads: Uploads
    codes: OneTimeCodes
    presence: Presence
    accounts: Sequence[Forgetful]


class Erasures:
    """Asks for, confirms and carries out erasures of compatriot cases.

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
        memory: float = MEMORY,
    ) -> None:
        self.office = office
        self.reader = reader
        self.eraser = eraser
        self.rows = rows
        self.files = files
        self.models = models
        self.memory = memory
        self.commands = Commands(office)

    def asked(self, case: UUID) -> Asked | None:
        """The request of this case that waits for its second person."""
        return self.rows.requests.find(case)

    def ask(self, act: Act, case: UUID, ground: LegalGround) -> Asked:
        """The first person asks; nothing changes until another confirms. If somebody asked already, that one stands.

        Raises: UnknownCase, NotForThisRole, StillConsidered, MoneyDueBack, ErasureUnderWay, PersonalDataGone.
        """
        self.commands.check(act, case=case)
        return self.rows.requests.ask(case, ground, act.by.id)

    def confirm(self, act: Act, case: UUID, ground: LegalGround | None = None) -> Receipt:
        """The second person confirms, on the ``ground`` that was asked for: from now on it will be carried out.

        Raises: ErasureNotAsked, ErasureGroundDiffers, ErasureNeedsAnother, and as `ask`.
        """
        if (asked := self.asked(case)) is None:
            raise ErasureNotAsked
        if ground not in (None, asked.ground):
            raise ErasureGroundDiffers(asked.ground)
        return self.commands.request(act, case=case, ground=asked.ground, asked_by=asked.by, asked_at=asked.at)

    def resume(self) -> int:
        """Carry on with every erasure that is not done yet, as far as the read models know. How many were finished."""
        return sum(self._carried_on(case) for case in cases.erasing(self.rows.pool))

    def carry_out(self, case: UUID) -> bool:
        """Erase what two persons decided; False if that is not decided, or not all have heard of it yet.

        May be repeated, and begun anew after it was broken off anywhere. Raises: UnknownCase, database errors, OSError.
        """
        found = self.commands.belongings(case)
        if not found.application.is_forgotten:
            return False
        return all(step(self, found) for step in STEPS)

    def told_at(self, found: Belongings) -> int:
        """The ledger position by which every stream of the case has said that it is to be erased."""
        kinds = (Application.ErasureRequested, Call.ErasureRequested, Payment.ErasureRequested)
        streams = (found.application.id, *_others(found))
        return max(
            recorded.position
            for stream in streams
            for recorded in self.reader.stream(stream)
            if isinstance(recorded.event, kinds)
        )

    # The steps.

    def destroy_keys(self, found: Belongings) -> bool:
        """Nothing sealed under them can be read any more, here at once, in other processes within 5 seconds."""
        self.eraser.destroy_keys(found.subjects)
        return True

    def remove_traces(self, found: Belongings) -> bool:
        """The number leads nowhere; nobody can tell any more which commands were sent about the case."""
        case = found.application.id
        self.eraser.remove_traces(case, (case, *_others(found)), NEVER_AGAIN)
        return True

    def remove_rows(self, found: Belongings) -> bool:
        """Drafts and what was uploaded in them, codes, notices, who was at which call; password, sessions, link."""
        case, draft = found.application.id, found.draft
        self.rows.uploads.forget(found.subjects)
        self.rows.codes.forget((case, draft, *(call.id for call in found.calls)))
        for each in self.rows.accounts:
            each.forget(case)
        self.rows.presence.forget([call.id for call in found.calls])
        with self.rows.pool.connection() as db:
            notices.forget(db, case)
        self.rows.requests.remove(case)
        return True

    def await_read_models(self, found: Belongings) -> bool:
        """Every read model has emptied the case's rows; they do so by themselves, on the event."""
        told = self.told_at(found)
        with self.rows.pool.connection() as db:
            standing = [tracking.find(db, Place(model)) for model in self.models]
        return all(one is not None and one.position >= told for one in standing)

    def await_memories(self, found: Belongings) -> bool:
        """No process remembers any of the keys."""
        return self.eraser.is_forgotten(found.subjects, self.memory)

    def remove_files(self, found: Belongings) -> bool:
        """Both copies of every document, and every recording."""
        for file in found.files:
            self.files.erase(file)
            self.files.erase(original_of(file))
        return True

    def say_so(self, found: Belongings) -> bool:
        """It is done."""
        case = found.application.id
        if not found.application.is_erased:
            self.commands.finish(act_upon(self.office, "erased", case), case=case, subjects=found.subjects)
        return True

    def _carried_on(self, case: UUID) -> bool:
        """One that cannot be carried out is said and keeps no other waiting; it is tried again in the next round."""
        try:
            return self.carry_out(case)
        except Exception as error:
            log.error("erasure not carried out", case=str(case), error=type(error).__name__, exc_info=True)
            return False


Step = Callable[[Erasures, Belongings], bool]

STEPS: Final[tuple[Step, ...]] = (
    Erasures.destroy_keys,
    Erasures.remove_traces,
    Erasures.remove_rows,
    Erasures.await_read_models,
    Erasures.remove_files,
    Erasures.await_memories,
    Erasures.say_so,
)
"""In this order; each True if it is done."""


def _others(found: Belongings) -> tuple[UUID, ...]:
    return (*(call.id for call in found.calls), *(payment.id for payment in found.payments))
