"""Taxpayers' accounts: signing in with username and password, and who carries a session.

Signing in fails in one way. Whether the username is unknown, its registration not active or the password wrong, the
same statements are sent, one password is verified, and the same is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from api.callers import bearer, cookie, from_our_pages
from api.declined import AccountRequired, NotFromOurPages, WrongUsernameOrPassword
from api.ports import Ports
from domain.people import Actor, Role
from domain.taxpayer.accounts import Account, reads_as
from domain.taxpayer.password import typed_text

ACCOUNT_COOKIE: Final = "__Host-account"


@dataclass(frozen=True)
class SignedIn:
    """A taxpayer's session. ``secret`` is what the browser or program holds."""

    account: Account
    secret: str

    @property
    def actor(self) -> Actor:
        """The registration itself is who acts."""
        return Actor(str(self.account.registration), Role.TAXPAYER)


def sign_in(ports: Ports, address: str, username: str, password: str) -> SignedIn:
    """A new session for whoever knows username and password, asked from ``address``.

    The try is counted before anything is verified and given back when it was right; if it cannot be counted, nothing
    is verified. Raises: TooManyTries, WrongUsernameOrPassword.
    """
    asked = reads_as(username)
    taken = ports.sign_in_tries.take(asked, address)
    account = ports.accounts.named(username)
    registration, command = (account.registration, account.password_of) if account is not None else (None, None)
    right = ports.passwords.verify(registration, command, typed_text(password), asked)
    if account is None or not right:
        raise WrongUsernameOrPassword
    ports.sign_in_tries.forgive(taken)
    return SignedIn(account, ports.taxpayer_sessions.open(account.registration, account.password_of))


def signed_in(ports: Ports, connection: HTTPConnection) -> SignedIn:
    """Whose session the request carries, as a bearer or in the cookie of one of our own pages.

    A session that another password opened than the one in force is none. Raises: AccountRequired, NotFromOurPages,
    which is said of any cookie that came otherwise and so tells nothing of the session.
    """
    if not bearer(connection) and connection.cookies.get(ACCOUNT_COOKIE) and not from_our_pages(ports, connection):
        raise NotFromOurPages
    secret = bearer(connection) or cookie(ports, connection, ACCOUNT_COOKIE)
    session = ports.taxpayer_sessions.find(secret) if secret else None
    account = ports.accounts.of(session.registration) if session is not None else None
    if session is None or account is None or account.password_of != session.password_of:
        raise AccountRequired
    return SignedIn(account, secret)
