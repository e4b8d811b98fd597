"""Wrong codes are counted, before they are verified, and nobody is locked out of a number by others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from housekeeping.lookups import PER_PAIR, PER_PREFIX, Lookups, TooManyTries, prefix

NUMBER, HERE, THERE = "1234567894", "203.0.113.7", "198.51.100.9"


@pytest.fixture
def lookups(pool: Any, keys: Any) -> Lookups:
    return Lookups(pool, keys)


def minutes_pass(db: Any, minutes: int) -> None:
    db.execute(
        "UPDATE housekeeping.look_up SET tried_at = tried_at - make_interval(mins => %(m)s),"
        " tries = ARRAY(SELECT t - make_interval(mins => %(m)s) FROM unnest(tries) AS t)",
        {"m": minutes},
    )


def test_five_wrong_codes_at_a_number_from_one_place(lookups: Lookups) -> None:
    for _ in range(PER_PAIR):
        lookups.take(NUMBER, HERE)
    with pytest.raises(TooManyTries) as refused:
        lookups.take(NUMBER, HERE)
    assert 14 * 60 < refused.value.seconds <= 15 * 60
    lookups.take(NUMBER, THERE)
    lookups.take("9876543210", HERE)


def test_a_refused_try_counts_nowhere(lookups: Lookups, db: Any) -> None:
    for _ in range(PER_PAIR):
        lookups.take(NUMBER, HERE)
    counted = "SELECT kind, cardinality(tries) FROM housekeeping.look_up ORDER BY kind"
    before = db.execute(counted).fetchall()
    with pytest.raises(TooManyTries):
        lookups.take(NUMBER, HERE)
    assert db.execute(counted).fetchall() == before == [("number", 5), ("pair", 5), ("prefix", 5)]


def test_a_right_code_does_not_count(lookups: Lookups) -> None:
    for _ in range(3 * PER_PAIR):
        lookups.forgive(lookups.take(NUMBER, HERE))
    for _ in range(PER_PAIR - 1):
        lookups.take(NUMBER, HERE)
    lookups.forgive(lookups.take(NUMBER, HERE))
    lookups.take(NUMBER, HERE)
    with pytest.raises(TooManyTries):
        lookups.take(NUMBER, HERE)


def test_the_window_slides(lookups: Lookups, db: Any) -> None:
    for _ in range(3):
        lookups.take(NUMBER, HERE)
    minutes_pass(db, 10)
    for _ in range(2):
        lookups.take(NUMBER, HERE)
    minutes_pass(db, 6)
    for _ in range(3):
        lookups.take(NUMBER, HERE)
    with pytest.raises(TooManyTries):
        lookups.take(NUMBER, HERE)


def test_one_place_may_not_walk_through_the_numbers(lookups: Lookups) -> None:
    for n in range(PER_PREFIX):
        lookups.take(f"{n:010}", "2001:db8:1:2::1")
    with pytest.raises(TooManyTries):
        lookups.take("7777777777", "2001:db8:1:2:ffff::9")
    lookups.take("7777777777", "2001:db8:1:3::1")


def test_many_places_at_one_number_raise_an_alarm_and_lock_nobody_out(
    lookups: Lookups, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(200):
        lookups.take(NUMBER, f"192.0.2.{n}")
    told = [line for line in capsys.readouterr().out.splitlines() if "being guessed" in line]
    assert len(told) == 1
    assert NUMBER not in told[0]


def test_a_hundred_at_once_get_five(lookups: Lookups) -> None:
    def attempt(_: int) -> bool:
        try:
            lookups.take(NUMBER, HERE)
        except TooManyTries:
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(attempt, range(100))) == PER_PAIR


def test_right_codes_at_once_never_stand_in_each_others_way(lookups: Lookups) -> None:
    def look_up(_: int) -> None:
        lookups.forgive(lookups.take(NUMBER, HERE))

    with ThreadPoolExecutor(PER_PAIR - 1) as crowd:
        list(crowd.map(look_up, range(400)))
    for _ in range(PER_PAIR):
        lookups.take(NUMBER, HERE)


def test_without_its_table_nobody_gets_a_try(lookups: Lookups, db: Any) -> None:
    db.execute("DROP TABLE housekeeping.look_up")
    with pytest.raises(psycopg.Error):
        lookups.take(NUMBER, HERE)


def test_neither_number_nor_address_stands_in_clear(
    lookups: Lookups, in_clear: Callable[[str], list[str]], db: Any
) -> None:
    lookups.take(NUMBER, HERE)
    assert in_clear(NUMBER) == in_clear(HERE) == []
    minutes_pass(db, 16)
    assert lookups.sweep() == 3


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_counts_as_one_place(address: str, counted_as: str) -> None:
    assert prefix(address) == counted_as


@pytest.mark.parametrize("address", ["", "localhost", "203.0.113.7:80", "1.2.3"])
def test_what_is_no_address_is_no_place(address: str) -> None:
    with pytest.raises(ValueError):
        prefix(address)
