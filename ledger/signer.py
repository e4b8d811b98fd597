"""What signs the checkpoints: a key behind the seam to the key management service, and a memory of what it signed.

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

from ledger import merkle
from ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from ledger.kms import CHECKPOINT, KeyFolder, KeysMissing, Kms

Proof = Callable[[int, int], Sequence[bytes]]
"""The consistency proof between two sizes, from the tree that is to be signed."""

_REMEDY = "`sarkmeli audit verify` says where; after a restore, `sarkmeli ledger restored` begins a new log"


class OtherHistory(Exception):
    """The ledger does not begin with what was signed before: it was changed, or restored from before."""


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
    """Implements `Signer` with the checkpoint key of a log (numbered from 1), and two files of that number in a folder.

    ``checkpoint-1.signed`` is the last that was signed, ``checkpoint-1.pub`` is for verifiers. The key is in ``kms``,
    the same folder unless another is given. ``new`` says that nothing was signed before, so that a key may be made.
    Raises at construction: KeysMissing, KmsUnavailable.
    """

    def __init__(self, folder: Path, origin: str, *, new: bool, kms: Kms | None = None, log: int = 1) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kms = KeyFolder(folder) if kms is None else kms
        self._log = log
        self._signed_file = signed_file(folder, log)
        self._turn_file = folder / f"{CHECKPOINT}-{log}.turn"
        self._origin = origin
        with self._alone():
            if new and not self._signed_file.exists():
                self._kms.create(CHECKPOINT, log)
            self._verifier = VerifierKey(origin, self._kms.public(CHECKPOINT, log))
            public = public_file(folder, log)
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
        with self._alone():
            last = self.last()
            if last is not None:
                refuse_other_history(last, size, root, proof)
            checkpoint = Checkpoint(self._origin, size, root)
            note = self._verifier.note(checkpoint, self._kms.sign(CHECKPOINT, self._log, checkpoint.text.encode()))
            if last != checkpoint:
                replace_file(self._signed_file, note.encode())
            return note

    @contextmanager
    def _alone(self) -> Generator[None]:
        """While no other process signs for this log."""
        with open(self._turn_file, "ab", opener=_for_its_owner) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def refuse_other_history(before: Checkpoint, size: int, root: bytes, proof: Proof) -> None:
    """Raises: OtherHistory unless a tree of this size and root begins with ``before``."""
    if size < before.size:
        raise OtherHistory(f"{before.size} events were signed for; the ledger has {size}: {_REMEDY}")
    if before.size == 0:
        return
    if not merkle.extends(proof(before.size, size), before.size, size, before.root, root):
        raise OtherHistory(f"the first {before.size} events are not those that were signed for: {_REMEDY}")


def last_signed(folder: Path, key: VerifierKey, log: int = 1) -> Checkpoint | None:
    """What the signer of this key folder signed last, for whoever checks. Raises: BadCheckpoint."""
    try:
        return key.open(signed_file(folder, log).read_bytes())
    except FileNotFoundError:
        return None


def public_file(folder: Path, log: int = 1) -> Path:
    """Where a log's verifier key stands, for whoever checks."""
    return folder / f"{CHECKPOINT}-{log}.pub"


def signed_file(folder: Path, log: int = 1) -> Path:
    """Where a log's signer notes what it signed last."""
    return folder / f"{CHECKPOINT}-{log}.signed"


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put ``content`` there at once and on disk, or leave what was there."""
    draft = write_draft(path, content, mode)
    draft.replace(path)
    sync_folder(path.parent)


def write_draft(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """A file beside ``path``, on disk, with a name that nobody else takes; nothing is left of one that does not fit."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        draft.unlink()
        raise
    return draft


def sync_folder(folder: Path) -> None:
    """Have the folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
