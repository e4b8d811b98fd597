"""Position tokens: how a client says "at least what I just did" without learning how many cases there are."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ledger.keys import KeyStore
from ledger.lineage import OtherLineage

__all__ = ["BadToken", "OtherLineage", "Tokens"]

_PURPOSE: Final = "position token"
_LONGEST: Final = 128


class BadToken(ValueError):
    """No token of this service: mistyped, forged, or made under a key long retired."""


class Tokens:
    """Seals a ledger position and its lineage as text that only this service reads (AES-SIV, RFC 5297)."""

    def __init__(self, keys: KeyStore, lineage: Callable[[], UUID]) -> None:
        self._keys = keys
        self._lineage = lineage

    def encode(self, position: int, lineage: UUID | None = None) -> str:
        """The token of a position, of the ledger's own lineage unless another is given."""
        version, key = self._keys.derived(_PURPOSE)[0]
        plain = (lineage or self._lineage()).bytes + position.to_bytes(8, "big")
        sealed = AESSIV(key).encrypt(plain, [_PURPOSE.encode()])
        return urlsafe_b64encode(version.to_bytes(2, "big") + sealed).decode().rstrip("=")

    def decode(self, token: str) -> int:
        """The position. Raises: BadToken, OtherLineage."""
        plain = self._open(token)
        lineage, position = UUID(bytes=plain[:16]), int.from_bytes(plain[16:], "big")
        if lineage != self._lineage():
            raise OtherLineage("the token is of another history of this ledger")
        return position

    def _open(self, token: str) -> bytes:
        if len(token) > _LONGEST or not token.isascii():
            raise BadToken("no position token")
        try:
            packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise BadToken("no position token") from None
        version, sealed = int.from_bytes(packed[:2], "big"), packed[2:]
        for live, key in self._keys.derived(_PURPOSE):
            if live == version:
                try:
                    plain = AESSIV(key).decrypt(sealed, [_PURPOSE.encode()])
                except (InvalidTag, ValueError):
                    break
                if len(plain) == 24:
                    return plain
        raise BadToken("no position token")
