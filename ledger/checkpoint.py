"""A checkpoint: how many events there are and the root over them, as a note signed with Ed25519.

The forms are public ones, so that anybody's tools check them: https://c2sp.org/tlog-checkpoint for the text,
https://c2sp.org/signed-note for the signature and the verifier key.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.merkle import HASH_BYTES

ED25519: Final = b"\x01"
"""The algorithm's byte in a verifier key."""

_TEXT: Final = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/=]+)\n(?:[^\n]+\n)*")
_SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
_KEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
LARGEST_NOTE: Final = 16 * 1024


class BadCheckpoint(Exception):
    """Not a checkpoint of this log, signed with this key; says why."""


@dataclass(frozen=True)
class Checkpoint:
    """``size`` events of the log called ``origin`` have the tree hash ``root``."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class VerifierKey:
    """Whose signature is believed: the key's name and its 32 public bytes."""

    name: str
    public: bytes

    @staticmethod
    def parse(text: str) -> VerifierKey:
        """A verifier key as `str` writes it. Raises: ValueError."""
        found = _KEY.fullmatch(text.strip())
        if found is None:
            raise ValueError("a verifier key is NAME+8 hexadecimal digits+base64")
        encoded = _unbase64(found[3])
        if len(encoded) != 33 or encoded[:1] != ED25519:
            raise ValueError("not an Ed25519 verifier key")
        key = VerifierKey(found[1], encoded[1:])
        if key.id.hex() != found[2]:
            raise ValueError("the verifier key's digits do not belong with its name and bytes")
        return key

    @property
    def id(self) -> bytes:
        """4 bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def note(self, checkpoint: Checkpoint, signature: bytes) -> str:
        """The signed note, given the key's signature of the checkpoint's text."""
        return f"{checkpoint.text}\n— {self.name} {base64.b64encode(self.id + signature).decode()}\n"

    def open(self, note: bytes) -> Checkpoint:
        """The checkpoint in a note that bears this key's signature; other keys' are passed over.

        Raises: BadCheckpoint.
        """
        checkpoint, text, signatures = _parts(note)
        if checkpoint.origin != self.name:
            raise BadCheckpoint(f"a checkpoint of another log, {checkpoint.origin}")
        found = [_SIGNATURE.fullmatch(line) for line in signatures]
        if not all(found):
            raise BadCheckpoint("a line that is no signature")
        try:
            signed = [_unbase64(one[2]) for one in found if one and one[1] == self.name]
            for signature in signed:
                if signature[:4] == self.id:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(signature[4:], text.encode())
                    return checkpoint
        except (InvalidSignature, ValueError):
            raise BadCheckpoint("its signature is not the key's") from None
        raise BadCheckpoint("it is not signed with this key")


def _parts(note: bytes) -> tuple[Checkpoint, str, list[str]]:
    if len(note) > LARGEST_NOTE:
        raise BadCheckpoint("too long")
    try:
        whole = note.decode()
        text, separator, signed = whole.rpartition("\n\n")
        found = _TEXT.fullmatch(text + "\n")
        root = _unbase64(found[3]) if found else b""
    except ValueError:
        raise BadCheckpoint("not a checkpoint") from None
    if not separator or found is None or len(root) != HASH_BYTES or not signed.endswith("\n"):
        raise BadCheckpoint("not a checkpoint")
    return Checkpoint(found[1], int(found[2]), root), text + "\n", signed[:-1].split("\n")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
