"""The video bar as an applicant sees it before entering."""

from __future__ import annotations

from datetime import datetime

import strawberry

from api.ports import Ports


@strawberry.type(description="The video bar: whether one may enter now, when next, and the consent to recording.")
class BarView:
    is_open: bool
    opens: datetime | None = strawberry.field(description="When it opens next; null while it is open, or unknown.")
    consent: str = strawberry.field(description="The version of the consent to recording that is in force.")


def bar_view(ports: Ports, service: str, now: datetime) -> BarView:
    """The bar of ``service`` as it stands ``now``."""
    bar = ports.videobar_rules.bars[service]
    hours = bar.hours
    is_open = hours.is_open(now)
    return BarView(
        is_open=is_open,
        opens=None if is_open else hours.next_opening(now),
        consent=bar.consent,
    )
