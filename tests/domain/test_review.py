"""Review, conclusion, decision: in which order, by which three persons, and what moves the term."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from story import (
    ANA,
    KETEVAN,
    NINO,
    OTAR,
    RULES,
    Step,
    Story,
    answered,
    answered_with,
    asked,
    asked_by,
    assigned_to,
    attached_by,
    begun,
    begun_by,
    concluded,
    concluded_by,
    days_pass,
    decided,
    decided_by,
    enclosed,
    extended_by,
    filed,
    on,
    paid,
    received,
    seen,
    seen_by,
    withdrawn,
)

from domain.compatriot.decision import NotYourCase, Outcome, SamePerson
from domain.compatriot.documents import MAX_DOCUMENTS, DocumentKind
from domain.compatriot.reception import AlreadyDecided, ApplicationEnded, NotYetReceived
from domain.compatriot.review import (
    ConclusionAlreadyPrepared,
    ConclusionMissing,
    InformationAwaited,
    NoInformationRequested,
    NotYetDecided,
    ReviewAlreadyStarted,
    ReviewNotStarted,
)
from domain.compatriot.state import State
from domain.compatriot.term import DueStep, ExtensionOutOfBounds, TermAlreadyExtended, TermOver, TermRule, due_on
from domain.faults import Fault, FaultCode, FormRefused
from domain.people import Actor, Role

IN_TERM = (filed, paid, seen)
"""Begun on Monday, 23 November 2026: due on 11 February 2027."""
IN_REVIEW = (*IN_TERM, begun)
CONCLUDED = (*IN_REVIEW, concluded)
DECIDED = (*CONCLUDED, decided)


def as_chief(person: Actor) -> Actor:
    """The same person on another account."""
    return Actor(person.id, Role.CHIEF)


def as_officer(person: Actor) -> Actor:
    return Actor(person.id, Role.OFFICER)


def test_a_granted_application() -> None:
    story = Story().given(*IN_TERM).when(begun).then("ReviewStarted").and_state(State.UNDER_REVIEW)
    story.when(concluded).then("ConclusionPrepared").and_state(State.CONCLUSION_PREPARED)
    story.when(decided).then("Decided").and_state(State.DECIDED)
    assert (story.last("Decided").outcome, story.last("Decided").chief) == (Outcome.GRANTED, KETEVAN.id)
    assert story.last("Decided").paper == "decision-v1", "it is printed again with what it was issued with"
    story.when(received).then("DecisionDelivered").and_state(State.DELIVERED)


def test_the_chief_may_decide_against_the_conclusion() -> None:
    story = Story().given(*CONCLUDED).when(decided_by(KETEVAN, Outcome.REFUSED)).then("Decided")
    assert story.application.outcome is Outcome.REFUSED
    assert story.last("ConclusionPrepared").recommends is Outcome.GRANTED


def test_a_decision_is_delivered_as_often_as_asked_and_recorded_once() -> None:
    story = Story().given(*DECIDED, received).when(received).then()
    story.given(days_pass(400)).when(received).then().and_state(State.DELIVERED)


def test_there_is_nothing_to_receive_before_the_decision() -> None:
    for before in (IN_TERM, IN_REVIEW, CONCLUDED):
        Story().given(*before).when(received).refused(NotYetDecided)
    Story().given(filed, withdrawn).when(received).refused(ApplicationEnded, state=State.WITHDRAWN)


def test_nothing_is_decided_twice() -> None:
    for step in (decided, concluded, begun, asked, answered, extended_by(5), assigned_to(ANA), attached_by(OTAR)):
        Story().given(*DECIDED).when(step).refused(AlreadyDecided)


def test_steps_come_in_order() -> None:
    Story().given(*IN_TERM).when(concluded).refused(ReviewNotStarted)
    Story().given(*IN_TERM).when(asked).refused(ReviewNotStarted)
    Story().given(*IN_TERM).when(attached_by(OTAR)).refused(ReviewNotStarted)
    Story().given(*IN_TERM).when(decided).refused(ConclusionMissing)
    Story().given(*IN_REVIEW).when(decided).refused(ConclusionMissing)
    Story().given(*IN_REVIEW).when(begun).refused(ReviewAlreadyStarted)
    Story().given(*IN_REVIEW).when(answered).refused(NoInformationRequested)
    for step in (concluded, asked, attached_by(OTAR), assigned_to(ANA)):
        Story().given(*CONCLUDED).when(step).refused(ConclusionAlreadyPrepared)
    Story().given(*CONCLUDED).when(begun).refused(ReviewAlreadyStarted)


# Three persons.


def test_the_operator_is_no_officer_of_the_case() -> None:
    story = Story().given(filed, paid, seen_by(NINO))
    story.when(begun_by(as_officer(NINO))).refused(SamePerson, was=Role.OPERATOR)
    story.when(assigned_to(as_officer(NINO))).refused(SamePerson, was=Role.OPERATOR)


@pytest.mark.parametrize(("person", "was"), [(NINO, Role.OPERATOR), (OTAR, Role.OFFICER)])
def test_neither_operator_nor_officer_decides(person: Actor, was: Role) -> None:
    story = Story().given(*CONCLUDED).when(decided_by(as_chief(person))).refused(SamePerson, was=was)
    story.when(decided).then("Decided")


def test_who_handed_the_case_on_does_not_decide_it_either() -> None:
    story = Story().given(*IN_REVIEW, assigned_to(ANA), concluded_by(ANA))
    story.when(decided_by(as_chief(OTAR))).refused(SamePerson, was=Role.OFFICER)


def test_who_was_assigned_and_did_nothing_may_decide() -> None:
    story = Story().given(*IN_TERM, assigned_to(as_officer(KETEVAN), chief=as_chief(ANA)), assigned_to(OTAR))
    story.given(begun, concluded).when(decided).then("Decided")


def test_a_chief_of_the_case_is_no_officer_of_it() -> None:
    story = Story().given(*IN_TERM).when(assigned_to(as_officer(KETEVAN))).refused(SamePerson, was=Role.CHIEF)
    story.given(assigned_to(ANA), extended_by(5, as_chief(OTAR)))
    for person in (KETEVAN, OTAR):
        story.when(assigned_to(as_officer(person), as_chief(NINO))).refused(SamePerson, was=Role.OPERATOR)
        story.when(assigned_to(as_officer(person), Actor("person-lasha", Role.CHIEF))).refused(
            SamePerson, was=Role.CHIEF
        )
        story.when(begun_by(as_officer(person))).refused(SamePerson, was=Role.CHIEF)


@pytest.mark.parametrize("step", [assigned_to(ANA, as_chief(OTAR)), extended_by(5, as_chief(OTAR))])
def test_an_officer_of_the_case_is_no_chief_of_it(step: Step) -> None:
    Story().given(*IN_REVIEW).when(step).refused(SamePerson, was=Role.OFFICER)


def test_only_the_officer_who_has_the_case_works_on_it() -> None:
    story = Story().given(*IN_TERM).when(assigned_to(ANA)).then("Assigned")
    story.when(assigned_to(ANA)).then()
    story.when(begun_by(OTAR)).refused(NotYourCase)
    story.when(begun_by(ANA)).then("ReviewStarted")
    for step in (asked_by(OTAR), attached_by(OTAR), concluded_by(OTAR)):
        story.when(step).refused(NotYourCase)
    story.given(assigned_to(OTAR)).when(concluded_by(ANA)).refused(NotYourCase)
    story.when(concluded_by(OTAR)).then("ConclusionPrepared")


def test_beginning_an_unassigned_case_takes_it() -> None:
    Story().given(*IN_REVIEW).when(concluded_by(ANA)).refused(NotYourCase)


def test_an_officer_is_named_as_the_sign_in_names_them() -> None:
    for claim, code in (
        ("", FaultCode.MISSING),
        ("x" * 256, FaultCode.TOO_LONG),
        ("a\x00", FaultCode.FORBIDDEN_CHARACTERS),
        ("Tamar Maisuradze", FaultCode.FORBIDDEN_CHARACTERS),
        ("თამარი", FaultCode.FORBIDDEN_CHARACTERS),
    ):
        story = Story().given(*IN_TERM).when(assigned_to(Actor(claim, Role.OFFICER)))
        story.refused(FormRefused, faults=(Fault("officer", code),))


# Information and the term.


def test_a_request_suspends_the_term_until_the_answer() -> None:
    story = Story().given(*IN_REVIEW, on(date(2026, 12, 1))).when(asked).then("InformationRequested")
    assert story.last("InformationRequested").answer_until == date(2026, 12, 31)
    story.and_state(State.INFORMATION_REQUESTED)
    for step in (asked, concluded):
        story.when(step).refused(InformationAwaited)
    story.given(on(date(2026, 12, 11))).when(answered).then("InformationProvided").and_state(State.UNDER_REVIEW)
    assert story.last("InformationProvided").due == (
        DueStep(TermRule.TERM, date(2026, 11, 23), 80),
        DueStep(TermRule.SUSPENSION, date(2026, 12, 1), 10),
    )
    assert due_on(story.application.due) == date(2027, 2, 21)
    story.when(answered).refused(NoInformationRequested)


def test_an_answer_after_its_last_day_counts_as_long_as_nothing_lapsed() -> None:
    story = Story().given(*IN_REVIEW, asked, days_pass(60)).when(answered).then("InformationProvided")
    assert (due_on(story.application.due) - date(2027, 2, 11)).days == 60


def test_an_answer_read_before_midnight_and_stored_after_a_request_of_the_next_day_is_no_negative_wait() -> None:
    story = Story().given(*IN_REVIEW, on(date(2026, 12, 2), 0), asked)
    act = replace(story.act(story.holder), now=story.office.ledger.clock - timedelta(minutes=1))
    story.commands.provide_information(act, case=story.case, text="ახლავს.")
    assert story.application.due[-1] == DueStep(TermRule.SUSPENSION, date(2026, 12, 2), 0)


def test_information_may_be_asked_again_and_every_wait_is_given_back() -> None:
    wait = (asked, days_pass(3), answered, days_pass(1))
    story = Story().given(*IN_REVIEW, *wait, *wait)
    assert [step.days for step in story.application.due] == [80, 3, 3]


def test_an_answer_is_words_documents_or_both() -> None:
    paper = enclosed(DocumentKind.INFORMATION)
    story = Story().given(*IN_REVIEW, asked)
    story.when(answered_with("  \n ")).refused(FormRefused, faults=(Fault("text", FaultCode.MISSING),))
    story.when(answered_with("x" * 10_001)).refused(FormRefused, faults=(Fault("text", FaultCode.TOO_LONG),))
    story.when(answered_with("\u202eabc")).refused(FormRefused, faults=(Fault("text", FaultCode.FORBIDDEN_CHARACTERS),))
    story.when(answered_with("", paper, paper))
    story.refused(FormRefused, faults=(Fault("documents", FaultCode.DOCUMENT_REPEATED),))
    many = tuple(enclosed(DocumentKind.INFORMATION) for _ in range(MAX_DOCUMENTS + 1))
    story.when(answered_with("", *many)).refused(FormRefused, faults=(Fault("documents", FaultCode.TOO_MANY),))
    story.when(answered_with("", paper)).then("InformationProvided")
    assert story.last("InformationProvided").files == (paper.file,)
    assert story.application.documents[-1] == paper


def test_texts_keep_their_lines() -> None:
    story = Story().given(*IN_REVIEW).when(asked_by(OTAR, " a\r\nb\tc\n\n")).then("InformationRequested")
    assert story.last("InformationRequested").text == "a\nb\tc"


def test_what_must_be_written_is_written() -> None:
    story = Story().given(*IN_REVIEW)
    for step, field in (
        (asked_by(OTAR, ""), "text"),
        (concluded_by(OTAR, text="\n"), "text"),
        (extended_by(5, reasons=" "), "reasons"),
        (decided_by(KETEVAN, reasons=""), "reasons"),
    ):
        story.when(step).refused(FormRefused, faults=(Fault(field, FaultCode.MISSING),))


def test_the_officer_attaches_documents_also_while_waiting() -> None:
    paper = enclosed(DocumentKind.OTHER)
    story = Story().given(*IN_REVIEW).when(attached_by(OTAR, paper)).then("DocumentAttached")
    story.given(asked).when(attached_by(OTAR)).then("DocumentAttached")
    story.when(attached_by(OTAR, paper)).refused(FormRefused, faults=(Fault("document", FaultCode.DOCUMENT_REPEATED),))
    assert len(story.application.documents) == 6


# The extension.


def test_the_chief_extends_once_with_reasons_within_the_bound() -> None:
    story = Story().given(*IN_REVIEW)
    for days in (0, -1, 31, 10**9):
        story.when(extended_by(days)).refused(ExtensionOutOfBounds, longest=30)
    story.when(extended_by(30)).then("TermExtended")
    assert story.last("TermExtended").due[-1] == DueStep(TermRule.EXTENSION, date(2026, 11, 23), 30)
    assert due_on(story.application.due) == date(2027, 3, 13)
    story.when(extended_by(1)).refused(TermAlreadyExtended)


def test_the_term_is_extended_up_to_its_last_day() -> None:
    last_day = date(2027, 2, 11)
    Story().given(*IN_REVIEW, on(last_day, 23)).when(extended_by(5)).then("TermExtended")
    Story().given(*IN_REVIEW, on(date(2027, 2, 12), 0)).when(extended_by(5)).refused(TermOver, ended=last_day)


def test_a_suspended_term_does_not_end_while_it_is_suspended() -> None:
    Story().given(*IN_REVIEW, asked, on(date(2027, 3, 1))).when(extended_by(5)).then("TermExtended")


def test_a_term_that_was_over_is_not_brought_back_by_suspending_it() -> None:
    story = Story().given(*IN_REVIEW, on(date(2027, 2, 12)), asked)
    story.when(extended_by(5)).refused(TermOver, ended=date(2027, 2, 11))


def test_where_the_end_moves_for_holidays_the_term_is_extended_up_to_the_day_that_was_told() -> None:
    thursday, friday = date(2027, 2, 11), date(2027, 2, 12)
    rules = replace(RULES, end_moves_for_holidays=True, holidays=frozenset({thursday}))
    story = Story(rules).given(*IN_REVIEW, on(friday)).when(extended_by(5)).then("TermExtended")
    assert due_on(story.application.due) == date(2027, 2, 16)
    story.commands.rules = replace(rules, end_moves_for_holidays=False)
    assert story.application.end_moves_for_holidays, "a changed setting changes no case that runs"


def test_a_term_that_does_not_run_is_not_extended() -> None:
    Story().given(filed, paid).when(extended_by(5)).refused(NotYetReceived)


def test_a_late_decision_is_a_decision() -> None:
    Story().given(*CONCLUDED, on(date(2027, 6, 1))).when(decided).then("Decided")
