"""A taxpayer's registrations, found by the number or code that they were filed for."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from domain.office import Address, Office
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RegistrationState

FILED: Final = "taxpayer-filed"
"""The kind of address that finds every registration of a taxpayer: one slot for each, in the order of filing."""
SLOTS: Final = 64
"""As many slots are asked for in one question. Known or not, a taxpayer costs one, but for who filed more forms."""


class Siblings:
    """What was filed for a number or code. The addresses are blind, and go when a registration is erased.

    Slots are taken from the first on, in the transaction that files the form: of two forms filed at once for the same
    taxpayer, one is decided again and takes the next slot.
    """

    def __init__(self, office: Office) -> None:
        self.office = office

    def address(self, identification: str, registration: UUID) -> Address:
        """The first free slot, to be committed with the registration."""
        slots = self._slots(identification)
        free = slots.index(None)
        return Address(FILED, _value(identification, free), registration)

    def pending(self, identification: str) -> tuple[UUID, ...]:
        """Every registration filed for this number or code that still awaits activation, the oldest first."""
        return tuple(registration.id for registration in self.awaiting(identification))

    def awaiting(self, identification: str) -> tuple[Registration, ...]:
        """As `pending`, loaded.

        Erased, a registration leaves its slot: after more than `SLOTS` forms of one taxpayer, those filed last may not
        be seen until it is taken again. They cannot be activated beside the active one, and expire.
        """
        found = sorted(id for id in self._slots(identification) if id is not None)
        registrations = (self.office.load(Registration, id) for id in found)
        return tuple(one for one in registrations if _awaits(one, identification))

    def _slots(self, identification: str) -> list[UUID | None]:
        """Who stands in each slot, as far as the first question that finds a free one."""
        slots: list[UUID | None] = []
        while None not in slots:
            first = len(slots)
            slots += self.office.find_all(FILED, [_value(identification, first + slot) for slot in range(SLOTS)])
        return slots


def _value(identification: str, slot: int) -> str:
    return f"{identification}#{slot}"


def _awaits(registration: Registration, identification: str) -> bool:
    same = isinstance(registration.form, Form) and registration.form.identification == identification
    return same and registration.state is RegistrationState.AWAITING_ACTIVATION
