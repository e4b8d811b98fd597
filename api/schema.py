"""The schema: every root field together, and its text, which is the contract (``schema.graphql``)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.endpoint import extensions
from api.fields.account import AccountCommands, AccountQuestions
from api.fields.applicant import ApplicantCommands
from api.fields.bar_desk import BarQuestions
from api.fields.cashier import CashierCommands
from api.fields.centres import CentreQuestions
from api.fields.chief import ChiefCommands
from api.fields.consultant import ConsultantCommands, ConsultantQuestions
from api.fields.holder import HolderCommands
from api.fields.leaving import LeavingCommands
from api.fields.links import LinkCommands, LinkQuestions
from api.fields.lookup import LookupQuestions
from api.fields.money_desk import CashierQuestions
from api.fields.office_desk import OfficeQuestions
from api.fields.officer import OfficerCommands
from api.fields.operator import OperatorCommands
from api.fields.taxpayer import TaxpayerCommands, TaxpayerQuestions
from api.reading_inputs import read_directly
from api.relay import Node

CONTRACT: Final = Path("schema.graphql")


@strawberry.type
class Query(
    LookupQuestions,
    AccountQuestions,
    OfficeQuestions,
    BarQuestions,
    CashierQuestions,
    TaxpayerQuestions,
    LinkQuestions,
    ConsultantQuestions,
    CentreQuestions,
):
    """Questions."""


@strawberry.type
class Mutation(
    ApplicantCommands,
    AccountCommands,
    HolderCommands,
    LeavingCommands,
    OperatorCommands,
    OfficerCommands,
    ChiefCommands,
    CashierCommands,
    TaxpayerCommands,
    LinkCommands,
    ConsultantCommands,
):
    """Commands: each takes one input with an optional commandId and answers a union of its success and refusals."""


class QuietSchema(strawberry.Schema):
    """Logs no error itself: Strawberry would log its message, which may hold what a person wrote."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing; the endpoint logs bugs by type and place."""


def build_schema(*, closed: bool) -> strawberry.Schema:
    """The schema to serve; ``closed`` in production, where nobody is told of it."""
    made = QuietSchema(
        Query,
        Mutation,
        types=[Node],
        extensions=extensions(closed=closed),
        config=StrawberryConfig(disable_field_suggestions=closed),
    )
    read_directly(made)
    return made


schema: Final = build_schema(closed=False)


def sdl() -> str:
    """The contract's text."""
    return schema.as_str().rstrip() + "\n"


if __name__ == "__main__":
    CONTRACT.write_text(sdl(), encoding="utf-8")
