"""Whether the service lives, whether it is ready, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import TypeVar

import psycopg
import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.endpoint import RETRY_AFTER
from api.gate import DatabaseAway
from api.metrics import (
    LAG,
    LAG_SECONDS,
    MIRROR_AWAY,
    MIRROR_LAG,
    MIRROR_LAG_SECONDS,
    MIRROR_QUARANTINED,
    MIRROR_STOPPED,
    QUARANTINED,
    RELAYS,
    UNREAD,
    exposition,
)
from api.ports import Ports
from api.threads import run
from housekeeping.relay import standings
from housekeeping.statement import Statement
from projections.all import MODELS
from projections.answers import Pool
from projections.lag import is_ready, lag
from projections.mirrored import Mirrored, measured
from projections.model import ReadModel
from projections.tracking import Db

log = structlog.get_logger("api")
T = TypeVar("T")


def health_router(ports: Ports) -> APIRouter:
    """``/healthz``, ``/readyz``, ``/metrics`` (to this machine only)."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def live() -> Response:
        return JSONResponse({"live": True})

    @router.get("/readyz")
    async def ready() -> Response:
        try:
            missing = await run(unready, ports)
        except DatabaseAway:
            missing = ["database"]
        again = {"Retry-After": str(RETRY_AFTER)} if missing else None
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200, again)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        if request.client is None or not _is_here(request.client.host) or "x-forwarded-for" in request.headers:
            return Response(status_code=404)
        try:
            await run(_measure, ports)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("lag_not_measured", error=type(error).__name__)
        return Response(exposition(), media_type=CONTENT_TYPE_LATEST)

    return router


def unready(ports: Ports) -> list[str]:
    """What the service lacks to do its work; empty if it is ready."""
    try:
        ports.keys.current_code_version()
        return [] if _with_lags(ports, is_ready) else ["read models"]
    except (psycopg.Error, PoolTimeout):
        return ["database"]


def _measure(ports: Ports) -> None:
    UNREAD.set(len(Statement(ports.pool).unread()))
    for each in _with_lags(ports, lag):
        LAG.labels(each.model).set(each.behind)
        LAG_SECONDS.labels(each.model).set(each.seconds)
        QUARANTINED.labels(each.model).set(each.quarantined)
    with ports.pool.connection() as db:
        RELAYS.standings = standings(db)
    if ports.mirror is not None:
        _measure_mirror(ports.pool, ports.mirror)


def _measure_mirror(pool: Pool, mirror: Mirrored) -> None:
    """It is a neighbour: while it is away all else is told as ever, and of it how far it was when last seen."""
    try:
        seen = mirror.look()
    except psycopg.Error as error:
        log.warning("mirror_not_measured", error=type(error).__name__)
        MIRROR_AWAY.set(1)
        return
    MIRROR_AWAY.set(0)
    with pool.connection() as db:
        found = measured(db, seen)
    for one in found:
        MIRROR_LAG.labels(one.model).set(one.behind)
        MIRROR_LAG_SECONDS.labels(one.model).set(one.seconds)
        MIRROR_QUARANTINED.labels(one.model).set(one.quarantined)
        MIRROR_STOPPED.labels(one.model).set(one.stopped)


def _with_lags(ports: Ports, ask: Callable[[Db, Sequence[ReadModel]], T]) -> T:
    with ports.pool.connection() as db:
        return ask(db, MODELS)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
