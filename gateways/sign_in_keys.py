"""What the staff's provider publishes of itself: its endpoints and its keys, kept and refreshed within bounds."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from pydantic import BaseModel, Field, ValidationError

from gateways.neighbour import Neighbour, NeighbourDown, Patience

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

KINDS: Final = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
"""Public keys only: a published secret would let everybody sign."""

FRESH = 600.0
"""Seconds for which the keys are not asked for again; so long may a withdrawn key still be taken."""

LONGEST_STALE = 3600.0
"""Seconds for which old keys serve while the provider is silent."""

PAUSE = 5.0
"""Seconds between two refreshes on account of an unknown key: tokens are free to make up, questions are not."""


WAIT = 2.0
"""Seconds that a token of an unknown key waits while somebody else asks."""


class SignInUnavailable(Exception):
    """The provider does not answer, or not sensibly: whether somebody may come in cannot be said now."""


class Document(BaseModel):
    """OpenID Connect Discovery 1.0, section 3, as far as it is used."""

    issuer: str
    authorization_endpoint: str = Field(max_length=2000)
    token_endpoint: str = Field(max_length=2000)
    jwks_uri: str = Field(max_length=2000)


class _Published(BaseModel):
    keys: list[dict[str, Any]] = Field(max_length=50)


@dataclass(frozen=True)
class _Keys:
    """A key set as it was at ``read_at``, in monotonic seconds."""

    keys: dict[str, Key]
    read_at: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.read_at


class ProviderFacts:
    """The discovery document and the key set of one issuer. For many threads: one asks, and only those wait for it who
    cannot do with what is known."""

    def __init__(self, issuer: str, patience: Patience, tls: ssl.SSLContext | None = None) -> None:
        self._issuer = issuer
        self.neighbour = Neighbour("sign-in provider", issuer, patience, tls=tls)
        self._asking = threading.Lock()
        self._document: Document | None = None
        self._known = _Keys({}, float("-inf"))
        self._tried_at = float("-inf")

    def document(self) -> Document:
        """The provider's endpoints, asked for once. Raises: SignInUnavailable."""
        if (known := self._document) is not None:
            return known
        with self._asking:
            return self._document or self._discover()

    def key(self, kid: str) -> Key | None:
        """The public key of this id. Raises: SignInUnavailable."""
        known = self._known
        serves = kid in known.keys and known.age <= LONGEST_STALE
        if serves and known.age <= FRESH:
            return known.keys[kid]
        if self._asking.acquire(timeout=0 if serves else WAIT):
            try:
                if self._known is known:
                    self._refresh(known)
            finally:
                self._asking.release()
        elif known.age > LONGEST_STALE:
            raise SignInUnavailable("the provider is being asked already")
        return self._known.keys.get(kid)

    def close(self) -> None:
        self.neighbour.close()

    def _may_ask(self) -> bool:
        return time.monotonic() - self._tried_at > PAUSE

    def _refresh(self, known: _Keys) -> None:
        """Read the keys again, unless that was tried just now; while the provider is silent old ones serve a while."""
        usable = known.age <= LONGEST_STALE
        if usable and not self._may_ask():
            return
        self._tried_at = time.monotonic()
        try:
            self._known = _Keys(self._read_keys(), time.monotonic())
        except SignInUnavailable:
            if not usable:
                raise

    def _read_keys(self) -> dict[str, Key]:
        published = self._get((self._document or self._discover()).jwks_uri, _Published)
        keys: dict[str, Key] = {}
        for jwk in published.keys:
            kind = KINDS.get(str(jwk.get("kty")))
            if kind is None or jwk.get("use", "sig") != "sig" or not isinstance(kid := jwk.get("kid"), str):
                continue
            try:
                keys[kid] = kind.import_key(jwk)
            except (JoseError, ValueError):
                log.warning("the sign-in provider publishes a key that cannot be read")
        if not keys:
            raise SignInUnavailable("the provider publishes no key")
        return keys

    def _discover(self) -> Document:
        found = self._get(f"{self._issuer}/.well-known/openid-configuration", Document)
        if found.issuer != self._issuer:
            raise SignInUnavailable("the document is another issuer's")
        scheme = urlsplit(self._issuer).scheme
        for endpoint in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if urlsplit(endpoint).scheme not in ("https", scheme):
                raise SignInUnavailable("an endpoint is less protected than its issuer")
        self._document = found
        return found

    def _get(self, url: str, kind: type[M]) -> M:
        try:
            answer = self.neighbour.ask("GET", url)
        except NeighbourDown as error:
            raise SignInUnavailable("the provider does not answer") from error
        if answer.status != 200:
            raise SignInUnavailable(f"the provider answered {answer.status}")
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise SignInUnavailable("what the provider publishes cannot be read") from error
