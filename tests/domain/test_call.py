"""The rules of one call: who may do what, in what order, and what it takes to be verified."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from bar import ALL_MATCH, MATCHING, WILL, Stage, but
from memory_office import GIORGI, NINO

from domain.people import Actor, Role, system
from domain.videobar.case import DOUBTS, Ground
from domain.videobar.checks import Check, CheckKind, Checks, Source, Verdict
from domain.videobar.refusals import (
    ApplicantPresent,
    CallOver,
    ChecksIncomplete,
    ChecksNotPassed,
    GroundNotOfCase,
    GroundNotYours,
    NotConnected,
    NothingToRecord,
    NotYourCall,
    NoVisualContact,
    StillHeld,
    WillNotRecorded,
    WrongSource,
)
from domain.videobar.rules import Rules
from domain.videobar.terms import BreakOff, Channel, Phase, Side
from domain.words import ReasonsMissing, WordsTooLong, WordsUnreadable


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_person_seen_and_matched_is_verified_on_call_and_case_together(stage: Stage) -> None:
    call = stage.connected()
    stage.check(call)

    stage.verify(call)

    assert stage.office.story(call) == ["Requested", "Claimed", "Connected", "Connected", "ChecksRecorded", "Ended"]
    assert stage.office.told()[-2:] == ["Ended", "Verified"]
    assert stage.case_of(call).verified_by == "nino"
    assert stage.office.history(stage.case_of(call).id)[-1].will == WILL


@pytest.mark.parametrize("kind", list(CheckKind))
@pytest.mark.parametrize(
    ("check", "refusal"),
    [
        (None, ChecksIncomplete),
        (Check(Source.CIVIL_REGISTRY, Verdict.DIFFERS), ChecksNotPassed),
        (Check(Source.CIVIL_REGISTRY, Verdict.NOT_AVAILABLE), ChecksNotPassed),
    ],
)
def test_one_check_missing_differing_or_not_available_is_no_pass(
    stage: Stage, kind: CheckKind, check: Check | None, refusal: type[ChecksIncomplete | ChecksNotPassed]
) -> None:
    call = stage.connected()
    stage.check(call, but(**{kind.value.lower(): check}))

    with pytest.raises(refusal) as refused:
        stage.verify(call)

    assert list(refused.value.facts().values()) == [(kind,)]
    assert stage.case_of(call).verified_by is None
    assert stage.office.story(call)[-1] == "ChecksRecorded"


def test_nobody_is_verified_without_checks_visual_contact_or_a_will_in_words(stage: Stage) -> None:
    call = stage.connected()
    with pytest.raises(ChecksIncomplete) as refused:
        stage.verify(call)
    assert refused.value.missing == tuple(CheckKind)

    stage.check(call, but(visual_contact=False))
    with pytest.raises(NoVisualContact):
        stage.verify(call)

    stage.check(call, will="  \n")
    with pytest.raises(WillNotRecorded):
        stage.verify(call)

    stage.check(call)
    stage.verify(call)


@pytest.mark.parametrize("there", [(), (Side.OPERATOR,), (Side.APPLICANT,)])
def test_both_sides_must_be_connected_before_anybody_is_seen(stage: Stage, there: tuple[Side, ...]) -> None:
    stage.waiting()
    call = stage.claim()
    for side in there:
        stage.connect(call, NINO, side)
    missing = tuple(side for side in Side if side not in there)

    with pytest.raises(NotConnected) as refused:
        stage.check(call)
    assert refused.value.missing == missing
    stage.check(call, but(visual_contact=False))
    with pytest.raises(NotConnected) as refused:
        stage.verify(call)
    assert refused.value.missing == missing


@pytest.mark.parametrize(
    ("expected", "other"),
    [
        (Source.CIVIL_REGISTRY, Source.UPLOADED_DOCUMENT),
        (Source.UPLOADED_DOCUMENT, Source.CIVIL_REGISTRY),
    ],
)
def test_facts_are_compared_with_the_registry_or_the_document_never_the_other(
    stage: Stage, expected: Source, other: Source
) -> None:
    call = stage.connected(source=expected)
    with pytest.raises(WrongSource) as refused:
        stage.check(call, Checks(picture=Check(other, Verdict.MATCHES), surname=Check(expected, Verdict.MATCHES)))
    assert (refused.value.checks, refused.value.expected) == ((CheckKind.PICTURE,), expected)


def test_only_the_operator_who_took_the_call_may_act_in_it(stage: Stage) -> None:
    call = stage.connected()
    stage.check(call)
    giorgi, nino = stage.office.by(GIORGI), stage.office.by(NINO)
    bar = stage.bar

    for attempt in (
        lambda: stage.check(call, operator=GIORGI),
        lambda: stage.verify(call, operator=GIORGI),
        lambda: bar.refuse(giorgi, call=call, ground=Ground.IDENTITY_DOUBT, reasons="სხვა პირია"),
        lambda: bar.break_off(giorgi, call=call, reason=BreakOff.NO_SOUND),
        lambda: bar.abandon(giorgi, call=call),
        lambda: bar.abandon(stage.office.by(Actor("another case", Role.HOLDER)), call=call),
        lambda: bar.connected(giorgi, call=call, side=Side.OPERATOR, channel=Channel.VIDEO),
        lambda: bar.connected(nino, call=call, side=Side.APPLICANT, channel=Channel.VIDEO),
    ):
        with pytest.raises(NotYourCall):
            attempt()
    assert stage.office.story(call)[-1] == "ChecksRecorded"


def test_nothing_happens_in_a_call_that_is_over(stage: Stage) -> None:
    call = stage.connected()
    stage.check(call)
    stage.verify(call)
    nino = stage.office.by(NINO)

    for attempt in (
        lambda: stage.check(call),
        lambda: stage.verify(call),
        lambda: stage.bar.refuse(nino, call=call, ground=Ground.IDENTITY_DOUBT, reasons="გვიან"),
        lambda: stage.bar.break_off(nino, call=call, reason=BreakOff.NO_SOUND),
        lambda: stage.bar.abandon(nino, call=call),
        lambda: stage.connect(call),
    ):
        with pytest.raises(CallOver):
            attempt()


def test_a_side_connects_once_a_channel_and_what_it_was_stays_on_record(stage: Stage) -> None:
    call = stage.connected()
    stage.connect(call)
    assert stage.office.story(call).count("Connected") == 2
    assert {e.channel for e in stage.office.history(call) if hasattr(e, "channel")} == {Channel.SIGNALLING_ONLY}

    moment = stage.office.ledger.clock
    span = {"side": Side.APPLICANT, "began": moment, "ended": moment + timedelta(minutes=4)}
    with pytest.raises(NothingToRecord):
        stage.bar.store_recording(stage.office.by(system("media")), call=call, file=call, **span)

    stage.bar.connected(stage.office.by(NINO), call=call, side=Side.OPERATOR, channel=Channel.VIDEO)
    stage.bar.store_recording(stage.office.by(system("media")), call=call, file=call, **span)
    assert stage.office.story(call)[-2:] == ["Connected", "RecordingStored"]


def test_reception_is_refused_on_reasoned_doubt_in_writing(stage: Stage) -> None:
    call = stage.connected()
    refuse = stage.bar.refuse
    nino = stage.office.by(NINO)

    with pytest.raises(GroundNotYours):
        refuse(nino, call=call, ground=Ground.NO_VISUAL_CONTACT, reasons="არ ჩანს")
    with pytest.raises(GroundNotOfCase) as refused:
        refuse(nino, call=call, ground=Ground.NO_REPRESENTATIVE, reasons="სხვის სახელით რეკავს")
    assert refused.value.grounds == stage.bar.grounds_of(stage.case_of(call).id) == DOUBTS
    with pytest.raises(ReasonsMissing):
        refuse(nino, call=call, ground=Ground.IDENTITY_DOUBT, reasons=" \t")
    with pytest.raises(WordsTooLong):
        refuse(nino, call=call, ground=Ground.IDENTITY_DOUBT, reasons="ა" * 4001)
    for hostile in ("ნული\x00", "\ud800", "უკუღმა\u202eტექსტი"):
        with pytest.raises(WordsUnreadable):
            refuse(nino, call=call, ground=Ground.IDENTITY_DOUBT, reasons=hostile)

    refuse(nino, call=call, ground=Ground.CIRCUMSTANCE_DOUBT, reasons="საბუთი სხვისია\r\nდა ვადაგასული ")

    assert stage.office.told()[-2:] == ["Ended", "ReceptionRefused"]
    assert stage.case_of(call).has_ended
    assert stage.office.history(stage.case_of(call).id)[-1].reasons == "საბუთი სხვისია\nდა ვადაგასული"


def test_a_broken_off_call_waits_again_and_nothing_of_that_sitting_counts(stage: Stage) -> None:
    call = stage.connected()
    stage.check(call)

    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.LINE_LOST)

    assert stage.call(call).phase is Phase.WAITING
    assert stage.claim(GIORGI) == call
    with pytest.raises(NotConnected):
        stage.verify(call, GIORGI)
    stage.connect(call, GIORGI)
    with pytest.raises(ChecksIncomplete):
        stage.verify(call, GIORGI)


def test_the_last_broken_off_call_refuses_reception_for_want_of_visual_contact(stage: Stage) -> None:
    call = stage.connected()
    for reason in (BreakOff.NO_PICTURE, BreakOff.OFFICE_FAULT, BreakOff.LINE_LOST):
        stage.bar.break_off(stage.office.by(NINO), call=call, reason=reason)
        assert not stage.case_of(call).has_ended, "two counted, one was the office's own fault"
        stage.claim()
        stage.connect(call)

    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.NO_SOUND)

    assert stage.office.told()[-3:] == ["BrokenOff", "Ended", "ReceptionRefused"]
    assert stage.office.history(stage.case_of(call).id)[-1].ground is Ground.NO_VISUAL_CONTACT


def test_the_offices_own_fault_never_ends_a_case_also_where_the_limit_was_lowered(stage: Stage) -> None:
    call = stage.connected()
    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.NO_PICTURE)
    stage.bar.rules = Rules(bars={"mushrooms": replace(stage.bar.rules.bars["mushrooms"], broken_off_limit=1)})
    stage.claim()
    stage.connect(call)

    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.OFFICE_FAULT)

    assert not stage.case_of(call).has_ended
    assert stage.call(call).phase is Phase.WAITING


def test_what_counted_when_it_was_broken_off_counts_whatever_the_rule_is_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = stage.connected()
    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.NO_SOUND)
    monkeypatch.setattr(BreakOff, "counts", property(lambda reason: reason is BreakOff.NO_PICTURE))
    assert stage.call(call).broken_off == 1


def test_broken_off_calls_count_over_all_calls_of_a_case(stage: Stage) -> None:
    call = stage.connected()
    permit = stage.case_of(call)
    for _ in range(2):
        stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.NO_PICTURE)
        stage.bar.abandon(stage.office.by(Actor(str(permit.id), Role.HOLDER)), call=call)
        assert stage.enter(permit) != call
        call = stage.claim()
        stage.connect(call)

    stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.NO_PICTURE)

    assert stage.case_of(call).has_ended


def test_the_office_takes_a_call_back_from_an_operator_who_went_away(stage: Stage) -> None:
    call = stage.connected()
    stage.office.later(timedelta(hours=4, seconds=-1))
    deadlines = stage.office.by(system("deadlines"))
    with pytest.raises(StillHeld):
        stage.bar.take_back(deadlines, call=call)
    stage.office.later(timedelta(seconds=1))
    with pytest.raises(NotYourCall):
        stage.bar.take_back(stage.office.by(GIORGI), call=call)

    stage.bar.take_back(stage.office.by(system("deadlines")), call=call)

    assert stage.office.story(call)[-1] == "BrokenOff"
    assert stage.call(call).broken_off == 0, "the office's own fault"
    with pytest.raises(NotYourCall):
        stage.bar.take_back(stage.office.by(system("deadlines")), call=call)
    assert stage.claim(GIORGI) == call


def test_who_never_appeared_is_abandoned_and_not_broken_off(stage: Stage) -> None:
    stage.waiting()
    call = stage.claim()
    stage.connect(call, NINO, Side.OPERATOR)
    with pytest.raises(NotConnected):
        stage.bar.break_off(stage.office.by(NINO), call=call, reason=BreakOff.NO_PICTURE)

    stage.bar.abandon(stage.office.by(NINO), call=call)

    assert stage.office.story(call)[-1] == "Abandoned"
    assert stage.office.history(call)[-1].reason == "NEVER_APPEARED"


def test_who_is_there_cannot_be_given_up_but_may_leave(stage: Stage) -> None:
    call = stage.connected()
    with pytest.raises(ApplicantPresent):
        stage.bar.abandon(stage.office.by(NINO), call=call)

    stage.bar.abandon(stage.office.by(Actor(str(stage.call(call).case), Role.HOLDER)), call=call)

    assert stage.office.history(call)[-1].reason == "LEFT"
    assert not stage.case_of(call).has_ended


def test_every_check_names_its_source_and_only_a_match_passes() -> None:
    assert ALL_MATCH.missing() == ALL_MATCH.not_passed() == ()
    assert [v for v in Verdict if Check(Source.CIVIL_REGISTRY, v).passes] == [Verdict.MATCHES]
    assert Checks(surname=MATCHING).missing() == tuple(CheckKind)[1:]
