"""Every read model of the office, in the order in which they are made and reported."""

from __future__ import annotations

from typing import Final

from projections.case import CASE
from projections.model import ReadModel
from projections.officer_list import OFFICER_LIST
from projections.payments import PAYMENTS
from projections.queue import QUEUE
from projections.registration import REGISTRATION
from projections.status import STATUS

MODELS: Final[tuple[ReadModel, ...]] = (STATUS, CASE, REGISTRATION, OFFICER_LIST, QUEUE, PAYMENTS)


def named(name: str) -> ReadModel:
    """The read model of this name. Raises: LookupError, which says what there is."""
    for model in MODELS:
        if model.name == name:
            return model
    raise LookupError(f"no read model {name}; there are {', '.join(model.name for model in MODELS)}")
