"""Files at rest: each sealed under a key of its own, wrapped by its subject's, in a folder or an S3 bucket.

The form on disk, all integers big-endian::

    "SARKFILE" 0x01 | chunk size u32 | subject 16 | file 16 | length u16 | wrapped key
    chunk 0 | chunk 1 | … | last chunk, each AES-256-GCM with its 16 byte tag

A chunk's nonce is its index (11 bytes) and whether it is the last (1 byte), its associated data the SHA-256 of the
header: so a chunk changed, dropped, repeated, reordered, or brought from another file does not open, nor does a file
cut at a chunk's end (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self
from uuid import UUID

import obstore
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store, from_url

from domain.people import SubjectId

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK: Final = 64 * 1024
"""Bytes of clear text in each chunk but the last."""
PART: Final = 5 * 1024 * 1024
"""Sealed bytes held in memory before they go to the store; S3 takes no smaller part."""
_TAG: Final = 16
_MAGIC: Final = b"SARKFILE\x01"
_HEAD: Final = struct.Struct(">9sI16s16sH")


class FileMissing(LookupError):
    """There is no such file in the store."""


class FileDamaged(Exception):
    """What the store holds is not what was sealed: changed, cut, reordered, or another file or subject's."""


class FileKeys(Protocol):
    """Wraps file keys under their subject's key. Implemented by ``ledger.keys``."""

    def wrap(self, subject: SubjectId, key: bytes, context: bytes) -> bytes:
        """``key`` sealed under the subject's key, bound to ``context``."""
        ...

    def unwrap(self, subject: SubjectId, wrapped: bytes, context: bytes) -> bytes:
        """What `wrap` was given. Raises: SubjectErased if its key was destroyed, UnknownKey, Tampered."""
        ...


def open_store(address: str) -> ObjectStore:
    """The store at ``address``: a folder's path (made if missing, for its owner only) or ``s3://bucket/prefix``.

    S3 credentials, region and end point come from the ``AWS_*`` environment, as every S3 client reads them.
    Raises: ValueError for any other kind of address.
    """
    if address.startswith("s3://"):
        store = from_url(address)
        assert isinstance(store, S3Store)
        return store
    if "://" in address:
        raise ValueError("files are kept in a folder or at s3://bucket/prefix")
    Path(address).mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(address)


class Files:
    """Writes, reads by range, and erases sealed files."""

    def __init__(self, store: ObjectStore, keys: FileKeys) -> None:
        self.store = store
        self.keys = keys

    def writer(self, subject: SubjectId, file: UUID) -> Writer:
        """A context in which to write ``file``; nothing is visible before `Writer.finish`, or at all without it."""
        return Writer(self.store, self.keys, subject, file)

    def open(self, subject: SubjectId, file: UUID) -> SealedFile:
        """``file`` for reading, its header and its end already proven.

        Raises: FileMissing, FileDamaged (also if it is another subject's), and what `FileKeys.unwrap` does.
        """
        return SealedFile.open(self.store, self.keys, subject, file)

    def erase(self, file: UUID) -> None:
        """Remove ``file``; one that is not there is erased already."""
        try:
            obstore.delete(self.store, path_of(file))
        except FileNotFoundError:
            return


