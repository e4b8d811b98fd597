"""`make run`: the whole office on one machine, from an empty folder or from where the last run left it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sarkmeli import embedded, parts
from sarkmeli.logs import configure
from sarkmeli.neighbours import sandbox_credentials, sandbox_folder
from sarkmeli.processes import Ready, die_with, end, executed, forked, leave_no_core, recorded
from sarkmeli.run_folder import Addresses, RunFolder
from sarkmeli.serving import listen
from sarkmeli.settings import KeyHolder, Settings
from sarkmeli.supervisor import Failed, Part, Stopped, Supervisor
from sarkmeli.welcome import say_goodbye, welcome

KAFKA_HOST = "127.0.0.1"
"""Where the sandbox's broker listens, whatever address the service has."""

SOON = 2.0
"""Seconds between two commits of the warehouse, where somebody looks on."""

START_TIMEOUT = 120.0
"""Seconds for everything to be ready on a slow machine; on an ordinary one it is under five."""


def run(settings: Settings, *, reset: bool, colours: bool, kafka: bool = False, tell: int | None = None) -> int:
    """Run everything until SIGINT or SIGTERM; the exit status. ``tell`` is a descriptor told when all is ready.

    With ``kafka`` the sandbox's broker runs too, unless the settings name another.

    Raises: AlreadyRuns, NotBegunAnew, Failed, embedded.NotStarted.
    """
    began = time.monotonic()
    leave_no_core()
    folder = RunFolder(settings.folder)
    lock = folder.hold()
    settings = _with_ports(settings)
    brings_kafka = kafka and not settings.has_kafka
    if brings_kafka:
        there = f"{KAFKA_HOST}:{settings.sandbox_kafka_port}"
        settings = settings.model_copy(update={"kafka_bootstrap_servers": there, "warehouse_every": SOON})
    left = end(recorded(folder.running)) + embedded.end_leftovers(folder.path)
    if reset:
        if settings.database_url is not None:
            raise Failed("RESET does not empty a database of your own: drop it, and its key store, yourself")
        folder.begin_anew()
    _refuse_data_without_keys(settings)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.empty("metrics"))  # read when the API is loaded
    listening = _listening(settings)
    for port in _ports(settings):
        _refuse_taken(settings.host, port)
    if brings_kafka:
        _refuse_taken(KAFKA_HOST, settings.sandbox_kafka_port)

    kept = (lock, listening.fileno(), *([tell] if tell is not None else []))
    supervisor = Supervisor(folder.logs, folder.running, kept, colours)
    if left:
        supervisor.say(f"ended {left} processes that an earlier run had left")
    try:
        if brings_kafka:
            supervisor.start(_kafka(settings))
        _start_all(supervisor, settings, colours, listening)
        folder.announce(
            Addresses(settings.url, settings.sandbox_url, settings.smtp_port, settings.kafka_bootstrap_servers)
        )
        welcome(settings, time.monotonic() - began)
        if tell is not None:
            os.write(tell, b"1")
            os.close(tell)
        supervisor.keep()
    except Stopped:
        pass
    finally:
        folder.withdraw()
        supervisor.say("stopping")
        supervisor.stop()
    say_goodbye(settings)
    return 0


def run_postgres(settings: Settings) -> None:
    """Run the folder's PostgreSQL and nothing else until SIGINT or SIGTERM, so that commands can be given beside it.

    Raises: AlreadyRuns, Failed, embedded.NotStarted.
    """
    if settings.database_url is not None:
        raise Failed("SARKMELI_DATABASE_URL names a PostgreSQL of your own: start it as you always do")
    leave_no_core()
    folder = RunFolder(settings.folder)
    if not (embedded.cluster(folder.path) / "PG_VERSION").exists():
        raise Failed(f"there is no PostgreSQL in {embedded.cluster(folder.path)}: `sarkmeli run` makes one")
    lock = folder.hold()
    end(recorded(folder.running))
    embedded.end_leftovers(folder.path)
    embedded.prepare(folder.path)
    supervisor = Supervisor(folder.logs, folder.running, (lock,))
    try:
        supervisor.start(_postgres(folder.path))
        supervisor.wait_until_ready(START_TIMEOUT)
        supervisor.say(f"PostgreSQL alone is running; connect by: {embedded.conninfo(folder.path, 'sarkmeli')}")
        supervisor.say("Ctrl-C stops it")
        supervisor.keep()
    except Stopped:
        pass
    finally:
        supervisor.stop()


def _start_all(supervisor: Supervisor, settings: Settings, colours: bool, listening: socket.socket) -> None:
    """Start the parts in the order in which they need each other, and do at once what can be done at once."""
    folder = settings.folder.absolute()
    sandbox_credentials(folder)
    if settings.uses_sandbox:
        supervisor.start(_sandbox(settings))
    if settings.database_url is None:
        prepared = supervisor.once("initdb", lambda _: embedded.prepare(folder))
        parts.load(settings)
        prepared()
        supervisor.start(_postgres(folder))
        supervisor.wait_until_ready(START_TIMEOUT, "postgres")
    else:
        parts.load(settings)

    def prepare(_: Ready) -> None:
        configure(settings, colours=colours)
        with parts.plainly():
            parts.prepare(settings)

    supervisor.once("migrate", prepare)()
    for name in parts.parts_of(settings):
        if name == "api":
            _start_apis(supervisor, settings, colours, listening)
        else:
            supervisor.start(Part(name, forked(_body(name, settings, colours), supervisor.own_descriptors)))
    supervisor.wait_until_ready(START_TIMEOUT)


