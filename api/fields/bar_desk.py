"""What operators and consultants ask: the call that they hold, what was declared, what the registries say of it."""

from __future__ import annotations

from uuid import UUID

import strawberry

from api.answers import question
from api.consultation import consultation
from api.context import Context, Info
from api.declined import NothingThere, NotYet, Stale, TokenRefused
from api.reading import at_least as wait_at_least
from api.reading import shown_row
from api.registries import OnRecord, civil, subjects_of
from api.shapes.call import CallView, RegistryView, comparisons, recorded_checks
from api.shapes.case import Document
from api.shapes.consultation import RegistrationCallView
from api.shapes.form import FiledForm
from api.shapes.papers import papers_of, sealed_parts
from api.threads import Abroad, run_abroad
from domain.calendar import tbilisi_date
from domain.office import UnknownCase
from domain.people import Actor
from domain.staff.reading import Purpose
from domain.taxpayer.rules import SERVICE as TAXPAYER
from domain.videobar.call import Call
from domain.videobar.checks import Source
from domain.videobar.refusals import CallOver, NotYourCall
from projections import queue, status
from projections.queue import QUEUE
from projections.status import STATUS


@strawberry.type
class BarQuestions:
    @question(
        (CallView, RegistrationCallView), NotYourCall, CallOver, UnknownCase, Stale, NotYet, TokenRefused, NothingThere
    )
    async def call(self, info: Info, id: UUID, at_least: str | None = None) -> CallView | RegistrationCallView:
        """The call that one holds: what was declared beside what is to be compared with it."""
        by = await info.context.acting("Query.call")
        return await run_abroad(Abroad.REGISTRY, _call, info.context, by, id, at_least)


def _call(context: Context, by: Actor, id: UUID, token: str | None) -> CallView | RegistrationCallView:
    ports = context.ports
    for model in (QUEUE, STATUS):
        wait_at_least(ports, model, token)
    call = ports.office.load(Call, id)
    call.refuse_unless_held_by(by)
    return consultation(context, by, call) if call.service == TAXPAYER else _application(context, by, id)


def _application(context: Context, by: Actor, id: UUID) -> CallView:
    ports = context.ports
    row = shown_row(queue.find(ports.pool, id)).call
    dossier = shown_row(status.find(ports.pool, row.case)).dossier
    opened = ports.door.unseal(sealed_parts(dossier), by, Purpose.VIDEO_CALL, "call")
    papers = papers_of(dossier, opened)
    number = papers.form.personal_number if papers.form is not None else None
    on_record = OnRecord(by, subjects_of([dossier.subject]), Purpose.VIDEO_CALL)
    answer, record = civil(ports, on_record, number)
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
        grounds=list(ports.videobar.grounds_of(row.case)),
    )
