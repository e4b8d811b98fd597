"""What a resolver knows of its request: who asks, in which language, from where. Credentials are read when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import strawberry
from starlette.requests import HTTPConnection

import texts
from api import correlation
from api.callers import StaffMember, draft_of, staff_of
from api.declined import DraftRequired, NotAllowed, SignInRequired
from api.inputs import CommandInput, canonical
from api.ports import Ports
from api.roles import STAFF_ONLY, acting_role
from api.threads import Abroad, run, run_abroad
from domain.event import Act
from domain.people import Actor
from housekeeping.drafts import Draft


@dataclass
class Context:
    """One request. ``cookies`` are sent back with its answer: (name, value, seconds)."""

    ports: Ports
    connection: HTTPConnection
    correlation: UUID = field(default_factory=correlation.current)
    cookies: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    afterwards: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    """What is mailed after the answer has gone."""
    _draft: Draft | None = None
    _staff: StaffMember | None = None

    @property
    def language(self) -> str:
        """The language that the person asked for in Accept-Language."""
        return texts.preferred(self.connection.headers.get("accept-language"))

    @property
    def address(self) -> str:
        """The client's address, for throttles."""
        return client_address(self.ports, self.connection)

    async def draft(self) -> Draft:
        """Who holds the draft that the request's secret opens. Raises: DraftRequired."""
        return self._draft or await run(self.find_draft)

    def find_draft(self) -> Draft:
        """As `draft`, within a thread that may wait for the database."""
        if self._draft is None:
            self._draft = draft_of(self.ports, self.connection)
        if self._draft is None:
            raise DraftRequired
        return self._draft

    async def staff(self) -> StaffMember | None:
        """The staff member whose session or token the request carries."""
        if self._staff is None:
            self._staff = await staff_member(self.ports, self.connection)
        return self._staff

    async def acting(self, place: str) -> Actor:
        """The staff member in the role in which the field ``place`` is done. Raises: SignInRequired, NotAllowed."""
        member = await self.staff()
        if member is None:
            raise SignInRequired
        role = acting_role(member.roles, STAFF_ONLY[place])
        if role is None:
            raise NotAllowed
        return Actor(id=member.person, role=role)

    def act(self, by: Actor, operation: str, asked: CommandInput, now: datetime | None = None) -> Act:
        """The circumstances of the command that ``asked`` asks for; its id was minted if the client sent none.

        ``now``: PostgreSQL's clock, if it was read for this command already.
        """
        return self.ports.office.act(by, operation, asked.command_id, canonical(asked), self.correlation, now)


Info = strawberry.Info[Context, None]


async def staff_member(ports: Ports, connection: HTTPConnection) -> StaffMember | None:
    """The staff member whose session or token a connection carries. Raises: SignInAway.

    A token may be signed with a key that the provider has to be asked for; a session is our own matter.
    """
    if "authorization" in connection.headers:
        return await run_abroad(Abroad.SIGN_IN, staff_of, ports, connection)
    return await run(staff_of, ports, connection)


def client_address(ports: Ports, connection: HTTPConnection) -> str:
    """The client's address, for throttles."""
    client = connection.client
    forwarded = connection.headers.getlist("x-forwarded-for")
    return ports.proxies.client(client.host if client else None, forwarded)