def _start_apis(supervisor: Supervisor, settings: Settings, colours: bool, listening: socket.socket) -> None:
    """Several processes on one socket, which outlives each of them: while one ends or dies, the others take over."""

    def not_theirs() -> list[int]:
        return [descriptor for descriptor in supervisor.own_descriptors() if descriptor != listening.fileno()]

    body = _body("api", settings, colours, listening)
    for number in range(1, settings.api_processes + 1):
        name = "api" if number == 1 else f"api-{number}"
        supervisor.start(Part(name, forked(body, not_theirs), stop=signal.SIGINT))


def _body(
    name: str, settings: Settings, colours: bool, listening: socket.socket | None = None
) -> Callable[[Ready], None]:
    def body(ready: Ready) -> None:
        configure(settings, colours=colours)
        with parts.plainly():
            parts.run_part(name, settings, ready, listening)

    return body


def _listening(settings: Settings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError:
        raise Failed(_taken(settings.port)) from None


def _sandbox(settings: Settings) -> Part:
    arguments = [
        sys.executable, "-m", "sandbox", "--host", settings.host, "--port", str(settings.sandbox_port),
        "--smtp-port", str(settings.smtp_port), "--state", str(sandbox_folder(settings.folder)),
        "--service-url", settings.url, "--public-url", settings.sandbox_url,
    ]  # fmt: skip
    home = Path(__file__).resolve().parent.parent
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    spawn = executed(arguments, {**known, "PYTHONUNBUFFERED": "1"}, home)
    return Part("sandbox", spawn, answers=lambda: _says_ready(settings.host, settings.sandbox_port))


def _kafka(settings: Settings) -> Part:
    folder = settings.folder.absolute() / "kafka"
    arguments = [
        sys.executable, "-m", "sandbox.kafka", "--folder", str(folder), "--port", str(settings.sandbox_kafka_port),
    ]  # fmt: skip
    home = Path(__file__).resolve().parent.parent
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "JAVA_HOME") if name in os.environ}
    return Part(
        "kafka",
        executed(arguments, {**known, "PYTHONUNBUFFERED": "1"}, home),
        answers=lambda: _listens(KAFKA_HOST, settings.sandbox_kafka_port),
        ground=True,
    )


def _postgres(folder: Path) -> Part:
    def spawn(output: int, _: int) -> int:
        parent = os.getpid()
        return embedded.start(folder, output, lambda: die_with(parent, signal.SIGINT)).pid

    return Part(
        "postgres",
        spawn,
        answers=lambda: embedded.answers(folder),
        shown=False,
        stop=signal.SIGINT,
        ground=True,
        before_again=lambda: embedded.end_leftovers(folder),
    )


def _with_ports(settings: Settings) -> Settings:
    """The settings with a free port wherever 0 was given, each another."""
    with contextlib.ExitStack() as kept:
        chosen: dict[str, int] = {}
        for name in ("port", "sandbox_port", "smtp_port", "sandbox_kafka_port"):
            if getattr(settings, name) == 0:
                taken = kept.enter_context(socket.create_server((settings.host, 0)))
                chosen[name] = taken.getsockname()[1]
    return settings.model_copy(update={**chosen, "folder": settings.folder.absolute()})


def _ports(settings: Settings) -> Iterator[int]:
    if settings.uses_sandbox:
        yield settings.sandbox_port
    if not settings.smtp_host:
        yield settings.smtp_port


def _refuse_taken(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        raise Failed(_taken(port)) from None


def _taken(port: int) -> str:
    return (
        f"port {port} is taken by another program; choose others with SARKMELI_PORT, SARKMELI_SANDBOX_PORT, "
        "SARKMELI_SMTP_PORT and SARKMELI_SANDBOX_KAFKA_PORT (0 takes a free one)"
    )


def _refuse_data_without_keys(settings: Settings) -> None:
    """Before anything starts, for a folder of one's own; the ledger looks again, whatever database it is."""
    data = settings.database_url is None and (embedded.cluster(settings.folder) / "PG_VERSION").exists()
    if data and settings.kms is KeyHolder.FOLDER and not any(settings.keys.glob("*")):
        raise Failed(
            f"there are data in {embedded.cluster(settings.folder)} but no keys in {settings.keys}: without them "
            "nothing personal can be read again. Put the keys back, or begin anew with RESET=1"
        )


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _says_ready(host: str, port: int) -> bool:
    """Whether the sandbox answers ``GET /ready`` with 200."""
    try:
        with socket.create_connection((host, port), timeout=0.5) as connection:
            connection.sendall(f"GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
