"""Rows of an erased case: blank on the event, wherever the runner stands when the keys are destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sources import Told
from story import (
    OTAR,
    answered,
    asked,
    attached_by,
    begun,
    broken_off,
    concluded,
    decided,
    erased,
    erasure_requested,
    extended_by,
    filed,
    paid_in_cash,
    received,
    seen,
    withdrawn,
)
from taxpayer_stage import Stage
from taxpayer_stories import forgotten

from domain.compatriot.state import State
from domain.erasure import LegalGround
from projections import case, look_up, officer_list, payments, queue, registration, rows, status
from projections.all import MODELS
from projections.follower import Follower
from projections.tracking import Place


def granted_and_erased(story: Any) -> None:
    story.given(filed, broken_off, seen, paid_in_cash(), begun, asked, answered, attached_by(OTAR))
    story.given(extended_by(3), concluded, decided, received, erasure_requested, erased)


def paid_too_late(story: Any) -> None:
    story.given(filed)
    order = story.order()
    story.given(withdrawn, erasure_requested, erased)
    story.settle(order)


def refused_and_asked_for(story: Any) -> None:
    """Requested and not yet done."""
    story.given(filed, paid_in_cash("49.00"), withdrawn, erasure_requested)


def taxpayers(stage: Stage) -> None:
    """Refused in writing, or active and sent a link: to be erased and not yet done. Another is a bystander."""
    stage.queue.entered.clear()
    stage.files("doubted", username="doubted-name", identification="01001000007")
    stage.doubted("doubted")
    stage.is_to_be_erased("doubted")
    stage.files("linked", username="linked-name", identification="01001000006")
    stage.visits("linked", visitor=stage.standing("01001000006"))
    stage.is_sent_a_link("linked")
    stage.is_to_be_erased("linked", LegalGround.RETENTION_OVER)
    stage.queue.entered.clear()
    stage.files("bystander", username="by-stander", identification="01001000008")
    stage.calls("bystander")


ERASED_TAXPAYERS = ("giorgi", "maia", "doubted", "linked")
ERASED = ("granted_and_erased", "paid_too_late", "refused_and_asked_for")


def bystander(story: Any) -> None:
    story.given(filed, seen, paid_in_cash(), begun)


@pytest.fixture(scope="module")
def history(histories: Callable[..., Any]) -> Any:
    """Told, and read, while the keys were there; they are destroyed now."""
    made = histories(
        granted_and_erased, bystander, paid_too_late, refused_and_asked_for, taxpayers=(forgotten, taxpayers)
    )
    for name in ERASED:
        for subject in made.story(name).erasures.belongings(made.case(name)).subjects:
            made.ledger.keys.erase(subject)
    for name in ERASED_TAXPAYERS:
        for subject in made.taxpayers.erasures.belongings(made.taxpayers.cases[name]).subjects:
            made.ledger.keys.erase(subject)
    return made


@pytest.fixture(scope="module")
def after(history: Any) -> Any:
    """The same events, read once the keys were destroyed."""
    return history.ledger.reader.read(0, 100_000)


def folded(db: Any, events: Any, cuts: Any) -> list[str]:
    tables = [f"reading.{table.bare()}" for model in MODELS for table in model.tables]
    db.execute(f"TRUNCATE reading.tracking, {', '.join(tables)}")
    for model in MODELS:
        follower = Follower(db, Told(events, cuts), Place(model), 10_000)
        while follower.step():
            pass
    return [rows.table_hash(db, Place(model)) for model in MODELS]


@pytest.fixture
def db(reading: str) -> Iterator[Any]:
    with psycopg.connect(reading, autocommit=True) as connection:
        yield connection


def test_erasing_before_or_after_projecting_is_the_same(history: Any, after: Any, db: Any) -> None:
    assert len(history.events) == len(after)
    wanted = folded(db, history.events, (10_000,))

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(stands=st.integers(0, len(after)), cuts=st.lists(st.integers(3, 20), min_size=1, max_size=8))
    def wherever_the_runner_stands(stands: int, cuts: list[int]) -> None:
        assert folded(db, [*history.events[:stands], *after[stands:]], cuts) == wanted

    wherever_the_runner_stands()


def test_no_row_of_the_case_holds_anything_sealed(history: Any, after: Any, db: Any) -> None:
    """Read from the tables as a whole: no key's id of anybody erased, in whatever column, as bytes or base64."""
    folded(db, after, (10_000,))
    gone = {one.sealed.key_id.hex for one in after if one.sealed and _of(history, one.event.subject)}
    kept = {one.sealed.key_id.hex for one in after if one.sealed} - gone
    assert gone
    everything = "".join(
        row[0] for model in MODELS for table in model.tables
        for row in db.execute(f"SELECT to_jsonb(t)::text FROM reading.{table.bare()} t")
    )  # fmt: skip
    assert not [key for key in gone if key in everything]
    assert [key for key in kept if key in everything]
    for place in (status.APPLICATION, case.APPLICATION):
        papers = dict(db.execute(f"SELECT stream, papers FROM reading.{place.bare()}"))
        assert [papers[history.case(name)] for name in ERASED] == [[]] * 3


def _of(history: Any, subject: Any) -> bool:
    from ledger.keys import SubjectErased

    try:
        history.ledger.keys.subject_key(subject)
    except SubjectErased:
        return True
    return False


def test_questions_know_nothing_of_the_case_any_more(
    history: Any, after: Any, db: Any, reading: str, pool_of: Callable[[str], Any]
) -> None:
    folded(db, after, (10_000,))
    pool = pool_of(reading)
    for name in ERASED:
        assert status.find(pool, history.case(name)).row is None
        assert case.find(pool, history.case(name)).row is None
    assert status.find(pool, history.case("bystander")).known() is not None
    listed = officer_list.page(pool, states=list(State))
    assert [row.case for row in listed.rows] == [history.case("bystander")]
    assert case.erasing(pool) == [history.case("refused_and_asked_for")]
    [late] = [row for row in payments.suspense(pool).rows if row.doubt.name == "CASE_ERASED"]
    assert (late.case, late.payer is not None) == (None, True)
    assert late.subject != history.story("paid_too_late").application.subject
    call = history.story("granted_and_erased").queue.entered[0]
    found = queue.find(pool, call).known().call
    assert (found.will, found.checks, found.reasons) == (None, None, None)


def test_questions_know_nothing_of_the_registration_any_more(
    history: Any, after: Any, db: Any, reading: str, pool_of: Callable[[str], Any]
) -> None:
    folded(db, after, (10_000,))
    pool, cases = pool_of(reading), history.taxpayers.cases
    for name in ERASED_TAXPAYERS:
        assert registration.find(pool, cases[name]).row is None
        assert (look_up.find(pool, cases[name]).lock, look_up.find(pool, cases[name]).registration.row) == (None, None)
    bystander_row = registration.find(pool, cases["bystander"]).known()
    assert bystander_row is not None
    assert bystander_row.calls[0].declared is not None
    assert registration.erasing(pool) == [cases["doubted"], cases["linked"]]
    assert [each.case for each in registration.awaiting(pool, date.max)] == [cases["bystander"]]
