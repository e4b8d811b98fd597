"""A taxpayer's registrations, found by the number or code that they were filed for.

Whoever files in another's name may file as often as they like: nothing may refuse them, or strangers could keep a
taxpayer from filing. So all that is done about a taxpayer's forms at once is bounded, the newest first, and says of how
many it does not speak.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol
from uuid import UUID

from domain.event import Root
from domain.office import Address, Office
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RegistrationState

FILED: Final = "taxpayer-filed"
"""The kind of address that finds every registration of a taxpayer: one slot for each, in the order of filing."""
SLOTS: Final = 64
"""As many slots are asked for in the first question, and in each that follows as many as in all before."""
AT_ONCE: Final = 8
"""So many of a taxpayer's forms one letter names, and one transaction ends: more than anybody files for themselves."""
CHANGES: Final = (
    Registration.Activated,
    Registration.ActivationRefused,
    Registration.Superseded,
    Registration.Expired,
    Registration.ErasureRequested,
)
"""The events by which a registration may stop awaiting activation."""


@dataclass(frozen=True)
class Awaiting:
    """Forms of one taxpayer that await activation: the ``newest``, in the order of filing, and how many ``more``."""

    newest: tuple[Registration, ...]
    more: int


class LeftOver(Protocol):
    """Sees to it that what one activation leaves over ends soon after. Implemented by ``housekeeping``."""

    def note(self, registration: UUID) -> None:
        """Once this registration is active, its taxpayer's others are to be ended; committed before this returns.

        It is said before the activation is committed, so that no kill loses it. If none follows it counts for nothing.
        """
        ...


class Siblings:
    """What was filed for a number or code. The addresses are blind, and go when a registration is erased.

    Slots are taken from the first on, in the transaction that files the form: of two forms filed at once for the same
    taxpayer, one is decided again and takes the next slot.
    """

    def __init__(self, office: Office) -> None:
        self.office = office

    def address(self, identification: str, registration: UUID) -> Address:
        """The first free slot, to be committed with the registration.

        Known or not, a taxpayer costs one question, but for who filed more than `SLOTS` forms.
        """
        slots: list[UUID | None] = []
        while None not in slots:
            slots += self._next(identification, slots)
        return Address(FILED, _value(identification, slots.index(None)), registration)

    def pending(self, identification: str) -> tuple[UUID, ...]:
        """Every registration filed for this number or code that still awaits activation, the oldest first.

        By what history says openly, in one question of all of them: none is loaded.
        """
        filed = self._filed(identification)
        ended = _ended(self.office.newest(filed, CHANGES))
        return tuple(id for id in filed if id not in ended)

    def awaiting(self, identification: str, most: int = AT_ONCE) -> Awaiting:
        """As `pending`: the newest of them loaded, ``most`` at most, the others counted."""
        pending = self.pending(identification)
        loaded = (self.office.load(Registration, id) for id in pending[-most:])
        return Awaiting(tuple(one for one in loaded if awaits(one, identification)), len(pending[:-most]))

    def _filed(self, identification: str) -> list[UUID]:
        """Whoever stands in a slot, the oldest first, as far as the first question that finds nobody.

        Erased, a registration leaves its slot to the next that is filed; so a free one says nothing of those behind it.
        """
        slots: list[UUID | None] = []
        while any(asked := self._next(identification, slots)):
            slots += asked
        return sorted(id for id in slots if id is not None)

    def _next(self, identification: str, slots: list[UUID | None]) -> list[UUID | None]:
        """Who stands in the slots behind these."""
        first = len(slots)
        return self.office.find_all(FILED, [_value(identification, first + slot) for slot in range(first or SLOTS)])


def _value(identification: str, slot: int) -> str:
    return f"{identification}#{slot}"


def awaits(registration: Registration, identification: str) -> bool:
    """Whether it was filed for this number or code, and may still be activated."""
    same = isinstance(registration.form, Form) and registration.form.identification == identification
    return same and registration.state is RegistrationState.AWAITING_ACTIVATION


def _ended(said: Iterable[Root.Event]) -> set[UUID]:
    """Whose of these newest `CHANGES` say that it awaits activation no more."""
    return {stream for stream, of_one in groupby(said, lambda event: event.originator_id) if any(map(_ends, of_one))}


def _ends(event: Root.Event) -> bool:
    return event.ends if isinstance(event, Registration.ActivationRefused) else True
