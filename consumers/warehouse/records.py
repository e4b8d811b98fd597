"""What one Kafka record says: a fact, that a case is to be forgotten, or nothing that we understand."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import msgspec

FORGET: Final = "sarkmeli.case.forgotten.v1"
"""The CloudEvents type of a tombstone."""

_UUID: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,17}").fullmatch
_ID: Final = re.compile(rb"[\x21-\x7e]{1,200}").fullmatch
_TYPE: Final = re.compile(r"([a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*)+)\.v([1-9][0-9]{0,3})").fullmatch
_SOURCE: Final = re.compile(r"/[a-z][a-z0-9_-]*/([a-z][a-z0-9_-]*)").fullmatch
_HOUR: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00(?:Z|\+00:00)").fullmatch

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Reads JSON to its end and keeps it as it stands."""


class ConsumerRecord(Protocol):
    """What of kafka-python's ``ConsumerRecord`` is read here."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Fact(NamedTuple):
    """A row of the facts, in the order of their columns."""

    id: str
    case: str
    service: str
    type: str
    type_version: int
    hour: datetime
    sequence: int
    elapsed: int | None
    data: str
    topic: str
    partition: int
    offset: int


class Forgotten(NamedTuple):
    """A tombstone: this case's facts go, and none that comes later is kept."""

    case: str
    topic: str
    partition: int
    offset: int


class NotText(str):
    """A header's name that is not UTF-8: each byte that is no text as a surrogate, so that none is lost (PEP 383)."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        """The bytes that it was made from."""
        return super().encode(encoding, errors)


class Unreadable(NamedTuple):
    """A record that is none of ours, as it came, and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    headers: str

    def bare(self) -> Unreadable:
        """That it came and why it makes no sense, without anything of it."""
        return self._replace(key=None, value=None, headers="[]")


class NotOurs(Exception):
    """What is wrong with a record; never any of its values."""


def read(record: ConsumerRecord) -> Fact | Forgotten | Unreadable:
    """The record as a row. One that is no public record of ours comes back whole, so that nothing is lost or stops."""
    try:
        return decode(record)
    except NotOurs as reason:
        headers = [
            (name, None if value is None else base64.b64encode(value).decode()) for name, value in record.headers
        ]
        return Unreadable(
            record.topic, record.partition, record.offset, str(reason), record.key, record.value, json.dumps(headers)
        )


def decode(record: ConsumerRecord) -> Fact | Forgotten:
    """A record in CloudEvents 1.0's binary mode. Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2.

    Extensions that we do not know are passed over, as CloudEvents asks. Raises: NotOurs.
    """
    headers = dict(record.headers)
    if len(headers) != len(record.headers):
        raise NotOurs("a header stands twice")
    if NotText in map(type, headers):
        raise NotOurs("a header's name is not UTF-8")
    if headers.get("ce_specversion") != b"1.0":
        raise NotOurs("ce_specversion is not 1.0")
    key = record.key
    if key is None or not _UUID(key):
        raise NotOurs("the key is no pseudonym")
    kind = headers.get("ce_type") or b""
    value = record.value
    if value is None:
        if kind != FORGET.encode():
            raise NotOurs("no value, and no tombstone of ours")
        return Forgotten(key.decode(), record.topic, record.partition, record.offset)
    if headers.get("content-type") != b"application/json":
        raise NotOurs("content-type is not application/json")
    identity = headers.get("ce_id") or b""
    if not _ID(identity):
        raise NotOurs("ce_id is missing or no id")
    name, version = _type(kind)
    elapsed = headers.get("ce_elapsed")
    sequence = _number("ce_sequence", headers.get("ce_sequence"))
    if sequence < 1:
        raise NotOurs("ce_sequence is less than 1")
    return Fact(
        identity.decode(), key.decode(), _service(headers.get("ce_source") or b""), name, version,
        _hour(headers.get("ce_time") or b""), sequence, None if elapsed is None else _number("ce_elapsed", elapsed),
        _json(value), record.topic, record.partition, record.offset,
    )  # fmt: skip


def fingerprint(case: str) -> str:
    """What is remembered of a case that was forgotten."""
    return hashlib.sha256(case.encode()).hexdigest()


def _number(name: str, value: bytes | None) -> int:
    if value is None or not _NUMBER(value):
        raise NotOurs(f"{name} is missing or no number")
    return int(value)


def _json(value: bytes) -> str:
    try:
        text = value.decode()
        _object(value)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        raise NotOurs("the value is no JSON object") from None
    return text


def _text(value: bytes) -> str:
    return value.decode("ascii", errors="replace")


@lru_cache(maxsize=4096)
def _type(value: bytes) -> tuple[str, int]:
    found = _TYPE(_text(value))
    if found is None:
        raise NotOurs("ce_type is missing or names no version")
    return found[1], int(found[2])


@lru_cache(maxsize=256)
def _service(value: bytes) -> str:
    found = _SOURCE(_text(value))
    if found is None:
        raise NotOurs("ce_source is missing or no service of ours")
    return found[1]


@lru_cache(maxsize=65536)
def _hour(value: bytes) -> datetime:
    text = _text(value)
    try:
        if _HOUR(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass
    raise NotOurs("ce_time is missing or no whole hour of UTC")
