"""How an address is shown to whom it may not be told: enough to know one's own, too little to learn another's."""

from __future__ import annotations

from typing import Final

HIDDEN: Final = "•••"
"""Always as long, so that not even the length is told."""
_SHOWN_DIGITS: Final = 2


def masked_email(address: str) -> str:
    """``nino@example.org`` as ``n•••@e•••.org``."""
    local, _, domain = address.rpartition("@")
    host, _, last = domain.rpartition(".")
    return f"{local[:1]}{HIDDEN}@{host[:1]}{HIDDEN}.{last}"


def masked_mobile(mobile: str) -> str:
    """``+995555123456`` as ``+995 5•••56``."""
    return f"{mobile[:4]} {mobile[4:5]}{HIDDEN}{mobile[-_SHOWN_DIGITS:]}"
