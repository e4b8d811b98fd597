"""AES-256-GCM with associated data that cannot be read two ways, and the one error for what does not open."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
"""96 random bits: safe for 2^32 messages a key (NIST SP 800-38D, 8.3); a subject's key seals thousands at most."""


class Tampered(Exception):
    """Sealed bytes do not open under the key and the place that they claim. Says nothing of the content."""


def bind(*parts: bytes | str) -> bytes:
    """The parts as one string of bytes, each behind its length, so that no two lists of parts give the same bytes."""
    encoded = (part.encode("utf-8") if isinstance(part, str) else part for part in parts)
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    """A fresh nonce, then the ciphertext with its tag."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What `encrypt` was given. Raises: Tampered."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise Tampered("sealed bytes do not open under the key and place that they claim") from None
