"""Whose story can be told: one for each service. Imports none of them before one is asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sarkmeli.telling import Telling


class Told(StrEnum):
    """A service's name."""

    COMPATRIOT = "compatriot"
    TAXPAYER = "taxpayer"


def story_of(whose: Told) -> type[Telling]:
    """The story that is told of this service."""
    from sarkmeli.story import Story
    from sarkmeli.taxpayer_story import TaxpayerStory

    return {Told.COMPATRIOT: Story, Told.TAXPAYER: TaxpayerStory}[whose]
