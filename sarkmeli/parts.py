"""What each process of the office does, from its first line to its last: alone by the CLI, or under the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import resource
import signal
import socket
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

import structlog
from psycopg.conninfo import conninfo_to_dict

from sarkmeli.logs import unhandled
from sarkmeli.processes import Ready, leave_no_core
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings

if TYPE_CHECKING:
    from sarkmeli.house import House

log = structlog.get_logger("office")

PARTS: tuple[str, ...] = ("runner", "api", "notices", "deadlines", "checkpoints")
"""The processes of the product itself, in the order in which they are started."""

WITH_KAFKA: tuple[str, ...] = ("relay",)
"""Those that there are besides where there is a Kafka."""


CONNECTIONS = 4096
"""Connections that the API holds at once; those beyond wait. Each that says nothing is closed after a while."""

LOADED = (
    "sarkmeli.serving", "uvloop", "api.app", "consumers.notices", "projections.runner",
    "sarkmeli.following", "sarkmeli.house", "sarkmeli.migrate", "sarkmeli.rights",
)  # fmt: skip


AWAY = ("08", "28", "3D", "53", "57")
"""Classes of SQLSTATE that say of a server, and not of a statement, that nothing can be done just now."""


def parts_of(settings: Settings) -> tuple[str, ...]:
    """All processes of the product that `run` starts under these settings; with a Kafka, warehouse and marts too."""
    return (*PARTS, *WITH_KAFKA, "warehouse", "marts") if settings.has_kafka else PARTS


def load(settings: Settings) -> None:
    """Import everything the parts need, so that a process forked afterwards starts at once."""
    for name in (*LOADED, "sarkmeli.relaying", "sarkmeli.keeping_marts") if settings.has_kafka else LOADED:
        importlib.import_module(name)


def prepare(settings: Settings) -> None:
    """Make the databases if they are not there, migrate, and make or find the keys.

    Raises: KeysMissing if there are data and their keys are gone; TooOld.
    """
    from ledger.opening import open_ledger
    from sarkmeli.migrate import create_databases, migrate
    from sarkmeli.server_settings import remarks

    create_databases(settings.ledger_conninfo, settings.keys_conninfo)
    login = settings.database_url is None or "user" not in conninfo_to_dict(settings.ledger_conninfo)
    migrate(settings.ledger_conninfo, settings.keys_conninfo, settings.database_roles, login=login)
    if settings.database_url is not None:
        for database in (settings.ledger_conninfo, settings.keys_conninfo):
            for remark in remarks(database):
                log.warning(remark, database=conninfo_to_dict(database).get("dbname"))
    # Only the owner may make a new key store's first keys, tie the ledger to it, and begin its first lineage.
    open_ledger(settings.ledger_as(DbRole.OWNER), settings.keys_as(DbRole.OWNER), settings.key_holder).close()


def run_part(name: str, settings: Settings, ready: Ready, listening: socket.socket | None = None) -> None:
    """Do the work of one part until SIGTERM or SIGINT. ``listening`` is for the API: see `serve_api`.

    Raises: WrongRights.
    """
    from sarkmeli.house import open_house
    from sarkmeli.rights import keep_to_rights

    structlog.contextvars.clear_contextvars()
    leave_no_core()
    keep_to_rights(settings, name)
    if name in FOLLOWERS:
        FOLLOWERS[name](settings, ready)
        return
    with open_house(settings) as house:
        if name == "api":
            serve_api(house, ready, listening)
        else:
            BODIES[name](house, ready)


@contextlib.contextmanager
def plainly() -> Generator[None]:
    """What a person can mend is said in a sentence, and not as a traceback."""
    import psycopg

    from ledger.erasure_register import RegisterDamaged
    from ledger.kms import KeysMissing, KmsUnavailable
    from sarkmeli.kafka import NoKafka
    from sarkmeli.migrate import NotAllowed, TooOld
    from sarkmeli.rights import WrongRights
    from sarkmeli.settings import WrongFile

    try:
        yield
    except (KeysMissing, KmsUnavailable, NoKafka, NotAllowed, RegisterDamaged, TooOld, WrongFile, WrongRights) as error:
        raise SystemExit(f"{error}") from None
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and error.sqlstate[:2] not in AWAY:
            raise
        raise SystemExit(_away(" ".join(str(error).split()))) from None


def _away(words: str) -> str:
    """What a person can do where PostgreSQL cannot be reached or does not let us in."""
    if re.search(r'(role|database) "\S+" does not exist', words):
        return f"{words}: run `sarkmeli migrate` first"
    return (
        f"PostgreSQL cannot be reached: {words}. Start it, or mend the address; the one that `sarkmeli run` brings is "
        "started alone by `sarkmeli postgres`"
    )


def serve_api(house: House, ready: Ready, listening: socket.socket | None = None) -> None:
    """Serve GraphQL, uploads, the bank's callbacks, signalling and sign-in over HTTP.

    ``listening`` is a socket to share with others that serve; one of its own, or the service manager's, if None.
    """
    import uvloop

    from sarkmeli.serving import listen, passed_on

    listening = listening or passed_on() or listen(house.settings.host, house.settings.port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(house, ready, listening))


async def _serve(house: House, ready: Ready, listening: socket.socket) -> None:
    from api.app import create_app
    from sarkmeli.serving import Server

    server = Server(create_app(house.ports), _connections(), ready)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(unhandled)
    loop.add_signal_handler(signal.SIGTERM, partial(server.stop, drain=True))
    loop.add_signal_handler(signal.SIGINT, server.stop)
    host, port, *_ = listening.getsockname()
    log.info("serving", at=f"{host}:{port}", public=house.settings.url)
    await server.serve([listening])


def _connections() -> int:
    """How many connections are held at once: as many as the system lets us, files and databases apart."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = 2 * CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return min(CONNECTIONS, max(64, allowed // 2))


