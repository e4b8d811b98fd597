"""Sessions, sign-ins under way and one-time codes: each secret opens one thing, for a while, and some once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from domain.people import Role
from housekeeping.one_time_codes import PER_HOUR, TRIES, CodePurpose, OneTimeCodes, OneTimeCodeWrong, TooManyCodes
from housekeeping.sessions import Sessions, StaffSession
from housekeeping.sign_ins import SignIns

NINO: dict[str, Any] = {
    "person": "person-nino",
    "account": "nino.k",
    "name": "ნინო კ.",
    "roles": frozenset({Role.OPERATOR, Role.OFFICER}),
    "personal_number": "01008012345",
    "centre": "rustavi",
}
MAIL = "tamar@example.org"


@pytest.fixture
def sessions(pool: Any, keys: Any) -> Sessions:
    return Sessions(pool, keys)


@pytest.fixture
def sign_ins(pool: Any, keys: Any) -> SignIns:
    return SignIns(pool, keys)


@pytest.fixture
def codes(pool: Any, keys: Any) -> OneTimeCodes:
    return OneTimeCodes(pool, keys)


def test_a_session_is_found_by_its_secret_until_it_is_closed(sessions: Sessions) -> None:
    here, there = sessions.open(**NINO), sessions.open(**NINO)
    assert sessions.find(here) == StaffSession(**NINO)
    assert sessions.find(here[:-1]) is None
    assert sessions.find("\ud800") is None
    sessions.close(here)
    assert sessions.find(here) is None
    assert sessions.find(there) is not None
    assert sessions.close_all(NINO["person"]) == 1
    assert sessions.find(there) is None


@pytest.mark.parametrize("change", ["seen_at = now() - interval '31 minutes'", "expires_at = now()"])
def test_a_session_ends_by_rest_and_by_the_day(sessions: Sessions, db: Any, change: str) -> None:
    secret = sessions.open(**NINO)
    db.execute(f"UPDATE housekeeping.session SET {change}")
    assert sessions.find(secret) is None
    assert sessions.sweep() == 1


def test_use_keeps_a_session_from_resting(sessions: Sessions, db: Any) -> None:
    secret = sessions.open(**NINO)
    for _ in range(3):
        db.execute("UPDATE housekeeping.session SET seen_at = seen_at - interval '20 minutes'")
        assert sessions.find(secret) is not None


def test_only_staff_have_sessions(sessions: Sessions) -> None:
    for roles in ([], [Role.HOLDER], [Role.OFFICER, Role.SYSTEM]):
        with pytest.raises(ValueError):
            sessions.open(**{**NINO, "roles": roles})


def test_a_session_s_row_names_nobody_and_cannot_be_exchanged(
    sessions: Sessions, db: Any, in_clear: Callable[[str], list[str]]
) -> None:
    secret = sessions.open(**NINO)
    for text in (secret, *(NINO[field] for field in ("person", "account", "name", "personal_number"))):
        assert in_clear(text) == []
    db.execute("UPDATE housekeeping.session SET sealed = sealed || '\\x00'::bytea")
    assert sessions.find(secret) is None


def test_a_sign_in_is_taken_once_and_by_its_browser(sign_ins: SignIns) -> None:
    begun, other = sign_ins.begin("/staff"), sign_ins.begin("/")
    assert len({begun.state, begun.browser, begun.nonce, begun.verifier}) == 4
    assert sign_ins.take(begun.state, other.browser) is None
    assert sign_ins.take(begun.state, begun.browser) == begun
    assert sign_ins.take(begun.state, begun.browser) is None


def test_a_sign_in_that_took_too_long(sign_ins: SignIns, db: Any) -> None:
    begun = sign_ins.begin("/")
    db.execute("UPDATE housekeeping.sign_in SET expires_at = now()")
    assert sign_ins.take(begun.state, begun.browser) is None


def test_one_of_many_takes_the_sign_in(sign_ins: SignIns) -> None:
    begun = sign_ins.begin("/")
    with ThreadPoolExecutor(8) as crowd:
        taken = list(crowd.map(lambda _: sign_ins.take(begun.state, begun.browser), range(16)))
    assert [one for one in taken if one is not None] == [begun]


def test_a_code_is_spent_once(codes: OneTimeCodes) -> None:
    holder = uuid4()
    code = codes.issue(CodePurpose.EMAIL, holder, MAIL)
    assert len(code) == 6
    codes.spend(CodePurpose.EMAIL, holder, MAIL, f" {code[:3]} {code[3:]}\n")
    with pytest.raises(OneTimeCodeWrong):
        codes.spend(CodePurpose.EMAIL, holder, MAIL, code)


def test_one_of_many_spends_the_code(codes: OneTimeCodes) -> None:
    holder = uuid4()
    code = codes.issue(CodePurpose.WITHDRAWAL, holder, MAIL)

    def spend(_: int) -> bool:
        try:
            codes.spend(CodePurpose.WITHDRAWAL, holder, MAIL, code)
        except OneTimeCodeWrong:
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(spend, range(16))) == 1


def test_a_code_serves_its_purpose_its_holder_and_its_address(codes: OneTimeCodes) -> None:
    holder = uuid4()
    code = codes.issue(CodePurpose.EMAIL, holder, MAIL)
    for purpose, whose, where in [
        (CodePurpose.WITHDRAWAL, holder, MAIL),
        (CodePurpose.EMAIL, uuid4(), MAIL),
        (CodePurpose.EMAIL, holder, "another@example.org"),
    ]:
        with pytest.raises(OneTimeCodeWrong):
            codes.spend(purpose, whose, where, code)
    codes.spend(CodePurpose.EMAIL, holder, MAIL, code)


def test_five_wrong_tries_end_a_code(codes: OneTimeCodes) -> None:
    holder = uuid4()
    code = codes.issue(CodePurpose.EMAIL, holder, MAIL)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(TRIES):
        with pytest.raises(OneTimeCodeWrong):
            codes.spend(CodePurpose.EMAIL, holder, MAIL, wrong)
    with pytest.raises(OneTimeCodeWrong):
        codes.spend(CodePurpose.EMAIL, holder, MAIL, code)


def test_a_new_code_ends_the_one_before_and_old_ones_end_by_themselves(codes: OneTimeCodes, db: Any) -> None:
    holder = uuid4()
    first, second = (codes.issue(CodePurpose.EMAIL, holder, MAIL) for _ in range(2))
    if first != second:
        with pytest.raises(OneTimeCodeWrong):
            codes.spend(CodePurpose.EMAIL, holder, MAIL, first)
    db.execute("UPDATE housekeeping.one_time_code SET expires_at = now()")
    with pytest.raises(OneTimeCodeWrong):
        codes.spend(CodePurpose.EMAIL, holder, MAIL, second)
    assert codes.sweep() == 1


def test_one_mailbox_is_not_filled_by_many_drafts(codes: OneTimeCodes, db: Any) -> None:
    for _ in range(PER_HOUR):
        codes.issue(CodePurpose.EMAIL, uuid4(), MAIL)
    with pytest.raises(TooManyCodes) as refused:
        codes.issue(CodePurpose.EMAIL, uuid4(), MAIL)
    assert 3500 < refused.value.seconds <= 3600
    codes.issue(CodePurpose.EMAIL, uuid4(), "another@example.org")
    db.execute("UPDATE housekeeping.hourly SET times = ARRAY(SELECT at - interval '1 hour' FROM unnest(times) AS at)")
    codes.issue(CodePurpose.EMAIL, uuid4(), MAIL)


def test_strangers_drafts_do_not_use_up_what_the_holder_needs(codes: OneTimeCodes) -> None:
    for _ in range(PER_HOUR):
        codes.issue(CodePurpose.EMAIL, uuid4(), MAIL)
    codes.issue(CodePurpose.WITHDRAWAL, uuid4(), MAIL)


def test_number_and_code_are_not_sent_again_without_end(codes: OneTimeCodes) -> None:
    for _ in range(PER_HOUR):
        codes.resend(MAIL)
    with pytest.raises(TooManyCodes):
        codes.resend(MAIL)
    codes.resend("another@example.org")


def test_one_draft_does_not_mail_strangers_without_end(codes: OneTimeCodes) -> None:
    draft = uuid4()
    for number in range(PER_HOUR):
        codes.issue(CodePurpose.EMAIL, draft, f"stranger-{number}@example.org")
    with pytest.raises(TooManyCodes):
        codes.issue(CodePurpose.EMAIL, draft, "one-more@example.org")
    codes.issue(CodePurpose.EMAIL, uuid4(), "one-more@example.org")


def test_neither_code_nor_address_stands_in_clear(codes: OneTimeCodes, in_clear: Callable[[str], list[str]]) -> None:
    code = codes.issue(CodePurpose.EMAIL, uuid4(), MAIL)
    assert in_clear(MAIL) == in_clear(code) == []
