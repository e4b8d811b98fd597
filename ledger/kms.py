"""The seam to a key management service, and the key folder that stands in for one by default.

What is behind this seam never stands in a database: *epoch* keys, which wrap the subjects' keys, and the *mac* and
*code* secrets, from which blind indexes and codes are computed.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Protocol

from ledger.aead import KEY_BYTES, bind, decrypt, encrypt


class KeysMissing(Exception):
    """Data are there and their keys are not, or are others: the service must not start.

    Remedy: give the key folder (or the key store's database) that belongs with this ledger, or restore it.
    """


class Kms(Protocol):
    """Keys by name and version, used but never handed out."""

    def create(self, name: str, version: int) -> None:
        """Make the key unless it is there."""
        ...

    def fingerprint(self, name: str, version: int) -> bytes:
        """16 bytes that tell this key from any other and say nothing of it. Raises: KeysMissing."""
        ...

    def wrap(self, name: str, version: int, plain: bytes, context: bytes) -> bytes:
        """``plain`` sealed under the key, bound to ``context``. Raises: KeysMissing."""
        ...

    def unwrap(self, name: str, version: int, wrapped: bytes, context: bytes) -> bytes:
        """What `wrap` was given. Raises: KeysMissing, Tampered."""
        ...

    def mac(self, name: str, version: int, message: bytes) -> bytes:
        """HMAC-SHA-256 of ``message`` under the key. Raises: KeysMissing."""
        ...

    def destroy(self, name: str, version: int) -> None:
        """Make everything wrapped under the key unreadable for ever."""
        ...


class KeyFolder:
    """A folder with a file of 32 random bytes for each key, readable by its owner only. Refused in production.

    Every use reads the file, so that a destroyed key is gone for every process at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, name: str, version: int) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(name, version)
        if path.exists():
            return
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(KEY_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(draft, path)  # unlike rename, never replaces a key that another process made meanwhile
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        self._sync_folder()

    def fingerprint(self, name: str, version: int) -> bytes:
        return self.mac(name, version, b"sarkmeli key fingerprint")[:16]

    def wrap(self, name: str, version: int, plain: bytes, context: bytes) -> bytes:
        return encrypt(self._key(name, version), plain, self._associated(name, version, context))

    def unwrap(self, name: str, version: int, wrapped: bytes, context: bytes) -> bytes:
        return decrypt(self._key(name, version), wrapped, self._associated(name, version, context))

    def mac(self, name: str, version: int, message: bytes) -> bytes:
        return hmac.digest(self._key(name, version), message, "sha256")

    def destroy(self, name: str, version: int) -> None:
        self._path(name, version).unlink(missing_ok=True)
        self._sync_folder()

    def _path(self, name: str, version: int) -> Path:
        return self.folder / f"{name}-{version}.key"

    def _key(self, name: str, version: int) -> bytes:
        path = self._path(name, version)
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            raise KeysMissing(f"the key folder {self.folder} holds no {path.name}") from None
        if len(key) != KEY_BYTES:
            raise KeysMissing(f"{path} is not a key: {KEY_BYTES} bytes are expected")
        return key

    @staticmethod
    def _associated(name: str, version: int, context: bytes) -> bytes:
        return bind("sarkmeli wrap", name, version.to_bytes(4, "big"), context)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
