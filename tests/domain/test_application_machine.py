"""The application against the law: whatever is tried in whatever order, both say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from law import Law, No
from memory_office import names
from story import (
    RULES,
    Story,
    answered,
    asked_by,
    assigned_to,
    attached_by,
    begun_by,
    concluded_by,
    decided_by,
    erasure_requested,
    extended_by,
    filed_with,
    lapsed,
    paid_in_cash,
    received,
    seen_by,
    warned,
    withdrawn,
)

from domain.compatriot.form import Tier
from domain.compatriot.state import ENDED, State
from domain.compatriot.term import due_on
from domain.people import Actor, Role
from domain.refusals import Refusal
from domain.videobar.case import Ground
from domain.videobar.terms import BreakOff

SELDOM = st.sampled_from([False] * 3 + [True])
"""Endings are tried seldom, or every story would be short."""
PEOPLE = st.sampled_from(["ana", "beka", "gia"])
"""Three persons with an account for every role: enough for every clash."""
CHIEFS = st.sampled_from(["ketevan", "ketevan", "ana", "beka", "gia"])
"""One who is chief and nothing else, so that some stories get on."""


class Applications(RuleBasedStateMachine):
    """Steps the story and the law together, with the clock."""

    @initialize(
        tier=st.sampled_from(Tier),
        endings=st.sets(st.sampled_from(sorted(ENDED))),
        steps=st.integers(0, 6),
        seen_first=st.booleans(),
    )
    def file(self, tier: Tier, endings: set[State], steps: int, seen_first: bool) -> None:
        """File, and go so many steps of the usual way."""
        self.story = Story(replace(RULES, refunded_endings=frozenset(endings)))
        self.story.given(filed_with(tier=tier))
        term = {Tier.STANDARD: 80, Tier.EXPEDITED: 70}[tier]
        self.law = Law(self.now, term=term, gives_back=frozenset(ending.name for ending in endings))
        both = (self.pay, lambda: self.be_seen("ana"))
        usual = (
            *(reversed(both) if seen_first else both),
            lambda: self.begin("beka"),
            lambda: self.ask("beka"),
            self.answer,
            lambda: self.conclude("beka"),
        )
        for step in usual[:steps]:
            step()

    @property
    def now(self) -> Any:
        return self.story.office.ledger.clock

    def both(self, step: Callable[[Story], Any], lawful: Callable[[], list[str]], *, money: bool = False) -> None:
        """The step and the law agree: the same events, or the same refusal and no event. ``money`` is always taken."""
        before = len(self.story.events())
        refused = forbidden = None
        expected: list[str] = []
        try:
            step(self.story)
        except Refusal as refusal:
            refused = refusal.code
        try:
            if self.law.forgotten and not money:
                raise No("ERASURE_UNDER_WAY")
            expected = [] if self.law.forgotten else lawful()
        except No as no:
            forbidden = str(no)
        assert refused == forbidden
        assert names(self.story.events()[before:]) == expected

    @rule(hours=st.sampled_from([1, 5, 13]), days=st.sampled_from([0, 0, 1, 6, 7, 23, 31, 90]))
    def time_passes(self, hours: int, days: int) -> None:
        self.story.office.later(timedelta(days=days, hours=hours))

    @rule()
    def pay(self) -> None:
        self.both(paid_in_cash(), lambda: self.law.pay(self.now), money=True)

    @rule()
    def pay_a_wrong_sum_in_cash(self) -> None:
        self.both(paid_in_cash("49.99"), list, money=True)

    @rule()
    def pay_a_wrong_sum_by_card(self) -> None:
        if not (self.law.paid or self.law.over or self.law.decided):
            self.both(lambda story: story.settle(story.order(), "49.99"), self.law.pay_wrong)

    @rule(person=PEOPLE)
    def be_seen(self, person: str) -> None:
        self.both(seen_by(Actor(person, Role.OPERATOR)), lambda: self.law.see(self.now, person))

    @rule(sure=SELDOM)
    def be_refused(self, sure: bool) -> None:
        if not sure:
            return
        operator = Actor("ana", Role.OPERATOR)
        self.both(
            lambda story: story.bar.refuse(
                story.act(operator), call=story.talk(operator), ground=Ground.CIRCUMSTANCE_DOUBT, reasons="ეჭვი"
            ),
            self.law.refuse_reception,
        )

    @rule()
    def break_off(self) -> None:
        operator = Actor("gia", Role.OPERATOR)
        self.both(
            lambda story: story.bar.break_off(
                story.act(operator), call=story.talk(operator), reason=BreakOff.NO_PICTURE
            ),
            lambda: self.law.break_off(self.now),
        )

    @rule(person=PEOPLE)
    def begin(self, person: str) -> None:
        self.both(begun_by(Actor(person, Role.OFFICER)), lambda: self.law.begin(person))

    @rule(person=PEOPLE, chief=CHIEFS)
    def assign(self, person: str, chief: str) -> None:
        step = assigned_to(Actor(person, Role.OFFICER), Actor(chief, Role.CHIEF))
        self.both(step, lambda: self.law.assign(person, chief))

    @rule(person=PEOPLE)
    def ask(self, person: str) -> None:
        self.both(asked_by(Actor(person, Role.OFFICER)), lambda: self.law.ask(self.now, person))

    @rule()
    def answer(self) -> None:
        self.both(answered, lambda: self.law.answer(self.now))

    @rule(person=PEOPLE)
    def attach(self, person: str) -> None:
        self.both(attached_by(Actor(person, Role.OFFICER)), lambda: self.law.attach(person))

    @rule(days=st.sampled_from([0, 1, 30, 31]), chief=CHIEFS)
    def extend(self, days: int, chief: str) -> None:
        self.both(extended_by(days, Actor(chief, Role.CHIEF)), lambda: self.law.extend(self.now, days, chief))

    @rule(person=PEOPLE)
    def conclude(self, person: str) -> None:
        self.both(concluded_by(Actor(person, Role.OFFICER)), lambda: self.law.conclude(person))

    @rule(person=CHIEFS)
    def decide(self, person: str) -> None:
        self.both(decided_by(Actor(person, Role.CHIEF)), lambda: self.law.decide(person))

    @rule()
    def receive(self) -> None:
        self.both(received, self.law.receive)

    @rule(sure=SELDOM)
    def withdraw(self, sure: bool) -> None:
        if not sure:
            return
        self.both(withdrawn, self.law.withdraw)

    @rule(sure=SELDOM)
    def be_erased(self, sure: bool) -> None:
        if sure:
            self.both(erasure_requested, self.law.forget)

    @rule()
    def warn(self) -> None:
        self.both(warned, lambda: self.law.warn(self.now))

    @rule()
    def lapse(self) -> None:
        self.both(lapsed, lambda: self.law.lapse(self.now))

    @rule(first=st.sampled_from([22, 23, 24, 40]), then=st.sampled_from([6, 7, 8]))
    def be_forgotten(self, first: int, then: int) -> None:
        """The applicant does nothing, about as long as it takes."""
        for step, days in ((self.warn, first), (self.lapse, then)):
            self.time_passes(0, days)
            step()

    def teardown(self) -> None:
        if hasattr(self, "law"):
            event(f"ends {self.law.state}")

    @invariant()
    def they_stand_alike(self) -> None:
        application = self.story.application
        assert application.state.name == self.law.state
        assert [what.name for what in application.missing] == self.law.lacking
        assert (due_on(application.due) if application.due else None) == self.law.end
        assert len(application.refunds) == self.law.owed
        if self.law.lacking:
            assert application.answer_until == self.law.last_day
        else:
            assert application.answer_until is None

    @invariant()
    def three_persons(self) -> None:
        """Read from the events alone: who verified, who worked as officer and who as chief are never one person."""
        did: dict[str, set[str]] = {"VideoVerified": set(), "officer": set(), "chief": set()}
        for happened in self.story.events():
            name = type(happened).__name__
            if name in {"ReviewStarted", "InformationRequested", "DocumentAttached", "ConclusionPrepared"}:
                name = "officer"
            if name in {"Assigned", "TermExtended", "Decided"}:
                name = "chief"
            if name in did:
                did[name].add(happened.by.id)
        assert sum(map(len, did.values())) == len(set().union(*did.values()))


class ApplicationsAtLength(Applications):
    """The same, for make test-long."""


TestApplications = Applications.TestCase
TestApplications.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestApplicationsAtLength = pytest.mark.timeout(1200)(pytest.mark.long(ApplicationsAtLength.TestCase))
TestApplicationsAtLength.settings = settings(max_examples=500, stateful_step_count=40, deadline=None)
