"""The tables that a report is made of, what each counts, and what anybody knows about their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import product
from typing import Final

from consumers.analytics.disclosure import STEP, Relation
from consumers.analytics.store import Marts
from domain.compatriot.decision import Outcome
from domain.compatriot.form import Tier
from domain.compatriot.state import State
from domain.payments.case import Method, RefundReason
from domain.taxpayer.form import TaxpayerKind
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from domain.videobar.case import Ground

Key = tuple[str, ...]
Counts = dict[Key, int]

GROUNDS: Final = ("CITIZEN_ABROAD", "ORIGIN", "MOTHER_TONGUE", "ORIGIN_AND_TONGUE")
WITHIN, LATE = "WITHIN", "LATE"
OPEN: Final = "OPEN"
ENDINGS: Final = ("VERIFIED", "RECEPTION_REFUSED", "ABANDONED", OPEN)
PERIOD: Final = "period"


@dataclass(frozen=True)
class Sheet:
    """One table: what its cells add up to, by which query, and which cells it always has, counted or not.

    ``grows``: a case that is counted in a cell is counted in it for ever.
    """

    population: str
    query: str
    axes: tuple[tuple[str, ...], ...]
    grows: bool = True


def _names(*kinds: type[StrEnum]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(str(one) for one in kind) for kind in kinds)


_CALLS: Final = Sheet(
    "calls",
    "SELECT coalesce(ending, 'OPEN'), count(*) FROM a_call WHERE service = ? GROUP BY ALL",
    (ENDINGS,),
    grows=False,
)
_TOTAL: Final = Sheet("cases", "SELECT count(*) FROM a_case WHERE service = ?", ())
_STATE: Final = "SELECT state, count(*) FROM a_case WHERE service = ? GROUP BY ALL"
_REFUSALS: Final = "SELECT ground, count(*) FROM refusal WHERE service = ? GROUP BY ALL"

SHEETS: Final[Mapping[str, Mapping[str, Sheet]]] = {
    "compatriot": {
        "total": _TOTAL,
        "state": Sheet("cases", _STATE, _names(State), grows=False),
        "ground": Sheet(
            "cases",
            "SELECT coalesce(ground, 'UNKNOWN'), coalesce(tier, 'UNKNOWN'), count(*) FROM a_case WHERE service = ? "
            "GROUP BY ALL",
            (GROUNDS, *_names(Tier)),
        ),
        "term": Sheet(
            "decided",
            "SELECT coalesce(tier, 'UNKNOWN'), if(days_left >= 0, 'WITHIN', 'LATE'), count(*) FROM a_case "
            "WHERE service = ? AND outcome IS NOT NULL GROUP BY ALL",
            (*_names(Tier), (WITHIN, LATE)),
        ),
        "outcome": Sheet(
            "decided",
            "SELECT outcome, count(*) FROM a_case WHERE service = ? AND outcome IS NOT NULL GROUP BY ALL",
            _names(Outcome),
        ),
        "paid": Sheet(
            "paid",
            "SELECT coalesce(method, 'UNKNOWN'), amount::VARCHAR, count(*) FROM money "
            "WHERE service = ? AND movement = 'PAID' GROUP BY ALL",
            (*_names(Method), ()),
        ),
        "refusals": Sheet("refused", _REFUSALS, _names(Ground)),
        "calls": _CALLS,
        "due_back": Sheet(
            "due_back",
            "SELECT coalesce(reason, 'UNKNOWN'), count(*) FROM money WHERE service = ? AND movement = 'DUE_BACK' "
            "GROUP BY ALL",
            _names(RefundReason),
        ),
        "refunded": Sheet("refunded", "SELECT count(*) FROM money WHERE service = ? AND movement = 'REFUNDED'", ()),
    },
    "taxpayer": {
        "total": _TOTAL,
        "state": Sheet("cases", _STATE, _names(RegistrationState), grows=False),
        "kind": Sheet(
            "cases",
            "SELECT coalesce(kind, 'UNKNOWN'), count(*) FROM a_case WHERE service = ? GROUP BY ALL",
            _names(TaxpayerKind),
        ),
        "routes": Sheet(
            "activated",
            "SELECT route, count(*) FROM a_case WHERE service = ? AND route IS NOT NULL GROUP BY ALL",
            _names(Route),
        ),
        "refusals": Sheet("refused", _REFUSALS, _names(RefusalGround)),
        "calls": _CALLS,
    },
}
"""By service and name, the most wanted first: what would give a number away is left out from the end."""

_BY_PERIOD: Final = {
    "day": "SELECT strftime(day, '%Y-%m-%d'), count(*) FROM a_case WHERE service = ? GROUP BY ALL",
    "week": "SELECT strftime(date_trunc('week', day), '%Y-%m-%d'), count(*) FROM a_case WHERE service = ? GROUP BY ALL",
}
PERIODS: Final = {grain: Sheet("cases", query, ((),)) for grain, query in _BY_PERIOD.items()}
LENGTHS: Final = {"day": timedelta(days=1), "week": timedelta(weeks=1)}

_PAST_PAYMENT: Final = tuple(
    str(state)
    for state in (
        State.AWAITING_VIDEO,
        State.IN_TERM,
        State.UNDER_REVIEW,
        State.INFORMATION_REQUESTED,
        State.CONCLUSION_PREPARED,
        State.DECIDED,
        State.DELIVERED,
    )
)
_PAST_CALL: Final = (str(State.AWAITING_PAYMENT), *_PAST_PAYMENT[1:])
_ENDED: Final = (str(State.RECEPTION_REFUSED), str(State.LAPSED), str(State.WITHDRAWN))


def counts(marts: Marts, service: str, grain: str, until: date, begins: str | None) -> dict[str, Counts]:
    """What every sheet of a service counts, cells of nobody among them, and every period as far as ``until``.

    ``begins``: the first period that was ever told; whoever came before it is counted in it.
    """
    told = {name: _count(marts, sheet, service) for name, sheet in SHEETS[service].items()}
    return told | {PERIOD: _periods(_count(marts, PERIODS[grain], service), grain, until, begins)}


def _periods(found: Counts, grain: str, until: date, begins: str | None) -> Counts:
    """The first period is that in which the smallest number that is told was reached, or the last.

    If it were that of the first case, its cell would say that it is not empty.
    """
    last = until - timedelta(days=until.weekday()) if grain == "week" else until
    if begins is None:
        begins, so_far = last.isoformat(), 0
        for (period,) in sorted(found):
            if (so_far := so_far + found[period,]) >= STEP:
                begins = period
                break
    periods: Counts = {}
    period = date.fromisoformat(begins)
    while period <= last:
        periods[period.isoformat(),] = 0
        period += LENGTHS[grain]
    for (key,), count in found.items():
        at = (max(key, begins),)
        periods[at] = periods.get(at, 0) + count
    return dict(sorted(periods.items()))


def _count(marts: Marts, sheet: Sheet, service: str) -> Counts:
    found: Counts = {tuple(key): count for *key, count in marts.rows(sheet.query, service)}
    seen = [sorted({key[at] for key in found} - set(axis)) for at, axis in enumerate(sheet.axes)]
    whole = product(*((*axis, *more) for axis, more in zip(sheet.axes, seen, strict=True)))
    return {key: found.get(key, 0) for key in whole}


def cell(sheet: str, key: Key) -> str:
    """The name of a cell among the figures of its service."""
    return f"{sheet}:{'|'.join(key)}"


def relations(service: str, told: Mapping[str, Iterable[Key]]) -> list[Relation]:
    """What anybody knows about the sums of one service's sheets, of those that are told."""
    cells = {name: tuple(cell(name, key) for key in keys) for name, keys in told.items()}
    known = [Relation(cells[name], (population_of(service, name),)) for name in cells if name != "state"]
    if "state" not in cells:
        states = SHEETS[service]["state"].axes[0]
        cells["state"] = tuple(cell("state", (state,)) for state in states)
    state = {name: cell("state", (name,)) for name in SHEETS[service]["state"].axes[0]}
    known += _applications(state, told) if service == "compatriot" else _registrations(state, told)
    if "calls" in told:
        known.append(Relation((cell("calls", ("RECEPTION_REFUSED",)),), ("refused",), at_most=True))
    return known


