"""What an officer does: reviews, asks the applicant, encloses documents, prepares the conclusion."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

import strawberry

from api.answers import command, step
from api.context import Info
from api.declined import DraftRequired
from api.enclosures import enclosed
from api.fields.staffed import RECEIVED, as_staff
from api.inputs import CommandInput, StepInput
from api.shapes.done import CaseChanged, case_changed
from api.threads import run
from domain.compatriot.application import Application
from domain.compatriot.decision import NotYourCase, Outcome, SamePerson
from domain.compatriot.documents import Document
from domain.compatriot.review import (
    ConclusionAlreadyPrepared,
    InformationAwaited,
    ReviewAlreadyStarted,
    ReviewNotStarted,
)
from domain.event import Act
from domain.office import Receipt, UnknownCase
from housekeeping.drafts import TooManyDrafts
from housekeeping.uploads import DraftOver, UploadUnknown

REVIEW = (*RECEIVED, SamePerson, NotYourCase)
"""What every step of the officer's may be refused for."""
IN_REVIEW = (*REVIEW, ReviewNotStarted, ConclusionAlreadyPrepared)


@strawberry.input
class StartReviewInput(CommandInput):
    case: UUID


@strawberry.input
class RequestInformationInput(CommandInput):
    case: UUID
    text: str


@strawberry.input
class OpenCaseDraftInput(StepInput):
    case: UUID


@strawberry.input
class AttachDocumentInput(CommandInput):
    case: UUID
    draft: str = strawberry.field(description="The token that openCaseDraft gave.")
    document: UUID = strawberry.field(description="The upload's id.")


@strawberry.input
class PrepareConclusionInput(CommandInput):
    case: UUID
    text: str
    recommends: Outcome


@strawberry.type(description="A draft for papers to this case; its token is the bearer for /uploads.")
class CaseDraftOpened:
    draft: UUID
    token: str
    expires_at: datetime


@strawberry.type
class OfficerCommands:
    @command(CaseChanged, *REVIEW, ReviewAlreadyStarted, ConclusionAlreadyPrepared)
    async def start_review(self, info: Info, input: StartReviewInput) -> CaseChanged:
        """Begin the review; an unassigned case is the officer's from now on."""
        start = partial(info.context.ports.compatriot.start_review, case=input.case)
        return await as_staff(info, input, case_changed, start)

    @command(CaseChanged, *IN_REVIEW, InformationAwaited)
    async def request_information(self, info: Info, input: RequestInformationInput) -> CaseChanged:
        """Ask the applicant; the term is suspended until the answer."""
        ask = partial(info.context.ports.compatriot.request_information, case=input.case, text=input.text)
        return await as_staff(info, input, case_changed, ask)

    @step(CaseDraftOpened, TooManyDrafts, UnknownCase)
    async def open_case_draft(self, info: Info, input: OpenCaseDraftInput) -> CaseDraftOpened:
        """Open a draft into which a document for this case is uploaded, sealed under the applicant's key."""
        ports, address = info.context.ports, info.context.address

        def open_draft() -> CaseDraftOpened:
            subject = ports.office.load(Application, input.case).subject
            if subject is None:
                raise UnknownCase
            opened = ports.drafts.open(address, subject=subject, case=input.case)
            return CaseDraftOpened(draft=opened.id, token=opened.token, expires_at=opened.expires_at)

        return await run(open_draft)

    @command(CaseChanged, *IN_REVIEW, DraftRequired, DraftOver, UploadUnknown)
    async def attach_document(self, info: Info, input: AttachDocumentInput) -> CaseChanged:
        """Put an uploaded document into the case."""
        ports = info.context.ports

        def attach(act: Act) -> Receipt:
            document: Document
            (document,) = enclosed(ports, ports.drafts.find(input.draft), input.case, [input.document])
            return ports.compatriot.attach_document(act, case=input.case, document=document)

        return await as_staff(info, input, case_changed, attach)

    @command(CaseChanged, *IN_REVIEW, InformationAwaited)
    async def prepare_conclusion(self, info: Info, input: PrepareConclusionInput) -> CaseChanged:
        """Write the conclusion, for the chief."""
        prepare = partial(
            info.context.ports.compatriot.prepare_conclusion,
            case=input.case,
            text=input.text,
            recommends=input.recommends,
        )
        return await as_staff(info, input, case_changed, prepare)
