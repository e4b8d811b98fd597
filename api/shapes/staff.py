"""What officers, the chief, cashiers and auditors see."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import strawberry

from api.relay import Node, PageInfo
from api.shapes.case import CaseStatus
from api.shapes.money import Money
from domain.compatriot.decision import Outcome
from domain.compatriot.form import Tier
from domain.compatriot.state import State
from domain.payments.case import RefundReason
from domain.payments.terms import Doubt
from domain.people import Role
from domain.videobar.terms import Leaving, Phase
from domain.videobar.terms import Outcome as CallOutcome


@strawberry.type(description="One call of a case, as its file keeps it.")
class CallSummary:
    id: UUID
    phase: Phase
    requested_at: datetime
    operator: str | None
    outcome: CallOutcome | None
    leaving: Leaving | None
    will: str | None = strawberry.field(description="The applicant's will, in words.")
    reasons: str | None


@strawberry.type(description="A case as officers and the chief see it.")
class CaseView(Node):
    id: strawberry.ID
    file: CaseStatus
    calls: list[CallSummary]
    operator: str | None = strawberry.field(description="The person who verified the applicant.")
    officers: list[str] = strawberry.field(description="Who worked on the case as officers.")
    assigned: str | None
    recommends: Outcome | None
    conclusion: str | None
    outcome: Outcome | None
    reasons: str | None = strawberry.field(description="The chief's, of the decision.")


@strawberry.type(description="A line of the officers' list.")
class OfficerCase(Node):
    id: strawberry.ID
    name: str | None = strawberry.field(description="Null once it is erased.")
    state: State
    tier: Tier
    registered_at: datetime
    due_on: date | None
    assigned: str | None


@strawberry.type
class OfficerCaseEdge:
    node: OfficerCase | None = strawberry.field(description="Null while the case's row is under repair.")
    cursor: str


@strawberry.type
class OfficerCaseConnection:
    edges: list[OfficerCaseEdge]
    page_info: PageInfo
    token: str


@strawberry.type(description="Cash that no case could be found for.")
class SuspensePayment(Node):
    id: strawberry.ID
    amount: Money
    credited_on: date | None
    transaction: str | None
    doubt: Doubt | None
    payer: str | None
    reference: str | None = strawberry.field(description="As the payer gave it.")


@strawberry.type
class SuspenseEdge:
    node: SuspensePayment | None
    cursor: str


@strawberry.type
class SuspenseConnection:
    edges: list[SuspenseEdge]
    page_info: PageInfo
    token: str


@strawberry.type(description="Money that a case says is due back and that nobody has ordered back yet.")
class RefundDueView(Node):
    id: strawberry.ID = strawberry.field(description="The payment's.")
    case: UUID
    amount: Money
    reason: RefundReason
    due_at: datetime


@strawberry.type
class RefundDueEdge:
    node: RefundDueView | None
    cursor: str


@strawberry.type
class RefundDueConnection:
    edges: list[RefundDueEdge]
    page_info: PageInfo
    token: str


@strawberry.type(description="One event of a case, without what it says.")
class CaseEvent:
    name: str
    version: int
    at: datetime
    recorded_at: datetime
    role: Role
    actor: str = strawberry.field(description="The person of the staff; empty for the holder.")


@strawberry.type(description="A case's own events, in the order of the ledger.")
class CaseEvents:
    case: UUID
    events: list[CaseEvent]
