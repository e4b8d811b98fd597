"""Uploads: a draft's files come in here, are sealed as they come, opened in a process apart, and kept or refused.

``POST /uploads`` takes a raw body with ``?kind=``, or a form with ``kind`` before its file. The draft's secret is its
``__Host-draft`` cookie or a bearer; with the cookie the request must carry ``X-Sarkmeli``, which no page of another
site can add, and its Origin must be ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

import anyio
import anyio.to_thread
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

import texts
from api.declined import DraftRequired, NotFromOurPages
from api.threads import run
from api.turns import AllTaken, Turns
from api.upload_body import FIELDS_MOST, UploadMalformed, body_of
from domain.compatriot.documents import DocumentKind
from domain.office import SubjectGone
from domain.refusals import Refusal
from gateways.files import Files
from gateways.inspection import InspectionBusy, Inspector, UploadTooLarge, UploadTypeNotTaken
from housekeeping.drafts import Draft, Drafts
from housekeeping.uploads import DraftOver, Slot, TooManyFiles, Upload, UploadQuotaFull, Uploads, UploadUnknown

log = structlog.get_logger()
T = TypeVar("T")

COOKIE: Final = "__Host-draft"
HEADER: Final = "x-sarkmeli"
AT_ONCE: Final = 16
"""Files received at the same time; each may hold a sealed part in memory."""
PER_PLACE: Final = 6
"""Of those, from one address prefix: as many as a browser sends at once. Nobody's slow files keep all others out."""
SECONDS: Final = 180
"""How long a file may take to come: 10 MB at half a megabit a second."""
_WRITE: Final = 256 * 1024


@dataclass(eq=False)
class UploadTooSlow(Refusal):
    """The file did not come in whole within ``seconds``."""

    code = "UPLOAD_TOO_SLOW"
    seconds: int


@dataclass(eq=False)
class UploadsBusy(Refusal):
    """As many files as the office receives at once are coming in; the same file may be sent again soon."""

    code = "UPLOADS_BUSY"


@dataclass(eq=False)
class UploadKindUnknown(Refusal):
    """``kind`` was not said before the file, or is none of ours."""

    code = "UPLOAD_KIND_UNKNOWN"


STATUS: Final[dict[type[Refusal], int]] = {
    DraftRequired: 401,
    DraftOver: 401,
    NotFromOurPages: 403,
    UploadUnknown: 404,
    UploadTooSlow: 408,
    UploadTooLarge: 413,
    UploadTypeNotTaken: 415,
    TooManyFiles: 429,
    UploadQuotaFull: 429,
    UploadsBusy: 503,
    InspectionBusy: 503,
    UploadMalformed: 400,
    UploadKindUnknown: 400,
}
"""The HTTP status of each refusal; 422 for those that are not listed: the file itself is at fault."""


