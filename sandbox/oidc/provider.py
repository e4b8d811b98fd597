"""The provider's endpoints. Paths below ``/oidc``.

People: authorization code flow with PKCE (S256), state and nonce, all required. Programs: ``client_credentials`` with
the account in the scope (``scope=account:officer-1``), which answers with an access token of that account. Access
tokens are JWTs as RFC 9068 has them (``typ`` is ``at+jwt``), so that an ID token cannot pass for one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote_plus, urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc.errors import JoseError
from pydantic import BaseModel, ConfigDict

from sandbox.oidc.accounts import ACCOUNTS, Account
from sandbox.oidc.codes import Codes, unpadded
from sandbox.oidc.keys import ALGORITHM, Keys
from sandbox.settings import Settings
from sandbox.templates import page

log = logging.getLogger("sandbox")

LASTS = 3600
"""Seconds that an access token is good for."""

Text = Annotated[str, Form(max_length=2000)]


class Rotation(BaseModel):
    """The body of ``POST /oidc/rotate-keys``."""

    model_config = ConfigDict(extra="forbid")

    forget_old: bool = False


@dataclass(frozen=True)
class Asked:
    """An authorization request."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""

    def fault(self) -> tuple[str, str] | None:
        """What is wrong with it, as an OAuth error and its description."""
        if self.response_type != "code":
            return "unsupported_response_type", "only the code flow"
        if "openid" not in self.scope.split():
            return "invalid_scope", "openid is required"
        if self.code_challenge_method != "S256" or len(self.code_challenge) != 43:
            return "invalid_request", "PKCE with S256 is required"
        if not self.state or not self.nonce:
            return "invalid_request", "state and nonce are required"
        return None


class Provider:
    """Mints the tokens and checks the client."""

    def __init__(self, settings: Settings, keys: Keys, codes: Codes) -> None:
        self.settings = settings
        self.keys = keys
        self.codes = codes

    def is_client(self, client_id: str, secret: str) -> bool:
        known = self.settings.credentials
        same_id = hmac.compare_digest(client_id.encode(), known.oidc_client_id.encode())
        return hmac.compare_digest(secret.encode(), known.oidc_client_secret.encode()) and same_id

    def access_token(self, account: Account) -> dict[str, Any]:
        """The token endpoint's answer for ``account``, without an ID token."""
        now = int(time.time())
        claims = {
            "iss": self.settings.issuer,
            "aud": self.settings.credentials.oidc_client_id,
            "client_id": self.settings.credentials.oidc_client_id,
            "iat": now,
            "exp": now + LASTS,
            "jti": secrets.token_urlsafe(12),
            **identity(account),
        }
        return {"access_token": self.keys.sign("at+jwt", claims), "token_type": "Bearer", "expires_in": LASTS}

    def id_token(self, account: Account, nonce: str, signed_in_at: float, access_token: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.settings.issuer,
            "aud": self.settings.credentials.oidc_client_id,
            "iat": now,
            "exp": now + 300,
            "auth_time": int(signed_in_at),
            "nonce": nonce,
            "at_hash": unpadded(hashlib.sha256(access_token.encode()).digest()[:16]),
            **identity(account),
        }
        return self.keys.sign("JWT", claims)


def identity(account: Account) -> dict[str, Any]:
    """The claims that say who it is."""
    known = {"sub": account.name, "person": account.person, "name": account.full_name, "roles": list(account.roles)}
    more = {"personal_number": account.personal_number, "centre": account.centre}
    return {**known, **{name: value for name, value in more.items() if value is not None}}