def _applications(state: Mapping[str, str], told: Mapping[str, Iterable[Key]]) -> list[Relation]:
    """The states by who got how far; payments, talks, decisions and refusals say so too."""
    rest = tuple(name for key, name in state.items() if key not in {State.DECIDED, State.DELIVERED})
    paid, seen = (tuple(state[key] for key in past) for past in (_PAST_PAYMENT, _PAST_CALL))
    ended = tuple(state[key] for key in _ENDED)
    known = [
        Relation((*rest, "decided"), ("cases",)),
        Relation((state[State.DECIDED], state[State.DELIVERED]), ("decided",)),
        Relation((state[State.RECEPTION_REFUSED],), ("refused",)),
        Relation(paid, ("paid",), at_most=True),
        Relation(("paid",), (*paid, *ended), at_most=True),
        Relation(("refunded",), ("due_back",), at_most=True),
    ]
    if "calls" in told:
        verified = cell("calls", ("VERIFIED",))
        known += [
            Relation(seen, (verified,), at_most=True),
            Relation((verified,), (*seen, *ended), at_most=True),
        ]
    if "term" in told and "ground" in told:
        for tier in sorted({key[0] for key in told["term"]}):
            decided = tuple(cell("term", key) for key in told["term"] if key[0] == tier)
            asked = tuple(cell("ground", key) for key in told["ground"] if key[1] == tier)
            known.append(Relation(decided, asked, at_most=True))
    return known


def _registrations(state: Mapping[str, str], told: Mapping[str, Iterable[Key]]) -> list[Relation]:
    active, superseded = state[RegistrationState.ACTIVE], state[RegistrationState.SUPERSEDED]
    known = [
        Relation(tuple(state.values()), ("cases",)),
        Relation((active,), ("activated",), at_most=True),
        Relation(("activated",), (active, superseded), at_most=True),
    ]
    if "refusals" in told:
        ending = tuple(cell("refusals", key) for key in told["refusals"] if key != (RefusalGround.NO_VISUAL_CONTACT,))
        known.append(Relation((state[RegistrationState.ACTIVATION_REFUSED],), ending, at_most=True))
    if "calls" in told and "routes" in told:
        by_video = cell("routes", (Route.VIDEO,))
        known.append(Relation((by_video,), (cell("calls", ("VERIFIED",)),), at_most=True))
    return known


def population_of(service: str, name: str) -> str:
    """What the cells of a sheet add up to."""
    return "cases" if name == PERIOD else SHEETS[service][name].population


def growing(service: str, names: Iterable[str]) -> Sequence[str]:
    """The sheets whose cells only grow."""
    return [name for name in names if name == PERIOD or SHEETS[service][name].grows]
