"""The key store: a key for each subject in a database of its own, wrapped by epoch keys that stand in no database.

Here a subject's key is found, its code computed, and here alone it is forgotten; how it is minted: `ledger.minting`.
Blind indexes and every other keyed hash come from here too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from psycopg import Connection

from domain.number import code_from
from domain.office import SubjectGone
from domain.people import SubjectId
from ledger.aead import KEY_BYTES, Tampered, bind, decrypt, encrypt
from ledger.connecting import LINK, asking, conninfo_of, open_pool, refuse_unsafe_durability
from ledger.gathering import Gathering
from ledger.keyring import Keyring
from ledger.kms import EPOCH, KeyFolder, KeysMissing, Kms, KmsUnavailable
from ledger.memory import ShortMemory
from ledger.minting import Minter, place

__all__ = ["KeyStore", "KeysMissing", "SubjectErased", "SubjectKey", "Tampered", "UnknownKey"]

DDL: Final = """
CREATE TABLE IF NOT EXISTS keystore.subject (
    id        uuid PRIMARY KEY,
    key_id    uuid NOT NULL UNIQUE,
    epoch     integer NOT NULL REFERENCES keystore.epoch (number),
    wrapped   bytea,
    minted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS subject_epoch ON keystore.subject (epoch) WHERE wrapped IS NOT NULL;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'keystore.subject'::regclass AND attname = 'cause') THEN
        ALTER TABLE keystore.subject ADD COLUMN cause bytea;
    END IF;
END
$$;
CREATE UNIQUE INDEX IF NOT EXISTS subject_cause ON keystore.subject (cause)
    WHERE cause IS NOT NULL AND wrapped IS NOT NULL;
"""
"""``wrapped`` is the subject's key and salt under the epoch's key. An erased subject keeps its row, so that "erased"
and "the wrong key store" are never confused. ``cause`` is the keyed hash of what the subject was minted for, if
anything was named: see `ledger.minting`. The alteration is for key stores of 0.1.0's first weeks."""

MAC_VERSION_BYTES = 2


_Row = tuple[UUID, UUID, int, bytes | None]
"""A subject's row: id, key's id, epoch, wrapped key."""
_Found = tuple["SubjectKey | None"] | Exception
"""What a row gave: its key, None where that was destroyed, or why it could not be unwrapped."""


class SubjectErased(SubjectGone):
    """The subject's key was destroyed; what it sealed is gone and nothing more can be sealed."""


class UnknownKey(LookupError):
    """No such subject or key was ever minted here: the wrong key store, or one restored from before the minting."""


@dataclass(frozen=True)
class SubjectKey:
    """One subject's key and its code's salt."""

    subject: SubjectId
    key_id: UUID
    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)


