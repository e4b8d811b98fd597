"""A connection whose server has gone is found out before it is lent, and a sound one is lent without a question."""

import contextlib
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import UndefinedTable
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from ledger.connecting import open_pool, unbroken

END_OTHERS = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_a_connection_whose_server_has_gone_is_not_lent(new_database: Callable[[], str]) -> None:
    conninfo = new_database()
    with ConnectionPool[Connection[Any]](
        conninfo, min_size=3, max_size=3, check=unbroken, kwargs={"autocommit": True}
    ) as pool:
        pool.wait()
        with psycopg.connect(conninfo, autocommit=True) as administrator:
            assert administrator.execute(END_OTHERS).fetchone() == (3,)
        for _ in range(6):
            with pool.connection() as lent:
                assert lent.execute("SELECT 1").fetchone() == (1,)


def test_what_the_server_only_told_breaks_nothing(new_database: Callable[[], str]) -> None:
    with psycopg.connect(new_database(), autocommit=True) as db:
        db.execute("LISTEN news; NOTIFY news")
        unbroken(db)
        assert db.execute("SELECT 2").fetchone() == (2,)


def test_a_sound_one_is_asked_nothing(new_database: Callable[[], str], monkeypatch: Any) -> None:
    with psycopg.connect(new_database(), autocommit=True) as db:
        monkeypatch.setattr(db, "execute", None)
        unbroken(db)


def test_what_is_given_back_within_a_transaction_is_rolled_back_after_an_error_and_committed_otherwise(
    new_database: Callable[[], str],
) -> None:
    with closing(open_pool(new_database(), "tried", max_size=1)) as pool:
        with pool.connection() as db:
            db.execute("CREATE TABLE kept (number integer)")
            db.execute("BEGIN")
            db.execute("INSERT INTO kept VALUES (1)")
        with pytest.raises(UndefinedTable), pool.connection() as db:
            db.execute("BEGIN; INSERT INTO kept VALUES (2); INSERT INTO nowhere VALUES (3)")
        with pool.connection() as db, contextlib.suppress(UndefinedTable):
            db.execute("BEGIN; INSERT INTO nowhere VALUES (3)")
        with pool.connection() as db:
            assert db.info.transaction_status == TransactionStatus.IDLE
            assert db.execute("SELECT number FROM kept").fetchall() == [(1,)]
