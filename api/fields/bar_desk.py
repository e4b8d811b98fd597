"""What an operator asks: the call that they hold, what was declared, and what the civil registry says of it."""

from __future__ import annotations

from uuid import UUID

import strawberry

from api.answers import question
from api.context import Context, Info
from api.declined import NothingThere, NotYet, Stale, TokenRefused
from api.reading import at_least as wait_at_least
from api.reading import shown_row
from api.shapes.call import CallView, RegistryAnswer, RegistryView, comparisons, recorded_checks
from api.shapes.case import Document
from api.shapes.form import FiledForm
from api.shapes.papers import papers_of, sealed_parts
from api.threads import Abroad, run_abroad
from domain.calendar import tbilisi_date
from domain.office import UnknownCase
from domain.people import Actor
from domain.staff.reading import Purpose
from domain.videobar.call import Call
from domain.videobar.checks import Source
from domain.videobar.refusals import CallOver, NotYourCall
from domain.videobar.registry import RegistryRecord, RegistryUnavailable
from projections import queue, status
from projections.queue import QUEUE
from projections.status import STATUS


@strawberry.type
class BarQuestions:
    @question(CallView, NotYourCall, CallOver, UnknownCase, Stale, NotYet, TokenRefused, NothingThere)
    async def call(self, info: Info, id: UUID, at_least: str | None = None) -> CallView:
        """The call that one holds: what was declared beside what is to be compared with it."""
        by = await info.context.acting("Query.call")
        return await run_abroad(Abroad.REGISTRY, _call, info.context, by, id, at_least)


def _call(context: Context, by: Actor, id: UUID, token: str | None) -> CallView:
    ports = context.ports
    for model in (QUEUE, STATUS):
        wait_at_least(ports, model, token)
    ports.office.load(Call, id).refuse_unless_held_by(by)
    row = shown_row(queue.find(ports.pool, id)).call
    dossier = shown_row(status.find(ports.pool, row.case)).dossier
    opened = ports.door.unseal(sealed_parts(dossier), by, Purpose.VIDEO_CALL, "call")
    papers = papers_of(dossier, opened)
    number = papers.form.personal_number if papers.form is not None else None
    answer, record = _asked(context, number)
    compared = []
    if papers.form is not None and record is not None:
        compared = comparisons(papers.form, record, tbilisi_date(ports.office.desk.now()))
    return CallView(
        id=strawberry.ID(str(id)),
        case=row.case,
        phase=row.phase,
        requested_at=row.requested_at,
        claimed_at=row.claimed_at,
        broken_off=len(row.broken_off),
        connected=list(row.connected),
        checks=recorded_checks(row.checks),
        visual_contact=row.checks.visual_contact if row.checks is not None else False,
        identity_source=Source.CIVIL_REGISTRY if number is not None else Source.UPLOADED_DOCUMENT,
        declared=FiledForm.of(papers.form) if papers.form is not None else None,
        documents=[Document.of(each, None) for each in papers.all_documents],
        registry=RegistryView.of(record) if record is not None else None,
        registry_answer=answer,
        comparisons=compared,
    )


def _asked(context: Context, personal_number: str | None) -> tuple[RegistryAnswer, RegistryRecord | None]:
    if personal_number is None:
        return RegistryAnswer.NOT_ASKED, None
    try:
        record = context.ports.registry.find(personal_number)
    except RegistryUnavailable:
        return RegistryAnswer.UNAVAILABLE, None
    return (RegistryAnswer.FOUND, record) if record is not None else (RegistryAnswer.NOT_FOUND, None)
