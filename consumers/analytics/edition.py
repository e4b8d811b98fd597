"""An edition: all that is told at one time, in bands, and the only thing that a report is drawn from.

Every edition is kept as a file, because what may be told today depends on what was told before. There is at most one a
day. A new one that would give something away together with those before it is not made: the last one stands, under its
own day.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from consumers.analytics import sheets
from consumers.analytics.disclosure import ANY, STEP, Band, Contradiction, Relation, band_of, given_away
from consumers.analytics.sheets import PERIOD, SHEETS, Counts, Key, cell
from consumers.analytics.spreads import Spread, implied, spreads, spreads_from
from consumers.analytics.store import Marts

SERVICES: Final = tuple(SHEETS)
FORMAT: Final = 1
REMEMBERED: Final = 8
"""With how many editions before it a new one is tried together."""
MOST_FORGOTTEN: Final = 40
"""If so many forgotten cases do not explain what shrank between two editions, they are not told together."""
PATIENCE: Final = timedelta(days=7)
"""How long the last edition stands, at most, before a new one is made with fewer sheets."""
DAILY_FROM: Final = 10
"""Cases a day, on average, from which on a service's registrations are told by day; by week below."""

Cells = dict[Key, int]
"""The lower end of the band of each cell: a multiple of five; 0 says fewer than five."""


@dataclass(frozen=True)
class Told:
    """What is told of one service. ``held_back``: sheets that would have given something away."""

    grain: str
    sheets: dict[str, Cells]
    spreads: tuple[Spread, ...]
    held_back: tuple[str, ...]

    def band(self, sheet: str, key: Key) -> Band:
        low = self.sheets[sheet][key]
        return Band(low, low + STEP - 1)


@dataclass(frozen=True)
class Edition:
    """What is told on one day."""

    number: int
    day: date
    services: dict[str, Told]


def edition(marts: Marts, folder: Path, today: date) -> Edition:
    """Today's edition, made and kept; the last one if that is of today, or if a new one would tell too much.

    Raises: Damaged.
    """
    before = editions(folder)
    if before and before[-1].day >= today:
        return before[-1]
    grains = {service: _grain(marts, service, before) for service in SERVICES}
    counted = {
        service: sheets.counts(marts, service, grains[service], today, _begins(service, before)) for service in SERVICES
    }
    number = before[-1].number + 1 if before else 1
    services: dict[str, Told] = {}
    for service in SERVICES:
        cells = _never_lower(service, counted[service], before)
        told = Told(grains[service], *_told(service, cells, spreads(marts, service), ()))
        while before and gives_away(service, (*before[-REMEMBERED:], Edition(number, today, {service: told}))):
            if today - before[-1].day < PATIENCE:
                return before[-1]
            if not (told.sheets or told.spreads):
                break  # Who is told nothing learns nothing, whatever those before it say together.
            titles = [spread.title for spread in reversed(told.spreads)]
            least = [*titles, *(name for name in reversed(list(SHEETS[service])) if name in told.sheets), PERIOD]
            held = (*told.held_back, least[0])
            told = Told(grains[service], *_told(service, cells, spreads(marts, service), held))
        services[service] = told
    new = Edition(number, today, services)
    _keep(folder, new)
    return new


class Damaged(Exception):
    """An edition's file is not as it was written; the message names it and says what to do."""

    def __init__(self, file: Path, why: object) -> None:
        super().__init__(
            f"{file} is no edition as it was written ({why}): put it back from a backup. Without it nothing may be "
            "told, because a new edition is tried against what was told before; take it away only if nobody ever saw it"
        )


def editions(folder: Path) -> list[Edition]:
    """Every edition so far, oldest first. Raises: Damaged."""
    return [_read(file) for file in sorted(folder.glob("*.json"))]


def _read(file: Path) -> Edition:
    try:
        text = json.loads(file.read_text(encoding="utf-8"))
        told = from_json(text)
        if to_json(told) != text or told.services.keys() != set(SERVICES) or file.stem != f"{told.number:06}":
            raise ValueError("it was changed")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Damaged(file, str(error) or type(error).__name__) from error
    return told


def to_json(told: Edition) -> dict[str, Any]:
    """As it is kept and printed by ``--json``: a cell is its key and ``at_least``, null for fewer than five."""
    return {
        "format": FORMAT,
        "number": told.number,
        "day": told.day.isoformat(),
        "services": {
            name: {
                "grain": service.grain,
                "sheets": {
                    sheet: [{"key": list(key), "at_least": low or None} for key, low in cells.items()]
                    for sheet, cells in service.sheets.items()
                },
                "spreads": [asdict(spread) for spread in service.spreads],
                "held_back": list(service.held_back),
            }
            for name, service in told.services.items()
        },
    }


