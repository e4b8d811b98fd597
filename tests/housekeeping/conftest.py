"""Housekeeping's tables in a database of their own, and keyed digests without a key store."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from databases import NewDatabase
from psycopg_pool import ConnectionPool

from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.keys import Tampered


class Keys:
    """The part of the key store that housekeeping uses, with a key in memory."""

    def __init__(self) -> None:
        self.key = os.urandom(32)

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        told = "\0".join([purpose, *(part if isinstance(part, str) else part.hex() for part in parts)])
        return hmac.digest(self.key, told.encode(), hashlib.sha256)

    def seal_for_office(self, purpose: str, value: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + AESGCM(self.key).encrypt(nonce, value, purpose.encode())

    def open_for_office(self, purpose: str, sealed: bytes) -> bytes:
        try:
            return AESGCM(self.key).decrypt(sealed[:12], sealed[12:], purpose.encode())
        except InvalidTag:
            raise Tampered("not what was sealed") from None


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def conninfo(new_database: NewDatabase) -> str:
    return new_database(_filled)


def _filled(conninfo: str) -> None:
    with psycopg.connect(conninfo) as db:
        for statement in HOUSEKEEPING_DDL:
            db.execute(statement)


@pytest.fixture
def pool(conninfo: str) -> Iterator[ConnectionPool[Any]]:
    with ConnectionPool(conninfo, kwargs={"autocommit": True}, min_size=1, max_size=8) as made:
        yield made


@pytest.fixture
def db(conninfo: str) -> Iterator[Any]:
    """A connection to look at the rows and to move their times into the past."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture
def in_clear(db: Any) -> Callable[[str], list[str]]:
    """The tables in which a text stands in clear."""

    def look(text: str) -> list[str]:
        names = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'housekeeping'").fetchall()
        hexed = text.encode().hex()
        query = "SELECT count(*) FROM housekeeping.{} t WHERE t::text LIKE %s OR t::text LIKE %s"
        return [name for (name,) in names if db.execute(query.format(name), (f"%{text}%", f"%{hexed}%")).fetchone()[0]]

    return look
