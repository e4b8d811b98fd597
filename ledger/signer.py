"""The seam to whatever holds the checkpoints' signing key, and the key folder that stands in for it by default.

A signer remembers the last checkpoint it signed and signs another only if that one is a beginning of it, by proof. So
it never signs two histories, whatever becomes of the database: a ledger restored from a backup, or put in another's
place, gets no signature before a person has looked.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger import merkle
from ledger.aead import KEY_BYTES
from ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from ledger.kms import KeyFolder, KeysMissing

Proof = Callable[[int, int], Sequence[bytes]]
"""The consistency proof between two sizes, from the tree that is to be signed."""


class OtherHistory(Exception):
    """The ledger does not begin with what was signed before: it was changed, or restored from before.

    Remedy: `sarkmeli audit verify` says where. If it was restored, keep the checkpoints and the signer's files as
    evidence, away from both folders; then a new key signs a new log.
    """


class Signer(Protocol):
    """A key that signs the checkpoints of one log."""

    @property
    def key(self) -> VerifierKey:
        """What verifies its signatures; its name is the log's origin."""
        ...

    def last(self) -> Checkpoint | None:
        """The last checkpoint that was signed."""
        ...

    def sign(self, size: int, root: bytes, proof: Proof) -> str:
        """The signed note; the same again for the last checkpoint. Raises: OtherHistory."""
        ...


class SigningFolder:
    """Implements `Signer` by files in the key folder: ``checkpoint-1.key``, ``.signed``, and ``.pub`` for verifiers.

    ``new`` says that nothing was signed before, so that a key may be made. Raises at construction: KeysMissing.
    """

    def __init__(self, folder: Path, origin: str, *, new: bool) -> None:
        self._key_file = folder / "checkpoint-1.key"
        self._signed_file = folder / "checkpoint-1.signed"
        if new and not self._signed_file.exists():
            KeyFolder(folder).create("checkpoint", 1)
        self._origin = origin
        self._verifier = VerifierKey(origin, self._private().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        public = public_file(folder)
        if not public.exists() or public.read_text().strip() != str(self._verifier):
            replace_file(public, f"{self._verifier}\n".encode())

    @property
    def key(self) -> VerifierKey:
        return self._verifier

    def last(self) -> Checkpoint | None:
        try:
            return self._verifier.open(self._signed_file.read_bytes())
        except FileNotFoundError:
            return None
        except BadCheckpoint as bad:
            raise KeysMissing(f"{self._signed_file} is not what this key signed last: {bad}") from None

    def sign(self, size: int, root: bytes, proof: Proof) -> str:
        with self._alone() as private:
            last = self.last()
            if last is not None:
                refuse_other_history(last, size, root, proof)
            checkpoint = Checkpoint(self._origin, size, root)
            note = self._verifier.note(checkpoint, private.sign(checkpoint.text.encode()))
            if last != checkpoint:
                replace_file(self._signed_file, note.encode())
            return note

    @contextmanager
    def _alone(self) -> Generator[Ed25519PrivateKey]:
        """The key, while no other process signs with it."""
        private = self._private()
        with self._key_file.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield private

    def _private(self) -> Ed25519PrivateKey:
        try:
            secret = self._key_file.read_bytes()
        except FileNotFoundError:
            raise KeysMissing(f"checkpoints were signed before, and {self._key_file} is gone") from None
        if len(secret) != KEY_BYTES:
            raise KeysMissing(f"{self._key_file} is not a key: {KEY_BYTES} bytes are expected")
        return Ed25519PrivateKey.from_private_bytes(secret)


def refuse_other_history(before: Checkpoint, size: int, root: bytes, proof: Proof) -> None:
    """Raises: OtherHistory unless a tree of this size and root begins with ``before``."""
    if size < before.size:
        raise OtherHistory(f"{before.size} events were signed for; the ledger has {size}")
    if before.size == 0:
        return
    if not merkle.extends(proof(before.size, size), before.size, size, before.root, root):
        raise OtherHistory(f"the first {before.size} events are not those that were signed for")


def last_signed(folder: Path, key: VerifierKey) -> Checkpoint | None:
    """What the signer of this key folder signed last, for whoever checks. Raises: BadCheckpoint."""
    try:
        return key.open((folder / "checkpoint-1.signed").read_bytes())
    except FileNotFoundError:
        return None


def public_file(folder: Path) -> Path:
    """Where the verifier key stands, for whoever checks."""
    return folder / "checkpoint-1.pub"


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put ``content`` there at once and on disk, or leave what was there."""
    draft = write_draft(path, content, mode)
    draft.replace(path)
    sync_folder(path.parent)


def write_draft(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """A file beside ``path``, on disk, with a name that nobody else takes."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return draft


def sync_folder(folder: Path) -> None:
    """Have the folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
