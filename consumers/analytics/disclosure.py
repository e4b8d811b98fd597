"""What may be told of counts, and what somebody who adds and subtracts could still find out.

A count is told as the band of five that it lies in: 0 to 4 is "fewer than 5", 12 is "10 to 14". Every other figure of a
report is worked out from bands. Bands alone do not protect: where two tables count the same cases, their sums bound
each other, and so do two reports of consecutive days. So before anything is told, the attack is made: every relation
that anybody knows is used to narrow every band, and what could be narrowed is not told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

STEP: Final = 5
"""The smallest number of cases that is told, and the width of every band."""
ANY: Final = 10**12
"""More than anything is ever counted."""
_ROUNDS: Final = 200
"""How often one relation is looked at, at most: bounds that creep by ones have long left any band of five."""


@dataclass(frozen=True, slots=True)
class Band:
    """From ``low`` to ``high``, both possible."""

    low: int
    high: int

    @property
    def values(self) -> int:
        return self.high - self.low + 1


UNKNOWN: Final = Band(0, ANY)


@dataclass(frozen=True, slots=True)
class Relation:
    """What anybody knows untold: the sum of ``left`` is that of ``right``, or, ``at_most``, not above it."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    at_most: bool = False


class Contradiction(Exception):
    """No counts in these bands fit the relations: what was taken for known is not so."""


def band_of(count: int) -> Band:
    """The band that a count is told as."""
    low = count - count % STEP
    return Band(low, low + STEP - 1)


def narrowed(told: Mapping[str, Band], relations: Sequence[Relation]) -> dict[str, Band]:
    """The bands as tight as the relations make them, by passing bounds until nothing moves. The untold is unknown.

    Where relations form a tree, that is all that can be found out (bounds consistency of sums of integers).
    Raises: Contradiction.
    """
    bands = dict(told)
    uses: dict[str, list[int]] = {}
    for index, relation in enumerate(relations):
        for name in (*relation.left, *relation.right):
            uses.setdefault(name, []).append(index)
            bands.setdefault(name, UNKNOWN)
    waiting, looked = deque(range(len(relations))), [0] * len(relations)
    queued = [True] * len(relations)
    while waiting:
        index = waiting.popleft()
        queued[index] = False
        looked[index] += 1
        if looked[index] > _ROUNDS:
            continue
        for name in _look(relations[index], bands):
            for other in uses[name]:
                if not queued[other] and other != index:
                    queued[other] = True
                    waiting.append(other)
    return bands


def _look(relation: Relation, bands: dict[str, Band]) -> list[str]:
    """Narrow by one relation: each bound is then one that can be reached, so a second look tells no more."""
    moved: list[str] = []
    left_low, left_high = _sum(relation.left, bands)
    right_low, right_high = _sum(relation.right, bands)
    for name in relation.left:
        was = bands[name]
        low = was.low if relation.at_most else max(was.low, right_low - (left_high - was.high))
        moved += _move(name, bands, low, min(was.high, right_high - (left_low - was.low)))
    for name in relation.right:
        was = bands[name]
        high = was.high if relation.at_most else min(was.high, left_high - (right_low - was.low))
        moved += _move(name, bands, max(was.low, left_low - (right_high - was.high)), high)
    return moved


def _sum(names: Iterable[str], bands: Mapping[str, Band]) -> tuple[int, int]:
    chosen = [bands[name] for name in names]
    return sum(band.low for band in chosen), sum(band.high for band in chosen)


def _move(name: str, bands: dict[str, Band], low: int, high: int) -> list[str]:
    if low > high:
        raise Contradiction(name)
    if (was := bands[name]) == (now := Band(low, high)):
        return []
    bands[name] = now
    return [name] if was != now else []


def given_away(told: Mapping[str, Band], relations: Sequence[Relation], watched: Iterable[str]) -> list[str]:
    """Of the ``watched``, what could be narrowed to fewer values than are tolerable: see `tolerable`.

    Raises: Contradiction.
    """
    found = narrowed(told, relations)
    return [name for name in watched if name in found and found[name].values < tolerable(told.get(name, UNKNOWN))]


def tolerable(told: Band) -> int:
    """How many values must stay possible: all five of "fewer than 5"; of any other band, and of a change, three."""
    return STEP if told == Band(0, STEP - 1) else 3
