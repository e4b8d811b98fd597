"""What the read model of registrations answers, and that one look-up serves both services alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from statements import sent
from taxpayer_stage import CENTRE, COMPANY, GIORGI, LALI

from domain.calendar import tbilisi_date
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from domain.videobar.terms import Phase
from projections import look_up, poison, queue, registration
from projections.all import MODELS
from projections.door import Door
from projections.poison import Stale
from projections.runner import Runner
from sarkmeli.replay import told
from texts import Language, say
from texts.sentences import sentences


@pytest.fixture(scope="module")
def read(history: Any) -> Any:
    """The history, followed by every model."""
    Runner(history.conninfo, history.ledger.reader, MODELS).run_once()
    return history


@pytest.fixture
def pool(read: Any, pool_of: Callable[[str], Any]) -> Any:
    return pool_of(read.conninfo)


def found(read: Any, pool: Any, name: str) -> Any:
    row = registration.find(pool, read.taxpayers.cases[name]).known()
    assert row is not None
    return row


def test_the_row_agrees_with_every_aggregate(read: Any, pool: Any) -> None:
    for name, case in read.taxpayers.cases.items():
        row, aggregate = found(read, pool, name), read.office.load(Registration, case)
        assert row.state is aggregate.state, name
        assert (row.subject, row.kind) == (aggregate.subject, aggregate.kind)
        assert (row.code_version, row.code_issue) == (aggregate.code_version, aggregate.code_issue)
        assert row.activation_until == aggregate.activation_until
        assert (row.warned_at is not None, row.bar_is_closed) == (aggregate.is_warned, aggregate.bar_is_closed)
        assert row.consents == aggregate.consents
        clarified = row.clarified and (row.clarified.call, row.clarified.by, row.clarified.kept, row.clarified.others)
        said = aggregate.clarified
        assert clarified == (said and (said.call, said.by, said.kept, said.others))
        if row.state is RegistrationState.AWAITING_ACTIVATION:
            assert row.link_until == aggregate.link_until


def test_how_each_came_to_its_end(read: Any, pool: Any) -> None:
    rows = {name: found(read, pool, name) for name in read.taxpayers.cases}
    assert {name: row.route for name, row in rows.items() if row.route} == {
        "second": Route.VIDEO,
        "company": Route.SERVICE_CENTRE,
        "maia": Route.LINK,
    }
    assert rows["company"].centre == CENTRE
    assert rows["first"].superseded_by == read.taxpayers.cases["second"]
    grounds = {name: (row.refusal_route, row.refusal_ground) for name, row in rows.items() if row.refusal_ground}
    assert grounds == {
        "doubted": (Route.VIDEO, RefusalGround.IDENTITY_DOUBT),
        "disowned": (Route.LINK, RefusalGround.NOT_THE_TAXPAYER),
        "unseen": (Route.VIDEO, RefusalGround.NO_VISUAL_CONTACT),
    }
    assert rows["unseen"].state is RegistrationState.EXPIRED
    assert all((row.activated_at is None) != (row.state is RegistrationState.ACTIVE) for row in rows.values())
    assert {row.link for row in rows.values()} == {None}, "no link opens any more"


def test_what_is_sealed_opens_by_its_own_key(read: Any, pool: Any) -> None:
    row = found(read, pool, "seen now")
    door = Door(read.ledger.sealer, None)
    [one] = row.calls
    filed, told = door.own([row.registration, one.declared], row.subject)
    assert filed["form"].username == "seen-just-now"
    assert filed["number"] == read.taxpayers.registration("seen now").number
    assert told["declared"].personal_number == GIORGI
    assert row.live_call == one.call
    assert (one.call.phase, one.call.operator, one.call.service) == (Phase.CLAIMED, LALI.id, SERVICE)


def test_the_code_is_verified_with_what_the_row_says(read: Any, pool: Any) -> None:
    case = read.taxpayers.cases["first"]
    lock = look_up.find(pool, case).lock
    number = str(read.taxpayers.registration("first").number)
    code = read.ledger.keys.code(lock.subject, lock.service, number, lock.version, lock.issue)
    assert (lock.service, lock.issue) == (SERVICE, 2)
    assert code == str(read.taxpayers.commands.code_of(case))


def test_the_taxpayers_queue_is_the_consultants(read: Any, pool: Any) -> None:
    [waits] = found(read, pool, "waits").calls
    assert queue.Queue(pool).next_waiting([SERVICE], []) == waits.call.call
    assert queue.waiting(pool, [SERVICE]) == 1


def test_who_awaits_activation_until_when(read: Any, pool: Any) -> None:
    last = tbilisi_date(read.office.ledger.clock) + timedelta(days=30)
    cases = [read.taxpayers.cases[name] for name in ("seen now", "waits")]
    every = registration.awaiting(pool, date.max)
    assert {(each.case, each.warned) for each in every} == {(case, False) for case in cases}
    assert [each.activation_until <= last for each in every] == [True, True]
    first = registration.awaiting(pool, date.max, first=1)
    assert [each.case for each in registration.awaiting(pool, date.max, after=first[0])] == [every[1].case]
    assert registration.awaiting(pool, every[0].activation_until - timedelta(days=1)) == []


def test_one_statement_looks_up_whatever_it_is(read: Any, pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sent(monkeypatch)
    filed, applied = read.taxpayers.cases["company"], read.case("granted")
    answers = {case: look_up.find(pool, case) for case in (filed, applied, uuid4(), None)}
    assert len(asked) == 4
    assert len(set(asked)) == 1
    services = [answer.lock.service if answer.lock else None for answer in answers.values()]
    assert services == [SERVICE, "compatriot", None, None]
    assert answers[filed].registration == registration.find(pool, filed), "as JSON it reads alike"
    assert (answers[filed].status.row, answers[applied].registration.row) == (None, None)
    assert answers[None].status.position == read.events[-1].position


def test_a_registration_under_repair_says_so_in_both_answers(read: Any, pool: Any) -> None:
    case: UUID = read.taxpayers.cases["maia"]
    with psycopg.connect(read.conninfo, autocommit=True) as db:
        db.execute(
            "INSERT INTO reading.quarantine (model, version, beside, stream, position, error)"
            " VALUES (%s, %s, false, %s, 1, 'spoilt')",
            (registration.REGISTRATION.name, registration.REGISTRATION.version, case),
        )
        try:
            assert isinstance(registration.find(pool, case).row, Stale)
            answer = look_up.find(pool, case)
            assert isinstance(answer.registration.row, Stale)
            assert answer.lock is None
            assert poison.every(db)
        finally:
            db.execute("DELETE FROM reading.quarantine")
    assert found(read, pool, "company").kind.name == ("LEGAL_PERSON" if len(COMPANY) == 9 else "PERSON")


@pytest.mark.parametrize("tongue", list(Language))
def test_an_auditor_reads_every_registration_in_plain_words(read: Any, tongue: Language) -> None:
    reader, words = read.ledger.reader, sentences(tongue, "words")
    for name, case in read.taxpayers.cases.items():
        lines = told(reader, case, reader.stream(case), None, tongue)
        state = words[read.taxpayers.state(name).value]
        assert lines[0].endswith(say(tongue, "events", "taxpayer.Registration.Registered", **facts(read, name)))
        assert any(line.strip() == say(tongue, "events", "state", state=state) for line in lines)
        assert say(tongue, "events", "now", state=state) in lines
        assert "taxpayer." not in "\n".join(lines)
    awaits = told(reader, read.taxpayers.cases["waits"], reader.stream(read.taxpayers.cases["waits"]), None, tongue)
    until = read.taxpayers.registration("waits").activation_until
    assert awaits[-1] == say(tongue, "events", "until", until=until)


def facts(read: Any, name: str) -> dict[str, Any]:
    return vars(read.taxpayers.events(name)[0])
