"""Who knows every identifier of an office, and wants to know whose a published record is.

They hash whatever they know in every common way, keyless as they must, and look whether the stream holds the outcome.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import urllib.parse
import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from consumers.relay.records import Record
from domain.number import damm

HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s")
NAMESPACES = (uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500)
SHORTEST = 5
"""A shorter text is found by chance."""
SHORTEST_OF_DIGITS = 9
"""As above, of texts that are nothing but hexadecimal digits: ids and hashes are full of those."""
SHARED = 5
"""What so many cases share joins none of them."""


def texts_of(value: Any) -> Iterator[str]:
    """Everything in a typed value that is not of a closed list, as text."""
    if value is None or isinstance(value, (bool, Enum)):
        return
    if isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from texts_of(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_of(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts_of(getattr(value, field.name))
    elif isinstance(value, (datetime, date)):
        yield value.isoformat()
    elif isinstance(value, bytes):
        yield value.hex()
    elif isinstance(value, (str, int, uuid.UUID, Decimal)):
        yield str(value)


def _spelled(known: str) -> set[str]:
    """The ways in which one would write it before hashing it."""
    plain = re.sub(r"[ \-]", "", known)
    return {known, known.lower(), known.upper(), plain, plain.lower()} - {""}


def _bytes_of(known: str) -> Iterator[bytes]:
    for one in _spelled(known):
        yield one.encode()
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", known):
        yield uuid.UUID(known).bytes
    if known.isascii() and known.isdecimal() and len(known) < 19:
        yield int(known).to_bytes(8, "big")


def _written(raw: bytes) -> Iterator[str]:
    """What some bytes look like in a record, squeezed: each as somebody might cut and write it."""
    yield raw.hex()
    yield base64.b64encode(raw).decode().lower().translate(_SQUEEZED)
    if len(raw) >= 16:
        cut = raw[:16].hex()
        yield cut
        variant = "89ab"[int(cut[16], 16) & 3]
        for version in "3458":
            yield f"{cut[:12]}{version}{cut[13:16]}{variant}{cut[17:]}"


def outcomes(known: str | bytes) -> Iterator[str]:
    """Whatever a keyless function that people use makes of it, squeezed."""
    for one in _spelled(known) if isinstance(known, str) else ():
        for text in {one, urllib.parse.quote(one), json.dumps(one)[1:-1]}:
            yield _squeezed(text)
        for namespace in NAMESPACES:
            for name in ("sha1", "md5"):
                yield from _written(hashlib.new(name, namespace.bytes + one.encode()).digest())
    for raw in _bytes_of(known) if isinstance(known, str) else (known,):
        yield from _written(raw)
        yield str(zlib.crc32(raw))
        for name in HASHES:
            yield from _written(hashlib.new(name, raw).digest())


def numbers_of_a_space(number: str) -> Iterator[str]:
    """Every number that begins as this one does: 10,000 with their check digits."""
    for end in range(10_000):
        digits = f"{number[:5]}{end:04}"
        yield digits + damm(digits)


class Stream:
    """What is published, as one looks into it for what one knows. ``closed`` are words from lists that all may read."""

    def __init__(self, records: Collection[Record], closed: Collection[str]) -> None:
        self.closed = frozenset(closed)
        cases: dict[str, set[bytes]] = {}
        whole: list[bytes] = []
        for record in records:
            whole += [record.key, record.value or b"", *(value for _, value in record.headers)]
            told = {record.key.decode(), dict(record.headers)["ce_id"].decode()}
            told |= set(_leaves(json.loads(record.value))) if record.value is not None else set()
            for one in told:
                cases.setdefault(_squeezed(one), set()).add(record.key)
        common = {_squeezed(one) for one in self.closed}
        self.rare = {one for one, keys in cases.items() if len(keys) < SHARED and one not in common}
        self.text = b"\n".join(whole).decode().lower()

    def joins(self, known: Iterable[str | bytes]) -> dict[str | bytes, str]:
        """What of it is, or is made into, a value that few records hold: {what they know: what the stream holds}."""
        return {
            one: outcome for one in known if one not in self.closed for outcome in outcomes(one) if outcome in self.rare
        }

    def holds(self, known: Iterable[str]) -> set[str]:
        """Texts that stand in it as they are, anywhere and within anything."""
        return {one for one in known if _tells(one) and one not in self.closed and one.lower() in self.text}


def _tells(text: str) -> bool:
    """Whether it is too long to be found by chance."""
    return len(text) >= (SHORTEST if text.strip("0123456789abcdefABCDEF") else SHORTEST_OF_DIGITS)


def _squeezed(text: str) -> str:
    """Without what differs between ways of writing the same bytes: UUIDs' hyphens, the alphabets of base64."""
    return text.lower().translate(_SQUEEZED)


_SQUEEZED = str.maketrans("", "", "-_=+/")


def _leaves(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        yield from itertools.chain.from_iterable(_leaves(one) for one in told.values())
    elif isinstance(told, list):
        yield from itertools.chain.from_iterable(_leaves(one) for one in told)
    elif isinstance(told, str):
        yield told


def closed_words(described: Mapping[str, Any]) -> set[str]:
    """Every word from a closed list that the stream's description names."""
    found: set[str] = set()

    def look(schema: Any) -> None:
        if isinstance(schema, dict):
            if "enum" in schema:
                found.update(str(one) for one in schema["enum"])
            for one in schema.values():
                look(one)
        elif isinstance(schema, list):
            for one in schema:
                look(one)

    look({name: message["payload"] for name, message in described["components"]["messages"].items()})
    return found
