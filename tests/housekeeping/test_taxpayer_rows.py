"""Taxpayers' sessions, codes by SMS, and how many short messages go out: each bounded, whoever asks at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.people import SubjectId
from housekeeping import hourly
from housekeeping.confirmed import Confirmations
from housekeeping.drafts import Drafts
from housekeeping.lookups import Lookups, TooManyTries
from housekeeping.one_time_codes import TRIES, CodePurpose, OneTimeCodes, OneTimeCodeWrong
from housekeeping.sign_in_tries import PER_PAIR, PER_PREFIX, QUESTIONS, SignInTries, UsernameQuestions
from housekeeping.sms_sent import PER_NUMBER, SmsSent, TooManyMessages
from housekeeping.sms_sent import PER_PREFIX as SMS_PER_PREFIX
from housekeeping.taxpayer_sessions import TaxpayerSession, TaxpayerSessions

MOBILE, HERE = "+995555123456", "203.0.113.7"


class Subjects:
    def mint(self) -> SubjectId:
        return SubjectId(uuid4())


@pytest.fixture
def sessions(pool: Any) -> TaxpayerSessions:
    return TaxpayerSessions(pool)


@pytest.fixture
def codes(pool: Any, keys: Any) -> OneTimeCodes:
    return OneTimeCodes(pool, keys)


@pytest.fixture
def confirmations(pool: Any, keys: Any, codes: OneTimeCodes) -> Confirmations:
    return Confirmations(Drafts(pool, keys, Subjects()), codes)


def test_a_session_tells_whose_it_is_until_it_is_closed(sessions: TaxpayerSessions) -> None:
    registration, command = uuid4(), uuid4()
    here, there, elsewhere = (sessions.open(registration, command) for _ in range(3))
    stranger = sessions.open(uuid4(), command)
    assert sessions.find(here) == TaxpayerSession(registration, command)
    assert sessions.find(here[:-1]) is None
    assert sessions.find("\ud800") is None
    sessions.close(elsewhere)
    assert sessions.find(elsewhere) is None
    assert sessions.close_others(registration, here) == 1
    assert (sessions.find(there), sessions.find(here)) == (None, TaxpayerSession(registration, command))
    sessions.forget(registration)
    assert sessions.find(here) is None
    assert sessions.find(stranger) is not None


@pytest.mark.parametrize("change", ["seen_at = now() - interval '31 minutes'", "expires_at = now()"])
def test_a_session_ends_by_rest_and_by_the_day(sessions: TaxpayerSessions, db: Any, change: str) -> None:
    secret = sessions.open(uuid4(), uuid4())
    db.execute(f"UPDATE housekeeping.taxpayer_session SET {change}")
    assert sessions.find(secret) is None
    assert sessions.sweep() == 1


def test_use_keeps_a_session_from_resting(sessions: TaxpayerSessions, db: Any) -> None:
    secret = sessions.open(uuid4(), uuid4())
    for _ in range(3):
        db.execute("UPDATE housekeeping.taxpayer_session SET seen_at = seen_at - interval '20 minutes'")
        assert sessions.find(secret) is not None


def test_a_session_s_secret_stands_nowhere(sessions: TaxpayerSessions, in_clear: Callable[[str], list[str]]) -> None:
    assert in_clear(sessions.open(uuid4(), uuid4())) == []


def test_a_code_is_counted_before_it_is_compared(codes: OneTimeCodes, db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever breaks off between the try and the comparison has used up a try."""
    holder = uuid4()
    code = codes.issue(CodePurpose.MOBILE, holder, MOBILE)

    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("housekeeping.one_time_codes.hmac.compare_digest", killed)
        for _ in range(TRIES):
            with pytest.raises(KeyboardInterrupt):
                codes.spend(CodePurpose.MOBILE, holder, MOBILE, code)
    assert db.execute("SELECT tries FROM housekeeping.one_time_code").fetchone() == (TRIES,)
    with pytest.raises(OneTimeCodeWrong):
        codes.spend(CodePurpose.MOBILE, holder, MOBILE, code)


def test_wrong_codes_at_once_are_no_more_than_five_tries(codes: OneTimeCodes) -> None:
    holder = uuid4()
    code = codes.issue(CodePurpose.READ_OUT, holder, MOBILE)
    wrong = [f"{(int(code) + step) % 10**6:06}" for step in range(1, 17)]

    def spend(typed: str) -> bool:
        try:
            codes.spend(CodePurpose.READ_OUT, holder, MOBILE, typed)
        except OneTimeCodeWrong:
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert not any(crowd.map(spend, wrong))
    assert not spend(code)


def test_what_a_draft_confirmed_counts_for_that_draft_and_that_mobile(
    confirmations: Confirmations, pool: Any, keys: Any, in_clear: Callable[[str], list[str]]
) -> None:
    drafts = Drafts(pool, keys, Subjects())
    mine, other = drafts.open(HERE).id, drafts.open(HERE).id
    assert not confirmations.mobile(mine, MOBILE)
    drafts.confirm_mobile(mine, MOBILE)
    drafts.confirm_email(mine, "giorgi@example.org")
    assert confirmations.mobile(mine, MOBILE)
    assert confirmations.email(mine, "giorgi@example.org")
    assert not confirmations.mobile(other, MOBILE)
    assert not confirmations.mobile(mine, "+995555123457")
    assert not confirmations.mobile(uuid4(), MOBILE)
    drafts.confirm_mobile(mine, "+995555123457")
    assert not confirmations.mobile(mine, MOBILE)
    assert in_clear(MOBILE) == []


