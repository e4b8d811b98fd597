"""Who sends a request, by what it carries: a draft's secret, a staff session's cookie, a staff program's token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog
from starlette.requests import HTTPConnection

from api.declined import SignInAway
from api.ports import Ports
from domain.people import Role
from gateways.sign_in import SignInRefused, SignInUnavailable
from housekeeping.drafts import Draft

log = structlog.get_logger("api")

DRAFT_COOKIE: Final = "__Host-draft"
SESSION_COOKIE: Final = "__Host-session"
HEADER: Final = "x-sarkmeli"
"""A header that no page of another site can add without our leave, which we never give (no CORS)."""


@dataclass(frozen=True)
class StaffMember:
    """Someone of the staff. ``person`` is the human being, whatever account they use."""

    person: str
    account: str
    name: str
    roles: frozenset[Role]
    by_token: bool
    """Whether a program showed a token, rather than a browser a cookie."""
    personal_number: str | None = None
    """Of consultants: nobody activates their own registration."""
    centre: str | None = None
    """The service centre at which a consultant works."""


def draft_of(ports: Ports, connection: HTTPConnection) -> Draft | None:
    """The draft whose secret the request carries: as a bearer, or in the cookie of one of our own pages."""
    token = bearer(connection) or cookie(ports, connection, DRAFT_COOKIE)
    return ports.drafts.find(token) if token else None


def staff_of(ports: Ports, connection: HTTPConnection) -> StaffMember | None:
    """The staff member whose token or session the request carries. Raises: SignInAway."""
    token = bearer(connection)
    if token:
        return _by_token(ports, token)
    secret = cookie(ports, connection, SESSION_COOKIE)
    found = ports.sessions.find(secret) if secret else None
    if found is None:
        return None
    return StaffMember(found.person, found.account, found.name, found.roles, False, found.personal_number, found.centre)


def bearer(connection: HTTPConnection) -> str:
    """The bearer token, or an empty text."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def from_our_pages(ports: Ports, connection: HTTPConnection) -> bool:
    """Whether only a page of ours can have caused the request: its Origin is ours and it bears our header.

    A handshake of a WebSocket cannot bear a header of one's own: its Origin, which browsers always say, must do.
    """
    if connection.headers.get("origin") != ports.facts.url:
        return False
    return connection.scope["type"] == "websocket" or HEADER in connection.headers


def cookie(ports: Ports, connection: HTTPConnection, name: str) -> str:
    """The cookie of this name if one of our own pages sends it, or an empty text."""
    value = connection.cookies.get(name, "")
    return value if value and from_our_pages(ports, connection) else ""


def _by_token(ports: Ports, token: str) -> StaffMember | None:
    if token.count(".") != 2:
        return None
    try:
        known = ports.sign_in.bearer(token)
    except SignInRefused as refused:
        log.info("bearer_refused", reason=refused.reason)
        return None
    except SignInUnavailable:
        raise SignInAway from None
    return StaffMember(known.person, known.account, known.name, known.roles, True, known.personal_number, known.centre)