class KeyStore:
    """Implements ``domain.office.Subjects``. Safe for many threads.

    A process needs one, which whoever is told its `name` finds by `opened`: two would ask for each key twice.

    ``kms`` is the folder of keys, or another key management service. Raises at construction: KeysMissing,
    UnsafeDurability, psycopg.OperationalError.
    """

    def __init__(self, conninfo: str, kms: Path | Kms) -> None:
        self._kms: Kms = KeyFolder(kms) if isinstance(kms, Path) else kms
        self.name = str(next(_names))
        self._by_id: ShortMemory[UUID, SubjectKey | None] = ShortMemory()
        self._by_subject: ShortMemory[UUID, SubjectKey | None] = ShortMemory()
        self._purposes: dict[tuple[str, int], tuple[bytes, HMAC]] = {}
        self._ring = Keyring(self._kms)
        with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
            refuse_unsafe_durability(connection)
            self._ring.open(connection)
        self._pool = open_pool(conninfo, "keystore", max_size=8)
        self._minter = Minter(self._pool, self._kms)
        self._gathered: Gathering[UUID, _Found] = Gathering(lambda ids: self._read("id", ids))
        _opened[self.name] = self

    @staticmethod
    def opened(name: str) -> KeyStore | None:
        """The one of this name, if it is open in this process."""
        return _opened.get(name)

    @property
    def id(self) -> UUID:
        """Which key store this is; a ledger belongs with one."""
        return self._ring.id

    @property
    def is_new(self) -> bool:
        """Whether this opening made the key store."""
        return self._ring.is_new

    @property
    def conninfo(self) -> str:
        """How to reach its database."""
        return conninfo_of(self._pool)

    def close(self) -> None:
        """Close the connections."""
        _opened.pop(self.name, None)
        self._pool.close()

    # -- subjects ------------------------------------------------------------------------------------------------

    def mint(self, cause: str | None = None) -> SubjectId:
        """A new subject; its key is committed before this returns.

        Whoever mints for the same ``cause`` is given the same one, as long as its key is there.
        """
        return self._minter.mint(() if cause is None else self.macs("minted for", cause))

    def erase(self, subject: SubjectId) -> None:
        """Destroy the subject's key: what it sealed reads as erased, here at once, elsewhere within 5 seconds.

        May be repeated. Raises: UnknownKey.
        """
        asking(self._pool, lambda connection: connection.execute(_ERASE, (subject,)))
        self._by_subject.clear()
        self._by_id.clear()
        self._load("id", [subject])

    def subject_key(self, subject: SubjectId, *, fresh: bool = False) -> SubjectKey:
        """The key that seals what is said of ``subject`` now; ``fresh`` asks the key store whatever is remembered.

        Raises: SubjectErased, UnknownKey.
        """
        known, found = (False, None) if fresh else self._by_subject.find(subject)
        if not known:
            found = self._ask(subject)
        if found is None:
            raise SubjectErased(f"the key of subject {subject} was destroyed")
        return found

    def keys(self, key_ids: Sequence[UUID]) -> dict[UUID, SubjectKey | None]:
        """The keys of these ids, in one query; None where it was destroyed. Raises: UnknownKey."""
        return self._every("key_id", key_ids)

    def subject_keys(self, subjects: Sequence[SubjectId]) -> dict[UUID, SubjectKey | None]:
        """As `keys`, by the subjects whose they are."""
        return self._every("id", subjects)

    # -- codes ---------------------------------------------------------------------------------------------------

    def current_code_version(self) -> int:
        """The code key version that new codes are computed under."""
        return self._ring.current("code")

    def code(
        self, subject: SubjectId, service: str, number: str, version: int, issue: int, *, fresh: bool = False
    ) -> str:
        """The 16 Crockford base32 characters, ungrouped.

        ``fresh`` asks the key store in any case, one statement, so that a look-up costs the same for a subject that
        is remembered, one that is not and one that never was. Raises: SubjectErased, UnknownKey (both LookupError).
        """
        salt = self.subject_key(subject, fresh=fresh).salt
        message = bind("sarkmeli code", service, number, issue.to_bytes(4, "big"), salt)
        if version not in self._ring.live("code"):
            raise UnknownKey(f"code key version {version} is not in use")
        return code_from(self._kms.mac("code", version, message))

    # -- keyed hashes --------------------------------------------------------------------------------------------

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        """A keyed hash of the parts: 2 bytes of key version, then 32 of HMAC-SHA-256. Equal parts, equal hash."""
        return self.mac_under(self._ring.current("mac"), purpose, *parts)

    def macs(self, purpose: str, *parts: str | bytes) -> tuple[bytes, ...]:
        """The hash under every key version still in use, the current one first: what to search by."""
        return tuple(self.mac_under(version, purpose, *parts) for version in self._ring.live("mac"))

    def mac_under(self, version: int, purpose: str, *parts: str | bytes) -> bytes:
        """The hash under this key version. Raises: KeysMissing."""
        keyed = self._purpose(purpose, version)[1].copy()
        keyed.update(bind(*parts))
        return version.to_bytes(MAC_VERSION_BYTES, "big") + keyed.finalize()

    def derived(self, purpose: str) -> tuple[tuple[int, bytes], ...]:
        """A 32-byte key of its own for ``purpose``, under every version in use, the current one first."""
        return tuple((version, self._purpose(purpose, version)[0]) for version in self._ring.live("mac"))

    # -- small things sealed outside the ledger ------------------------------------------------------------------

    def wrap(self, subject: SubjectId, key: bytes, context: bytes) -> bytes:
        """A file's or recording's own key, under its subject's; opens only with the same ``context``."""
        return self._seal("sarkmeli file key", subject, key, context)

    def unwrap(self, subject: SubjectId, wrapped: bytes, context: bytes) -> bytes:
        """What `wrap` was given. Raises: SubjectErased, UnknownKey, Tampered."""
        return self._unseal("sarkmeli file key", subject, wrapped, context)

    def seal(self, subject: SubjectId, value: bytes, context: bytes) -> bytes:
        """A small personal value for a row that is not history; opens only with the same ``context``."""
        return self._seal("sarkmeli value", subject, value, context)

    def unseal(self, subject: SubjectId, sealed: bytes, context: bytes) -> bytes:
        """What `seal` was given. Raises: SubjectErased, UnknownKey, Tampered."""
        return self._unseal("sarkmeli value", subject, sealed, context)

    def seal_for_office(self, purpose: str, value: bytes) -> bytes:
        """A value of the office's own (a sign-in under way, a session), under a key for ``purpose``."""
        version, key = self.derived(f"seal {purpose}")[0]
        return version.to_bytes(MAC_VERSION_BYTES, "big") + encrypt(key, value, bind("sarkmeli office", purpose))

    def open_for_office(self, purpose: str, sealed: bytes) -> bytes:
        """What `seal_for_office` was given. Raises: Tampered."""
        version = int.from_bytes(sealed[:MAC_VERSION_BYTES], "big")
        for live, key in self.derived(f"seal {purpose}"):
            if live == version:
                return decrypt(key, sealed[MAC_VERSION_BYTES:], bind("sarkmeli office", purpose))
        raise Tampered("sealed under no key in use")

    # -- within --------------------------------------------------------------------------------------------------

    def _purpose(self, purpose: str, version: int) -> tuple[bytes, HMAC]:
        """The key for a purpose, and an HMAC that was given it, to be copied: it is set up once, and a copy keeps the
        interpreter, which ``hmac.digest`` lets go of and has to win back from every other thread."""
        known = self._purposes.get((purpose, version))
        if known is None:
            key = self._kms.mac("mac", version, bind("sarkmeli purpose", purpose))
            known = self._purposes[purpose, version] = key, HMAC(key, SHA256())
        return known

    def _seal(self, use: str, subject: SubjectId, value: bytes, context: bytes) -> bytes:
        held = self.subject_key(subject)
        return held.key_id.bytes + encrypt(held.key, value, bind(use, subject.bytes, held.key_id.bytes, context))

    def _unseal(self, use: str, subject: SubjectId, sealed: bytes, context: bytes) -> bytes:
        if len(sealed) < 16:
            raise Tampered("too short to be sealed")
        key_id = UUID(bytes=sealed[:16])
        try:
            held = self.keys([key_id])[key_id]
        except UnknownKey:
            self.subject_key(subject)
            raise Tampered("sealed under a key that was never minted") from None
        if held is None:
            raise SubjectErased(f"the key of subject {subject} was destroyed")
        return decrypt(held.key, sealed[16:], bind(use, subject.bytes, key_id.bytes, context))

    def _every(self, column: str, ids: Sequence[UUID]) -> dict[UUID, SubjectKey | None]:
        memory = self._by_subject if column == "id" else self._by_id
        found = {one: memory.find(one) for one in set(ids)}
        missing = [one for one, (known, _) in found.items() if not known]
        return {one: key for one, (_, key) in found.items()} | (self._load(column, missing) if missing else {})

    def _load(self, column: str, ids: Sequence[UUID]) -> dict[UUID, SubjectKey | None]:
        """Read keys by ``column`` (id or key_id). Raises: UnknownKey, KeysMissing, KmsUnavailable, Tampered."""
        found = self._read(column, ids)
        if any(isinstance(one, KeysMissing) for one in found.values()):
            found = self._read(column, ids)  # an epoch may have been turned between the reading and the unwrapping
        if missing := set(ids) - found.keys():
            raise UnknownKey(f"this key store never minted {column} {', '.join(map(str, missing))}")
        return {one: _held(there) for one, there in found.items()}

    def _ask(self, subject: SubjectId) -> SubjectKey | None:
        """As `_load`, for one subject, together with whoever asks for another at this moment."""
        found = self._gathered.find(subject)
        if isinstance(found, KeysMissing):
            found = self._gathered.find(subject)
        if found is None:
            raise UnknownKey(f"this key store never minted id {subject}")
        return _held(found)

    def _read(self, column: str, ids: Sequence[UUID]) -> dict[UUID, _Found]:
        query, asked_at = _BY_ID if column == "id" else _BY_KEY_ID, self._by_id.clock()
        rows: list[_Row] = asking(self._pool, lambda connection: connection.execute(query, (list(ids),)).fetchall())
        found: dict[UUID, _Found] = {}
        unwrappers: dict[int, Callable[[bytes, bytes], bytes]] = {}
        for subject, key_id, epoch, wrapped in rows:
            key: SubjectKey | None = None
            try:
                if wrapped is not None:
                    if epoch not in unwrappers:
                        unwrappers[epoch] = self._kms.unwrapper(EPOCH, epoch)
                    key = _key(subject, key_id, unwrappers[epoch](wrapped, place(subject, key_id)))
            except (KeysMissing, KmsUnavailable, Tampered) as error:  # this one's, and not of who asked with it
                found[subject if column == "id" else key_id] = error
                continue
            self._by_subject.keep(subject, key, asked_at)
            self._by_id.keep(key_id, key, asked_at)
            found[subject if column == "id" else key_id] = (key,)
        return found


