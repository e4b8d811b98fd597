"""Links: asking is alike whatever is known, a request comes back until it is done, a token opens once, for a day."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from statements import sent

from domain.language import Language
from housekeeping.links import PER_CODE, PER_PREFIX, LinkRequests, LinkTokens, TooManyLinkRequests

CODE, COMPANY = "01001000001", "204567890"
DAY = timedelta(hours=24)


@pytest.fixture
def requests(pool: Any, keys: Any) -> LinkRequests:
    return LinkRequests(pool, keys)


@pytest.fixture
def tokens(pool: Any, keys: Any) -> LinkTokens:
    return LinkTokens(pool, keys)


def hours_pass(db: Any, hours: float) -> None:
    back = {"h": hours}
    db.execute(
        "UPDATE housekeeping.link_request SET asked_at = asked_at - make_interval(mins => (%(h)s * 60)::integer),"
        " next_at = next_at - make_interval(mins => (%(h)s * 60)::integer)",
        back,
    )
    db.execute(
        "UPDATE housekeeping.hourly SET times ="
        " ARRAY(SELECT t - make_interval(mins => (%(h)s * 60)::integer) FROM unnest(times) AS t)",
        back,
    )
    db.execute(
        "UPDATE housekeeping.link SET expires_at = expires_at - make_interval(mins => (%(h)s * 60)::integer)", back
    )


def test_a_request_is_taken_by_one_and_is_gone_once_it_is_done(requests: LinkRequests) -> None:
    requests.ask(CODE, "203.0.113.7", Language.KA)
    with ThreadPoolExecutor(8) as crowd:
        taken = [one for one in crowd.map(lambda _: requests.take(), range(16)) if one is not None]
    assert [(one.identification, one.language, one.tries) for one in taken] == [(CODE, Language.KA, 1)]
    requests.done(taken[0].id)
    assert requests.waiting() == 0


def test_whoever_took_it_and_died_keeps_it_for_half_a_minute_then_longer(requests: LinkRequests, db: Any) -> None:
    requests.ask(CODE, "203.0.113.7", Language.KA)
    for tries, seconds in enumerate((60, 120, 240, 480, 600, 600), 1):
        taken = requests.take()
        assert taken is not None
        assert taken.tries == tries
        assert requests.take() is None
        rest = db.execute("SELECT extract(epoch FROM next_at - now()) FROM housekeeping.link_request").fetchone()[0]
        assert seconds / 2 - 5 < rest <= seconds
        db.execute("UPDATE housekeeping.link_request SET next_at = now()")
    hours_pass(db, 24)
    assert requests.take() is None
    assert requests.sweep() == 1


def test_one_waiting_request_stands_for_all_in_the_language_of_the_last(requests: LinkRequests) -> None:
    requests.ask(CODE, "203.0.113.7", Language.KA)
    requests.ask(CODE, "203.0.113.8", Language.EN)
    requests.ask(COMPANY, "203.0.113.8", Language.KA)
    assert requests.waiting() == 2
    taken = requests.take()
    assert taken is not None
    assert taken.language is Language.EN


def test_who_asks_when_the_waiting_request_is_nearly_over_is_looked_into_for_a_day_of_their_own(
    requests: LinkRequests, db: Any
) -> None:
    requests.ask(CODE, "203.0.113.7", Language.KA)
    early = requests.take()
    hours_pass(db, 11)
    requests.ask(CODE, "203.0.113.8", Language.KA)
    hours_pass(db, 12.5)
    requests.ask(CODE, "203.0.113.9", Language.KA)
    assert requests.waiting() == 1
    hours_pass(db, 1)
    assert requests.sweep() == 0
    late = requests.take()
    assert early is not None
    assert late is not None
    assert (late.identification, late.tries, late.id == early.id) == (CODE, 1, False)
    requests.done(early.id)  # whoever still had the older one in hand ends that one only
    assert requests.waiting() == 1
    hours_pass(db, 23)
    assert requests.sweep() == 1


def test_whoever_asks_for_another_without_end_is_answered_alike_and_fills_no_mailbox(
    requests: LinkRequests, db: Any
) -> None:
    looked_into = 0
    for number in range(4 * PER_CODE):
        requests.ask(CODE, f"203.0.113.{number}", Language.KA)
        if (taken := requests.take()) is not None:
            looked_into += 1
            requests.done(taken.id)
    assert looked_into == PER_CODE
    hours_pass(db, 1.1)
    requests.ask(CODE, "203.0.113.200", Language.KA)
    assert requests.take() is not None, "who kept asking holds nobody off for longer than the hour"


def test_one_place_does_not_ask_for_everybody(requests: LinkRequests) -> None:
    for number in range(PER_PREFIX):
        requests.ask(f"{number:011}", "2001:db8:1:2::1", Language.KA)
    with pytest.raises(TooManyLinkRequests) as refused:
        requests.ask(CODE, "2001:db8:1:2::ffff", Language.KA)
    assert 3500 < refused.value.seconds <= 3600
    assert requests.waiting() == PER_PREFIX
    requests.ask(CODE, "2001:db8:1:3::1", Language.KA)


def test_asking_takes_the_same_statements_whatever_is_known(
    requests: LinkRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known here is only who asked before; what the registries know is looked into later, by somebody else."""
    here = sent(monkeypatch)
    told: list[list[str]] = []
    for number in range(2 * PER_CODE):
        requests.ask(CODE, f"203.0.113.{number}", Language.KA)
        told.append(list(here))
        here.clear()
    requests.ask("not a code at all \ud800" * 9000, "203.0.113.99", Language.KA)
    assert here
    assert told == [here] * len(told)


