"""The equivalence test of `bench.timing`: it does not say "the same" of what is not, and says it of what is."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from bench.equivalence import FEWEST, least_margin, p_of_equivalence, p_of_excess
from bench.timing import ALPHA, LEAK, MARGIN, told


def noise(chance: Random, size: int) -> list[float]:
    """As times differ: mostly little, now and then by far."""
    return [chance.gauss(0, 0.4) + (chance.choice((-1, 1)) * 40 if chance.random() < 0.02 else 0) for _ in range(size)]


def exactly(size: int, above: int) -> float:
    """How likely the ranks above 0 add up to no more than ``above``, counted out. Source: Wilcoxon 1945."""
    ways = [1]
    for rank in range(1, size + 1):
        longer = [0] * (len(ways) + rank)
        for total, count in enumerate(ways):
            longer[total] += count
            longer[total + rank] += count
        ways = longer
    return sum(ways[: above + 1]) / 2**size


def test_its_p_is_wilcoxon_s() -> None:
    chance = Random(7)
    for shift in (-0.3, -0.1, 0.0, 0.1):
        values = [each + shift for each in noise(chance, FEWEST)]
        ranked = sorted(values, key=abs)
        above = sum(rank for rank, each in enumerate(ranked, 1) if each > 0)
        assert p_of_excess([-each for each in values], 0.0) == pytest.approx(exactly(FEWEST, above), rel=0.05, abs=2e-4)


def test_it_rarely_says_that_what_differs_by_the_margin_is_the_same() -> None:
    chance, rounds = Random(8), 4000
    wrong = sum(p_of_equivalence([each + 0.5 for each in noise(chance, 60)], 0.5) < 0.05 for _ in range(rounds))
    assert wrong / rounds == pytest.approx(0.05, abs=0.012)


def test_it_says_what_is_the_same_and_what_is_not() -> None:
    chance = Random(9)
    for shift, size in product((0.0, 0.1), (300, 900)):
        same = [each + shift for each in noise(chance, size)]
        assert p_of_equivalence(same, MARGIN) < ALPHA
        assert shift < least_margin(same, ALPHA, 50.0) < MARGIN
    other = [each + LEAK for each in noise(chance, 300)]
    assert p_of_equivalence(other, MARGIN) > 0.999
    assert p_of_equivalence([-each for each in other], MARGIN) > 0.999
    assert p_of_excess(other, MARGIN) < ALPHA


def test_a_line_says_whether_it_holds_and_whether_it_can_see() -> None:
    chance = Random(10)
    quiet, leaking = noise(chance, 600), [each + LEAK for each in noise(chance, 200)]
    line = told("sign-in", quiet, leaking)
    assert line.startswith("bench timing-sign-in ours=0.")
    assert line.endswith(" goal=0.50ms ok")
    assert told("sign-in", leaking, leaking).endswith(" short")
    assert told("sign-in", quiet, quiet).endswith(" blind")


def test_too_few_differences_say_nothing() -> None:
    with pytest.raises(ValueError):
        p_of_equivalence([0.1] * (FEWEST - 1), MARGIN)
