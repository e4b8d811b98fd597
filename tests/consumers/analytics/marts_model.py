"""What the marts must say, worked out once more in plain Python and from scratch: the marts' independent judge."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from mart_facts import Row

from domain.compatriot.state import Standing, State, state_of

ENDINGS = {
    "application.reception_refused": State.RECEPTION_REFUSED,
    "application.lapsed": State.LAPSED,
    "application.withdrawn": State.WITHDRAWN,
}
STAMPS = {
    "application.paid": "paid_at",
    "application.video_verified": "verified_at",
    "application.review_started": "review_started_at",
    "application.information_requested": "requested_at",
    "application.conclusion_prepared": "concluded_at",
    "application.decided": "decided_at",
    "application.decision_delivered": "delivered_at",
}


def marts(rows: Iterable[Row]) -> dict[str, Counter[tuple[Any, ...]] | dict[tuple[Any, ...], Any]]:
    """Every mart from the rows that the table holds now."""
    cases: defaultdict[str, dict[int, Row]] = defaultdict(dict)
    for row in rows:
        cases[row["case"]][row["sequence"]] = row
    told: dict[str, Any] = {
        name: Counter[tuple[Any, ...]]() for name in ("cases", "term", "refusals", "payments", "activations")
    }
    passages: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    calls: list[dict[str, Any]] = []
    for by_sequence in cases.values():
        course = []
        while len(course) + 1 in by_sequence:
            course.append(by_sequence[len(course) + 1])
        if course and what(course[0]).endswith(".registered"):
            _live(course, told, passages, calls)
    told["passages"] = {key: (len(all_), *(rank(all_, p) for p in (0.5, 0.9, 0.99))) for key, all_ in passages.items()}
    told["calls"] = _calls(calls)
    return told


def what(row: Row) -> str:
    return ".".join(row["type"].split(".")[-2:])


def rank(values: Sequence[int], share: float) -> int | None:
    """The nearest rank: the smallest value that at least this share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(round(share * len(ordered), 9)) - 1)] if ordered else None


def _live(course: list[Row], told: dict[str, Any], passages: Any, calls: list[dict[str, Any]]) -> None:
    service, first = course[0]["service"], json.loads(course[0]["data"])
    day = (course[0]["hour"] + timedelta(hours=4)).date()
    tier, kind, ground = first.get("tier"), first.get("kind"), _ground(first.get("grounds") or {})
    standing, registration, age, entered = Standing(), "AWAITING_ACTIVATION", 0, 0
    state: str | None = None
    decided: tuple[Any, ...] | None = None
    route, call = None, None
    for row in course:
        name, data = what(row), json.loads(row["data"])
        age += row["elapsed"] or 0
        standing = _stand(standing, name, row["hour"])
        registration = {
            "registration.activated": "ACTIVE",
            "registration.superseded": "SUPERSEDED",
            "registration.expired": "EXPIRED",
        }.get(name, registration)
        if name == "registration.activation_refused" and data["ends"]:
            registration = "ACTIVATION_REFUSED"
        now = str(state_of(standing)) if service == "compatriot" else registration
        if state is not None and now != state:
            passages[service, state, now].append(age - entered)
            entered = age
        state = now
        if name == "application.decided":
            if decided is None:
                passages[service, "REGISTERED", "DECIDED"].append(age)
            decided = (service, tier, data["outcome"], data["days_left"] >= 0)
        if name == "registration.activated":
            route = data["route"]
        call = _call(call, calls, service, name, age, data)
        if name == "application.paid":
            money = data["received"]
            key = (service, tier, "PAID", data["method"], None, money["currency"])
            told["payments"][key] += Decimal(1)
            told["payments"][(*key, "amount")] += Decimal(money["amount"])
        if name in {"application.refund_due", "application.refunded"}:
            movement = "DUE_BACK" if name == "application.refund_due" else "REFUNDED"
            told["payments"][service, tier, movement, None, data.get("reason"), None] += Decimal(1)
        if name in {"application.reception_refused", "registration.activation_refused"}:
            told["refusals"][service, data["ground"], data.get("ends", True)] += 1
    told["cases"][service, day, ground, tier, kind, state] += 1
    if decided:
        told["term"][decided] += 1
    if route:
        told["activations"][service, kind, route] += 1


def _stand(standing: Standing, name: str, at: datetime) -> Standing:
    if name in STAMPS:
        return replace(standing, **{STAMPS[name]: at})
    if name == "application.information_provided":
        return replace(standing, requested_at=None)
    return replace(standing, ended=ENDINGS[name]) if name in ENDINGS else standing


def _ground(grounds: dict[str, bool]) -> str | None:
    if grounds.get("citizen_abroad"):
        return "CITIZEN_ABROAD"
    boxes = (bool(grounds.get("origin")), bool(grounds.get("mother_tongue")))
    return {(True, True): "ORIGIN_AND_TONGUE", (True, False): "ORIGIN", (False, True): "MOTHER_TONGUE"}.get(boxes)


def _call(
    call: dict[str, Any] | None, calls: list[dict[str, Any]], service: str, name: str, age: int, data: dict[str, Any]
) -> dict[str, Any] | None:
    if name == "call.requested":
        call = {
            "service": service,
            "waited": None,
            "lasted": None,
            "broken_off": 0,
            "ending": None,
            "last": (name, age),
        }
        calls.append(call)
        return call
    if call is None or name not in {"call.claimed", "call.broken_off", "call.ended", "call.abandoned"}:
        return call
    last, then = call["last"]
    if name == "call.claimed":
        call["waited"] = age - then if call["waited"] is None else call["waited"]
    elif last == "call.claimed":
        call["lasted"] = (call["lasted"] or 0) + age - then
    call["broken_off"] += name == "call.broken_off"
    if name in {"call.ended", "call.abandoned"}:
        call["ending"] = data["outcome"] if name == "call.ended" else "ABANDONED"
    call["last"] = (name, age)
    return call


def _calls(calls: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    grouped: defaultdict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for call in calls:
        grouped[call["service"], call["ending"]].append(call)
    told = {}
    for key, group in grouped.items():
        waited = [call["waited"] for call in group if call["waited"] is not None]
        lasted = [call["lasted"] for call in group if call["lasted"] is not None]
        ranks = [rank(values, share) for values in (waited, lasted) for share in (0.5, 0.9)]
        told[key] = (len(group), len(waited), sum(call["broken_off"] for call in group), *ranks)
    return told
