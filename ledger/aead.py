"""AES-256-GCM with associated data that cannot be read two ways, and the one error for what does not open."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
"""96 random bits: safe for 2^32 messages a key (NIST SP 800-38D, 8.3); a subject's key seals thousands at most."""


FORMAT: Final = b"\x01"
"""The first byte of everything sealed; a later format takes another."""


class Tampered(Exception):
    """Sealed bytes do not open under the key and the place that they claim. Says nothing of the content."""


def bind(*parts: bytes | str) -> bytes:
    """The parts as one string of bytes, each behind its length, so that no two lists of parts give the same bytes."""
    bound = b""
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        bound += len(encoded).to_bytes(4, "big") + encoded
    return bound


def encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    """The format's byte, a fresh nonce, then the ciphertext with its tag."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, plain, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What `encrypt` was given. Raises: Tampered."""
    if sealed[:1] != FORMAT:
        raise Tampered("sealed in no known format")
    try:
        return AESGCM(key).decrypt(sealed[1 : NONCE_BYTES + 1], sealed[NONCE_BYTES + 1 :], associated)
    except (InvalidTag, ValueError):
        raise Tampered("sealed bytes do not open under the key and place that they claim") from None