def test_neither_code_nor_token_stands_in_clear(
    requests: LinkRequests, tokens: LinkTokens, in_clear: Callable[[str], list[str]]
) -> None:
    requests.ask(CODE, "203.0.113.7", Language.KA)
    token = tokens.issue(uuid4(), uuid4(), DAY)
    assert in_clear(CODE) == in_clear(token) == in_clear("203.0.113.7") == []


def test_a_request_opens_in_its_own_row_only(requests: LinkRequests, db: Any) -> None:
    requests.ask(CODE, "203.0.113.7", Language.KA)
    requests.ask(COMPANY, "203.0.113.7", Language.KA)
    db.execute(
        "UPDATE housekeeping.link_request SET sealed = "
        " (SELECT sealed FROM housekeeping.link_request ORDER BY id LIMIT 1)"
    )
    taken = requests.take()
    assert taken is not None
    assert taken.identification == CODE
    requests.done(taken.id)
    assert requests.take() is None
    assert requests.waiting() == 0


def test_a_token_opens_until_it_is_spent_and_looking_at_it_spends_nothing(tokens: LinkTokens) -> None:
    registration = uuid4()
    token = tokens.issue(uuid4(), registration, DAY)
    for _ in range(20):
        assert tokens.find(token) == registration
    assert tokens.find(token[:-1]) is None
    assert tokens.find("\ud800") is None
    assert tokens.spend(token)
    assert not tokens.spend(token)
    assert tokens.find(token) is None
    assert tokens.known(token) == registration


def test_two_spend_a_token_at_once_and_one_does(tokens: LinkTokens) -> None:
    token = tokens.issue(uuid4(), uuid4(), DAY)
    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(lambda _: tokens.spend(token), range(16))) == 1


def test_a_mail_sent_again_carries_the_same_link_and_revives_nothing(tokens: LinkTokens, db: Any) -> None:
    request, registration = uuid4(), uuid4()
    token = tokens.issue(request, registration, DAY)
    hours_pass(db, 23)
    assert tokens.issue(request, registration, DAY) == token
    hours_pass(db, 2)
    assert tokens.find(token) == registration
    tokens.spend(token)
    assert tokens.issue(request, registration, DAY) == token
    assert tokens.find(token) is None


def test_a_new_link_cuts_none_short_and_one_used_ends_them_all(tokens: LinkTokens, db: Any) -> None:
    registration, other = uuid4(), uuid4()
    elsewhere = tokens.issue(uuid4(), other, DAY)
    first = tokens.issue(uuid4(), registration, DAY)
    hours_pass(db, 23)
    second = tokens.issue(uuid4(), registration, DAY)
    assert tokens.find(first) == tokens.find(second) == registration
    until = tokens.until(first)
    assert until is not None
    assert until < db.execute("SELECT now() + interval '1 hour'").fetchone()[0]
    hours_pass(db, -23)
    assert tokens.spend(first)
    assert (tokens.find(second), tokens.known(second), tokens.known(first)) == (None, None, registration)
    assert not tokens.spend(second)
    third = tokens.issue(uuid4(), registration, DAY)
    assert tokens.find(third) == registration
    assert tokens.find(elsewhere) == other


def test_links_ended_open_no_more_but_the_one_used_is_known(tokens: LinkTokens) -> None:
    registration = uuid4()
    used, unused = (tokens.issue(uuid4(), registration, DAY) for _ in range(2))
    tokens.spend(used)
    unused = tokens.issue(uuid4(), registration, DAY)
    assert tokens.end(registration) == 1
    assert (tokens.find(unused), tokens.known(used)) == (None, registration)


def test_of_many_links_issued_and_used_at_once_one_is_used(tokens: LinkTokens) -> None:
    registration = uuid4()
    with ThreadPoolExecutor(8) as crowd:
        issued: list[str] = list(crowd.map(lambda _: tokens.issue(uuid4(), registration, DAY), range(32)))
    assert len(set(issued)) == 32
    assert sum(tokens.find(token) is not None for token in issued) == 32
    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(tokens.spend, issued)) >= 1
    assert not any(tokens.find(token) for token in issued)


def test_a_link_ends_by_the_day_and_with_the_registration(tokens: LinkTokens, db: Any) -> None:
    old, forgotten = uuid4(), uuid4()
    token = tokens.issue(uuid4(), old, DAY)
    hours_pass(db, 24)
    assert tokens.find(token) is None
    assert tokens.known(token) is None
    assert not tokens.spend(token)
    kept = tokens.issue(uuid4(), forgotten, DAY)
    assert tokens.sweep() == 1
    tokens.forget(forgotten)
    assert tokens.known(kept) is None


def test_a_token_is_nobodys_guess(tokens: LinkTokens) -> None:
    """Whoever knows both ids, which stand in the table, does not know the token."""
    request, registration = UUID(int=1), UUID(int=2)
    token = tokens.issue(request, registration, DAY)
    assert len(token) >= 43
    assert tokens.issue(registration, request, DAY) != token
