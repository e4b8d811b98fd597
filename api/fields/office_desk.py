"""What officers, the chief and auditors ask. Readings of personal data are committed before anything is shown."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import strawberry

from api import correlation
from api.answers import question
from api.context import Context, Info
from api.declined import LinkRefused, NothingThere, NotYet, NumberUnknown, Stale, TokenRefused
from api.reading import at_least as wait_at_least
from api.reading import shown_row
from api.relay import Node, cursor_at, page_info, sliced
from api.shapes.papers import papers_of, sealed_parts
from api.shapes.staff import (
    CallSummary,
    CaseEvent,
    CaseEvents,
    CaseView,
    OfficerCase,
    OfficerCaseConnection,
    OfficerCaseEdge,
)
from api.shapes.views import staffs_view
from api.threads import run
from domain.cases import NUMBER
from domain.compatriot.form import Form
from domain.compatriot.state import UNDECIDED, State
from domain.number import read_number
from domain.people import Actor, Role
from domain.refusals import Refusal
from domain.staff.reading import Purpose
from projections import case as cases
from projections import officer_list
from projections.answers import Answer
from projections.call_rows import CallRow
from projections.case import CASE, Case
from projections.officer_list import OFFICER_LIST, Listed

THEMSELVES: Final = frozenset({Role.HOLDER, Role.APPLICANT, Role.ADDRESSEE, Role.TAXPAYER})
"""Those who act in their own case: the role says it all."""


@strawberry.type
class OfficeQuestions:
    @question(CaseView, Stale, NotYet, TokenRefused, NothingThere)
    async def case(self, info: Info, id: UUID, at_least: str | None = None) -> CaseView:
        """A case with everything that was said of it."""
        by = await info.context.acting("Query.case")
        return await run(_case, info.context, by, id, at_least)

    @question(OfficerCaseConnection, LinkRefused, NotYet, TokenRefused)
    async def officer_cases(
        self,
        info: Info,
        states: list[State] | None = None,
        mine: bool = False,
        unassigned: bool = False,
        first: int | None = None,
        after: str | None = None,
        at_least: str | None = None,
    ) -> OfficerCaseConnection:
        """Applications in these states (those not decided, unless said), the oldest first."""
        by = await info.context.acting("Query.officerCases")

        def page() -> OfficerCaseConnection:
            ports = info.context.ports
            wait_at_least(ports, OFFICER_LIST, at_least)
            wanted = sliced(first, after)
            found = officer_list.page(
                ports.pool,
                frozenset(states) if states is not None else UNDECIDED,
                officer=by.id if mine else None,
                unassigned=unassigned,
                after=wanted.after,
                first=wanted.first,
            )
            listed = [row for row in found.rows if isinstance(row, Listed)]
            opened = ports.door.unseal([row.registration for row in listed], by, _purpose(by), "officerCases")
            nodes = {row.case: _line(row, facts) for row, facts in zip(listed, opened, strict=True)}
            cursors = [cursor_at(position) for position in found.cursors]
            return OfficerCaseConnection(
                edges=[
                    OfficerCaseEdge(node=nodes[row.case] if isinstance(row, Listed) else None, cursor=cursor)
                    for row, cursor in zip(found.rows, cursors, strict=True)
                ],
                page_info=page_info(cursors, after=after, has_next=found.has_next),
                token=ports.tokens.encode(found.position),
            )

        return await run(page)

    @question(CaseEvents, NumberUnknown, NothingThere)
    async def case_events(self, info: Info, number: str) -> CaseEvents:
        """What happened in a case, by event names, in the order of the ledger."""
        by = await info.context.acting("Query.caseEvents")
        return await run(_events, info.context, by, number)

    @strawberry.field(description="Anything by its id; null if there is no such thing, or it is not yours to see.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        try:
            by = await info.context.acting("Query.node")
            return await run(_case, info.context, by, UUID(id), None)
        except (Refusal, ValueError):
            return None


def _case(context: Context, by: Actor, id: UUID, token: str | None) -> CaseView:
    ports = context.ports
    wait_at_least(ports, CASE, token)
    answer: Answer[Case] = cases.find(ports.pool, id)
    found = shown_row(answer)
    status = found.status
    own = sealed_parts(status.dossier)
    more = [part for part in (found.conclusion, status.dossier.decision) if part is not None]
    calls = [part for call in status.calls for part in (call.will, call.reasons) if part is not None]
    opened = ports.door.unseal([*own, *more, *calls], by, _purpose(by), "case")
    papers = papers_of(status.dossier, opened[: len(own)])
    rest = iter(opened[len(own) :])
    conclusion = _text(next(rest), "text") if found.conclusion is not None else None
    reasons = _text(next(rest), "reasons") if status.dossier.decision is not None else None
    return CaseView(
        id=strawberry.ID(str(id)),
        file=staffs_view(ports, answer.position, status, papers),
        calls=[_call(call, rest) for call in status.calls],
        operator=found.hands.operator,
        officers=list(found.hands.officers),
        assigned=found.hands.assigned,
        recommends=found.recommends,
        conclusion=conclusion,
        outcome=status.dossier.outcome,
        reasons=reasons,
    )


def _call(call: CallRow, opened: Any) -> CallSummary:
    return CallSummary(
        id=call.call,
        phase=call.phase,
        requested_at=call.requested_at,
        operator=call.operator,
        outcome=call.outcome,
        leaving=call.leaving,
        will=_text(next(opened), "will") if call.will is not None else None,
        reasons=_text(next(opened), "reasons") if call.reasons is not None else None,
    )


def _events(context: Context, by: Actor, typed: str) -> CaseEvents:
    ports = context.ports
    number = read_number(typed)
    case = ports.office.find(NUMBER, number) if number is not None else None
    if case is None:
        raise NumberUnknown
    recorded = ports.reader.stream(case)
    subjects = {each.event.subject for each in recorded if each.event.subject is not None}
    act = ports.office.act(by, "read caseEvents", correlation=correlation.current())
    ports.staff.read(act, subjects=subjects, purpose=Purpose.AUDIT, what="caseEvents")
    return CaseEvents(
        case=case,
        events=[
            CaseEvent(
                name=type(each.event).__name__,
                version=each.version,
                at=each.at,
                recorded_at=each.recorded_at,
                role=each.event.by.role,
                actor=each.event.by.id if each.event.by.role not in THEMSELVES else "",
            )
            for each in recorded
        ],
    )


def _line(row: Listed, facts: dict[str, Any]) -> OfficerCase:
    form = facts.get("form")
    return OfficerCase(
        id=strawberry.ID(str(row.case)),
        name=f"{form.name_ka.first} {form.name_ka.last}" if isinstance(form, Form) else None,
        state=row.state,
        tier=row.tier,
        registered_at=row.registered_at,
        due_on=row.due_on,
        assigned=row.assigned,
    )


def _purpose(by: Actor) -> Purpose:
    return Purpose.DECISION if by.role is Role.CHIEF else Purpose.REVIEW


def _text(facts: dict[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None