def test_a_code_read_out_counts_once_and_in_its_call(confirmations: Confirmations, codes: OneTimeCodes) -> None:
    call = uuid4()
    code = codes.issue(CodePurpose.READ_OUT, call, MOBILE, sitting=1)
    assert not confirmations.matches(uuid4(), 1, MOBILE, code)
    assert not confirmations.matches(call, 1, "+995555123457", code), "it was sent to another registration's mobile"
    assert not confirmations.matches(call, 2, MOBILE, code), "it was sent in an earlier sitting"
    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(lambda _: confirmations.matches(call, 1, MOBILE, code), range(16))) == 1
    draft = codes.issue(CodePurpose.MOBILE, call, MOBILE)
    assert not confirmations.matches(call, 1, MOBILE, draft)


def test_one_number_is_sent_so_many_messages_an_hour_and_what_is_refused_does_not_count(
    pool: Any, keys: Any, db: Any
) -> None:
    sent = SmsSent(pool, keys)
    for number in range(PER_NUMBER):
        sent.take(MOBILE, f"203.0.113.{number}")
    for number in range(5):
        with pytest.raises(TooManyMessages) as refused:
            sent.take(MOBILE, f"198.51.100.{number}")
        assert 3500 < refused.value.seconds <= 3600
    for _ in range(PER_NUMBER):
        sent.take(MOBILE, None)  # strangers take nothing from whoever sits before a consultant
    with pytest.raises(TooManyMessages):
        sent.take(MOBILE, None)
    sent.take("+995555123457", "198.51.100.0")
    db.execute("UPDATE housekeeping.hourly SET times = ARRAY(SELECT t - interval '1 hour' FROM unnest(times) AS t)")
    sent.take(MOBILE, HERE)
    assert sent.sweep() > 0
    assert sent.sweep() == 0


def test_one_place_does_not_make_us_send_without_end_and_the_office_may(pool: Any, keys: Any) -> None:
    sent = SmsSent(pool, keys)
    for number in range(SMS_PER_PREFIX):
        sent.take(f"+99555500{number:04}", HERE)
    with pytest.raises(TooManyMessages):
        sent.take(MOBILE, HERE)
    sent.take(MOBILE, None)


def test_a_crowd_gets_no_more_messages_than_one(pool: Any, keys: Any, in_clear: Callable[[str], list[str]]) -> None:
    sent = SmsSent(pool, keys, per_number=3, per_prefix=100)

    def take(_: int) -> bool:
        try:
            sent.take(MOBILE, HERE)
        except TooManyMessages:
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(take, range(64))) == 3
    assert in_clear(MOBILE) == in_clear(HERE) == []


def test_without_its_table_no_message_goes(pool: Any, keys: Any, db: Any) -> None:
    db.execute("DROP TABLE housekeeping.hourly")
    with pytest.raises(psycopg.Error):
        SmsSent(pool, keys).take(MOBILE, HERE)


def test_wrong_passwords_are_counted_apart_from_wrong_codes_and_lock_nobody_out(pool: Any, keys: Any) -> None:
    tries, lookups = SignInTries(pool, keys), Lookups(pool, keys)
    for _ in range(PER_PAIR):
        tries.take("giorgi", HERE)
    with pytest.raises(TooManyTries):
        tries.take("giorgi", HERE)
    lookups.take("giorgi", HERE)
    tries.take("giorgi", "198.51.100.9")
    tries.take("maia", HERE)
    for number in range(PER_PREFIX - PER_PAIR - 1):
        tries.take(f"name-{number}", HERE)
    with pytest.raises(TooManyTries):
        tries.take("one-more", HERE)


def test_usernames_are_asked_for_so_often_from_one_place(pool: Any, keys: Any) -> None:
    questions = UsernameQuestions(pool, keys)
    for _ in range(QUESTIONS):
        questions.take("", HERE)
    with pytest.raises(TooManyTries):
        questions.take("", HERE)
    questions.take("", "198.51.100.9")


@given(st.lists(st.one_of(st.none(), st.integers(1, 70)), max_size=30), st.integers(1, 4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_so_many_within_any_hour_and_never_fewer(db: Any, story: list[int | None], most: int) -> None:
    """Taken (None) and minutes that pass, against a list of times: no hour holds more, and none of them is denied."""
    key, now, taken = uuid4().bytes, 0, list[int]()
    for minutes in story:
        if minutes is None:
            free = sum(at > now - 60 for at in taken) < most
            assert (hourly.take(db, key, most) is None) is free
            taken += [now] * free
        else:
            now += minutes
            db.execute(
                "UPDATE housekeeping.hourly SET times ="
                " ARRAY(SELECT t - make_interval(mins => %s) FROM unnest(times) AS t) WHERE key = %s",
                (minutes, key),
            )
