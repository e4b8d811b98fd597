"""Refusals of the API itself: who may not ask, what cannot be answered now. The domain's stand beside its rules."""

from __future__ import annotations

from dataclasses import dataclass

from domain.refusals import Refusal


@dataclass(eq=False)
class WrongNumberOrCode(Refusal):
    """No case has this number and this code together. Which of the two is wrong is not said."""

    code = "WRONG_NUMBER_OR_CODE"


@dataclass(eq=False)
class WrongUsernameOrPassword(Refusal):
    """No active registration has this username and this password together. What is wrong is not said."""

    code = "WRONG_USERNAME_OR_PASSWORD"


@dataclass(eq=False)
class AccountRequired(Refusal):
    """The request carries no session of a taxpayer, or one that is over."""

    code = "ACCOUNT_REQUIRED"


@dataclass(eq=False)
class NotFromOurPages(Refusal):
    """A cookie came with a request that another site's page may have caused: wrong Origin, or no X-Sarkmeli."""

    code = "NOT_FROM_OUR_PAGES"


@dataclass(eq=False)
class DraftRequired(Refusal):
    """The request carries no draft's secret, or that draft has expired."""

    code = "DRAFT_REQUIRED"


@dataclass(eq=False)
class SignInRequired(Refusal):
    """The request carries no valid staff session or token."""

    code = "SIGN_IN_REQUIRED"


@dataclass(eq=False)
class SignInAway(Refusal):
    """Tokens cannot be checked now because the sign-in provider does not answer."""

    code = "SIGN_IN_AWAY"


@dataclass(eq=False)
class NotAllowed(Refusal):
    """The account holds none of the roles that this operation asks for."""

    code = "NOT_ALLOWED"


@dataclass(eq=False)
class NotYet(Refusal):
    """The read model has not come up to the asked token within the time that a request may wait."""

    code = "NOT_YET"


@dataclass(eq=False)
class TokenRefused(Refusal):
    """The `atLeast` token is not one of ours, or belongs to a ledger before a restore."""

    code = "TOKEN_REFUSED"


@dataclass(eq=False)
class Stale(Refusal):
    """This case's read model is under repair; its history is safe and nothing is lost."""

    code = "STALE"


@dataclass(eq=False)
class LinkRefused(Refusal):
    """The ticket or link is not one of ours, or its time is over."""

    code = "LINK_REFUSED"


@dataclass(eq=False)
class MailAway(Refusal):
    """The mail server does not take mail now; try again later."""

    code = "MAIL_AWAY"


@dataclass(eq=False)
class EmailUnusable(Refusal):
    """No mail can reach an address that is written so."""

    code = "EMAIL_UNUSABLE"


@dataclass(eq=False)
class MobileUnusable(Refusal):
    """Not a Georgian mobile number, or one that no SMS reaches."""

    code = "MOBILE_UNUSABLE"


@dataclass(eq=False)
class SmsAway(Refusal):
    """The SMS gateway does not take messages now; try again later."""

    code = "SMS_AWAY"


@dataclass(eq=False)
class ConsultantUnidentified(Refusal):
    """The account does not say who the consultant is: that it is their own registration could not be excluded."""

    code = "CONSULTANT_UNIDENTIFIED"


@dataclass(eq=False)
class NothingThere(Refusal):
    """No such thing, or none that this account may see."""

    code = "NOTHING_THERE"


@dataclass(eq=False)
class NumberUnknown(Refusal):
    """No case has this number (said to staff only)."""

    code = "NUMBER_UNKNOWN"
