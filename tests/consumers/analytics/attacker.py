"""Somebody who has every report that was ever printed, knows how offices work, and solves for what was suppressed.

The attack is exact. For every value that a suppressed cell might have, it looks for a *world*: whole numbers for
everything that was ever counted that fit all that was printed. A world proves the value possible, and is checked here
against the attacker's own equations. Where none is found, the value is ruled out. Bounds only speed the search up.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from consumers.analytics.disclosure import Band, Contradiction, narrowed
from consumers.analytics.edition import from_json, knowledge

World = dict[str, int]
GROWING = {"total", "period", "ground", "kind", "term", "outcome", "paid", "refusals", "due_back", "refunded", "routes"}


@dataclass
class Attack:
    """On one service's figures in some successive reports, as printed for machines."""

    printed: Sequence[dict[str, Any]]
    service: str
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def __post_init__(self) -> None:
        editions = [from_json(one) for one in self.printed]
        self.bands, self.relations = knowledge(self.service, editions)

    def cells(self) -> dict[str, int | None]:
        """Every printed cell by report and name, and its lower end; None where it is suppressed."""
        return {
            f"{at}/{sheet}:{'|'.join(one['key'])}": one["at_least"]
            for at, printed in enumerate(self.printed)
            for sheet, cells in printed["services"][self.service]["sheets"].items()
            for one in cells
        }

    def possible(self) -> dict[str, set[int]]:
        """The values that each suppressed cell may have, as far as anybody can tell."""
        suppressed = [name for name, low in self.cells().items() if low is None]
        found: dict[str, set[int]] = {name: set() for name in suppressed}
        for name in suppressed:
            for value in range(5):
                if value not in found[name] and (world := self.world({name: value})) is not None:
                    for other in suppressed:
                        found[other].add(world[other])
        return found

    def world(self, given: World) -> World | None:
        """Numbers for everything that fit what was printed and what is given; None if there are none."""
        bands = self.bands | {name: Band(value, value) for name, value in given.items()}
        try:
            bands = narrowed(bands, self.relations)
        except Contradiction:
            return None
        for _ in range(60):
            if (world := self._guess(dict(bands))) is not None:
                self.check(world)
                return world
        return None

    def _guess(self, bands: dict[str, Band]) -> World | None:
        """Fix numbers by chance, several at once while that goes well, with bounds passed on after each step."""
        at_once = 8
        while True:
            free = [name for name in self.bands if bands[name].values > 1] or [
                name for name in bands if bands[name].values > 1
            ]
            if not free:
                return {name: band.low for name, band in bands.items()}
            chosen = self.chance.sample(free, min(at_once, len(free)))
            values = {name: self._any_of(bands[name]) for name in chosen}
            try:
                bands = narrowed(bands | {name: Band(value, value) for name, value in values.items()}, self.relations)
                at_once = min(8, at_once + 1)
            except Contradiction:
                if at_once == 1 and not self._fixed(bands, chosen[0]):
                    return None
                at_once = max(1, at_once // 2)

    def _any_of(self, band: Band) -> int:
        return self.chance.randint(band.low, min(band.high, band.low + 6))

    def _fixed(self, bands: dict[str, Band], name: str) -> bool:
        """Whether any value of this one goes; it is fixed to the first that does."""
        for value in range(bands[name].low, min(bands[name].high, bands[name].low + 6) + 1):
            try:
                bands |= narrowed(bands | {name: Band(value, value)}, self.relations)
                return True
            except Contradiction:
                continue
        return False

    def check(self, world: World) -> None:
        """That a world is one: it would have been printed like this, and its sums agree."""
        for name, low in self.cells().items():
            assert (low or 0) <= world[name] <= (low or 0) + 4, name
        for at in range(len(self.printed)):
            sheets = {
                sheet: {tuple(one["key"]): world[f"{at}/{sheet}:{'|'.join(one['key'])}"] for one in cells}
                for sheet, cells in self.printed[at]["services"][self.service]["sheets"].items()
            }
            for left, sign, right in sums(self.service, sheets):
                assert (left == right) if sign == "=" else (left <= right), (at, left, sign, right)
        for old, new, same in self.kept():
            assert (world[old] == world[new]) if same else (world[old] <= world[new]), (old, new)

    def kept(self) -> Iterator[tuple[str, str, bool]]:
        """Cells that only grow from one report to the next; those of a day or week that was over stay as they were."""
        cells = self.cells()
        for name, low in cells.items():
            at, _, cell = name.partition("/")
            new = f"{int(at) + 1}/{cell}"
            sheet, _, key = cell.partition(":")
            if sheet in GROWING and new in cells:
                over = sheet == "period" and low == cells[new] and self._over(int(at), key)
                yield name, new, over

    def _over(self, at: int, key: str) -> bool:
        printed = self.printed[at]
        length = timedelta(days=7 if printed["services"][self.service]["grain"] == "week" else 1)
        return date.fromisoformat(key) + length <= date.fromisoformat(printed["day"])


def sums(service: str, sheets: dict[str, dict[tuple[str, ...], int]]) -> Iterator[tuple[int, str, int]]:
    """What an insider knows of the sums of one report, in words of arithmetic."""
    total = {name: sum(cells.values()) for name, cells in sheets.items()}
    for name in ("period", "ground", "kind", "state"):
        if name in total and "total" in total:
            yield total[name], "=", total["total"]
    state = {key[0]: count for key, count in sheets.get("state", {}).items()}
    if service == "compatriot" and state:
        ended = state["RECEPTION_REFUSED"] + state["LAPSED"] + state["WITHDRAWN"]
        later = ("IN_TERM", "UNDER_REVIEW", "INFORMATION_REQUESTED", "CONCLUSION_PREPARED", "DECIDED", "DELIVERED")
        received = sum(state[name] for name in later)
        for name in ("term", "outcome"):
            if name in total:
                yield total[name], "=", state["DECIDED"] + state["DELIVERED"]
        if "refusals" in total:
            yield total["refusals"], "=", state["RECEPTION_REFUSED"]
        if "paid" in total:
            yield received + state["AWAITING_VIDEO"], "≤", total["paid"]
            yield total["paid"], "≤", received + state["AWAITING_VIDEO"] + ended
        if "calls" in sheets:
            yield received + state["AWAITING_PAYMENT"], "≤", sheets["calls"]["VERIFIED",]
            yield sheets["calls"]["VERIFIED",], "≤", received + state["AWAITING_PAYMENT"] + ended
    if service == "taxpayer" and state and "routes" in total:
        yield state["ACTIVE"], "≤", total["routes"]
        yield total["routes"], "≤", state["ACTIVE"] + state["SUPERSEDED"]
