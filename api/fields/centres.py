"""Where a service centre is: the nearest first to a place that one names."""

from __future__ import annotations

from typing import Self

import strawberry

from api.answers import question
from api.context import Info
from domain.language import Language
from domain.taxpayer import centres
from domain.taxpayer.centres import PlaceUnknown


@strawberry.type(description="A service centre of the Revenue Service.")
class ServiceCentre:
    id: str
    name: str
    address: str
    place: str
    latitude: float = strawberry.field(description="Degrees, WGS 84.")
    longitude: float
    kilometres: float | None = strawberry.field(description="As the crow flies, from the place that was named.")

    @classmethod
    def of(cls, centre: centres.Centre, kilometres: float | None = None) -> Self:
        return cls(
            id=centre.id,
            name=centre.name,
            address=centre.address,
            place=centre.place,
            latitude=centre.latitude,
            longitude=centre.longitude,
            kilometres=kilometres,
        )


@strawberry.type(description="The service centres: the nearest first, or by name where no place was named.")
class ServiceCentres:
    centres: list[ServiceCentre]


@strawberry.type
class CentreQuestions:
    @question(ServiceCentres, PlaceUnknown)
    async def centres(self, info: Info, near: str | None = None) -> ServiceCentres:
        """The service centres. `near`: a town or district, in Georgian or Latin letters."""
        known, language = info.context.ports.centres, Language(info.context.language)
        if near is None or not near.strip():
            return ServiceCentres(centres=[ServiceCentre.of(each) for each in known.all(language)])
        told = known.nearest(near, language)
        return ServiceCentres(centres=[ServiceCentre.of(each.centre, each.kilometres) for each in told])
