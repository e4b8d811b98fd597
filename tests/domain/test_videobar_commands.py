"""The video bar's commands: entering, the queue that nobody picks from, and two requests at once."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest
from bar import Stage
from memory_office import GIORGI, NINO, holder_of
from permit import PermitAwaitsNoCall

from domain.language import Language
from domain.office import CommandReused, UnknownCase
from domain.people import Actor, Role
from domain.videobar.commands import live_call
from domain.videobar.refusals import BarClosed, ConsentOutdated, MediaMissing, NobodyWaiting, NotAtThisBar
from domain.videobar.terms import BreakOff, Media, Medium, Phase


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_entering_records_the_consent_given_and_takes_one_place_a_case(stage: Stage) -> None:
    permit = stage.permit()

    call = stage.enter(permit)

    requested = stage.office.history(call)[0]
    assert (requested.consent, requested.consent_language) == ("v1", Language.KA), "which text, and how it was shown"
    assert stage.enter(permit) == call, "who waits already keeps the place"
    stage.claim()
    assert stage.enter(permit) == call, "also while called in"
    assert stage.office.story(call) == ["Requested", "Claimed"]


def test_what_is_needed_to_enter(stage: Stage) -> None:
    permit = stage.permit()
    with pytest.raises(MediaMissing) as refused:
        stage.enter(permit, media=Media(camera=False, microphone=True))
    assert refused.value.missing == (Medium.CAMERA,)
    with pytest.raises(ConsentOutdated):
        stage.enter(permit, consent="v0")
    with pytest.raises(UnknownCase):
        stage.bar.enter(
            stage.office.by(NINO), case=uuid4(), consent="v1", consent_language=Language.KA, media=Media(True, True)
        )
    stage.withdraw(permit)
    with pytest.raises(PermitAwaitsNoCall):
        stage.enter(permit)


@pytest.mark.parametrize(
    ("tbilisi", "opens"),
    [
        ("2026-11-23T08:59:59+04:00", "2026-11-23T09:00:00+04:00"),
        ("2026-11-23T18:00:00+04:00", "2026-11-24T09:00:00+04:00"),
        ("2026-11-28T12:00:00+04:00", "2026-11-30T09:00:00+04:00"),
    ],
)
def test_one_enters_within_office_hours_and_who_entered_before_closing_is_served(
    stage: Stage, tbilisi: str, opens: str
) -> None:
    early, late = stage.permit(), stage.permit()
    call = stage.enter(early)
    stage.office.ledger.clock = datetime.fromisoformat(tbilisi)

    with pytest.raises(BarClosed) as refused:
        stage.enter(late)
    assert refused.value.opens == datetime.fromisoformat(opens)

    assert stage.enter(early) == call
    assert stage.claim() == call
    stage.connect(call)
    stage.check(call)
    stage.verify(call)
    assert stage.case_of(call).verified_by == "nino"


def test_the_operator_gets_who_waits_longest_and_the_same_one_until_it_is_done(stage: Stage) -> None:
    first, second = stage.waiting(), stage.waiting()

    assert stage.claim() == first
    assert stage.claim() == first, "asking again is no way to pick"
    assert stage.claim(GIORGI) == second
    with pytest.raises(NobodyWaiting):
        stage.claim(Actor("third", Role.OPERATOR))
    assert stage.office.told().count("Claimed") == 2


def test_a_broken_off_call_comes_before_all_who_entered_later(stage: Stage) -> None:
    call = stage.connected()
    stage.waiting()
    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.OFFICE_FAULT)
    assert stage.claim(GIORGI) == call


def test_who_serves_no_bar_takes_nobody(stage: Stage) -> None:
    stage.waiting()
    for role in set(Role) - {Role.OPERATOR}:
        with pytest.raises(NotAtThisBar):
            stage.claim(Actor("nino", role))


def test_a_call_lost_to_another_operator_is_passed_over_for_the_next(stage: Stage) -> None:
    first, second = stage.waiting(), stage.waiting()
    stage.office.ledger.before_next_append = lambda: stage.claim(GIORGI)

    assert stage.claim(NINO) == second
    assert stage.call(first).is_held_by(GIORGI)
    assert [stage.office.story(c) for c in (first, second)] == [["Requested", "Claimed"]] * 2


def test_an_operator_who_loses_many_calls_goes_on_to_whoever_still_waits(stage: Stage) -> None:
    calls = [stage.waiting() for _ in range(9)]
    others = iter([Actor(f"operator-{n}", Role.OPERATOR) for n in range(8)])

    def lose_again() -> None:
        if (faster := next(others, None)) is not None:
            stage.claim(faster)
            stage.office.ledger.before_next_append = lose_again

    stage.office.ledger.before_next_append = lose_again

    assert stage.claim(NINO) == calls[-1]


def test_an_operator_asking_twice_at_once_holds_one_call(stage: Stage) -> None:
    first, second = stage.waiting(), stage.waiting()
    stage.office.ledger.before_next_append = lambda: stage.claim(NINO)

    assert stage.claim(NINO) == first
    assert stage.call(second).phase is Phase.WAITING


def test_an_operator_asking_twice_at_once_holds_one_call_even_if_the_queue_is_told_of_another(stage: Stage) -> None:
    first, second = stage.waiting(), stage.waiting()

    def sneak() -> None:
        stage.queue.entered.reverse()
        stage.claim(NINO)

    stage.office.ledger.before_next_append = sneak
    assert stage.claim(NINO) == second
    assert stage.call(first).phase is Phase.WAITING


def test_entering_twice_at_once_takes_one_place(stage: Stage) -> None:
    permit = stage.permit()
    stage.office.ledger.before_next_append = lambda: stage.enter(permit)

    stage.enter(permit)

    assert stage.office.told().count("Requested") == 1
    assert len(stage.queue.entered) == 1


def test_a_call_whose_case_has_ended_is_abandoned_on_the_way_to_the_next(stage: Stage) -> None:
    gone, there = stage.permit(), stage.permit()
    left, next_one = stage.enter(gone), stage.enter(there)
    stage.withdraw(gone)

    assert stage.claim() == next_one

    assert stage.office.history(left)[-1].reason == "CASE_CLOSED"
    assert live_call(stage.office, gone.id) is None
    assert live_call(stage.office, there.id) is not None


def test_a_call_whose_case_has_ended_is_abandoned_even_if_nobody_else_waits(stage: Stage) -> None:
    gone = stage.permit()
    left = stage.enter(gone)
    stage.withdraw(gone)
    for _ in range(2):
        with pytest.raises(NobodyWaiting):
            stage.claim()
    assert stage.office.story(left) == ["Requested", "Abandoned"]


def test_the_case_decides_last_and_a_refusal_leaves_the_call_as_it_was(stage: Stage) -> None:
    call = stage.connected()
    stage.check(call)
    stage.withdraw(stage.case_of(call))
    with pytest.raises(PermitAwaitsNoCall):
        stage.verify(call)
    assert not stage.call(call).is_over


def test_a_case_that_moved_meanwhile_is_decided_again_on_what_it_is_now(stage: Stage) -> None:
    call = stage.connected()
    stage.check(call)
    stage.office.ledger.before_next_append = lambda: stage.withdraw(stage.case_of(call))
    with pytest.raises(PermitAwaitsNoCall):
        stage.verify(call)
    assert stage.office.story(call)[-1] == "ChecksRecorded"


def test_the_same_command_is_done_once(stage: Stage) -> None:
    permit = stage.permit()
    command = uuid4()
    enter = {
        "case": permit.id,
        "consent": "v1",
        "consent_language": Language.KA,
        "media": Media(camera=True, microphone=True),
    }

    once = stage.bar.enter(stage.office.by(holder_of(permit), "enterBar", command, b"a"), **enter)
    again = stage.bar.enter(stage.office.by(holder_of(permit), "enterBar", command, b"a"), **enter)

    assert once == again
    with pytest.raises(CommandReused):
        stage.bar.enter(stage.office.by(holder_of(permit), "enterBar", command, b"b"), **enter)


def test_many_calls_of_one_case_are_found_in_few_questions(stage: Stage) -> None:
    permit = stage.permit()
    for _ in range(20):
        call = stage.enter(permit)
        stage.bar.abandon(stage.office.by(holder_of(permit)), call=call)
    asked: list[str] = []
    find = stage.office.ledger.find_address
    stage.office.ledger.find_address = lambda kind, value: asked.append(value) or find(kind, value)

    assert stage.office.history(stage.enter(permit))[0].number == 21
    assert len(asked) <= 12
