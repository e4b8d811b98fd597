"""Until when the office must keep a registration's personal data, whoever asks that they be erased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.erasure import LegalGround
from domain.refusals import Refusal
from domain.taxpayer.state import RegistrationState


@dataclass(eq=False)
class StillAwaited(Refusal):
    """The registration may yet be activated; it ends by itself, or when whoever the registry knows disowns it."""

    code = "STILL_AWAITED"


@dataclass(eq=False)
class AccountInUse(Refusal):
    """E-services are open on this registration: the taxpayer's duties are met through it."""

    code = "ACCOUNT_IN_USE"


OF_AN_ACCOUNT: Final = frozenset({LegalGround.RETENTION_OVER, LegalGround.COMPLAINT_UPHELD})
"""What an active account is erased on: the office's own finding that no law asks for it any more, as for who died or
was struck off, or that of who stands above the office. A taxpayer's wish alone does not end a taxpayer's duties."""


def refuse_unless_erasable(state: RegistrationState, ground: LegalGround) -> None:
    """The registration has ended, or no law asks any more that the active account be kept.

    Source: Law of Georgia on Personal Data Protection, articles 5(1) (the person's application is considered; a duty
    that the law lays down is met) and 16 (erasure is refused while there is a ground for processing). Raises:
    StillAwaited, AccountInUse.
    """
    if state is RegistrationState.AWAITING_ACTIVATION:
        raise StillAwaited
    if state is RegistrationState.ACTIVE and ground not in OF_AN_ACCOUNT:
        raise AccountInUse
