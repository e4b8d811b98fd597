"""A field that answers with a union: its success, or one of the refusals that it lists."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Union, cast
from uuid import UUID

import psycopg
import strawberry
import structlog
from eventsourcing.persistence import OperationalError
from psycopg_pool import PoolTimeout
from strawberry.types.field import StrawberryField

from api.context import Info
from api.declined import NotAllowed, SignInAway, SignInRequired
from api.gate import DatabaseAway
from api.inputs import CommandInput, minted
from api.metrics import REFUSALS
from api.refusals import Declined, refusal_answer, refusal_type
from api.roles import PUBLIC, STAFF_ONLY
from domain.erasure import ErasureUnderWay, PersonalDataGone
from domain.office import CommandReused, TooBusy
from domain.refusals import Refusal
from ledger.kms import KmsUnavailable
from ledger.recorder import LedgerBusy

log = structlog.get_logger("api")

LISTED: Final[dict[str, tuple[type[Refusal], ...]]] = {}
"""The refusals that each field (``Mutation.decide``) lists, for the schema's tests and documentation."""


class Unanswered(Exception):
    """Whether the command was done is not known; it may be sent again with this id."""

    def __init__(self, command_id: UUID) -> None:
        super().__init__("outcome unknown")
        self.command_id = command_id


PASSING: Final = (OperationalError, psycopg.OperationalError, PoolTimeout, KmsUnavailable)
"""What passes: the same request may be sent again. The ledger's own (`OutcomeUnknown`, `LedgerBusy`) are the first."""

ANY_COMMAND: Final = (CommandReused, TooBusy, ErasureUnderWay, PersonalDataGone)
"""What every command may be refused for."""

Resolver = Callable[..., Awaitable[Any]]


def command(success: type, *refusals: type[Refusal], description: str | None = None) -> Callable[[Resolver], Any]:
    """A mutation: answers ``success`` or one of ``refusals``, and those that every command may give."""
    return _field("Mutation", success, (*refusals, *ANY_COMMAND), description)


def step(success: type, *refusals: type[Refusal], description: str | None = None) -> Callable[[Resolver], Any]:
    """A mutation that leaves nothing in the ledger, and so can neither be a repeat nor lose a race."""
    return _field("Mutation", success, refusals, description)


def question(
    success: type | tuple[type, ...], *refusals: type[Refusal], description: str | None = None
) -> Callable[[Resolver], Any]:
    """A query that may be refused: answers ``success``, of several one for each service, or one of ``refusals``."""
    return _field("Query", success, refusals, description)


def _field(
    root: str, success: type | tuple[type, ...], refusals: tuple[type[Refusal], ...], description: str | None
) -> Callable[[Resolver], Any]:
    def decorate(resolver: Resolver) -> StrawberryField:
        name = _camel(resolver.__name__)
        place = f"{root}.{name}"
        if place not in STAFF_ONLY and place not in PUBLIC:
            raise TypeError(f"{place} is for nobody: name its roles, or say that it is public, in api.roles")
        listed = tuple(
            dict.fromkeys((*refusals, *((SignInRequired, NotAllowed, SignInAway) if place in STAFF_ONLY else ())))
        )
        LISTED[place] = listed
        union = _union(f"{name[0].upper()}{name[1:]}Answer", success, listed)

        def tell(**facts: str) -> None:
            """A line for each command, which changes something; for a question only to whoever looks for one."""
            (log.info if root == "Mutation" else log.debug)("answered", field=place, **facts)

        @functools.wraps(resolver)
        async def answer(self: Any, info: Info, **arguments: Any) -> Any:
            asked = arguments.get("input")
            if isinstance(asked, CommandInput):
                asked.command_id = asked.command_id or minted()
            try:
                if place in STAFF_ONLY:
                    await info.context.acting(place)
                answered = await resolver(self, info, **arguments)
            except PASSING as lost:
                known = isinstance(lost, (LedgerBusy, DatabaseAway))  # nothing was stored
                if not known and isinstance(asked, CommandInput) and asked.command_id is not None:
                    raise Unanswered(asked.command_id) from lost
                raise
            except Refusal as refusal:
                REFUSALS.labels(place, type(refusal).code).inc()
                if type(refusal) not in listed:
                    log.warning("refusal_not_listed", field=place, code=type(refusal).code)
                tell(refusal=type(refusal).code)
                return refusal_answer(refusal, info.context.language, listed)
            tell()
            return answered

        told = description or " ".join((resolver.__doc__ or "").split()) or None
        return cast(StrawberryField, strawberry.field(resolver=answer, graphql_type=union, description=told))

    return decorate


def _union(name: str, success: type | tuple[type, ...], listed: tuple[type[Refusal], ...]) -> Any:
    done = success if isinstance(success, tuple) else (success,)
    members = (*done, *(refusal_type(each) for each in listed), Declined)
    return Annotated[Union[members], strawberry.union(name)]  # noqa: UP007


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name)
