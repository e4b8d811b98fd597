"""The seam to a key management service, and the key folder that stands in for one by default.

What is behind this seam never stands in a database: *epoch* keys, which wrap the subjects' keys, the *mac* and *code*
secrets, from which blind indexes and codes are computed, and the *checkpoint* key, which signs the history's root.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.aead import KEY_BYTES, bind, decrypt, encrypt


class KeysMissing(Exception):
    """Data are there and their keys are not, or are others: the service must not start.

    Remedy: give the key folder (or the key store's database) that belongs with this ledger, or restore it.
    """


class KmsUnavailable(OSError):
    """The key management service does not answer, or refuses us. What was asked may be asked again later."""


EPOCH: Final = "epoch"
"""The name of the keys that wrap."""
SECRETS: Final = ("mac", "code")
"""The names of the keys that hash. mac: blind indexes, idempotency, tokens. code: the codes of cases; an old version
verifies until retired."""
CHECKPOINT: Final = "checkpoint"
"""The name of the keys that sign (Ed25519)."""


class Kms(Protocol):
    """Keys by name and version, used but never handed out. Every method may raise KmsUnavailable.

    A name is `EPOCH` (it can wrap), one of `SECRETS` (it can mac) or `CHECKPOINT` (it can sign), and nothing else.
    """

    def create(self, name: str, version: int) -> None:
        """Make the key unless it is there, disabled or not. Callers see to it that two do not at once."""
        ...

    def versions(self, name: str) -> tuple[int, ...]:
        """The versions that there are, disabled ones too, in order."""
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

    def unwrapper(self, name: str, version: int) -> Callable[[bytes, bytes], bytes]:
        """`unwrap` for many under one key, to be called at once and not kept: the key is asked for once, if it can be.

        Raises: KeysMissing, here or when it is called.
        """
        ...

    def mac(self, name: str, version: int, message: bytes) -> bytes:
        """HMAC-SHA-256 of ``message`` under the key. Raises: KeysMissing."""
        ...

    def public(self, name: str, version: int) -> bytes:
        """The 32 public bytes of a key that signs. Raises: KeysMissing."""
        ...

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032) of ``message``, 64 bytes. Raises: KeysMissing."""
        ...

    def disable(self, name: str, version: int) -> None:
        """Have the key refuse all use, as if it were missing, until it is enabled; nothing if it is not there."""
        ...

    def enable(self, name: str, version: int) -> None:
        """Undo `disable`; nothing if the key is enabled or not there."""
        ...

    def destroy(self, name: str, version: int) -> None:
        """Make everything wrapped under the key unreadable for ever; nothing if it is not there."""
        ...


def disabled(key: str, where: str) -> str:
    """What a disabled key's user is told."""
    return (
        f"the key {key} in {where} is disabled: the epoch was turned. If the key store was restored from a backup of "
        "before, `sarkmeli ledger restored` enables it"
    )


class KeyFolder:
    """A folder with a file of 32 random bytes for each key, readable by its owner only. Refused in production.

    Every use looks at the file, so that a disabled or destroyed key is gone for every process at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int, int], bytes]] = {}
        """Keys by their file's path, and what that file was when it was read."""

    def create(self, name: str, version: int) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(name, version)
        if path.exists() or self._disabled(name, version).exists():
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

    def versions(self, name: str) -> tuple[int, ...]:
        called = re.compile(re.escape(name) + r"-([0-9]+)\.(?:key|disabled)")
        found = [called.fullmatch(path.name) for path in self.folder.glob(f"{name}-*")]
        return tuple(sorted({int(one[1]) for one in found if one}))

    def fingerprint(self, name: str, version: int) -> bytes:
        return self.mac(name, version, b"sarkmeli key fingerprint")[:16]

    def wrap(self, name: str, version: int, plain: bytes, context: bytes) -> bytes:
        return encrypt(self._key(name, version), plain, self._associated(name, version, context))

    def unwrapper(self, name: str, version: int) -> Callable[[bytes, bytes], bytes]:
        key = self._key(name, version)
        return lambda wrapped, context: decrypt(key, wrapped, self._associated(name, version, context))

    def unwrap(self, name: str, version: int, wrapped: bytes, context: bytes) -> bytes:
        return decrypt(self._key(name, version), wrapped, self._associated(name, version, context))

    def mac(self, name: str, version: int, message: bytes) -> bytes:
        return hmac.digest(self._key(name, version), message, "sha256")

    def public(self, name: str, version: int) -> bytes:
        return self._pair(name, version).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        return self._pair(name, version).sign(message)

    def disable(self, name: str, version: int) -> None:
        self._rename(self._path(name, version), self._disabled(name, version))

    def enable(self, name: str, version: int) -> None:
        self._rename(self._disabled(name, version), self._path(name, version))

    def destroy(self, name: str, version: int) -> None:
        self._path(name, version).unlink(missing_ok=True)
        self._disabled(name, version).unlink(missing_ok=True)
        self._sync_folder()

    def _path(self, name: str, version: int) -> Path:
        return self.folder / f"{name}-{version}.key"

    def _disabled(self, name: str, version: int) -> Path:
        return self.folder / f"{name}-{version}.disabled"

    def _rename(self, path: Path, to: Path) -> None:
        if path.exists():
            path.rename(to)
            self._sync_folder()

    def _pair(self, name: str, version: int) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._key(name, version))

    def _key(self, name: str, version: int) -> bytes:
        where = f"{self.folder}/{name}-{version}.key"
        try:
            found = os.stat(where)
            is_now = found.st_ino, found.st_mtime_ns, found.st_ctime_ns
            was, key = self._read.get(where, (None, b""))
            if was != is_now:
                key = Path(where).read_bytes()
        except FileNotFoundError:
            self._read.pop(where, None)
            if self._disabled(name, version).exists():
                raise KeysMissing(disabled(f"{name}-{version}", f"the key folder {self.folder}")) from None
            raise KeysMissing(f"the key folder {self.folder} holds no {name}-{version}.key") from None
        if len(key) != KEY_BYTES:
            raise KeysMissing(f"{where} is not a key: {KEY_BYTES} bytes are expected")
        self._read[where] = is_now, key
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


PKCS11: Final = "pkcs11:"
"""How the address of a PKCS#11 token begins (RFC 7512)."""

_tokens: dict[str, Kms] = {}
"""One holder a token and process: sessions, logging in and the module's lock are the process's."""


def open_kms(address: str | Path) -> Kms:
    """The holder of keys at ``address``: a folder, or a PKCS#11 URI that names token and module-path.

    Asks nothing of it yet. Raises: ValueError for a URI that is none.
    """
    if isinstance(address, Path) or not address.startswith(PKCS11):
        return KeyFolder(Path(address))
    from ledger.pkcs11_kms import Pkcs11Token  # only who has a token loads the binding
    from ledger.token_place import TokenPlace

    if address not in _tokens:
        _tokens[address] = Pkcs11Token(TokenPlace.parse(address))
    return _tokens[address]