class Writer:
    """Seals what it is given, chunk by chunk; at most `PART` sealed bytes wait in memory."""

    def __init__(self, store: ObjectStore, keys: FileKeys, subject: SubjectId, file: UUID) -> None:
        key = secrets.token_bytes(32)
        wrapped = keys.wrap(subject, key, _context(file))
        header = _HEAD.pack(_MAGIC, CHUNK, subject.bytes, file.bytes, len(wrapped)) + wrapped
        self._store = store
        self._path = path_of(file)
        self._aead = AESGCM(key)
        self._bound = hashlib.sha256(header).digest()
        self._index = 0
        self._size = 0
        self._waiting = bytearray()
        self._sink = obstore.open_writer(store, self._path, buffer_size=PART)
        self._sink.write(header)
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._finished:
            del self._sink  # dropping an unclosed sink aborts the write: nothing becomes visible

    def write(self, clear: bytes) -> None:
        """Take more of the file, any length."""
        self._waiting += clear
        self._size += len(clear)
        while len(self._waiting) > CHUNK:  # a full chunk is kept back: it may turn out to be the last
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def finish(self) -> int:
        """Seal the end and make the file visible, on disk for good. Returns its clear size in bytes."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()
        self._sink.close()
        self._finished = True
        if isinstance(self._store, LocalStore):
            _to_disk(self._store, self._path)
        return self._size

    def _seal(self, clear: bytes, *, last: bool) -> None:
        self._sink.write(self._aead.encrypt(_nonce(self._index, last), clear, self._bound))
        self._index += 1


@dataclass(frozen=True)
class SealedFile:
    """A file open for reading. Its ``size`` is proven: the last chunk was opened as the last."""

    size: int
    _store: ObjectStore
    _path: str
    _aead: AESGCM
    _bound: bytes
    _start: int
    _chunk: int

    @classmethod
    def open(cls, store: ObjectStore, keys: FileKeys, subject: SubjectId, file: UUID) -> Self:
        """See `Files.open`."""
        path = path_of(file)
        try:
            total = obstore.head(store, path)["size"]
        except FileNotFoundError:
            raise FileMissing(str(file)) from None
        head = _range(store, path, 0, min(total, _HEAD.size))
        if len(head) < _HEAD.size:
            raise FileDamaged("cut within its header")
        magic, chunk, owner, name, length = _HEAD.unpack(head)
        if magic != _MAGIC or chunk != CHUNK or owner != subject.bytes or name != file.bytes:
            raise FileDamaged("not this subject's file")
        start = _HEAD.size + length
        if total < start + _TAG:
            raise FileDamaged("cut within its header")
        wrapped = _range(store, path, _HEAD.size, start)
        key = keys.unwrap(subject, wrapped, _context(file))
        last, rest = divmod(total - start, chunk + _TAG)
        if rest == 0:
            last, rest = last - 1, chunk + _TAG
        if rest < _TAG or (rest == _TAG and last > 0):
            raise FileDamaged("cut within a chunk")
        bound = hashlib.sha256(head + wrapped).digest()
        opened = cls(last * chunk + rest - _TAG, store, path, AESGCM(key), bound, start, chunk)
        opened._open_chunk(last)
        return opened

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The clear bytes from ``start`` to before ``stop`` (the end unless given), a chunk at a time.

        Raises: FileDamaged, at the chunk that is.
        """
        stop = self.size if stop is None else min(stop, self.size)
        if start < 0 or start >= stop:
            return
        for index in range(start // self._chunk, (stop - 1) // self._chunk + 1):
            begins = index * self._chunk
            yield self._open_chunk(index)[max(start - begins, 0) : stop - begins]

    def content(self) -> bytes:
        """The whole file, clear, in memory."""
        return b"".join(self.read())

    def _open_chunk(self, index: int) -> bytes:
        begins = self._start + index * (self._chunk + _TAG)
        length = min(self._chunk, self.size - index * self._chunk) + _TAG
        last = (index + 1) * self._chunk >= self.size
        try:
            return self._aead.decrypt(
                _nonce(index, last), _range(self._store, self._path, begins, begins + length), self._bound
            )
        except InvalidTag:
            raise FileDamaged(f"chunk {index} does not open") from None


def path_of(file: UUID) -> str:
    """Where a file stands in its store: spread over folders by its last, random, digits."""
    return f"files/{file.hex[-2:]}/{file.hex}"


def _context(file: UUID) -> bytes:
    return b"file" + file.bytes


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])


def _range(store: ObjectStore, path: str, start: int, stop: int) -> bytes:
    if stop <= start:
        return b""
    try:
        return bytes(obstore.get_range(store, path, start=start, end=stop))
    except FileNotFoundError:
        raise FileMissing(path) from None
    except BaseError as error:
        if "Range" in str(error) or "range" in str(error):
            raise FileDamaged("shorter than it was") from None
        raise


def _to_disk(store: LocalStore, path: str) -> None:
    """Make a renamed file outlive a power cut: the local store leaves that to the operating system."""
    prefix = store.prefix
    assert prefix is not None
    file = Path(prefix) / path
    for place, flags in ((file, os.O_RDONLY), (file.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(place, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
