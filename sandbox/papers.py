"""Sample papers for an applicant who has none at hand. Paths below ``/samples``."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response


def papers() -> APIRouter:
    """``GET /samples`` lists them with their media types, ``GET /samples/{name}`` gives one."""
    router = APIRouter(prefix="/samples", tags=["samples"])

    @router.get("")
    async def listing() -> dict[str, str]:
        from sandbox.samples import SAMPLES  # draws and typesets: too slow an import for the start

        return dict(SAMPLES)

    @router.get("/{name}")
    async def paper(name: str) -> Response:
        from sandbox.samples import SAMPLES, sample

        if name not in SAMPLES:
            raise HTTPException(404, "no such sample")
        content = await asyncio.to_thread(sample, name)
        headers = {"Cache-Control": "max-age=3600", "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=SAMPLES[name], headers=headers)

    return router
