"""Tickets: short texts that let their bearer do one thing for a while, signed and kept nowhere."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from api.declined import LinkRefused

DOWNLOAD_LASTS: Final = timedelta(minutes=15)
"""How long a download may be begun after its ticket was shown."""
_IDS: Final = 16
_TIME: Final = 6


class For(StrEnum):
    """What a ticket is good for; one for another purpose does not open."""

    PAY = "pay"
    """Seeing the bank's page of a payment."""
    CALL = "call"
    """Taking the applicant's place in a call."""
    DOCUMENT = "document"
    """Downloading a document of one's own case; also bound to the case."""
    DECISION = "decision"
    """Downloading the decision of one's own case."""


class Macs(Protocol):
    """Keyed hashes. Implemented by `ledger.keys.KeyStore`."""

    def mac(self, purpose: str, *parts: str | bytes) -> bytes: ...

    def macs(self, purpose: str, *parts: str | bytes) -> tuple[bytes, ...]: ...


@dataclass(frozen=True)
class Tickets:
    """Issues and reads tickets. Times are whole seconds, UTC."""

    keys: Macs

    def issue(self, purpose: For, thing: UUID, now: datetime, lasts: timedelta, case: UUID | None = None) -> str:
        """A ticket for ``thing`` (of ``case``) until ``now + lasts``."""
        until = int((now + lasts).timestamp()).to_bytes(_TIME, "big")
        claim = until + thing.bytes + (case.bytes if case else b"")
        return base64.urlsafe_b64encode(claim + self.keys.mac("ticket", purpose, claim)).rstrip(b"=").decode()

    def read(self, purpose: For, ticket: str, now: datetime) -> tuple[UUID, UUID | None]:
        """The thing that the ticket is for, and its case. Raises: LinkRefused."""
        raw = _decoded(ticket)
        length = len(self.keys.mac("ticket", purpose, b""))
        claim, signature = raw[:-length], raw[-length:]
        if len(claim) not in {_TIME + _IDS, _TIME + 2 * _IDS}:
            raise LinkRefused
        if not any(hmac.compare_digest(signature, known) for known in self.keys.macs("ticket", purpose, claim)):
            raise LinkRefused
        if int.from_bytes(claim[:_TIME], "big") < now.timestamp():
            raise LinkRefused
        ids = [UUID(bytes=claim[at : at + _IDS]) for at in range(_TIME, len(claim), _IDS)]
        return ids[0], ids[1] if len(ids) > 1 else None


def _decoded(ticket: str) -> bytes:
    if len(ticket) > 200:
        raise LinkRefused
    try:
        return base64.b64decode(ticket.encode("ascii") + b"=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise LinkRefused from None