_names: Final = count(1)
_opened: Final[WeakValueDictionary[str, KeyStore]] = WeakValueDictionary()


def _key(subject: UUID, key_id: UUID, secret: bytes) -> SubjectKey:
    return SubjectKey(SubjectId(subject), key_id, secret[:KEY_BYTES], secret[KEY_BYTES:])


def _held(found: _Found) -> SubjectKey | None:
    if isinstance(found, Exception):
        raise found
    return found[0]


def live(connection: Connection[Any], subjects: Collection[SubjectId]) -> list[SubjectId]:
    """Those of the subjects whose key is still there."""
    return [row[0] for row in connection.execute(_LIVE, (list(subjects),)).fetchall()]


def destroy(connection: Connection[Any], subjects: Collection[SubjectId]) -> None:
    """Destroy the subjects' keys, for good once the epoch is over that wrapped them. May be repeated."""
    connection.execute(_DESTROY, (list(subjects),))


def rests(connection: Connection[Any], subjects: Collection[SubjectId], seconds: float) -> bool:
    """Whether the subjects' keys were all destroyed so many seconds ago or longer, by the key store's own clock."""
    row = connection.execute(_RESTS, (seconds, list(subjects))).fetchone()
    return row is None or row[0] is not False


_ERASE: Final = """
UPDATE keystore.subject SET wrapped = NULL, erased_at = clock_timestamp() WHERE id = %s AND wrapped IS NOT NULL
"""
_LIVE: Final = "SELECT id FROM keystore.subject WHERE id = ANY(%s) AND wrapped IS NOT NULL ORDER BY id"
_DESTROY: Final = """
UPDATE keystore.subject SET wrapped = NULL, erased_at = clock_timestamp() WHERE id = ANY(%s) AND wrapped IS NOT NULL
"""
_RESTS: Final = """
SELECT bool_and(erased_at IS NOT NULL AND erased_at <= clock_timestamp() - make_interval(secs => %s))
FROM keystore.subject WHERE id = ANY(%s)
"""
_BY_ID: Final = "SELECT id, key_id, epoch, wrapped FROM keystore.subject WHERE id = ANY(%s)"
_BY_KEY_ID: Final = "SELECT id, key_id, epoch, wrapped FROM keystore.subject WHERE key_id = ANY(%s)"