def from_json(text: Mapping[str, Any]) -> Edition:
    """The edition that `to_json` wrote. Raises: ValueError for a format of a later release; others for other text."""
    if text["format"] != FORMAT:
        raise ValueError(f"an edition of format {text['format']}: this release reads {FORMAT}")
    services = {
        name: Told(
            service["grain"],
            {
                sheet: {tuple(one["key"]): int(one["at_least"] or 0) for one in cells}
                for sheet, cells in service["sheets"].items()
            },
            spreads_from(service["spreads"]),
            tuple(service["held_back"]),
        )
        for name, service in text["services"].items()
    }
    return Edition(text["number"], date.fromisoformat(text["day"]), services)


def _begins(service: str, before: Sequence[Edition]) -> str | None:
    """The first period that was ever told."""
    return next((min(cells)[0] for one in before if (cells := one.services[service].sheets.get(PERIOD))), None)


def _grain(marts: Marts, service: str, before: Sequence[Edition]) -> str:
    """As it always was: days and weeks of the same cases could be subtracted from each other."""
    if before:
        return before[-1].services[service].grain
    ((cases, days),) = marts.rows(
        "SELECT count(*), 1 + date_diff('day', min(day), max(day)) FROM a_case WHERE service = ?", service
    )
    return "day" if cases >= DAILY_FROM * (days or 1) else "week"


def _never_lower(service: str, counted: Mapping[str, Counts], before: Sequence[Edition]) -> dict[str, Cells]:
    """The counts in bands. A cell that grows is never told lower than it was: who knows that one case was forgotten
    between two editions would know of a cell that went from one band to that below that it stood at the edge.
    """
    cells = {name: {key: band_of(count).low for key, count in counts.items()} for name, counts in counted.items()}
    for name in sheets.growing(service, cells):
        for one in before:
            for key, low in one.services[service].sheets.get(name, {}).items():
                cells[name][key] = max(low, cells[name].get(key, 0))
    return cells


def _told(
    service: str, cells: Mapping[str, Cells], timed: tuple[Spread, ...], without: Sequence[str]
) -> tuple[dict[str, Cells], tuple[Spread, ...], tuple[str, ...]]:
    """The sheets but for those ``without`` and those that give another away: the least wanted that helps goes first."""
    order = [*SHEETS[service], PERIOD, *(spread.title for spread in timed)]
    held = list(without)
    while _narrows(service, cells, timed, held):
        least = [name for name in reversed(order) if name not in held]
        gone = next((name for name in least if not _narrows(service, cells, timed, [*held, name])), least[0])
        held.append(gone)
    kept = {name: cells[name] for name in cells if name not in held}
    return kept, tuple(spread for spread in timed if spread.title not in held), tuple(held)


def _narrows(service: str, cells: Mapping[str, Cells], timed: Iterable[Spread], held: Sequence[str]) -> bool:
    """Whether anything would be given away by what is not held back."""
    kept = {name: cells[name] for name in cells if name not in held}
    told = _bands("", kept)
    counted, known = implied(service, [spread for spread in timed if spread.title not in held], held)
    try:
        return bool(given_away(told | counted, [*sheets.relations(service, kept), *known], list(told)))
    except Contradiction:
        return True  # Facts of some case are still on their way: until its sums agree a sheet says nothing.


def _bands(prefix: str, cells: Mapping[str, Cells]) -> dict[str, Band]:
    return {
        prefix + cell(sheet, key): Band(low, low + STEP - 1)
        for sheet, keys in cells.items()
        for key, low in keys.items()
    }


def gives_away(service: str, all_: Sequence[Edition]) -> bool:
    """Whether these editions, taken together, narrow a cell of one or a change between two of them.

    They are tried as by somebody who knows how many cases were forgotten between any two of them, for each number from
    the smallest that explains what is told to four more; and by one who knows in which cell a forgotten case stood.
    """
    least: list[int] = []
    for pair in pairwise(all_):
        fewest = next((many for many in range(MOST_FORGOTTEN + 1) if _tried(service, pair, [many]) is not None), None)
        if fewest is None:
            return True
        least.append(fewest)
    if _tried(service, all_, least) is not False:
        return True
    for at in range(1, len(all_)):
        for more in range(1, STEP):
            if _tried(service, all_, [*least[: at - 1], least[at - 1] + more, *least[at:]]):
                return True
        one = [*least[: at - 1], max(1, least[at - 1]), *least[at:]]
        for place in _rose(service, all_[at - 1], all_[at]):
            if _tried(service, all_, one, (at, *place)):
                return True
    return False


def _rose(service: str, old: Edition, new: Edition) -> Iterator[tuple[str, Key]]:
    """The cells that were told higher: only there does a forgotten case make what came larger than it seems."""
    was, now = old.services[service].sheets, new.services[service].sheets
    for name in sheets.growing(service, now):
        yield from ((name, key) for key, low in now[name].items() if low > was.get(name, {}).get(key, low))


