"""How a registration becomes the answer that its holder sees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.masks import masked_email
from api.ports import Ports
from api.shapes.bar import bar_view
from api.shapes.case import CallPlaceView, ConsentView, NoticeView
from api.shapes.registration import (
    ActivationRefused,
    ActivationWay,
    LinkSent,
    RegistrationForm,
    RegistrationStatus,
)
from domain.number import group_number
from domain.taxpayer.form import Form
from domain.taxpayer.rules import SERVICE
from domain.taxpayer.state import RegistrationState, Route
from housekeeping import notices
from ledger.sealing import Sealed
from projections import queue
from projections.registration_rows import RegistrationRow


def ways_of(ports: Ports, state: RegistrationState, *, bar_is_closed: bool, now: datetime) -> list[ActivationWay]:
    """The ways to activate that are open to a registration, in the order of the form's notice."""
    if state is not RegistrationState.AWAITING_ACTIVATION:
        return []
    video = [] if bar_is_closed else [ActivationWay(route=Route.VIDEO, bar=bar_view(ports, SERVICE, now))]
    others = (Route.SERVICE_CENTRE, Route.LINK)
    return [*video, *(ActivationWay(route=route, bar=None) for route in others)]


def registration_status(ports: Ports, row: RegistrationRow, position: int, now: datetime) -> RegistrationStatus:
    """The holder's own registration, its sealed parts opened for them."""
    filed, link, refusal = _opened(ports, row)
    number, form = filed.get("number"), filed.get("form")
    live = row.live_call
    place = queue.find(ports.pool, live.call).known() if live is not None else None
    return RegistrationStatus(
        token=ports.tokens.encode(position),
        number=group_number(number) if isinstance(number, str) else None,
        registration_state=row.state,
        registered_at=row.registered_at,
        activation_until=row.activation_until,
        ways=ways_of(ports, row.state, bar_is_closed=row.bar_is_closed, now=now),
        activated_by=row.route,
        form=RegistrationForm.of(form) if isinstance(form, Form) else None,
        consents=[
            ConsentView(kind=each.kind, version=each.version, language=each.language) for each in row.consents.values()
        ],
        link=_link(row, link, now),
        call=CallPlaceView.of(place) if place is not None else None,
        activation_refused=_refused(row, refusal),
        notices=[NoticeView(kind=each.kind, sent_at=each.sent_at) for each in notices.of_case(ports.pool, row.case)],
    )


def _opened(ports: Ports, row: RegistrationRow) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
    """Registered, ActivationLinkSent and ActivationRefused, opened; empty where there is none."""
    parts = (row.registration, row.link, row.refusal)
    there: list[Sealed] = [part for part in parts if part is not None]
    opened = iter(ports.door.own(there, row.subject))
    filed, link, refusal = (next(opened) if part is not None else {} for part in parts)
    return filed, link, refusal


def _link(row: RegistrationRow, opened: Mapping[str, Any], now: datetime) -> LinkSent | None:
    if row.link_until is None or row.link_until <= now:
        return None
    to = opened.get("to")
    return LinkSent(to=masked_email(to) if isinstance(to, str) else None, opens_until=row.link_until)


def _refused(row: RegistrationRow, opened: Mapping[str, Any]) -> ActivationRefused | None:
    """Why not; also of a registration whose bar alone is closed, until another way has activated it."""
    if row.refusal_ground is None or row.state is RegistrationState.ACTIVE:
        return None
    reasons = opened.get("reasons")
    return ActivationRefused(ground=row.refusal_ground, reasons=reasons if isinstance(reasons, str) else None)
