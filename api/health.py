"""Whether the service lives, whether it is ready, and what it counts."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

import psycopg
import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.context import run
from api.metrics import LAG
from api.ports import Ports
from projections import tracking
from projections.all import MODELS
from projections.tracking import Place

log = structlog.get_logger("api")

READY_LAG: Final = 10_000
"""A read model further behind than so many positions is not ready: it is still being built."""


def health_router(ports: Ports) -> APIRouter:
    """``/health/live``, ``/health/ready``, ``/metrics`` (to this machine only)."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> Response:
        return JSONResponse({"live": True})

    @router.get("/health/ready")
    async def ready() -> Response:
        missing = await run(unready, ports)
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        if request.client is None or not _is_here(request.client.host) or "x-forwarded-for" in request.headers:
            return Response(status_code=404)
        try:
            await run(_measure, ports)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("lag_not_measured", error=type(error).__name__)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def unready(ports: Ports) -> list[str]:
    """What the service lacks to do its work; empty if it is ready."""
    try:
        settled = ports.reader.settled()
        ports.keys.current_code_version()
        behind = [model for model, lag in _lags(ports, settled).items() if lag > READY_LAG]
    except (psycopg.Error, PoolTimeout):
        return ["database"]
    return behind


def _measure(ports: Ports) -> None:
    for model, lag in _lags(ports, ports.reader.settled()).items():
        LAG.labels(model).set(lag)


def _lags(ports: Ports, settled: int) -> dict[str, int]:
    with ports.pool.connection() as db:
        places = {model.title: tracking.find(db, Place(model)) for model in MODELS}
    return {title: settled - (place.position if place is not None else 0) for title, place in places.items()}


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
