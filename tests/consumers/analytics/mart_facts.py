"""Public facts as the warehouse has them, made without an office: lives of cases, drawn by chance or dictated."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from consumers.warehouse.table import FACTS, columns

Row = dict[str, Any]
DAY = 86_400


@dataclass(frozen=True)
class Step:
    """One fact of a case: what, after how many seconds, with what."""

    what: str
    elapsed: int
    data: dict[str, Any]


def rows_of(case: str, service: str, begins: datetime, steps: Sequence[Step]) -> list[Row]:
    """The rows of one case, in order; ``what`` is the last two words of the type."""
    now, rows = begins, []
    for sequence, step in enumerate(steps, start=1):
        now += timedelta(seconds=step.elapsed)
        area = "videobar" if step.what.startswith("call.") else service
        rows.append(
            {
                "id": hashlib.sha256(f"{case}{sequence}".encode()).hexdigest(),
                "case": case,
                "service": service,
                "type": f"sarkmeli.{area}.{step.what}",
                "type_version": 1,
                "hour": now.replace(minute=0, second=0, microsecond=0),
                "sequence": sequence,
                "elapsed": step.elapsed if sequence > 1 else None,
                "data": json.dumps(step.data),
                "topic": f"sarkmeli.{service}.v1",
                "partition": 0,
                "offset": 0,
            }
        )
    return rows


def arrow(rows: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=columns(FACTS))


class Lives:
    """Lives as an office's days would give them, by a chance of one's own."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def seconds(self, days: float) -> int:
        return max(20, round(self.chance.lognormvariate(0, 0.45) * days * DAY))

    def call(self, ended: dict[str, Any], *, waits: float, lasts: float) -> list[Step]:
        steps = [Step("call.requested", self.seconds(0.3), {"number": 1})]
        steps.append(Step("call.claimed", self.seconds(waits / 1440), {}))
        while self.chance.random() < 0.07:
            steps.append(Step("call.broken_off", self.seconds(2 / 1440), {"reason": "LINE_LOST", "counts": True}))
            steps.append(Step("call.claimed", self.seconds(waits / 2880), {}))
        if self.chance.random() < 0.05:
            return [*steps, Step("call.abandoned", 300, {"reason": "NEVER_APPEARED"})]
        return [*steps, Step("call.ended", self.seconds(lasts / 1440), ended)]

    def application(self, days: float = 400) -> list[Step]:
        """One application's course, cut off after so many days."""
        any_of = self.chance.random
        ground = self.chance.choices([(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)], [46, 24, 9, 21])[0]
        tier, fee = ("EXPEDITED", "100.00") if any_of() < 0.27 else ("STANDARD", "50.00")
        grounds = dict(zip(("citizen_abroad", "origin", "mother_tongue"), map(bool, ground), strict=True))
        steps = [Step("application.registered", 0, {"tier": tier, "channel": "CARD", "grounds": grounds})]
        method = "CASH" if any_of() < 0.3 else "CARD"
        paid = Step(
            "application.paid",
            self.seconds(2 if method == "CASH" else 0.02),
            {"method": method, "received": {"amount": fee, "currency": "GEL"}},
        )
        if any_of() < 0.04:
            return self.cut([*steps, Step("application.withdrawn", self.seconds(5), {})], days)
        if any_of() < 0.06:
            return self.cut([*steps, Step("application.lapsed", 37 * DAY, {"missing": ["FEE", "CALL"]})], days)
        steps.append(paid)
        if any_of() < 0.05:
            doubt = self.chance.choice(
                ["IDENTITY_DOUBT", "NO_VISUAL_CONTACT", "NO_VISUAL_CONTACT", "CIRCUMSTANCE_DOUBT"]
            )
            steps += self.call({"outcome": "RECEPTION_REFUSED", "ground": doubt}, waits=9, lasts=6)
            steps.append(Step("application.reception_refused", 0, {"ground": doubt}))
            steps.append(Step("application.refund_due", 0, {"reason": "RECEPTION_REFUSED"}))
            return self.cut([*steps, Step("application.refunded", self.seconds(3), {})], days)
        steps += self.call({"outcome": "VERIFIED", "ground": None}, waits=9, lasts=11)
        if steps[-1].what == "call.abandoned":
            steps += self.call({"outcome": "VERIFIED", "ground": None}, waits=9, lasts=11)
        steps.append(Step("application.video_verified", 0, {}))
        steps.append(Step("application.review_started", self.seconds(6), {}))
        if any_of() < 0.2:
            steps.append(Step("application.information_requested", self.seconds(8), {}))
            steps.append(Step("application.information_provided", self.seconds(9), {}))
        steps.append(Step("application.conclusion_prepared", self.seconds(26 if tier == "EXPEDITED" else 38), {}))
        outcome = "REFUSED" if any_of() < 0.11 else "GRANTED"
        left = (70 if tier == "EXPEDITED" else 80) - sum(step.elapsed for step in steps) // DAY - 6
        steps.append(Step("application.decided", self.seconds(5), {"outcome": outcome, "days_left": left}))
        if any_of() < 0.85:
            steps.append(Step("application.decision_delivered", self.seconds(1.5), {}))
        return self.cut(steps, days)

    def registration(self, days: float = 400) -> list[Step]:
        """One taxpayer's registration."""
        any_of = self.chance.random
        kind = "LEGAL_PERSON" if any_of() < 0.22 else "PERSON"
        steps = [Step("registration.registered", 0, {"kind": kind, "language": "ka"})]
        way = any_of()
        if way < 0.09:
            return self.cut([*steps, Step("registration.expired", 37 * DAY, {})], days)
        if way < 0.13:
            return self.cut([*steps, Step("registration.superseded", self.seconds(3), {})], days)
        if way < 0.17:
            ground = self.chance.choice(
                ["IDENTITY_DOUBT", "NO_REPRESENTATIVE", "NO_REPRESENTATIVE", "NO_VISUAL_CONTACT"]
            )
            refused = {"route": "VIDEO", "ground": ground, "ends": ground != "NO_VISUAL_CONTACT"}
            steps += self.call({"outcome": "RECEPTION_REFUSED", "ground": ground}, waits=4, lasts=5)
            return self.cut([*steps, Step("registration.activation_refused", 0, refused)], days)
        route = self.chance.choices(["VIDEO", "SERVICE_CENTRE", "LINK"], [55, 17, 28])[0]
        if route == "VIDEO":
            steps += self.call({"outcome": "VERIFIED", "ground": None}, waits=4, lasts=7)
            if steps[-1].what == "call.abandoned":
                return self.cut(steps, days)
            steps.append(Step("registration.video_verified", 0, {}))
        steps.append(Step("registration.activated", self.seconds(0.01 if route == "VIDEO" else 1.2), {"route": route}))
        return self.cut(steps, days)

    def cut(self, steps: list[Step], days: float) -> list[Step]:
        """What has happened by then."""
        age, kept = 0, list[Step]()
        for step in steps:
            age += step.elapsed
            if age > days * DAY:
                break
            kept.append(step)
        return kept

    def year(self, today: datetime, *, weeks: int, applications: float, registrations: float) -> list[Row]:
        """All that was published of so many weeks until ``today``, with so many new cases a week."""
        rows: list[Row] = []
        for week in range(weeks, 0, -1):
            for service, rate in (("compatriot", applications), ("taxpayer", registrations)):
                swing = 1 + 0.35 * (week % 13) / 13 - 0.2 * (week % 5 == 0)
                for number in range(round(self.chance.gauss(rate * swing, rate**0.5))):
                    begins = today - timedelta(weeks=week) + timedelta(seconds=self.chance.randrange(7 * DAY))
                    life = self.application if service == "compatriot" else self.registration
                    age = (today - begins).total_seconds() / DAY
                    rows += rows_of(f"{service}-{week}-{number}", service, begins, life(age))
        return rows


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
