"""The one door through which sealed parts of read models are opened.

For staff it commits the reading first: who read whose data, why, in which view. If that cannot be stored, nothing is
shown. Holders open what is sealed under their own key and need no record of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.people import Actor, SubjectId
from domain.staff.commands import Commands, NotStaff
from domain.staff.reading import Purpose
from ledger.sealing import Sealed, Sealer


class NotTheirOwn(Exception):
    """A part sealed under another person's key was to be opened as the holder's own: a bug, and nothing was shown."""


class Door:
    """Opens sealed parts. ``staff`` records readings."""

    def __init__(self, sealer: Sealer, staff: Commands) -> None:
        self._sealer = sealer
        self._staff = staff

    def unseal(self, sealed: Sequence[Sealed], by: Actor, purpose: Purpose, what: str) -> list[dict[str, Any]]:
        """For staff: each part's personal fields by name, `ERASED` where the key is gone.

        The reading is committed first. ``what`` is the view's name in the program (``case``, ``officerCases``). One
        request asks once, for everything that it shows. Raises: NotStaff, ReadingTooLarge, Tampered, UnknownKey.
        """
        if not by.is_staff:
            raise NotStaff
        keys = self._sealer.keys.keys([part.key_id for part in sealed])
        subjects = {key.subject for key in keys.values() if key is not None}
        if subjects:
            act = self._staff.office.act(by, f"read {what}")
            self._staff.read(act, subjects=subjects, purpose=purpose, what=what)
        return self._sealer.open_all(sealed)

    def own(self, sealed: Sequence[Sealed], subject: SubjectId) -> list[dict[str, Any]]:
        """For the holder whose number and code were verified: what is sealed under their own key.

        Raises: NotTheirOwn, Tampered, UnknownKey.
        """
        keys = self._sealer.keys.keys([part.key_id for part in sealed])
        if any(key is not None and key.subject != subject for key in keys.values()):
            raise NotTheirOwn
        return self._sealer.open_all(sealed)
