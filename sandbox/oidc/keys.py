"""The provider's signing keys: ES256, kept in ``oidc-keys.json`` of the state folder, the newest signs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from sandbox.settings import write_privately

ALGORITHM = "ES256"


class Keys:
    """Survive a restart; `rotate` adds one, or forgets the old ones too."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "oidc-keys.json"
        if self._path.exists():
            self._keys = [ECKey.import_key(key) for key in json.loads(self._path.read_text())["keys"]]
        else:
            self._keys = []
            self.rotate(forget_old=False)

    def rotate(self, *, forget_old: bool) -> None:
        """From now on sign with a new key; the old ones stay published unless they are to be forgotten."""
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        self._keys = [key] if forget_old else [*self._keys, key]
        private = {"keys": [known.as_dict(private=True) for known in self._keys]}
        write_privately(self._path, json.dumps(private).encode())

    def published(self) -> dict[str, Any]:
        """The public halves, as a JWK set."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def sign(self, kind: str, claims: dict[str, Any]) -> str:
        """A JWT of type ``kind``: ``JWT`` or ``at+jwt`` (RFC 9068)."""
        key = self._keys[-1]
        return jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key.kid}, claims, key)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours. Raises: JoseError, ValueError."""
        return jwt.decode(token, KeySet(list(self._keys)), algorithms=[ALGORITHM]).claims
