"""What a chief does: gives cases to officers, extends a term, decides."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import strawberry

from api.answers import command
from api.context import Info
from api.fields.staffed import RECEIVED, as_staff
from api.inputs import CommandInput
from api.shapes.done import CaseChanged, case_changed
from domain.compatriot.decision import Outcome, SamePerson
from domain.compatriot.review import ConclusionAlreadyPrepared, ConclusionMissing
from domain.compatriot.term import ExtensionOutOfBounds, TermAlreadyExtended, TermOver


@strawberry.input
class AssignInput(CommandInput):
    case: UUID
    officer: str = strawberry.field(description="The officer's person claim.")


@strawberry.input
class ExtendTermInput(CommandInput):
    case: UUID
    days: int
    reasons: str


@strawberry.input
class DecideInput(CommandInput):
    case: UUID
    outcome: Outcome
    reasons: str


@strawberry.type
class ChiefCommands:
    @command(CaseChanged, *RECEIVED, SamePerson, ConclusionAlreadyPrepared)
    async def assign(self, info: Info, input: AssignInput) -> CaseChanged:
        """Give the case to an officer."""
        assign = partial(info.context.ports.compatriot.assign, case=input.case, officer=input.officer)
        return await as_staff(info, input, case_changed, assign)

    @command(CaseChanged, *RECEIVED, TermAlreadyExtended, ExtensionOutOfBounds, TermOver)
    async def extend_term(self, info: Info, input: ExtendTermInput) -> CaseChanged:
        """Extend the term, once, with reasons."""
        extend = partial(
            info.context.ports.compatriot.extend_term, case=input.case, days=input.days, reasons=input.reasons
        )
        return await as_staff(info, input, case_changed, extend)

    @command(CaseChanged, *RECEIVED, SamePerson, ConclusionMissing)
    async def decide(self, info: Info, input: DecideInput) -> CaseChanged:
        """Decide. The applicant is told that the decision is ready, and not what it is."""
        decide = partial(
            info.context.ports.compatriot.decide, case=input.case, outcome=input.outcome, reasons=input.reasons
        )
        return await as_staff(info, input, case_changed, decide)
