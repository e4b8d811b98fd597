"""Where a registration stands, by which way it came to life, and why it did not."""

from __future__ import annotations

from enum import StrEnum


class RegistrationState(StrEnum):
    """The public state of a registration. Names are the contract of ``schema.graphql``."""

    AWAITING_ACTIVATION = "AWAITING_ACTIVATION"
    ACTIVE = "ACTIVE"
    ACTIVATION_REFUSED = "ACTIVATION_REFUSED"
    SUPERSEDED = "SUPERSEDED"
    """The person chose another of their registrations."""
    EXPIRED = "EXPIRED"


class Route(StrEnum):
    """The ways to activate. Source: the form's notice, and its link for the e-mail that the registry holds."""

    VIDEO = "VIDEO"
    SERVICE_CENTRE = "SERVICE_CENTRE"
    LINK = "LINK"


class RefusalGround(StrEnum):
    """Why an activation was refused. All but NO_VISUAL_CONTACT end the registration and free its username."""

    IDENTITY_DOUBT = "IDENTITY_DOUBT"
    """Reasoned doubt about who asked."""
    CIRCUMSTANCE_DOUBT = "CIRCUMSTANCE_DOUBT"
    """Reasoned doubt about what the form says."""
    NO_VISUAL_CONTACT = "NO_VISUAL_CONTACT"
    """Too many calls without it. Closes the bar to this registration; the service centres stay open to it."""
    NO_REPRESENTATIVE = "NO_REPRESENTATIVE"
    """The public registry does not show that the person may act for the legal person."""
    NOT_THE_TAXPAYER = "NOT_THE_TAXPAYER"
    """Whom the registry knows under the code said: this was not me."""
