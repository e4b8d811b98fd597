"""Whether two times are the same, shown and not merely not denied: two one-sided tests on paired differences.

A test that finds no difference has shown nothing; it may have looked too little. So the burden is turned around: it is
to be shown that the difference is less than a margin, in both directions (Schuirmann 1987). Each side is a Wilcoxon
signed-rank test, as times have tails that a mean would chase. Source: Lakens 2017, Equivalence Tests; the R package
TOSTER does the same under the name ``wilcox_TOST``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

FEWEST = 50
"""Pairs from which on the normal approximation of the rank sum is exact enough for small p."""
_STEPS = 40


def p_of_equivalence(differences: Sequence[float], margin: float) -> float:
    """The p-value of: their typical difference is less than ``margin`` in either direction.

    Raises: ValueError for too few of them.
    """
    return max(_p_below([each - margin for each in differences]), _p_below([-each - margin for each in differences]))


def p_of_excess(differences: Sequence[float], margin: float) -> float:
    """The p-value of: their typical difference is more than ``margin``. Raises: as `p_of_equivalence`."""
    return _p_below([margin - each for each in differences])


def least_margin(differences: Sequence[float], alpha: float, most: float) -> float:
    """The least margin within which they would be equivalent at ``alpha``; ``most`` if within none below it."""
    low, high = 0.0, most
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if p_of_equivalence(differences, middle) < alpha:
            high = middle
        else:
            low = middle
    return high


def _p_below(values: Sequence[float]) -> float:
    """The p-value of: these lie below 0, symmetrically about somewhere. Wilcoxon's signed-rank test, one-sided."""
    values = [each for each in values if each]
    size = len(values)
    if size < FEWEST:
        raise ValueError(f"{size} differences are too few")
    ranked = sorted(values, key=abs)
    above = sum(rank for rank, each in enumerate(ranked, 1) if each > 0)
    mean, deviation = size * (size + 1) / 4, sqrt(size * (size + 1) * (2 * size + 1) / 24)
    return NormalDist().cdf((above + 0.5 - mean) / deviation)