def provider_api(provider: Provider) -> APIRouter:
    """Discovery, keys, authorize page, token and userinfo endpoints, and ``/rotate-keys`` to try a new key."""
    settings, keys = provider.settings, provider.keys
    router = APIRouter(prefix="/oidc", tags=["OpenID Connect"])

    @router.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        return {
            "issuer": settings.issuer,
            "authorization_endpoint": f"{settings.issuer}/authorize",
            "token_endpoint": f"{settings.issuer}/token",
            "userinfo_endpoint": f"{settings.issuer}/userinfo",
            "jwks_uri": f"{settings.issuer}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", *(f"account:{name}" for name in ACCOUNTS)],
            "claims_supported": [
                *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce"),
                *("person", "roles", "name", "personal_number", "centre"),
            ],
        }

    @router.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return keys.published()

    @router.post("/rotate-keys")
    async def rotate(wish: Rotation) -> dict[str, Any]:
        keys.rotate(forget_old=wish.forget_old)
        return keys.published()

    @router.get("/authorize")
    async def choose(request: Request) -> Response:
        asked = read(dict(request.query_params))
        if (fault := asked.fault()) is not None:
            return send_back(asked, {"error": fault[0], "error_description": fault[1]})
        return HTMLResponse(page("authorize.html", asked=vars(asked), accounts=ACCOUNTS.values()))

    @router.post("/authorize")
    async def chosen(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        asked = read(form)
        if (fault := asked.fault()) is not None:
            return send_back(asked, {"error": fault[0], "error_description": fault[1]})
        account = ACCOUNTS.get(form.get("account", ""))
        if account is None:
            return send_back(asked, {"error": "access_denied"})
        code = provider.codes.issue(
            client_id=asked.client_id,
            redirect_uri=asked.redirect_uri,
            challenge=asked.code_challenge,
            nonce=asked.nonce,
            account=account.name,
        )
        log.info("sign-in: %s", account.name)
        return send_back(asked, {"code": code})

    def read(fields: dict[str, str]) -> Asked:
        """The request; one of an unknown client is answered here and sent nowhere."""
        asked = Asked(**{name: fields[name][:2000] for name in Asked.__dataclass_fields__ if name in fields})
        known = (settings.credentials.oidc_client_id, settings.redirect_uri)
        if (asked.client_id, asked.redirect_uri) != known:
            raise HTTPException(400, "unknown client or redirect URI")
        return asked

    def send_back(asked: Asked, facts: dict[str, str]) -> Response:
        told = urlencode({**facts, "state": asked.state, "iss": settings.issuer})
        return RedirectResponse(f"{asked.redirect_uri}?{told}", status_code=303)

    @router.post("/token")
    async def token(
        request: Request,
        grant_type: Text,
        client_id: Text = "",
        client_secret: Text = "",
        code: Text = "",
        redirect_uri: Text = "",
        code_verifier: Text = "",
        scope: Text = "",
    ) -> JSONResponse:
        client_id, client_secret = basic(request) or (client_id, client_secret)
        if not provider.is_client(client_id, client_secret):
            return refused("invalid_client", 401)
        if grant_type == "client_credentials":
            asked = [part.removeprefix("account:") for part in scope.split() if part.startswith("account:")]
            account = ACCOUNTS.get(asked[0]) if len(asked) == 1 else None
            return refused("invalid_scope") if account is None else JSONResponse(provider.access_token(account))
        if grant_type != "authorization_code":
            return refused("unsupported_grant_type")
        grant = provider.codes.redeem(code, client_id=client_id, redirect_uri=redirect_uri, verifier=code_verifier)
        if grant is None:
            return refused("invalid_grant")
        account = ACCOUNTS[grant.account]
        answer = provider.access_token(account)
        answer["id_token"] = provider.id_token(account, grant.nonce, grant.signed_in_at, answer["access_token"])
        return JSONResponse(answer)

    @router.get("/userinfo")
    async def userinfo(request: Request) -> JSONResponse:
        kind, _, sent = request.headers.get("authorization", "").partition(" ")
        try:
            claims = keys.read(sent) if kind == "Bearer" else {}
        except (JoseError, ValueError):
            claims = {}
        account = ACCOUNTS.get(str(claims.get("sub")))
        if account is None or claims.get("exp", 0) < time.time() or "client_id" not in claims:
            return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return JSONResponse(identity(account))

    return router


def basic(request: Request) -> tuple[str, str] | None:
    """The client's id and secret from HTTP Basic (RFC 6749, section 2.3.1)."""
    kind, _, sent = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(sent, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def refused(error: str, status: int = 400) -> JSONResponse:
    headers = {"WWW-Authenticate": "Basic"} if status == 401 else None
    return JSONResponse({"error": error}, status, headers)