def _tried(
    service: str, all_: Sequence[Edition], forgotten: Sequence[int], place: tuple[int, str, Key] | None = None
) -> bool | None:
    """Whether anything is given away if exactly so many were forgotten; None if it cannot have been so many.

    ``place``: which edition forgot them all in which cell of which sheet.
    """
    bands, known = knowledge(service, all_, forgotten)
    told = [name for at, one in enumerate(all_) for name in _bands(f"{at}/", one.services[service].sheets)]
    came = [name for relation in known for name in relation.left if "+" in name]
    if place is not None:
        at, name, key = place
        bands[f"{at}-{cell(name, key)}"] = Band(forgotten[at - 1], forgotten[at - 1])
    try:
        return bool(given_away(bands, known, [*told, *came]))
    except Contradiction:
        return None


def knowledge(
    service: str, all_: Sequence[Edition], forgotten: Sequence[int] | None = None
) -> tuple[dict[str, Band], list[Relation]]:
    """All that is told of a service in these editions, and all that anybody knows about it, changes among them.

    ``forgotten``: how many cases between each edition and the next; none if it is not given.
    """
    forgotten = forgotten or [0] * (len(all_) - 1)
    bands: dict[str, Band] = {}
    known: list[Relation] = []
    for at, one in enumerate(all_):
        told = one.services[service]
        bands |= _bands(f"{at}/", told.sheets)
        counted, more_known = implied(service, told.spreads, told.held_back)
        bands |= {f"{at}/{name}": band for name, band in counted.items()}
        known += [_prefixed(f"{at}/", one) for one in (*sheets.relations(service, told.sheets), *more_known)]
        if at:
            more, grown = _growth(service, at, all_[at - 1], one, forgotten[at - 1])
            bands |= more | _as_before(service, at, bands, all_[at - 1], one, forgotten[at - 1])
            known += grown
    return bands, known


def _growth(
    service: str, at: int, old: Edition, new: Edition, forgotten: int
) -> tuple[dict[str, Band], list[Relation]]:
    """What is known between two editions: in cells that only grow, as much came as came to the whole.

    What was forgotten, ``forgotten`` cases, went from the cells of a sheet and from the whole.
    """
    was, now = old.services[service], new.services[service]
    bands: dict[str, Band] = {}
    known: list[Relation] = []
    for name in sheets.growing(service, now.sheets):
        if name not in was.sheets:
            continue
        came: list[str] = []
        went: list[str] = []
        for key, low in now.sheets[name].items():
            before, after = f"{at - 1}/{cell(name, key)}", f"{at}/{cell(name, key)}"
            change, gone = f"{at}+{cell(name, key)}", f"{at}-{cell(name, key)}"
            bands[gone] = Band(0, forgotten)
            went.append(gone)
            if key not in was.sheets[name]:
                bands[before] = Band(0, 0) if name == PERIOD else Band(0, ANY)
            if forgotten:  # Of those that stood there; who came and was forgotten between the two was never counted.
                known.append(Relation((gone,), (before,), at_most=True))
            if name == PERIOD and low == was.sheets[name].get(key) and _over(key[0], was.grain, old.day):
                known.append(Relation((before,), (after, gone)))
                continue
            came.append(change)
            known.append(Relation((before, change), (after, gone)))
        whole = sheets.population_of(service, name)
        bands[f"{at}-{whole}"] = Band(forgotten if whole == "cases" else 0, forgotten)
        known.append(Relation(tuple(came), (f"{at}+{whole}",)))
        known.append(Relation(tuple(went), (f"{at}-{whole}",)))
        known.append(Relation((f"{at - 1}/{whole}", f"{at}+{whole}"), (f"{at}/{whole}", f"{at}-{whole}")))
    return bands, known


def _as_before(
    service: str, at: int, bands: Mapping[str, Band], old: Edition, new: Edition, forgotten: int
) -> dict[str, Band]:
    """What is told as it was told before may have become less, by what was forgotten: it is never told lower."""
    was, now = old.services[service].sheets, new.services[service].sheets
    found: dict[str, Band] = {}
    for name in sheets.growing(service, now):
        for key, low in now[name].items():
            if was.get(name, {}).get(key) == low:
                before = bands[f"{at - 1}/{cell(name, key)}"]
                found[f"{at}/{cell(name, key)}"] = Band(max(0, before.low - forgotten), before.high)
    return found


def _over(period: str, grain: str, day: date) -> bool:
    return date.fromisoformat(period) + sheets.LENGTHS[grain] <= day


def _prefixed(prefix: str, relation: Relation) -> Relation:
    def named(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(prefix + name for name in names)

    return Relation(named(relation.left), named(relation.right), relation.at_most)


def _keep(folder: Path, new: Edition) -> None:
    """Durably, before anybody has seen it: what was told and forgotten could be told again in other words."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_json(new), ensure_ascii=False, indent=1)
    unfinished = folder / f".{new.number:06}.part"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(folder / f"{new.number:06}.json")
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
