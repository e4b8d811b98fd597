"""What is told gives no small number away: by sums of one report, by subtracting two, or by what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from attacker import Attack
from hypothesis import given, settings
from hypothesis import strategies as st
from mart_facts import NOON, Lives, Row, arrow

from consumers.analytics import edition as editions_
from consumers.analytics.changes import Changes, Mark
from consumers.analytics.disclosure import Band, Contradiction, Relation, band_of, given_away, narrowed
from consumers.analytics.edition import Edition, Told, edition, editions, from_json, gives_away, to_json
from consumers.analytics.sheets import GROUNDS, growing
from consumers.analytics.spreads import coarse
from consumers.analytics.store import Marts, opened


@contextmanager
def office(seed: int, rate: float, weeks: int = 8) -> Iterator[tuple[Marts, Path, list[Row]]]:
    """The marts of a small office, empty yet, a folder for its reports, and what it will have published."""
    rows = Lives(seed).year(NOON, weeks=weeks, applications=rate, registrations=rate * 2)
    with TemporaryDirectory() as folder, opened(Path(folder) / "marts.duckdb") as marts:
        yield marts, Path(folder) / "editions", rows


def on(marts: Marts, folder: Path, rows: list[Row], back: int) -> Edition:
    """The report of so many days before the last."""
    now = NOON - timedelta(days=back)
    known = arrow(row for row in rows if row["hour"] <= now)
    marts.take(Changes(Mark("table", back), [known], [], whole=True))
    return edition(marts, folder, now.date())


@pytest.mark.parametrize(("seed", "rate"), [(1, 1.5), (3, 12)])
def test_every_suppressed_cell_of_a_report_may_be_anything_below_five(seed: int, rate: float) -> None:
    with office(seed, rate) as (marts, folder, rows):
        printed = to_json(on(marts, folder, rows, 0))
    for service in printed["services"]:
        possible = Attack([printed], service).possible()
        assert possible
        assert {name: values for name, values in possible.items() if values != {0, 1, 2, 3, 4}} == {}


def test_reports_of_consecutive_days_give_no_more_away_than_one() -> None:
    with office(5, 3, weeks=5) as (marts, folder, rows):
        numbers = [on(marts, folder, rows, back).number for back in range(12, -1, -1)]
        printed = [to_json(one) for one in editions(folder)]
    assert 3 < len(printed) < len(numbers), "some days a new report would have told too much"
    for old, new in list(pairwise(printed))[-2:]:
        attack = Attack([old, new], "compatriot")
        narrow = {name: values for name, values in attack.possible().items() if len(values) < 5}
        assert narrow == {}


def by_hand(number: int, ground: list[int], week: int) -> Edition:
    """A report with the grounds in bands that begin at these numbers, and one more week in it each time."""
    keys = [(name, tier) for name in GROUNDS for tier in ("STANDARD", "EXPEDITED")]
    weeks = {(f"2026-11-{2 + 7 * at:02}",): count for at, count in enumerate([60, week][:number])}
    sheets = {"total": {(): 60 + week}, "ground": dict(zip(keys, ground, strict=True)), "period": weeks}
    day = date(2026, 11, 2 + 7 * number)
    empty = Told("week", {}, (), ())
    return Edition(number, day, {"compatriot": Told("week", sheets, (), ("state",)), "taxpayer": empty})


def test_the_attacker_wins_by_subtracting_and_such_a_report_is_not_made() -> None:
    """Fewer than five came in a week, and four cells went up: one came to each, and each stood at nine."""
    old = by_hand(1, [5, 5, 5, 5, 20, 0, 0, 0], 0)
    new = by_hand(2, [10, 10, 10, 10, 20, 0, 0, 0], 0)
    bands, relations = editions_.knowledge("compatriot", [old, new])
    found = narrowed(bands, relations)
    assert bands["0/ground:ORIGIN|STANDARD"] == Band(5, 9)
    assert found["0/ground:ORIGIN|STANDARD"] == Band(9, 9)
    assert found["1+ground:ORIGIN|STANDARD"] == Band(1, 1)
    assert gives_away("compatriot", [old, new])
    assert not gives_away("compatriot", [old, by_hand(2, [5, 5, 5, 5, 20, 0, 0, 0], 0)])
    assert not gives_away("compatriot", [old, by_hand(2, [10, 10, 10, 10, 20, 0, 0, 0], 10)])


def test_who_knows_that_one_case_was_forgotten_learns_nothing_by_it() -> None:
    """Of a cell told lower he would know that it stood at ten; of two that went up, that one stood at eight or nine."""
    old = by_hand(1, [5, 5, 5, 5, 20, 10, 0, 0], 0)
    lower = by_hand(2, [5, 5, 5, 5, 20, 5, 0, 0], 0)
    with pytest.raises(Contradiction):
        narrowed(*editions_.knowledge("compatriot", [old, lower]))
    found = narrowed(*editions_.knowledge("compatriot", [old, lower], [1]))
    assert found["0/ground:MOTHER_TONGUE|EXPEDITED"] == Band(10, 10)
    assert gives_away("compatriot", [old, lower])

    risen = by_hand(2, [10, 10, 5, 5, 20, 10, 0, 0], 0)
    for where, values in ((None, 3), ("1-ground:CITIZEN_ABROAD|STANDARD", 2)):
        bands, known = editions_.knowledge("compatriot", [old, risen], [0 if where is None else 1])
        bands |= {} if where is None else {where: Band(1, 1)}
        assert narrowed(bands, known)["0/ground:CITIZEN_ABROAD|STANDARD"].values == values
    assert gives_away("compatriot", [old, risen])
    assert not gives_away("compatriot", [old, by_hand(2, [10, 10, 5, 5, 20, 10, 0, 0], 10)])


def test_reports_go_on_while_cases_are_forgotten_and_no_cell_is_told_lower() -> None:
    """Every day some case is erased; a report is made within a week all the same."""
    with office(5, 3, weeks=5) as (marts, folder, rows):
        cases, erased = [row["case"] for row in rows if row["sequence"] == 1], set[str]()
        for back in range(12, -1, -1):
            erased.add(cases[back])
            told = on(marts, folder, [row for row in rows if row["case"] not in erased], back)
            assert (NOON - timedelta(days=back)).date() - told.day < editions_.PATIENCE
        printed = editions(folder)
    assert max(new.day - old.day for old, new in pairwise(printed)) == editions_.PATIENCE, "one had to be made"
    for old, new in pairwise(printed):
        for service in ("compatriot", "taxpayer"):
            for sheet in growing(service, new.services[service].sheets):
                was = old.services[service].sheets.get(sheet, {})
                assert all(low >= was.get(key, 0) for key, low in new.services[service].sheets[sheet].items())
            assert not gives_away(service, [old, new])


def test_the_attacker_wins_where_totals_are_exact() -> None:
    """One cell suppressed in a table with its total: the control that shows that the attack attacks."""
    told = {"total": Band(23, 23), "a": Band(12, 12), "b": Band(8, 8), "c": band_of(3)}
    assert narrowed(told, [Relation(("a", "b", "c"), ("total",))])["c"] == Band(3, 3)
    assert given_away(told, [Relation(("a", "b", "c"), ("total",))], ["c"]) == ["c"]
    rounded = {name: band_of(band.low) for name, band in told.items()}
    assert given_away(rounded, [Relation(("a", "b", "c"), ("total",))], ["a", "b", "c"]) == []


def test_tables_that_pin_each_other_are_not_told_together() -> None:
    """Eight cases, two in each of four rows, all in one column: why sums are tried before anything is told."""
    rows = {f"row{at}": Band(0, 2) for at in range(4)}
    column = {"column": Band(8, 12)}
    relations = [Relation(tuple(rows), ("all",)), Relation(("column",), ("all",))]
    assert set(narrowed({**rows, **column}, relations).values()) == {Band(2, 2), Band(8, 8)}
    with pytest.raises(Contradiction):
        narrowed({**rows, "column": Band(9, 12)}, relations)


@settings(max_examples=100, deadline=None)
@given(
    truth=st.lists(st.integers(0, 30), min_size=2, max_size=7),
    cut=st.integers(1, 6),
)
def test_the_truth_always_stays_possible_and_bounds_are_reached(truth: list[int], cut: int) -> None:
    """Bounds are sound, and of a tree of sums they are the tightest there are, which a search through all shows."""
    names = [f"cell{at}" for at in range(len(truth))]
    told = {name: band_of(count) for name, count in zip(names, truth, strict=True)} | {"all": band_of(sum(truth))}
    some = tuple(names[: min(cut, len(names) - 1)])
    relations = [Relation((*names[len(some) :], "some"), ("all",)), Relation(some, ("some",))]
    told["some"] = band_of(sum(truth[: len(some)]))
    found = narrowed(told, relations)
    for name, count in zip(names, truth, strict=True):
        assert found[name].low <= count <= found[name].high
    low, high = found[names[0]].low, found[names[0]].high
    for value, is_possible in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        try:
            narrowed(told | {names[0]: Band(value, value)}, relations)
            possible = told[names[0]].low <= value <= told[names[0]].high
        except Contradiction:
            possible = False
        assert possible is is_possible


def test_a_second_report_on_one_day_is_the_first() -> None:
    with office(3, 12) as (marts, folder, rows):
        first = on(marts, folder, rows[: len(rows) // 2], 0)
        assert on(marts, folder, rows, 0) == first
        assert len(list(folder.iterdir())) == 1


def test_an_edition_holds_multiples_of_five_and_coarse_times_only() -> None:
    with office(3, 60) as (marts, folder, rows):
        told = on(marts, folder, rows, 0)
    printed = to_json(told)
    assert from_json(printed) == told
    numbers = list(_numbers(printed["services"]))
    assert {number % 5 for number in numbers if number < 60} == {0}
    assert all(spread.p50 % 60 == 0 for service in told.services.values() for spread in service.spreads)
    assert [coarse(seconds) for seconds in (1, 89, 3 * 3600, 3 * 86_400 - 1, 10 * 86_400)] == [
        60,
        60,
        3 * 3600,
        3 * 86_400,
        10 * 86_400,
    ]


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, int):
        yield value
