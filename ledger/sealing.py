"""Sealing: personal fields under their subject's key, bound to the one event that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from domain.event import ERASED, Erased
from domain.people import SubjectId
from ledger.aead import FORMAT, Tampered, bind, decrypt, encrypt
from ledger.codec import Json, Unstorable, dump, load
from ledger.keys import KeysMissing, SubjectKey
from ledger.shape import SEALED, SealedMark, shape_of
from ledger.topics import event_class

__all__ = ["SEALED", "NoKeys", "Sealed", "SealedMark", "Sealer", "SubjectKeys"]

_FIXED: Final = 1 + 16 + 8 + 16 + 2


@dataclass(frozen=True)
class Sealed:
    """The sealed part of one event, with all that is needed to open it: read models keep it as it is."""

    stream: UUID
    version: int
    topic: str
    key_id: UUID
    ciphertext: bytes

    def pack(self) -> bytes:
        """One string of bytes for a row."""
        topic = self.topic.encode()
        head = FORMAT + self.stream.bytes + self.version.to_bytes(8, "big") + self.key_id.bytes
        return head + len(topic).to_bytes(2, "big") + topic + self.ciphertext

    @staticmethod
    def unpack(packed: bytes) -> Sealed:
        """What `pack` was given. Raises: Tampered."""
        packed = bytes(packed)
        length = int.from_bytes(packed[_FIXED - 2 : _FIXED], "big")
        if packed[:1] != FORMAT or len(packed) < _FIXED + length:
            raise Tampered("no packed sealed part")
        try:
            topic = packed[_FIXED : _FIXED + length].decode()
        except UnicodeDecodeError:
            raise Tampered("no packed sealed part") from None
        return Sealed(
            stream=UUID(bytes=packed[1:17]),
            version=int.from_bytes(packed[17:25], "big"),
            topic=topic,
            key_id=UUID(bytes=packed[25:41]),
            ciphertext=packed[_FIXED + length :],
        )

    def associated(self) -> bytes:
        """What the ciphertext is bound to: stream, version, stored topic, key."""
        return _associated(self.stream, self.version, self.topic, self.key_id)


class SubjectKeys(Protocol):
    """Where the subjects' keys are. Implemented by `ledger.keys.KeyStore`."""

    def subject_key(self, subject: SubjectId) -> SubjectKey:
        """The key that seals what is said of ``subject`` now. Raises: SubjectErased, UnknownKey."""
        ...

    def keys(self, key_ids: Sequence[UUID]) -> dict[UUID, SubjectKey | None]:
        """The keys of these ids; None where it was destroyed. Raises: UnknownKey."""
        ...


class NoKeys:
    """The keys of who follows the ledger and opens nothing."""

    def subject_key(self, subject: SubjectId) -> SubjectKey:
        """Raises: KeysMissing."""
        raise KeysMissing("the ledger was opened without its keys: nothing is sealed here")

    def keys(self, key_ids: Sequence[UUID]) -> dict[UUID, SubjectKey | None]:
        """Raises: KeysMissing, unless none is asked for."""
        if key_ids:
            raise KeysMissing("the ledger was opened without its keys: nothing sealed is opened here")
        return {}


class Sealer:
    """Seals and opens the personal part of events with the subjects' keys."""

    def __init__(self, keys: SubjectKeys) -> None:
        self.keys = keys

    def seal(
        self, stream: UUID, version: int, topic: str, subject: SubjectId, facts: Mapping[str, Json], class_version: int
    ) -> Sealed:
        """The facts sealed for this place under the subject's key. Raises: SubjectErased, UnknownKey."""
        held = self.keys.subject_key(subject)
        plain = dump({"class_version": class_version, "facts": dict(facts)})
        ciphertext = encrypt(held.key, plain, _associated(stream, version, topic, held.key_id))
        return Sealed(stream, version, topic, held.key_id, ciphertext)

    def open(self, sealed: Sealed) -> dict[str, Any]:
        """Each personal field by name, typed; `ERASED` where the key is gone. Raises: Tampered, UnknownKey."""
        return self.open_all([sealed])[0]

    def open_all(self, sealed: Sequence[Sealed]) -> list[dict[str, Any]]:
        """As `open`, for many at the price of one question to the key store."""
        keys = self.keys.keys([one.key_id for one in sealed])
        return [self._typed(one, keys[one.key_id]) for one in sealed]

    def open_stored(self, sealed: Sequence[Sealed]) -> list[dict[str, Json] | Erased]:
        """The facts as they were stored, under the class version of then, or `ERASED`. Raises: Tampered, UnknownKey."""
        keys = self.keys.keys([one.key_id for one in sealed])
        return [_opened(one, keys[one.key_id])[0] for one in sealed]

    @staticmethod
    def _typed(sealed: Sealed, key: SubjectKey | None) -> dict[str, Any]:
        shape = shape_of(event_class(sealed.topic))
        facts, class_version = _opened(sealed, key)
        if isinstance(facts, Erased):
            return shape.erased()
        state: dict[str, Any] = dict(facts)
        shape.upcast(state, class_version)
        return shape.read({name: value for name, value in state.items() if name in shape.personal})


def _associated(stream: UUID, version: int, topic: str, key_id: UUID) -> bytes:
    return bind("sarkmeli event", stream.bytes, version.to_bytes(8, "big"), topic, key_id.bytes)


def _opened(sealed: Sealed, key: SubjectKey | None) -> tuple[dict[str, Json] | Erased, int]:
    if key is None:
        return ERASED, 0
    document = load(decrypt(key.key, sealed.ciphertext, sealed.associated()))
    facts, class_version = document.get("facts"), document.get("class_version")
    if not isinstance(facts, dict) or not isinstance(class_version, int):
        raise Unstorable("a sealed part that is none")
    return facts, class_version
