"""What was shown with one-time codes, as the taxpayer service asks for it."""

from __future__ import annotations

from uuid import UUID

from housekeeping.drafts import Drafts
from housekeeping.one_time_codes import CodePurpose, OneTimeCodes, OneTimeCodeWrong


class Confirmations:
    """Implements ``domain.taxpayer.commands.Confirmed`` and ``ReadOut``."""

    def __init__(self, drafts: Drafts, codes: OneTimeCodes) -> None:
        self._drafts = drafts
        self._codes = codes

    def mobile(self, draft: UUID, mobile: str) -> bool:
        """Whether this draft confirmed this mobile."""
        return self._drafts.confirmed_mobile(draft, mobile)

    def email(self, draft: UUID, email: str) -> bool:
        """Whether this draft confirmed this address."""
        return self._drafts.confirmed(draft, email)

    def matches(self, call: UUID, sitting: int, mobile: str, typed: str) -> bool:
        """Whether this is the code that was sent to this mobile in this sitting; uses it up, counts wrong tries."""
        try:
            self._codes.spend(CodePurpose.READ_OUT, call, mobile, typed, sitting=sitting)
        except OneTimeCodeWrong:
            return False
        return True
