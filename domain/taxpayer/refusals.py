"""What the taxpayer service refuses, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.refusals import Refusal
from domain.taxpayer.state import RegistrationState


@dataclass(eq=False)
class AlreadyFiled(Refusal):
    """A registration was filed from this draft; another needs another draft."""

    code = "ALREADY_FILED"


@dataclass(eq=False)
class AlreadyActive(Refusal):
    """The registration is active: e-services are open."""

    code = "ALREADY_ACTIVE"


@dataclass(eq=False)
class RegistrationEnded(Refusal):
    """The registration ended without being activated; another may be filed."""

    code = "REGISTRATION_ENDED"

    state: RegistrationState


@dataclass(eq=False)
class BarClosedToIt(Refusal):
    """Too many calls without visual contact: this registration is activated at a service centre or by the link."""

    code = "BAR_CLOSED_TO_IT"


@dataclass(eq=False)
class NotActive(Refusal):
    """Only an active registration has a password to change or to sign in with."""

    code = "NOT_ACTIVE"


@dataclass(eq=False)
class CurrentPasswordWrong(Refusal):
    """Who changes a password shows the one in force; this is another, or no longer in force."""

    code = "CURRENT_PASSWORD_WRONG"


@dataclass(eq=False)
class PasswordUnchanged(Refusal):
    """The new password is the one in force: nothing would change, and history would say that it did."""

    code = "PASSWORD_UNCHANGED"


@dataclass(eq=False)
class TaxpayerHasAccount(Refusal):
    """Another registration of the same taxpayer is active: one taxpayer, one account."""

    code = "TAXPAYER_HAS_ACCOUNT"


@dataclass(eq=False)
class NotClarified(Refusal):
    """Before the call ends with an activation, the form is checked, the caller bound, the username clarified."""

    code = "NOT_CLARIFIED"


@dataclass(eq=False)
class CallerNotBound(Refusal):
    """The code that was sent to the confirmed mobile was not read out in the call, or not rightly."""

    code = "CALLER_NOT_BOUND"


@dataclass(eq=False)
class NotOfThisTaxpayer(Refusal):
    """The registration to be kept is another taxpayer's."""

    code = "NOT_OF_THIS_TAXPAYER"


@dataclass(eq=False)
class NotARepresentative(Refusal):
    """The public registry does not show that this person may act for the legal person, or did not answer."""

    code = "NOT_A_REPRESENTATIVE"


@dataclass(eq=False)
class OwnRegistration(Refusal):
    """Nobody activates their own registration, or that of a legal person they act for."""

    code = "OWN_REGISTRATION"


@dataclass(eq=False)
class CentreUnknown(Refusal):
    """Activating at a service centre is for the consultants of one."""

    code = "CENTRE_UNKNOWN"


@dataclass(eq=False)
class PaperNotSeen(Refusal):
    """At a service centre the signed form and the document of identity are both seen."""

    code = "PAPER_NOT_SEEN"


@dataclass(eq=False)
class LinkNotSent(Refusal):
    """No link was sent that still opens."""

    code = "LINK_NOT_SENT"


@dataclass(eq=False)
class ExpiryNotDue(Refusal):
    """It is not yet time, neither to warn nor to let the registration expire."""

    code = "EXPIRY_NOT_DUE"

    not_before: date


@dataclass(eq=False)
class ExpiryAlreadyWarned(Refusal):
    """The taxpayer was warned, and has until ``expires_after``."""

    code = "EXPIRY_ALREADY_WARNED"

    expires_after: date


@dataclass(eq=False)
class ExpiryNotWarned(Refusal):
    """Nothing expires unwarned."""

    code = "EXPIRY_NOT_WARNED"
