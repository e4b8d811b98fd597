"""Staff sign-in by OpenID Connect: the code flow with PKCE for browsers, bearer tokens for programs.

Pinned: the issuer, the audience, the list of signature algorithms, the type of each token. An ID token does not pass
for an access token (RFC 9068, section 4) nor the other way round.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from pydantic import BaseModel, Field, ValidationError

from domain.people import STAFF, Role
from gateways.neighbour import NeighbourDown, Patience
from gateways.sign_in_keys import ProviderFacts, SignInUnavailable

__all__ = ["ProviderSettings", "RelyingParty", "SignInRefused", "SignInUnavailable", "StaffIdentity", "verifier"]

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""What a provider may sign with: public keys only, so that no key that is published can sign."""

LEEWAY = 30
"""Seconds that the provider's clock may differ from ours."""

LONGEST_TOKEN = 8192
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

PATIENCE = Patience(connect=1.0, answer=3.0, in_all=6.0, longest=512 * 1024)


class SignInRefused(Exception):
    """Nobody is signed in by this code or token. ``reason`` is for the log, never for whoever sent it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ProviderSettings:
    """The provider as we know it beforehand. ``issuer`` without a slash at the end, exactly as its tokens say it.

    Raises: ValueError for an algorithm that is not of a public key.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    audience: str
    algorithms: tuple[str, ...] = ("ES256", "RS256")
    scope: str = "openid profile"

    def __post_init__(self) -> None:
        if not self.algorithms or not ALGORITHMS.issuperset(self.algorithms):
            raise ValueError("tokens are signed by public keys only")


@dataclass(frozen=True)
class StaffIdentity:
    """Who signed in. ``person`` is the human being, stable over all their accounts; ``account`` is one of those."""

    person: str
    account: str
    name: str
    roles: frozenset[Role]
    expires_at: datetime
    """When the token that says so ends; UTC."""
    personal_number: str | None = None
    """Of whoever activates registrations: nobody activates their own."""
    centre: str | None = None
    """The service centre at which they work, by its id."""


class _Identity(BaseModel):
    """The claims that say who it is. ``person`` stands unsealed in events: an identifier, and no place for a name."""

    sub: str = Field(min_length=1, max_length=255)
    person: str = Field(pattern="^[!-~]{1,255}$")
    name: str = Field(max_length=255)
    roles: list[str] = Field(max_length=50)
    personal_number: str | None = Field(default=None, pattern="^[0-9]{11}$")
    centre: str | None = Field(default=None, pattern="^[!-~]{1,64}$")
    exp: int = Field(gt=0, lt=2**40)


class _Tokens(BaseModel):
    id_token: str = Field(max_length=LONGEST_TOKEN)
    access_token: str = Field(max_length=LONGEST_TOKEN)


class RelyingParty:
    """The office's side of staff sign-in. For many threads; what the provider publishes is kept and refreshed."""

    def __init__(
        self, settings: ProviderSettings, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._provider = ProviderFacts(settings.issuer, patience, tls)

    def begin(self, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser. All three are fresh secrets, kept until it returns. Raises: SignInUnavailable."""
        if not state or not nonce or not VERIFIER.fullmatch(verifier):
            raise ValueError("state, nonce and a PKCE verifier of 43 to 128 characters are required")
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": self._settings.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": _unpadded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{self._provider.document().authorization_endpoint}?{urlencode(asked)}"

    def redeem(self, code: str, verifier: str, nonce: str) -> StaffIdentity:
        """Who came back with ``code``. A code is asked about once. Raises: SignInRefused, SignInUnavailable."""
        if not 0 < len(code) <= LONGEST_TOKEN:
            raise SignInRefused("no code")
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
            "code_verifier": verifier,
        }
        # Form-encoded before they become a Basic header: RFC 6749, section 2.3.1.
        client = (quote_plus(self._settings.client_id), quote_plus(self._settings.client_secret))
        try:
            answer = self._provider.neighbour.ask(
                "POST", self._provider.document().token_endpoint, tries=1, data=asked, auth=client
            )
        except NeighbourDown as error:
            raise SignInUnavailable("no answer from the token endpoint") from error
        if answer.status == 400:
            raise SignInRefused("the provider does not know this code")
        if answer.status != 200:
            raise SignInUnavailable(f"the token endpoint answered {answer.status}")
        try:
            tokens = _Tokens.model_validate_json(answer.content)
        except ValidationError as error:
            raise SignInUnavailable("the token endpoint's answer cannot be read") from error
        claims = self._claims(tokens.id_token, {"JWT", None}, self._settings.client_id)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInRefused("another nonce")
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise SignInRefused("issued to another client")
        return _identity(claims)

    def bearer(self, token: str) -> StaffIdentity:
        """Whose access token this is. Raises: SignInRefused, SignInUnavailable."""
        return _identity(self._claims(token, {"at+jwt", "application/at+jwt"}, self._settings.audience))

    def close(self) -> None:
        self._provider.close()

    def _claims(self, token: str, types: set[str | None], audience: str) -> dict[str, Any]:
        """The claims of a token that is genuine, in force, of one of these types and meant for ``audience``."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise SignInRefused("not a token")
        must: jwt.ClaimsOption = {"essential": True}
        registry = jwt.JWTClaimsRegistry(
            now=int(time.time()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": audience},
            exp=must,
            iat=must,
            sub=must,
        )
        try:
            key = self._provider.key(_key_id(token))
            if key is None:
                raise SignInRefused("signed with an unknown key")
            read = jwt.decode(token, key, algorithms=list(self._settings.algorithms))
            if read.header.get("typ") not in types:
                raise SignInRefused("a token of another type")
            registry.validate(read.claims)
        except (JoseError, ValueError) as error:
            raise SignInRefused(type(error).__name__) from error
        return read.claims


def verifier() -> str:
    """A fresh PKCE verifier (RFC 7636, section 4.1); as good for a state or a nonce."""
    return secrets.token_urlsafe(48)


def _key_id(token: str) -> str:
    """The ``kid`` that the token names, not yet believed. Raises: SignInRefused."""
    try:
        head = token.split(".", 1)[0]
        header = _Header.model_validate_json(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        raise SignInRefused("not a token") from None
    return header.kid


class _Header(BaseModel):
    kid: str = Field(min_length=1, max_length=255)


def _identity(claims: dict[str, Any]) -> StaffIdentity:
    """Only roles of staff count: no token makes anyone an applicant or the office itself. Raises: SignInRefused."""
    try:
        known = _Identity.model_validate(claims)
    except ValidationError:
        raise SignInRefused("claims are missing") from None
    roles = frozenset(role for role in STAFF if role.value in known.roles)
    if not roles:
        raise SignInRefused("no role of staff")
    expires_at = datetime.fromtimestamp(known.exp, UTC)
    return StaffIdentity(known.person, known.sub, known.name, roles, expires_at, known.personal_number, known.centre)


def _unpadded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