@dataclass(frozen=True)
class Reception:
    """What receiving a file needs. ``client`` gives a request's address, ``origins`` are our own pages'."""

    drafts: Drafts
    uploads: Uploads
    files: Files
    inspector: Inspector
    client: Callable[[Request], str]
    origins: Collection[str]
    seconds: float = SECONDS
    inspecting: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(AT_ONCE))
    """Threads of their own, so that waiting for an inspection takes none from the rest of the API."""

    async def draft(self, request: Request) -> Draft:
        """The draft whose secret the request carries. Raises: DraftRequired, NotFromOurPages."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.cookies.get(COOKIE, "")
            if token:
                self._refuse_foreign_page(request)
        found = await run(self.drafts.find, token.strip()) if token else None
        if found is None:
            raise DraftRequired
        return found

    async def receive(self, request: Request) -> Upload:
        """Seal the file as it comes, inspect it, keep the copy written anew beside it; or keep nothing of it.

        Raises: refusals; ClientDisconnect.
        """
        draft = await self.draft(request)
        slot: Slot | None = None
        kept: Upload | None = None
        try:
            with anyio.fail_after(self.seconds):
                body = body_of(request)
                await body.open()
                kind = _kind(request.query_params.get("kind") or body.fields.get("kind"))
                slot = await run(self.uploads.begin, draft, kind, self.client(request), self._announced(request))
                size = await self._seal(slot, body.file())
            kept = await anyio.to_thread.run_sync(self._inspect, slot, kind, size, limiter=self.inspecting)
        except SubjectGone:  # the person was erased while the file came
            raise DraftOver from None
        finally:
            if kept is None and slot is not None:
                with anyio.CancelScope(shield=True):
                    await run(self.uploads.refuse, slot)
        if kept is None:
            raise DraftOver
        return kept

    def _announced(self, request: Request) -> int | None:
        """How long the body says that it is. Raises: UploadTooLarge if that is more than a file and its form."""
        length = request.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return None
        if len(length) > 12 or int(length) > self.uploads.limits.size + FIELDS_MOST:
            raise UploadTooLarge(self.uploads.limits.size >> 20)
        return int(length)

    async def _seal(self, slot: Slot, file: AsyncIterator[bytes]) -> int:
        most = self.uploads.limits.size
        with await run(self.files.writer, slot.subject, slot.original) as writer:
            size, waiting = 0, bytearray()
            async for chunk in file:
                size += len(chunk)
                if size > most:
                    raise UploadTooLarge(most >> 20)
                waiting += chunk
                if len(waiting) >= _WRITE:
                    await run(writer.write, bytes(waiting))
                    waiting.clear()
            await run(writer.write, bytes(waiting))
            return await run(writer.finish)

    def _inspect(self, slot: Slot, kind: str, size: int) -> Upload | None:
        sealed = self.files.open(slot.subject, slot.original)
        found = self.inspector.inspect(kind, sealed.read())
        with self.files.writer(slot.subject, slot.file) as writer:
            writer.write(found.content)
            writer.finish()
        digest = hashlib.sha256(found.content).hexdigest()
        return self.uploads.keep(slot, found.media_type, len(found.content), size, digest)

    def _refuse_foreign_page(self, request: Request) -> None:
        origin = request.headers.get("origin")
        said_by_browser = origin is not None or request.method != "GET"  # which names none for a page's own GET
        if HEADER not in request.headers or (said_by_browser and origin not in self.origins):
            raise NotFromOurPages


def uploads_router(reception: Reception) -> APIRouter:
    """``POST /uploads``, ``GET /uploads``, ``DELETE /uploads/{id}``; refusals as JSON ``{code, message, facts}``."""
    router = APIRouter()
    turns = Turns(AT_ONCE, PER_PLACE)

    @router.post("/uploads", status_code=201)
    async def upload(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        try:
            with turns.turn(reception.client(request)):
                return JSONResponse(_shown(await reception.receive(request)), status_code=201, headers=_PRIVATE)
        except AllTaken:
            return refused(request, UploadsBusy())
        except Refusal as refusal:
            return refused(request, refusal)
        except TimeoutError:
            return refused(request, UploadTooSlow(round(reception.seconds)))
        except ClientDisconnect:
            log.info("an upload broke off")
            return Response(status_code=400)

    @router.get("/uploads")
    async def uploads(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        try:
            draft = await reception.draft(request)
            kept = await run(reception.uploads.of, draft.id, draft.subject)
        except Refusal as refusal:
            return refused(request, refusal)
        return JSONResponse([_shown(upload) for upload in kept], headers=_PRIVATE)

    @router.delete("/uploads/{id}")
    async def discard(request: Request, id: UUID) -> Response:  # pyright: ignore[reportUnusedFunction]
        try:
            await run(reception.uploads.discard, await reception.draft(request), id)
        except Refusal as refusal:
            return refused(request, refusal)
        return Response(status_code=204)

    return router


def refused(request: Request, refusal: Refusal) -> Response:
    """A refusal as JSON, in the language of Accept-Language."""
    language = texts.preferred(request.headers.get("accept-language"))
    facts = {name: texts.spoken(fact, language) for name, fact in refusal.facts().items()}
    told = {"code": refusal.code, "message": texts.say(language, "refusals", refusal.code, **refusal.facts())}
    status = STATUS.get(type(refusal), 422)
    headers = {**_PRIVATE, "content-language": str(language)}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status == 503:
        headers["retry-after"] = "10"
    if status in {408, 413}:
        headers["connection"] = "close"
    return JSONResponse({**told, "facts": {name: str(fact) for name, fact in facts.items()}}, status, headers)


_PRIVATE: Final = {"cache-control": "no-store", "vary": "accept-language, cookie, authorization"}


def _shown(upload: Upload) -> dict[str, Any]:
    return {"id": str(upload.id), "kind": upload.kind, "mediaType": upload.media_type, "size": upload.size}


def _kind(said: str | None) -> str:
    try:
        return DocumentKind((said or "").strip().upper()).value
    except ValueError:
        raise UploadKindUnknown from None