def run_projections(settings: Settings, ready: Ready) -> None:
    """Fold events into the read models as they come."""
    from sarkmeli.following import models, open_runner

    stop = _stop_on_signal()
    with open_runner(settings) as runner:
        log.info("projecting", models=models())
        ready()
        runner.run_forever(stop)


def send_notices(house: House, ready: Ready) -> None:
    """Mail what the applicants must know as it happens."""
    stop = _stop_on_signal()
    notices = house.notices()
    log.info("sending notices", through=house.mail_server)
    ready()
    notices.run_forever(stop)


def keep_deadlines(house: House, ready: Ready) -> None:
    """Warn, lapse, expire, and ask the bank, as time goes by."""
    stop = _stop_on_signal()
    deadlines = house.deadlines()
    log.info("keeping deadlines", every=f"{house.settings.deadlines_every:g} s")
    ready()
    deadlines.run_forever(stop)


def publish_checkpoints(settings: Settings, ready: Ready) -> None:
    """Take settled events into the tree and publish its signed root, again and again."""
    from sarkmeli.following import open_checkpoints

    stop = _stop_on_signal()
    with open_checkpoints(settings) as checkpoints:
        log.info("publishing checkpoints", folder=str(settings.checkpoints))
        ready()
        checkpoints.run_forever(stop)


def keep_mirror(settings: Settings, ready: Ready) -> None:
    """Keep read models in a database of their own current from Kafka. It needs no ledger, and is no part of `run`."""
    from sarkmeli.mirroring import open_mirror

    leave_no_core()
    stop = _stop_on_signal()
    mirror = open_mirror(settings)
    log.info("mirroring", models=[model.title for model in mirror.models])
    ready()
    mirror.run_forever(stop)


def relay_to_kafka(settings: Settings, ready: Ready) -> None:
    """Send to Kafka what may leave the house, as it happens."""
    from sarkmeli.relaying import relay

    relay(settings, _stop_on_signal(), ready)


def fill_warehouse(settings: Settings, ready: Ready) -> None:
    """Keep the warehouse filled from Kafka. It needs no database."""
    from sarkmeli.warehouse import collect

    collect(settings, _stop_on_signal(), ready)


def fold_marts(settings: Settings, ready: Ready) -> None:
    """Keep the marts what the warehouse holds. It needs neither a database nor Kafka."""
    from sarkmeli.keeping_marts import keep_marts

    keep_marts(settings, _stop_on_signal(), ready)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda _number, _frame: stop.set())
    return stop


BODIES: dict[str, Callable[[House, Ready], None]] = {
    "notices": send_notices,
    "deadlines": keep_deadlines,
}
"""What needs the whole house."""

FOLLOWERS: dict[str, Callable[[Settings, Ready], None]] = {
    "runner": run_projections,
    "checkpoints": publish_checkpoints,
    "relay": relay_to_kafka,
    "warehouse": fill_warehouse,
    "marts": fold_marts,
}
"""What needs the ledger alone, or keys besides and nothing else of the house."""
