"""Under which name a case is known outside: made from its subject's secret, so that with the key the name goes, too.

Neither the pseudonym nor an event's id can be computed from anything that anybody knows of a case, and once the
subject's key is destroyed not even the office can compute them again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from domain.people import SubjectId
from ledger.aead import bind
from ledger.keys import SubjectErased, SubjectKey, UnknownKey

_PSEUDONYM: Final = bind("sarkmeli pseudonym")
_EVENT: Final = bind("sarkmeli published event")
ID_BYTES: Final = 16


class SubjectSecrets(Protocol):
    """Where the subjects' secrets are. Implemented by `ledger.keys.KeyStore`."""

    def subject_key(self, subject: SubjectId, *, fresh: bool = False) -> SubjectKey:
        """Raises: SubjectErased, UnknownKey."""
        ...

    def subject_keys(self, subjects: Sequence[SubjectId]) -> dict[UUID, SubjectKey | None]:
        """By subject, in one question at most; None where the key was destroyed. Raises: UnknownKey."""
        ...


class Pseudonym:
    """A case as it is known outside. ``uuid`` is of version 8 (RFC 9562): 122 bits of HMAC-SHA-256."""

    __slots__ = ("_keyed", "key", "uuid")

    def __init__(self, salt: bytes) -> None:
        self._keyed = HMAC(salt, SHA256())  # to be copied: setting one up costs more than using it
        mixed = bytearray(self._mac(_PSEUDONYM))
        mixed[6] = 0x80 | mixed[6] & 0x0F
        mixed[8] = 0x80 | mixed[8] & 0x3F
        self.uuid = UUID(bytes=bytes(mixed))
        self.key = str(self.uuid).encode()

    def event_id(self, stream: UUID, version: int) -> bytes:
        """The id of an event of the case, the same whenever it is published; 128 bits in hexadecimal."""
        return self._mac(_EVENT + stream.bytes + version.to_bytes(8, "big")).hex().encode()

    def _mac(self, said: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(said)
        return keyed.finalize()[:ID_BYTES]


class Pseudonyms:
    """The pseudonyms of cases, by their subjects."""

    def __init__(self, secrets: SubjectSecrets) -> None:
        self._secrets = secrets

    def of(self, subjects: Collection[SubjectId]) -> dict[SubjectId, Pseudonym]:
        """Those whose key was not destroyed. What was read less than 5 seconds ago is not asked for again.

        Raises: UnknownKey, and what the key store's database raises.
        """
        held = self._secrets.subject_keys(list(subjects))
        return {SubjectId(subject): Pseudonym(key.salt) for subject, key in held.items() if key is not None}

    def now(self, subject: SubjectId) -> UUID | None:
        """The pseudonym of one, as the key store has it at this moment.

        None if its secret is not there: destroyed, or lost with a key store that was restored from before its minting.
        Nobody will ever know it again.
        """
        try:
            return Pseudonym(self._secrets.subject_key(subject, fresh=True).salt).uuid
        except (SubjectErased, UnknownKey):
            return None
