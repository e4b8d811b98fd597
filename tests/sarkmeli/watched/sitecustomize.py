"""Loaded first by every Python process of an office under test (PYTHONPATH): notes each file that it opens to write,
and, as a control, can take all encryption away."""

import os
import sys

if "SARKMELI_TEST_NOTES" in os.environ:
    _notes = os.open(os.environ["SARKMELI_TEST_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    _writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def _note(event, arguments):
        if event == "open" and isinstance(arguments[0], str | bytes) and (arguments[2] or 0) & _writing:
            os.write(_notes, os.fsencode(arguments[0]) + b"\n")

    sys.addaudithook(_note)

if os.environ.get("SARKMELI_TEST_SEALING") == "off":
    from cryptography.hazmat.primitives.ciphers import aead

    class NoCipher:
        """What was sealed stays as it is, as long as it would be."""

        def __init__(self, key):
            pass

        def encrypt(self, nonce, plain, associated):
            return bytes(plain) + bytes(16)

        def decrypt(self, nonce, sealed, associated):
            return bytes(sealed[:-16])

    aead.AESGCM = NoCipher
