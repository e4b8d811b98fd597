"""How long things take, as percentiles that no single case can be read from.

A percentile is some case's own time. It is told only if at least five cases lie on its far side, and coarsely: minutes
below three hours, hours below three days, days above. How many cases there are is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consumers.analytics.disclosure import ANY, Band, Relation
from consumers.analytics.store import Marts
from domain.compatriot.state import State
from domain.taxpayer.state import RegistrationState

MINUTE, HOUR, DAY = 60, 3_600, 86_400
ENOUGH: Final = {"p50": 10, "p90": 50, "p99": 500}
"""Of how many a percentile is told: five lie beyond it."""

_PASSAGES: Final = (
    "SELECT 'passage', from_state, to_state, passages, p50, p90, p99 FROM mart_passages WHERE service = ?"
)
_CALLS: Final = """
SELECT name, '', '', count(seconds), quantile_disc(seconds, 0.5), quantile_disc(seconds, 0.9),
  quantile_disc(seconds, 0.99)
FROM (SELECT service, unnest(['waited', 'lasted']) AS name, unnest([waited, lasted]) AS seconds FROM a_call)
WHERE service = ? AND seconds IS NOT NULL GROUP BY ALL
"""


@dataclass(frozen=True)
class Spread:
    """Seconds, coarse. ``name``: passage (of a case, from state to state), waited, lasted (of calls)."""

    name: str
    came_from: str
    went_to: str
    p50: int
    p90: int | None
    p99: int | None

    @property
    def title(self) -> str:
        """What it is called among the figures of its service."""
        return _title(self.name, self.came_from, self.went_to)


def spreads(marts: Marts, service: str) -> tuple[Spread, ...]:
    """All that may be told of a service, in an order that says nothing."""
    rows = [*marts.rows(_PASSAGES, service), *marts.rows(_CALLS, service)]
    return tuple(
        Spread(name, came_from, went_to, coarse(p50), _told(count, "p90", p90), _told(count, "p99", p99))
        for name, came_from, went_to, count, p50, p90, p99 in sorted(rows, key=lambda row: row[:3])
        if count >= ENOUGH["p50"]
    )


def spreads_from(text: Iterable[Mapping[str, Any]]) -> tuple[Spread, ...]:
    """The spreads that an edition's file holds."""
    return tuple(Spread(**one) for one in text)


def implied(service: str, told: Iterable[Spread], held: Collection[str]) -> tuple[dict[str, Band], list[Relation]]:
    """What is said of numbers of cases by which percentiles are told, and how those hang together with the sheets."""
    shown = {spread.title: spread for spread in told}
    bands: dict[str, Band] = {}
    known: list[Relation] = []
    for title, counted in _COUNTED[service].items():
        if (spread := shown.get(title)) is not None:
            bands[title] = _cases(spread)
        elif title not in held:
            bands[title] = Band(0, ENOUGH["p50"] - 1)
        known.append(Relation((title,), (counted,), at_most=title not in _EXACT))
    return bands, known


def _cases(spread: Spread) -> Band:
    if spread.p99 is not None:
        return Band(ENOUGH["p99"], ANY)
    return Band(ENOUGH["p90"], ENOUGH["p99"] - 1) if spread.p90 is not None else Band(ENOUGH["p50"], ENOUGH["p90"] - 1)


def _title(name: str, came_from: str, went_to: str) -> str:
    return f"spread:{name}|{came_from}|{went_to}"


_LAST: Final = {
    "compatriot": ("DELIVERED", "RECEPTION_REFUSED", "LAPSED", "WITHDRAWN"),
    "taxpayer": ("ACTIVE", "ACTIVATION_REFUSED", "SUPERSEDED", "EXPIRED"),
}
_STATES: Final = {"compatriot": tuple(map(str, State)), "taxpayer": tuple(map(str, RegistrationState))}
_COUNTED: Final[Mapping[str, Mapping[str, str]]] = {
    service: {
        _title("passage", before, last): f"state:{last}"
        for last in _LAST[service]
        for before in _STATES[service]
        if before != last and last != "ACTIVE"
    }
    | (
        {_title("passage", "REGISTERED", "DECIDED"): "decided"}
        if service == "compatriot"
        else {_title("passage", "AWAITING_ACTIVATION", "ACTIVE"): "activated"}
    )
    | {_title("waited", "", ""): "calls", _title("lasted", "", ""): "calls"}
    for service in _LAST
}
"""The number that the cases of a spread are some of: of a last state, all who ever reached it."""
_EXACT: Final = frozenset(
    {
        _title("passage", "DECIDED", "DELIVERED"),
        _title("passage", "REGISTERED", "DECIDED"),
        _title("passage", "AWAITING_ACTIVATION", "ACTIVE"),
    }
)
"""Of these they are all of them."""


def coarse(seconds: int) -> int:
    """To the minute, the hour or the day, as long as it is; half of one counts up."""
    unit = MINUTE if seconds < 3 * HOUR else HOUR if seconds < 3 * DAY else DAY
    return max(1, (2 * seconds + unit) // (2 * unit)) * unit


def _told(count: int, name: str, seconds: int) -> int | None:
    return coarse(seconds) if count >= ENOUGH[name] else None
