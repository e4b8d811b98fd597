"""What each question answers, of stories whose facts the aggregates know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from stories import CASHIER
from story import KETEVAN, NINO, OTAR

from domain.calendar import tbilisi_date
from domain.compatriot.decision import Outcome
from domain.compatriot.form import Tier
from domain.compatriot.rules import SERVICE
from domain.compatriot.state import OPEN, Missing, State
from domain.compatriot.term import due_on
from domain.consents import Consent, ConsentKind
from domain.event import ERASED
from domain.language import Language
from domain.payments.case import Method, RefundReason
from domain.payments.terms import Doubt, Phase
from domain.people import Actor, Role
from domain.staff.commands import NotStaff
from domain.staff.reading import Purpose
from domain.videobar.case import Ground
from domain.videobar.terms import BreakOff, Leaving
from domain.videobar.terms import Phase as CallPhase
from projections import case, officer_list, payments, queue, status
from projections.all import MODELS
from projections.door import Door, NotTheirOwn
from projections.runner import Runner


@pytest.fixture(scope="module")
def read(history: Any) -> Any:
    """The history, followed by every model."""
    Runner(history.conninfo, history.ledger.reader, MODELS).run_once()
    return history


@pytest.fixture
def pool(read: Any, pool_of: Callable[[str], Any]) -> Any:
    return pool_of(read.conninfo)


def test_the_status_agrees_with_every_aggregate(read: Any, pool: Any) -> None:
    for story in read.told.values():
        answer = status.find(pool, story.case)
        found, application = answer.known().dossier, story.application
        assert answer.position == read.events[-1].position
        assert found.state is application.state, story.case
        assert found.missing == application.missing
        assert found.standing == application.standing
        assert found.due == application.due
        assert found.answer_until == application.answer_until
        assert set(found.warned) == application.warned_of
        assert found.fee == application.fee
        assert found.subject == application.subject
        assert (found.code_version, found.code_issue) == (application.code_version, application.code_issue)
        assert found.consents == application.consents
        assert {refund.payment for refund in found.refunds if refund.refunded_at is None} == set(application.refunds)
        assert found.outcome is application.outcome
        assert found.paid_by == application.payment


def test_the_code_is_verified_with_what_the_status_says(read: Any, pool: Any) -> None:
    story, keys = read.story("in_term"), read.ledger.keys
    found = status.find(pool, story.case).known().dossier
    expected = story.commands.code_of(story.case)
    number = str(story.application.number)
    assert keys.code(found.subject, SERVICE, number, found.code_version, found.code_issue) == str(expected)


def test_a_status_that_is_not_there(pool: Any, read: Any) -> None:
    for asked in (None, uuid4()):
        answer = status.find(pool, asked)
        assert (answer.row, answer.position) == (None, read.events[-1].position)


def test_the_due_date_explains_itself(read: Any, pool: Any) -> None:
    found = status.find(pool, read.case("granted")).known().dossier
    assert [step.rule.value for step in found.due] == ["TERM", "SUSPENSION", "EXTENSION"]
    assert [step.days for step in found.due] == [80, 6, 10]
    assert found.due_on == due_on(found.due)


def test_papers_open_in_order_and_by_their_own_names(read: Any, pool: Any) -> None:
    found = status.find(pool, read.case("granted")).known().dossier
    assert [paper.event for paper in found.papers] == ["InformationRequested", "InformationProvided", "TermExtended"]
    door = Door(read.ledger.sealer, None)
    sealed = [found.registration, *(paper.sealed for paper in found.papers), found.decision]
    registration, asked, answered, extended, decision = door.own(sealed, found.subject)
    assert registration["form"].name_latin.last == "Maisuradze"
    assert len(registration["documents"]) == 4
    assert asked["text"].startswith("გთხოვთ")
    assert answered["text"] == "ახლავს."
    assert extended["reasons"] == "საქმე რთულია."
    assert decision["reasons"] == "დასკვნის საფუძველზე."


def test_payments_and_calls_of_a_case(read: Any, pool: Any) -> None:
    found = status.find(pool, read.case("paid_twice")).known()
    assert [(row.method, row.phase) for row in found.payments] == [
        (Method.CARD, Phase.SUCCEEDED),
        (Method.CASH, Phase.REFUND_ORDERED),
    ]
    assert {row.amount.amount for row in found.payments} == {Decimal("50.00")}
    assert [refund.reason for refund in found.dossier.refunds] == [RefundReason.ALREADY_PAID]
    assert found.calls == ()

    waits = status.find(pool, read.case("waiting")).known()
    assert waits.live_call.phase is CallPhase.WAITING
    left = status.find(pool, read.case("left_the_queue")).known()
    assert left.live_call is None
    assert [call.leaving for call in left.calls] == [Leaving.LEFT]
    broken = status.find(pool, read.case("broken_off_once")).known().live_call
    assert [reason for reason, _ in broken.broken_off] == [BreakOff.NO_PICTURE]
    assert (broken.operator, broken.checks, broken.checked_at, broken.will) == (None, None, None, None)
    assert broken.connected == {}
    refused = status.find(pool, read.case("reception_refused")).known()
    assert refused.dossier.refusal_ground is Ground.IDENTITY_DOUBT
    assert refused.calls[0].ground is Ground.IDENTITY_DOUBT


def test_the_case_tells_the_staff_what_the_status_does_not(read: Any, pool: Any) -> None:
    story = read.story("granted")
    found = case.find(pool, story.case).known()
    assert found.status.dossier.state is story.application.state
    assert found.hands == story.application.hands
    passed_on = read.story("chief_reassigns")
    assert case.find(pool, passed_on.case).known().hands == passed_on.application.hands
    assert found.recommends is Outcome.GRANTED
    assert [paper.event for paper in found.status.dossier.papers] == [
        "DocumentAttached",
        "InformationRequested",
        "InformationProvided",
        "TermExtended",
    ]
    (call,) = found.status.calls
    assert call.checks.visual_contact
    assert not call.checks.not_passed()
    assert call.operator == NINO.id
    assert case.find(pool, uuid4()).row is None


def test_whom_the_deadlines_look_at(read: Any, pool: Any) -> None:
    everybody = {}
    last = None
    while page := case.awaited(pool, tbilisi_date(read.office.ledger.clock) + timedelta(days=400), last, 2):
        everybody |= {one.case: one for one in page}
        last = page[-1]
    expected = {story.case for story in read.told.values() if story.application.answer_until is not None}
    assert set(everybody) == expected
    asked = everybody[read.case("information_awaited")]
    assert asked.missing == (Missing.INFORMATION,)
    assert asked.answer_until == read.story("information_awaited").application.answer_until
    first = min(one.answer_until for one in everybody.values())
    assert case.awaited(pool, first - timedelta(days=1)) == []


def test_the_officers_list_pages_in_the_order_of_registration(read: Any, pool: Any) -> None:
    listed, after = [], 0
    while True:
        page = officer_list.page(pool, states=OPEN, after=after, first=3)
        listed += page.rows
        if not page.has_next:
            break
        after = page.cursors[-1]
    expected = [story.case for story in read.told.values() if story.application.state in OPEN]
    assert [line.case for line in listed] == expected

    mine = officer_list.page(pool, states=tuple(State), officer=OTAR.id).rows
    assert {line.case for line in mine} == {
        story.case for story in read.told.values() if story.application.hands.assigned == OTAR.id
    }
    free = officer_list.page(pool, unassigned=True).rows
    assert [line.case for line in free] == [read.case("in_term")]
    expedited = [line for line in officer_list.page(pool, states=tuple(State)).rows if line.tier is Tier.EXPEDITED]
    assert [line.case for line in expedited] == [read.case("decided_not_received")]
    empty = officer_list.page(pool, states=[])
    assert (empty.rows, empty.has_next, empty.position) == ([], False, read.events[-1].position)


def test_the_queue_gives_the_longest_waiting_first(read: Any, pool: Any) -> None:
    waiting = queue.Queue(pool)
    first = status.find(pool, read.case("waiting")).known().live_call.call
    second = status.find(pool, read.case("broken_off_once")).known().live_call.call
    assert waiting.next_waiting([SERVICE], []) == first
    assert waiting.next_waiting([SERVICE], [first]) == second
    assert waiting.next_waiting([SERVICE], [first, second]) is None
    assert waiting.next_waiting(["taxpayer"], []) not in (None, first, second)
    assert queue.waiting(pool, [SERVICE]) == 2
    assert [queue.find(pool, call).known().ahead for call in (first, second)] == [0, 1]
    assert queue.find(pool, uuid4()).row is None


def test_the_expected_wait_is_unknown_until_somebody_was_served(own_history: Any, pool_of: Any) -> None:
    pool, story = pool_of(own_history.conninfo), own_history.story("waiting")
    follow = Runner(own_history.conninfo, own_history.ledger.reader, MODELS).run_once
    follow()
    call = status.find(pool, story.case).known().live_call.call
    with psycopg.connect(own_history.conninfo, autocommit=True) as db:
        db.execute(f"UPDATE reading.{queue.CALL.bare()} SET talked = NULL")
        assert queue.find(pool, call).known().expected_wait is None
        db.execute(f"UPDATE reading.{queue.CALL.bare()} SET talked = interval '6 minutes' WHERE over_at IS NOT NULL")
    assert queue.find(pool, call).known().expected_wait == timedelta(minutes=6)


def test_money_that_waits_for_somebody(read: Any, pool: Any) -> None:
    (cash,) = payments.suspense(pool).rows
    assert (cash.doubt, cash.amount.amount, cash.case) == (Doubt.WRONG_AMOUNT, Decimal("49.00"), None)
    assert payments.find(pool, cash.payment).known() == cash

    unsettled = {row.payment: row for row in payments.unsettled(pool).rows}
    assert {row.phase for row in unsettled.values()} == {Phase.OPEN, Phase.EXPIRED}
    overdue = payments.overdue(pool, read.office.ledger.clock + timedelta(days=30)).rows
    assert {row.payment for row in overdue} == {p for p, row in unsettled.items() if row.phase is Phase.OPEN}
    soonest = min(row.expires for row in overdue)
    assert payments.overdue(pool, soonest - timedelta(seconds=1)).rows == []

    (ordered,) = payments.refunds_ordered(pool).rows
    assert ordered.case == read.case("paid_twice")
    due = payments.refunds_due(pool).rows
    assert {refund.case for refund in due} == {read.case("reception_refused")}
    assert due[0].reason is RefundReason.RECEPTION_REFUSED


def test_the_staff_s_reading_is_committed_before_anything_is_shown(own_history: Any, pool_of: Any) -> None:
    from domain.staff.commands import Commands

    Runner(own_history.conninfo, own_history.ledger.reader, MODELS).run_once()
    pool, office, reader = pool_of(own_history.conninfo), own_history.office, own_history.ledger.reader
    door = Door(own_history.ledger.sealer, Commands(office))
    listed = officer_list.page(pool, states=tuple(State)).rows
    before = reader.settled()
    opened = door.unseal([line.registration for line in listed], OTAR, Purpose.REVIEW, "officerCases")
    assert all(part["form"].name_ka.first == "თამარ" for part in opened)
    (reading,) = reader.read(before, 10)
    assert set(reading.event.subjects) == {line.subject for line in listed}
    assert (reading.event.by, reading.event.purpose, reading.event.what) == (OTAR, Purpose.REVIEW, "officerCases")
    door.unseal([listed[0].registration], KETEVAN, Purpose.DECISION, "case")
    assert len(reader.read(before, 10)) == 2

    with pytest.raises(NotStaff):
        door.unseal([listed[0].registration], Actor(str(listed[0].case), Role.HOLDER), Purpose.REVIEW, "case")
    with pytest.raises(NotTheirOwn):
        door.own([line.registration for line in listed], listed[0].subject)

    class Refusing(Commands):
        def read(self, *_: Any, **__: Any) -> Any:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        Door(own_history.ledger.sealer, Refusing(office)).unseal(
            [listed[0].registration], CASHIER, Purpose.PAYMENT, "x"
        )

    own_history.ledger.keys.erase(listed[0].subject)
    erased, there = door.unseal([line.registration for line in listed], OTAR, Purpose.REVIEW, "officerCases")
    assert erased["form"] is ERASED
    assert there["form"] is not ERASED
    assert list(reader.read(before, 10)[-1].event.subjects) == [listed[1].subject]
    assert door.own([listed[0].registration], listed[0].subject)[0]["form"] is ERASED


def test_consents_are_shown_as_they_stand(read: Any, pool: Any) -> None:
    found = status.find(pool, read.case("in_term")).known().dossier
    assert found.consents == {ConsentKind.PERSONAL_DATA: Consent(ConsentKind.PERSONAL_DATA, "v1", Language.KA)}
