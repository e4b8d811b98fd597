"""How a dossier and its opened papers become the answer: the same for holders and staff, but for tickets and pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from api.holder import Holder
from api.pay_links import pay_link
from api.ports import Ports
from api.shapes.case import CallPlaceView, CaseStatus, ConsentView, Document, DueStep, NoticeView, SaidView
from api.shapes.form import FiledForm
from api.shapes.money import Money, Payment, RefundView
from api.shapes.papers import Papers
from api.tickets import DOWNLOAD_LASTS, For, Tickets
from domain.compatriot import documents
from domain.compatriot.term import due_on
from domain.number import group_number
from domain.payments.terms import Phase as PaymentPhase
from housekeeping import notices
from projections import queue
from projections.payment_rows import PaymentRow
from projections.status import Status

ShowDocument = Callable[[documents.Document], Document]
ShowPayment = Callable[[PaymentRow], Payment]


def holders_view(ports: Ports, who: Holder, found: Status, papers: Papers, now: datetime) -> CaseStatus:
    """The holder's own case, with tickets to download by and pages to pay at."""
    tickets = Tickets(ports.keys)

    def document(each: documents.Document) -> Document:
        return Document.of(each, tickets.issue(For.DOCUMENT, each.id, now, DOWNLOAD_LASTS, who.case))

    def payment(row: PaymentRow) -> Payment:
        unpaid = row.phase is PaymentPhase.OPEN and found.dossier.paid_by is None
        payable = unpaid and row.expires is not None and row.expires > now
        return Payment.of(row, pay_link(ports.facts, ports.keys, row.payment, now) if payable else None)

    return _view(ports, who.found.position, found, papers, document, payment)


def staffs_view(ports: Ports, position: int, found: Status, papers: Papers) -> CaseStatus:
    """A case for the staff: they download with their own session or token, and pay nothing."""
    return _view(
        ports, position, found, papers, lambda each: Document.of(each, None), lambda row: Payment.of(row, None)
    )


def _view(
    ports: Ports, position: int, found: Status, papers: Papers, document: ShowDocument, payment: ShowPayment
) -> CaseStatus:
    dossier = found.dossier
    call = found.live_call
    place = queue.find(ports.pool, call.call).known() if call is not None else None
    moves = dossier.end_moves_for_holidays
    due = ports.compatriot_rules.explained(dossier.due, moves=moves) if dossier.due is not None else None
    return CaseStatus(
        token=ports.tokens.encode(position),
        number=group_number(papers.number) if papers.number else None,
        state=dossier.state,
        missing=list(dossier.missing),
        answer_until=dossier.answer_until,
        registered_at=dossier.registered_at,
        form=FiledForm.of(papers.form) if papers.form is not None else None,
        documents=[document(each) for each in papers.filed],
        consents=[
            ConsentView(kind=each.kind, version=each.version, language=each.language)
            for each in dossier.consents.values()
        ],
        fee=Money.of(dossier.fee),
        cash_reference=papers.cash_reference,
        payments=[payment(row) for row in found.payments],
        refunds=[RefundView.of(refund) for refund in dossier.refunds],
        call=CallPlaceView.of(place) if place is not None else None,
        said=[SaidView.of(said, [document(each) for each in said.documents]) for said in papers.said],
        notices=[
            NoticeView(kind=each.kind, sent_at=each.sent_at) for each in notices.of_case(ports.pool, dossier.case)
        ],
        term_days=dossier.term_days,
        due=[DueStep.of(step) for step in due] if due is not None else None,
        due_on=due_on(due) if due is not None else None,
        refusal_ground=dossier.refusal_ground,
        refusal=papers.refusal,
        decided_at=dossier.standing.decided_at,
        delivered_at=dossier.standing.delivered_at,
    )
