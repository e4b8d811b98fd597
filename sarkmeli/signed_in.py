"""Who stands at the command line: a member of staff, by an access token of the sign-in provider's."""

from __future__ import annotations

from typing import Final

from domain.people import Actor, Role
from gateways.sign_in import SignInRefused, SignInUnavailable
from sarkmeli.house import House

WHENCE: Final = (
    "by SARKMELI_STAFF_TOKEN or --token. The sign-in provider gives it; for an office that `make run` started, "
    "docs/running.md (Erasing a person) has the line that fetches one"
)
"""How a token is given, and where it comes from."""


class NotSignedIn(Exception):
    """Nobody is signed in who may do this; says why."""


def signed_in(house: House, token: str, role: Role, needed: str) -> Actor:
    """The person whose token this is, in this role; ``needed`` says whose token is. Raises: NotSignedIn."""
    if not token.strip():
        raise NotSignedIn(f"no token was given: {needed} token is needed, {WHENCE}")
    try:
        known = house.sign_in.bearer(token.strip())
    except SignInRefused:
        raise NotSignedIn("the token is nobody's, or is over") from None
    except SignInUnavailable:
        raise NotSignedIn("the sign-in provider does not answer; try again") from None
    if role not in known.roles:
        raise NotSignedIn(f"{needed} token is needed")
    return Actor(id=known.person, role=role)
