"""Followers' positions, notices, presence: what consumers and the signalling point keep between two steps."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from domain.videobar.terms import Side
from housekeeping import followers, notices
from housekeeping.followers import Fenced, FollowerLost
from housekeeping.notices import BACK_OFF_SECONDS, NewNotice
from housekeeping.presence import Presence

LINE = uuid4()


def new(version: int = 1, kind: str = "paid") -> NewNotice:
    return NewNotice(stream=uuid4(), version=version, kind=kind, case=uuid4(), position=7)


def test_a_follower_moves_only_from_where_it_stands(db: Any) -> None:
    assert followers.begin(db, "notices", LINE, settled=50) == 0
    followers.move(db, "notices", LINE, 0, 20)
    with pytest.raises(Fenced):
        followers.move(db, "notices", LINE, 0, 30)
    assert followers.begin(db, "notices", LINE, settled=50) == 20
    assert followers.positions(db) == {"notices": 20}


def test_a_follower_of_another_ledger_stops_until_a_person_decides(db: Any) -> None:
    followers.begin(db, "notices", LINE, settled=50, start=40)
    with pytest.raises(FollowerLost, match="stands at 40, the ledger at 30"):
        followers.begin(db, "notices", LINE, settled=30)
    other = uuid4()
    with pytest.raises(FollowerLost, match="rebase"):
        followers.begin(db, "notices", other, settled=50)
    with pytest.raises(Fenced):
        followers.move(db, "notices", other, 40, 50)
    followers.rebase(db, "notices", other, 30)
    assert followers.begin(db, "notices", other, settled=50) == 30


def test_what_is_noted_in_a_transaction_that_is_fenced_was_never_noted(db: Any) -> None:
    followers.begin(db, "notices", LINE, settled=50)

    def too_late() -> None:
        with db.transaction():
            notices.put(db, [new()])
            followers.move(db, "notices", LINE, 10, 20)

    with pytest.raises(Fenced):
        too_late()
    assert notices.due(db) == []


def test_a_notice_is_noted_once_however_often_it_is_put(db: Any) -> None:
    told = new()
    for _ in range(3):
        notices.put(db, [told, told])
    (found,) = notices.due(db)
    assert (found.stream, found.version, found.kind, found.case_id) == (told.stream, 1, "paid", told.case)
    notices.sent(db, found.id)
    notices.put(db, [told])
    assert notices.due(db) == []
    assert notices.pending(db) == (0, 0.0)


def test_what_is_being_noted_while_a_case_is_forgotten_is_forgotten_too(conninfo: str, db: Any, pool: Any) -> None:
    told = new()

    def forget() -> None:
        with psycopg.connect(conninfo, autocommit=True) as other:
            notices.forget(other, told.case)

    forgetting = threading.Thread(target=forget)
    with psycopg.connect(conninfo) as noting:
        notices.begin_noting(noting)
        notices.put(noting, [told])
        forgetting.start()
        waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while forgetting.is_alive() and db.execute(waits).fetchone() is None:
            pass
    forgetting.join()
    assert notices.of_case(pool, told.case) == []


def test_a_notice_in_hand_is_nobody_else_s(conninfo: str, db: Any) -> None:
    notices.put(db, [new()])
    (found,) = notices.due(db)
    with psycopg.connect(conninfo, autocommit=True) as other:
        with db.transaction():
            assert notices.take(db, found.id) is not None
            assert notices.take(other, found.id) is None
        assert notices.take(other, found.id) is not None
        notices.sent(other, found.id)
    assert notices.take(db, found.id) is None


def test_the_pause_doubles_up_to_its_bound(db: Any) -> None:
    notices.put(db, [new()])
    (found,) = notices.due(db)
    waits = []
    for _ in range(14):
        notices.put_off(db, found)
        assert notices.due(db) == []
        waits.append(round(notices.seconds_to_next(db)))
        db.execute("UPDATE housekeeping.notice SET next_at = now()")
        (found,) = notices.due(db)
    first, longest = BACK_OFF_SECONDS
    assert waits[:4] == [first, 2 * first, 4 * first, 8 * first]
    assert waits[-1] == longest
    assert found.tries == 14


def test_a_notice_given_up_is_shown_and_not_sent(db: Any, pool: Any) -> None:
    told = new()
    notices.put(db, [told])
    (found,) = notices.due(db)
    notices.give_up(db, found.id, "MAIL_REJECTED")
    assert notices.due(db) == []
    assert notices.seconds_to_next(db) is None
    (shown,) = notices.of_case(pool, told.case)
    assert (shown.gave_up, shown.sent_at) == ("MAIL_REJECTED", None)
    assert notices.of_case(pool, uuid4()) == []


def test_both_are_present_until_one_leaves(pool: Any) -> None:
    presence, call, mine, theirs = Presence(pool), uuid4(), uuid4(), uuid4()
    assert presence.arrive(call, Side.APPLICANT, mine) == {Side.APPLICANT}
    assert presence.arrive(call, Side.OPERATOR, theirs) == {Side.APPLICANT, Side.OPERATOR}
    assert presence.here(uuid4()) == frozenset()
    presence.leave(call, Side.APPLICANT, mine)
    assert presence.here(call) == {Side.OPERATOR}


def test_an_old_line_s_good_bye_ends_no_newer_one(pool: Any) -> None:
    presence, call, old, young = Presence(pool), uuid4(), uuid4(), uuid4()
    presence.arrive(call, Side.APPLICANT, old)
    presence.arrive(call, Side.APPLICANT, young)
    presence.leave(call, Side.APPLICANT, old)
    assert presence.here(call) == {Side.APPLICANT}
    assert not presence.beat(call, Side.APPLICANT, old)
    assert presence.beat(call, Side.APPLICANT, young)


def test_who_is_not_heard_is_gone(pool: Any, db: Any) -> None:
    presence, call = Presence(pool), uuid4()
    presence.arrive(call, Side.APPLICANT, uuid4())
    db.execute("UPDATE housekeeping.presence SET seen_at = seen_at - interval '21 seconds'")
    assert presence.here(call) == frozenset()
    assert presence.sweep() == 1
