"""Downloads, by POST only so that no secret stands in an address: documents, the decision and the form as PDF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

import texts
from api.callers import StaffMember
from api.context import client_address, staff_member
from api.declined import LinkRefused, NotAllowed, NothingThere, SignInAway, SignInRequired, Stale
from api.endpoint import read_body
from api.fields.leaving import decision_of
from api.ports import Ports
from api.reading import shown_row
from api.refusals import sentence
from api.registration_form import registration_form
from api.roles import DOCUMENTS, acting_role
from api.shapes.papers import papers_of, sealed_parts
from api.strict_json import Malformed, read_object
from api.threads import run
from api.tickets import For, Tickets
from domain.calendar import tbilisi_date
from domain.compatriot.application import Application
from domain.compatriot.documents import Document
from domain.compatriot.form import Form
from domain.event import Erased
from domain.number import group_number
from domain.people import Actor, Role, SubjectId
from domain.refusals import Refusal
from domain.staff.reading import Purpose
from domain.taxpayer.refusals import AlreadyActive, RegistrationEnded
from domain.videobar.commands import live_call
from gateways.documents import DecisionPaper, decision_pdf
from gateways.files import FileMissing, SealedFile
from housekeeping.tries import TooManyTries
from ledger.keys import SubjectErased
from projections import status

log = structlog.get_logger("api")

PDF: Final = "application/pdf"
ENDINGS: Final = {PDF: "pdf", "image/jpeg": "jpg", "image/png": "png"}
STATUS: Final[dict[type[Refusal], int]] = {
    SignInRequired: 401,
    NotAllowed: 403,
    AlreadyActive: 409,
    RegistrationEnded: 409,
    TooManyTries: 429,
    Stale: 503,
    SignInAway: 503,
}
"""The HTTP status of a refusal; 404 for the others."""


def downloads_router(ports: Ports) -> APIRouter:
    """``POST /documents`` with a ticket; ``POST /documents/registration-form`` with number and code;
    ``POST /documents/{case}/{document}`` for staff."""
    router = APIRouter(include_in_schema=False)

    @router.post("/documents")
    async def by_ticket(request: Request) -> Response:
        try:
            ticket = read_object(await read_body(request, 4096)).get("ticket")
            if not isinstance(ticket, str):
                raise Malformed("Send a ticket.")
            return await run(_by_ticket, ports, ticket)
        except Malformed as malformed:
            return JSONResponse({"message": malformed.reason}, malformed.status)
        except Refusal as refusal:
            return _refused(request, refusal)

    @router.post("/documents/registration-form")
    async def form(request: Request) -> Response:
        try:
            asked = read_object(await read_body(request, 4096))
            address = client_address(ports, request)
            return _pdf(await run(registration_form, ports, address, asked), "registration-form")
        except Malformed as malformed:
            return JSONResponse({"message": malformed.reason}, malformed.status)
        except Refusal as refusal:
            return _refused(request, refusal)

    @router.post("/documents/{case}/{document}")
    async def by_staff(request: Request, case: UUID, document: UUID) -> Response:
        try:
            member = await staff_member(ports, request)
            return await run(_by_staff, ports, member, case, document)
        except Refusal as refusal:
            return _refused(request, refusal)

    return router


def _by_ticket(ports: Ports, ticket: str) -> Response:
    now = ports.office.desk.now()
    try:
        document, case = Tickets(ports.keys).read(For.DOCUMENT, ticket, now)
    except LinkRefused:
        decided, _ = Tickets(ports.keys).read(For.DECISION, ticket, now)
        return _decision(ports, decided)
    if case is None:
        raise LinkRefused
    dossier = shown_row(status.find(ports.pool, case)).dossier
    papers = papers_of(dossier, ports.door.own(sealed_parts(dossier), dossier.subject))
    return _file(ports, dossier.subject, _named(papers.all_documents, document))


def _by_staff(ports: Ports, member: StaffMember | None, case: UUID, document: UUID) -> Response:
    if member is None:
        raise SignInRequired
    role = acting_role(member.roles, DOCUMENTS)
    if role is None:
        raise NotAllowed
    by = Actor(member.person, role)
    if role is Role.OPERATOR:
        call = live_call(ports.office, case)
        if call is None or not call.is_held_by(by):
            raise NothingThere
    dossier = shown_row(status.find(ports.pool, case)).dossier
    purpose = Purpose.VIDEO_CALL if role is Role.OPERATOR else Purpose.REVIEW
    papers = papers_of(dossier, ports.door.unseal(sealed_parts(dossier), by, purpose, "document"))
    return _file(ports, dossier.subject, _named(papers.all_documents, document))


def _named(documents: tuple[Document, ...], id: UUID) -> Document:
    for document in documents:
        if document.id == id:
            return document
    raise NothingThere


def _file(ports: Ports, subject: SubjectId, document: Document) -> Response:
    try:
        sealed = ports.files.open(subject, document.file)
    except (FileMissing, SubjectErased):
        raise NothingThere from None
    return StreamingResponse(
        _chunks(sealed), media_type=document.media_type, headers=_headers(document.media_type, str(document.id))
    )


def _chunks(sealed: SealedFile) -> Iterator[bytes]:
    yield from sealed.read()


def _decision(ports: Ports, case: UUID) -> Response:
    """The decision as the office issues it; the same bytes every time."""
    application = ports.office.load(Application, case)
    decided = decision_of(ports, case)
    form, number, reasons = application.form, application.number, decided.reasons
    if not isinstance(form, Form) or isinstance(number, Erased) or isinstance(reasons, Erased):
        raise NothingThere
    content = decision_pdf(
        DecisionPaper(
            template=decided.paper,
            language=form.language,
            office_name=ports.facts.office_name[form.language],
            number=group_number(number),
            name=f"{form.name_ka.first} {form.name_ka.last}",
            name_latin=f"{form.name_latin.first} {form.name_latin.last}",
            born=form.birth_date,
            filed=tbilisi_date(application.registered_at),
            decided=tbilisi_date(decided.timestamp),
            outcome=decided.outcome.value,
            reasons=reasons,
        )
    )
    return _pdf(content, "decision")


def _pdf(content: bytes, name: str) -> Response:
    return Response(content, media_type=PDF, headers=_headers(PDF, name))


def _headers(media_type: str, name: str) -> dict[str, str]:
    """What keeps a file that a stranger sent from doing anything but being saved."""
    ending = ENDINGS.get(media_type, "bin")
    return {
        "Content-Disposition": f'attachment; filename="{name}.{ending}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "no-store",
    }


def _refused(request: Request, refusal: Refusal) -> Response:
    language = texts.preferred(request.headers.get("accept-language"))
    told = {"code": type(refusal).code, "message": sentence(refusal, language)}
    return JSONResponse(told, STATUS.get(type(refusal), 404), headers={"Cache-Control": "no-store"})
