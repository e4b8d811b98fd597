"""The words in which a payment is described."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """Why the bank will take no money for an order."""

    DECLINED = "DECLINED"
    CLOSED_AT_BANK = "CLOSED_AT_BANK"
    NEVER_ORDERED = "NEVER_ORDERED"
    """It ran out of time here before anybody opened the bank's page."""


class Doubt(StrEnum):
    """Why money could not be matched with its case."""

    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    CASE_ERASED = "CASE_ERASED"
    """It came by card for a case whose personal data were erased: it is nobody's until a cashier sends it back."""


class Matching(StrEnum):
    """How cash was matched with its case."""

    EXACT = "EXACT"
    """Reference and amount were the case's own."""
    CASHIER = "CASHIER"


class Phase(StrEnum):
    """Where a payment stands."""

    OPEN = "OPEN"
    EXPIRED = "EXPIRED"
    """Out of time here; the bank has not said its last word and is still asked."""
    FAILED = "FAILED"
    SUCCEEDED = "SUCCEEDED"
    """Money came by card."""
    RECEIVED = "RECEIVED"
    """Money came in cash: not looked at yet, which lasts no longer than a command."""
    SUSPENSE = "SUSPENSE"
    MATCHED = "MATCHED"
    REFUND_ORDERED = "REFUND_ORDERED"
    REFUNDED = "REFUNDED"
