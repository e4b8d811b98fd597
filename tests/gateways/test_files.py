"""Sealed files: what was written comes back whole or by range, and nothing that was touched does."""

from __future__ import annotations

import secrets
from pathlib import Path
from uuid import UUID, uuid4

import obstore
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore

from domain.people import SubjectId
from gateways.files import CHUNK, FileDamaged, FileMissing, Files, open_store, path_of

TAG = 16
LENGTHS = st.one_of(
    st.integers(0, 40),
    st.integers(0, 3).flatmap(lambda n: st.integers(max(0, n * CHUNK - 2), n * CHUNK + 2)),
)


class Keys:
    """Subjects' keys in memory: the key store's promise, without its database."""

    def __init__(self) -> None:
        self.of: dict[UUID, bytes] = {}

    def mint(self) -> SubjectId:
        subject = SubjectId(uuid4())
        self.of[subject] = secrets.token_bytes(32)
        return subject

    def wrap(self, subject: SubjectId, key: bytes, context: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.of[subject]).encrypt(nonce, key, context)

    def unwrap(self, subject: SubjectId, wrapped: bytes, context: bytes) -> bytes:
        return AESGCM(self.of[subject]).decrypt(wrapped[:12], wrapped[12:], context)


def a_file(content: bytes, store=None) -> tuple[Files, SubjectId, UUID]:
    keys = Keys()
    files, subject, file = Files(store or MemoryStore(), keys), keys.mint(), uuid4()
    write(files, subject, file, content)
    return files, subject, file


def write(files: Files, subject: SubjectId, file: UUID, content: bytes, by: int = 10_000) -> None:
    with files.writer(subject, file) as writer:
        for start in range(0, len(content), by):
            writer.write(content[start : start + by])
        assert writer.finish() == len(content)


def sealed(files: Files, file: UUID) -> bytes:
    return bytes(obstore.get(files.store, path_of(file)).bytes())


def put(files: Files, file: UUID, content: bytes) -> None:
    obstore.put(files.store, path_of(file), content)


@settings(deadline=None, max_examples=60)
@given(length=LENGTHS, cut=st.tuples(st.integers(0, 4 * CHUNK), st.integers(0, 4 * CHUNK)), by=st.integers(1, 200_000))
def test_comes_back_whole_and_by_range(length: int, cut: tuple[int, int], by: int) -> None:
    content = secrets.token_bytes(length)
    files, subject, file = a_file(content)
    with files.writer(subject, file) as writer:
        for start in range(0, length, max(by, length // 50 + 1)):
            writer.write(content[start : start + max(by, length // 50 + 1)])
        writer.finish()
    opened = files.open(subject, file)
    assert (opened.size, opened.content()) == (length, content)
    assert b"".join(opened.read(*cut)) == content[cut[0] : cut[1]]


@settings(deadline=None, max_examples=150)
@given(length=LENGTHS, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_does_not_open(length: int, where: float, bit: int) -> None:
    files, subject, file = a_file(bytes(length))
    whole = bytearray(sealed(files, file))
    whole[int(where * len(whole))] ^= 1 << bit
    put(files, file, bytes(whole))
    with pytest.raises((FileDamaged, InvalidTag)):
        files.open(subject, file).content()


@settings(deadline=None, max_examples=150)
@given(length=LENGTHS, left=st.floats(0, 1, exclude_max=True))
def test_a_cut_file_does_not_open_at_all(length: int, left: float) -> None:
    files, subject, file = a_file(bytes(length))
    whole = sealed(files, file)
    put(files, file, whole[: int(left * len(whole))])
    with pytest.raises((FileDamaged, InvalidTag)):
        files.open(subject, file)


def chunks_of(whole: bytes) -> tuple[bytes, list[bytes]]:
    start = len(whole) - (3 * (CHUNK + TAG) + 100 + TAG)
    body = whole[start:]
    return whole[:start], [body[i : i + CHUNK + TAG] for i in range(0, len(body), CHUNK + TAG)]


@pytest.mark.parametrize(
    "order",
    [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3), (0, 0, 1, 3), (0, 1, 2, 2, 3), (0, 1, 2), (0,), (3,), (), (0, 1, 2, 3, 3)],
)
def test_chunks_dropped_repeated_or_reordered_do_not_open(order: tuple[int, ...]) -> None:
    files, subject, file = a_file(secrets.token_bytes(3 * CHUNK + 100))
    head, chunks = chunks_of(sealed(files, file))
    assert len(chunks) == 4
    put(files, file, head + b"".join(chunks[i] for i in order))
    with pytest.raises(FileDamaged):
        files.open(subject, file).content()


def test_a_cut_at_a_chunks_end_is_seen_before_the_first_byte_is_given() -> None:
    files, subject, file = a_file(bytes(3 * CHUNK + 100))
    head, chunks = chunks_of(sealed(files, file))
    put(files, file, head + b"".join(chunks[:2]))
    with pytest.raises(FileDamaged):
        files.open(subject, file)


def test_another_files_or_subjects_content_does_not_open_in_its_place() -> None:
    files, subject, file = a_file(b"one")
    other = uuid4()
    write(files, subject, other, b"two")
    put(files, other, sealed(files, file))
    with pytest.raises(FileDamaged):
        files.open(subject, other)
    assert isinstance(files.keys, Keys)
    with pytest.raises(FileDamaged):
        files.open(files.keys.mint(), file)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_chunk_of_another_file_does_not_open_in_the_same_place(place: int) -> None:
    """Not even of the same person's, of the same size: every file has a key of its own."""
    length = 3 * CHUNK + 100
    files, subject, file = a_file(bytes(length))
    write(files, subject, other := uuid4(), bytes(length))
    head, chunks = chunks_of(sealed(files, file))
    _, others = chunks_of(sealed(files, other))
    put(files, file, head + b"".join([*chunks[:place], others[place], *chunks[place + 1 :]]))
    with pytest.raises(FileDamaged):
        files.open(subject, file).content()
    if place < 3:  # the last one is looked at when the file is opened
        elsewhere = (place + 1) * CHUNK
        found = b"".join(files.open(subject, file).read(elsewhere, elsewhere + 10))
        assert found == bytes(10), "what is whole is read without what is not"


def test_without_the_subjects_key_nobody_reads_it() -> None:
    files, subject, file = a_file(b"content")
    assert isinstance(files.keys, Keys)
    del files.keys.of[subject]
    with pytest.raises(LookupError):
        files.open(subject, file)


def test_nothing_is_visible_before_the_end_and_nothing_is_left_of_what_broke_off(tmp_path: Path) -> None:
    keys = Keys()
    files, subject, file = Files(open_store(str(tmp_path / "store")), keys), keys.mint(), uuid4()
    with pytest.raises(ConnectionError), files.writer(subject, file) as writer:  # noqa: PT012
        writer.write(bytes(12 * 1024 * 1024))
        with pytest.raises(FileMissing):
            files.open(subject, file)
        raise ConnectionError
    assert not [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    with pytest.raises(FileMissing):
        files.open(subject, file)


def test_the_folder_is_its_owners_and_holds_nothing_clear(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    assert isinstance(store, LocalStore)
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0
    files, subject, file = a_file(b"canary" * 30_000, store)
    stored = [each.read_bytes() for each in (tmp_path / "store").rglob("*") if each.is_file()]
    assert len(stored) == 1
    assert b"canary" not in stored[0]
    files.erase(file)
    files.erase(file)
    with pytest.raises(FileMissing):
        files.open(subject, file)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="folder or at s3"):
        open_store("https://example.org/files")
