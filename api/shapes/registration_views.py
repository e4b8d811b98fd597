"""How a registration becomes the answer that its holder sees."""

from __future__ import annotations

from datetime import datetime

from api.ports import Ports
from api.shapes.bar import bar_view
from api.shapes.registration import ActivationWay
from domain.taxpayer.rules import SERVICE
from domain.taxpayer.state import RegistrationState, Route


def ways_of(ports: Ports, state: RegistrationState, *, bar_is_closed: bool, now: datetime) -> list[ActivationWay]:
    """The ways to activate that are open to a registration, in the order of the form's notice."""
    if state is not RegistrationState.AWAITING_ACTIVATION:
        return []
    video = [] if bar_is_closed else [ActivationWay(route=Route.VIDEO, bar=bar_view(ports, SERVICE, now))]
    others = (Route.SERVICE_CENTRE, Route.LINK)
    return [*video, *(ActivationWay(route=route, bar=None) for route in others)]
